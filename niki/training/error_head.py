"""The error head: a small network that predicts the error of each joint of a solved pose."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from ..body.kinematics import forward_kinematics
from ..body.skeleton import NUM_JOINTS, Bodies
from ..network.layers import initial_residual_mlp
from ..network.model import ERROR_INPUTS, Network, Observation, log_error
from ..solve.solver import Solver, result_features
from .batches import CHUNK, Batch, BatchMaker
from .corruption import ERR_TOGETHER

HIDDEN, BLOCKS, BATCH = 192, 1, 512
LEARNING_RATE = 2e-3
MOST_CHUNKS = 60
"""Largest number of chunks of solved poses to learn from; solving takes longer than learning."""


def train_error_head(
    network: Network,
    maker: BatchMaker,
    steps: int,
    seed: int,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Network:
    """``network`` (numpy) with a head that predicts the mean error of each joint after the whole solver,
    refinement included.

    The loss is the negative log-likelihood of an exponential distribution, whose best parameter is
    the mean: the prediction is calibrated by construction on what it is trained on.
    """
    if not steps:
        return network
    bare = Network(network.spec, {n: w for n, w in network.weights.items() if not n.startswith("error.")})
    features, error = _examples(bare, maker, steps, seed, progress)
    return Network(network.spec, bare.weights | fit_error_head(features, error, steps, seed, progress))


def fit_error_head(
    features: torch.Tensor,
    error: torch.Tensor,
    steps: int,
    seed: int,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> dict[str, np.ndarray]:
    """The weights of a head that predicts ``error`` (N, 29) in metres from ``features`` (N, ERROR_INPUTS)."""
    rng = np.random.default_rng(seed)
    fresh = initial_residual_mlp("error", ERROR_INPUTS, HIDDEN, BLOCKS, NUM_JOINTS, rng)
    head = {n: torch.nn.Parameter(torch.tensor(w)) for n, w in fresh.items()}
    optimizer = torch.optim.AdamW(head.values(), LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    generator = torch.Generator().manual_seed(seed)
    for step in range(steps):
        rows = torch.randint(len(features), (BATCH,), generator=generator)
        logarithm = log_error(head, features[rows])
        loss = (logarithm + error[rows] * (-logarithm).exp()).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        progress(step + 1, steps)
    return {n: w.detach().numpy() for n, w in head.items()}


def _examples(network: Network, maker: BatchMaker, steps: int, seed: int, progress):
    """Features and errors (metres) of solved poses, as many as the steps can use."""
    solver = Solver(network)
    chunks = min(MOST_CHUNKS, -(-steps * BATCH // CHUNK))
    parts = []
    for k in range(chunks):
        maker.skip_to(k, seed + 29)
        parts.append(_features_and_errors(solver, maker.chunk(CHUNK)))
        progress(k + 1, chunks)
    return (torch.tensor(np.concatenate(part)) for part in zip(*parts, strict=True))


def _features_and_errors(solver: Solver, batch: Batch):
    """Features (N, ERROR_INPUTS) and errors (N, 29) in metres of the solved poses of a batch."""
    seen = {name: value.numpy() for name, value in vars(batch.observation).items()}
    seen = Observation(**seen | {"frame": np.eye(3)})  # rotations come in the joints' own frame
    measured = Bodies(batch.offsets.numpy()).stretched(seen.lengths)
    twist = np.where(seen.known[..., None] > 0, seen.twist, np.nan)
    together = np.isin(batch.kind.numpy(), ERR_TOGETHER)
    rotations = solver.inverse(seen.joints, seen.sigma, twist, measured, seen.view, together).rotations
    positions = forward_kinematics(rotations, measured)[0]
    error = np.linalg.norm(positions - positions[:, :1] - batch.joints.numpy(), axis=-1)
    features = result_features(seen, rotations, measured)
    return features.astype(np.float32), np.maximum(error, 1e-4).astype(np.float32)
