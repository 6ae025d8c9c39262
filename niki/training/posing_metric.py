"""The metric of posing, trained through the refinement's own steps: damped least squares as a differentiable layer."""

from __future__ import annotations

import math

import torch

from ..body.kinematics import forward_kinematics
from ..body.skeleton import NUM_BONES, NUM_JOINTS, PARENTS, Bodies
from ..pose.steps import MOVES, step_towards, turn_derivatives
from .posing_pairs import Batch, joints_of

_MOST = 8  # pulled joints that the layer takes; of more, some are left out at random
_ERROR, _DAMPING = 1e-3, 0.1  # metres; share of the distance
_FARTHEST_PULL, _FARTHEST_STEP = 0.25, 0.35  # metres, radians
_STEPS, _PULLED = 3, 2
_MOVES = torch.tensor(MOVES, dtype=torch.float32)
_PARENTS = list(PARENTS[1:NUM_BONES])


def turn_matrices(turns: torch.Tensor) -> torch.Tensor:
    """Rotation vectors (..., 3) -> matrices (..., 3, 3), with a gradient at zero too."""
    squared = turns.square().sum(-1)[..., None, None] + 1e-8
    angle = squared.sqrt()
    x, y, z = turns.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*turns.shape, 3)
    return (
        torch.eye(3) + torch.sin(angle) / angle * cross + (1 - torch.cos(angle)) / squared * (cross @ cross)
    )


def refine(
    rotations: torch.Tensor,
    bodies: Bodies,
    positions: torch.Tensor,
    pulled: torch.Tensor,
    covariance: torch.Tensor,
    generator: torch.Generator,
) -> torch.Tensor:
    """A few steps from a prior towards pulled joints, the pelvis held at the origin.

    Args:
        rotations: (N, 24, 3, 3) the prior, in the frame that the start faces.
        positions: (N, 29, 3) metres, where joints should be. pulled: (N, 29) bool: which of them.
        covariance: (72, 72) of turns.

    Returns:
        (N, 24, 3, 3)
    """
    count = len(rotations)
    rank = pulled.float() + 0.5 * torch.rand(count, NUM_JOINTS, generator=generator)
    joints = rank.topk(_MOST, 1).indices
    taken = pulled.gather(1, joints)
    wanted = positions.gather(1, joints[..., None].expand(-1, -1, 3))
    error = torch.where(taken, _ERROR, 100.0)
    moved = torch.zeros(count, 3 * NUM_BONES)
    for k in range(_STEPS):
        at, world = forward_kinematics(rotations, bodies)
        frames = torch.cat([torch.eye(3).expand(count, 1, 3, 3), world[:, _PARENTS]], 1)
        now = at.gather(1, joints[..., None].expand(-1, -1, 3))
        arms = (now[:, :, None] - at[:, None, :NUM_BONES]) * _MOVES[joints][..., None]
        rows = turn_derivatives(arms, frames).reshape(count, 3 * _MOST, -1)
        missed = wanted - now
        distance = missed.square().sum(-1).add(1e-12).sqrt()
        missed = missed * (_FARTHEST_PULL / distance).clamp(max=1)[..., None]
        errors = (error.square() + (_DAMPING * distance.detach()).square()).sqrt().repeat_interleave(3, 1)
        step = step_towards(
            missed.reshape(count, -1), rows, errors, rows @ covariance, moved if k < _PULLED else None
        )
        farthest = step.reshape(count, NUM_BONES, 3).square().sum(-1).amax(1).add(1e-12).sqrt()
        step = step * (_FARTHEST_STEP / farthest).clamp(max=1)[:, None]
        rotations = turn_matrices(step.reshape(count, NUM_BONES, 3)) @ rotations
        moved = moved + step
    return rotations


def errors_of(rotations: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """(N, 29) metres by which joints are off the end pose, and (N, 24) about the angles, radians, by which bones are."""
    off = joints_of(rotations, batch.bodies) - joints_of(batch.end, batch.bodies)
    turned = (rotations - batch.end).square().sum((-1, -2)).add(1e-6).sqrt() / math.sqrt(2)
    return off.square().sum(-1).add(1e-6).sqrt(), turned
