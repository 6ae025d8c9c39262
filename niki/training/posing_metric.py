"""Damped least squares as a differentiable layer, and the metric of posing trained through it."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch

from ..body.kinematics import forward_kinematics
from ..body.skeleton import NUM_BONES, NUM_JOINTS, PARENTS
from ..network.posing import CHANGE, METRICS, PosingNetwork
from ..pose.steps import MOVES, step_towards, turn_derivatives, turn_matrices
from .posing_pairs import Batch, Pairs

_MOST = 8  # pulled joints that the layer takes; of more, some are left out at random
_ERROR, _IGNORED, _DAMPING = 1e-3, 100.0, 0.1  # metres; metres; share of the distance
_FARTHEST_PULL, _FARTHEST_STEP = 0.25, 0.35  # metres, radians
_STEPS, _PULLED = 3, 2
_LEARNING_RATE, _WARM_UP = 2e-3, 50
_MOVES = torch.tensor(MOVES, dtype=torch.float32)
_PARENTS = list(PARENTS[1:NUM_BONES])


def refine(
    rotations: torch.Tensor,
    move: torch.Tensor,
    batch: Batch,
    covariance: torch.Tensor,
    generator: torch.Generator,
) -> tuple[torch.Tensor, torch.Tensor]:
    """A few steps from a prior towards pulled joints.

    Args:
        rotations: (N, 24, 3, 3) and move (N, 3) the prior.
        batch: what is pulled. covariance: (75, 75) of a change.

    Returns:
        rotations (N, 24, 3, 3) and move (N, 3).
    """
    count, pulled, bodies = len(rotations), batch.pull.pulled, batch.bodies
    rank = pulled + 0.5 * torch.rand(count, NUM_JOINTS, generator=generator)
    joints = rank.topk(_MOST, 1).indices
    error = torch.where(pulled.gather(1, joints) > 0, _ERROR, _IGNORED)
    each = joints[..., None].expand(-1, -1, 3)
    wanted = (batch.pull.joints + batch.pull.displacement).gather(1, each)
    covariance = covariance.expand(count, -1, -1)
    free = torch.ones(count, CHANGE)
    free[:, -3:] = 1 - pulled[:, :1]
    covariance = covariance * free[:, None] * free[..., None]
    moved = torch.zeros(count, CHANGE)
    for k in range(_STEPS):
        at, world = forward_kinematics(rotations, bodies, move)
        frames = torch.cat([torch.eye(3).expand(count, 1, 3, 3), world[:, _PARENTS]], 1)
        now = at.gather(1, each)
        arms = (now[:, :, None] - at[:, None, :NUM_BONES]) * _MOVES[joints][..., None]
        rows = turn_derivatives(arms, frames).reshape(count, _MOST, 3, -1)
        rows = torch.cat([rows, torch.eye(3).expand(count, _MOST, 3, 3)], -1).reshape(count, 3 * _MOST, -1)
        missed = wanted - now
        distance = missed.square().sum(-1).add(1e-12).sqrt()
        missed = missed * (_FARTHEST_PULL / distance).clamp(max=1)[..., None]
        errors = (error.square() + (_DAMPING * distance.detach()).square()).sqrt().repeat_interleave(3, 1)
        back = moved if k < _PULLED else None
        step = step_towards(missed.reshape(count, -1), rows, errors, rows @ covariance, back)
        turns = step[:, :-3].reshape(count, NUM_BONES, 3)
        farthest = turns.square().sum(-1).amax(1).add(1e-12).sqrt()
        step = step * (_FARTHEST_STEP / farthest).clamp(max=1)[:, None]
        rotations = turn_matrices(step[:, :-3].reshape(count, NUM_BONES, 3)) @ rotations
        move, moved = move + step[:, -3:], moved + step
    return rotations, move


def apply_change(turns: torch.Tensor, move: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """The first poses after a change: rotations (N, 24, 3, 3) and move (N, 3)."""
    return turn_matrices(turns) @ batch.pull.rotations, move * (1 - batch.pull.pulled[:, :1])


def errors_of(rotations: torch.Tensor, move: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """(N, 29) metres by which joints are off the second pose, and (N, 24) about the angles, radians, of bones."""
    off = forward_kinematics(rotations, batch.bodies, move)[0] - batch.joints()
    turned = (rotations - batch.end).square().sum((-1, -2)).add(1e-6).sqrt() / math.sqrt(2)
    return off.square().sum(-1).add(1e-6).sqrt(), turned


def train_metric(
    network: PosingNetwork,
    pairs: Pairs,
    steps: int,
    batch: int,
    seed: int,
    rotation: float,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> PosingNetwork:
    """The network (of numpy arrays) with its two covariances trained about its predictions, in which rows of zeros
    stay: those bones do not turn.

    Args:
        batch: examples per step. rotation: metres of loss for a radian.
        progress: called with steps done and steps in all.
    """
    weights = {name: torch.as_tensor(value) for name, value in network.weights.items()}
    roots = [torch.nn.Parameter(weights[f"metric.{name}"].clone()) for name in METRICS]
    turns = [(root.detach().abs().sum(1) > 0).float()[:, None] for root in roots]
    weights |= {f"metric.{name}": root for name, root in zip(METRICS, roots, strict=True)}
    model = PosingNetwork(network.spec, weights)
    optimizer = torch.optim.Adam(roots, _LEARNING_RATE, betas=(0.9, 0.98))
    generator = torch.Generator().manual_seed(1_000_003 * seed + 11)
    for step in range(steps):
        fall = 0.5 * (1 + math.cos(math.pi * step / steps)) * min(1, (step + 1) / _WARM_UP)
        optimizer.param_groups[0]["lr"] = _LEARNING_RATE * fall
        drawn = pairs.draw(batch, generator, follow=step % 2)
        with torch.no_grad():
            prior = apply_change(*model.predict(drawn.pull), drawn)
        result = refine(*prior, drawn, model.covariance(float(step % 2)), generator)
        off, turned = errors_of(*result, drawn)
        optimizer.zero_grad()
        (off.mean() + rotation * turned.mean()).backward()
        size = torch.nn.utils.clip_grad_norm_(roots, 1.0)
        if torch.isfinite(size):
            optimizer.step()
            for root, turn in zip(roots, turns, strict=True):
                root.data.mul_(turn)
        progress(step + 1, steps)
    trained = {f"metric.{name}": root.detach().numpy() for name, root in zip(METRICS, roots, strict=True)}
    return PosingNetwork(network.spec, network.weights | trained, network.remarks)


def measured_spread(pairs: Pairs, count: int, generator: torch.Generator) -> np.ndarray:
    """(29, 29) metres of standard error per axis of each joint (second axis), given a metre of pull of another, in
    bodies that move as they do."""
    drawn = pairs.draw(count, generator, follow=1, planted=False)
    distance = (drawn.joints() - drawn.pull.joints).square().sum(-1).sqrt()
    share = ((distance > 0.05) & (distance < 0.6)).float()
    squares = share.T @ distance.square()
    own = squares.diagonal().clamp_min(1e-9)
    return (squares / own[:, None] / 3).sqrt().numpy()
