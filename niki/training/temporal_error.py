"""The error head of the network over time: it predicts the error of each joint of each solved frame."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from ..body import rotation as rot
from ..body.kinematics import forward_kinematics
from ..body.skeleton import Bodies
from ..network.temporal import TemporalNetwork
from ..solve.solver import result_features
from ..solve.temporal import Observed, TemporalSolver, observed_by_frame
from .error_head import BATCH, fit_error_head
from .temporal_batches import WindowBatch, WindowMaker

_AT_ONCE = 16  # windows
_MOST = 40  # batches of them to learn from


def with_error_head(
    network: TemporalNetwork,
    maker: WindowMaker,
    steps: int,
    seed: int,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> TemporalNetwork:
    """``network`` (numpy) with a head that predicts the mean error of each joint after the whole solver."""
    if not steps:
        return network
    bare = {name: w for name, w in network.weights.items() if not name.startswith("error.")}
    solver = TemporalSolver(TemporalNetwork(network.spec, bare))
    batches = min(_MOST, -(-steps * BATCH // (_AT_ONCE * 64)))
    features, errors = [], []
    for k in range(batches):
        for part, error in _features_and_errors(solver, maker.batch(_AT_ONCE, [seed, 29, k])[0]):
            features.append(part)
            errors.append(error)
        progress(k + 1, batches)
    examples = (torch.tensor(np.concatenate(parts)) for parts in (features, errors))
    return TemporalNetwork(network.spec, bare | fit_error_head(*examples, steps, seed, progress))  # pyright: ignore[reportCallIssue]


def _features_and_errors(solver: TemporalSolver, batch: WindowBatch):
    """Features (T, ERROR_INPUTS) and errors (T, 29) in metres of each solved window."""
    frames = batch.observation.frames
    turn = frames.frame
    joints = rot.apply(turn[:, :, None], frames.joints) + frames.origin[:, :, None]
    truth = rot.apply(turn[:, :, None], batch.joints).numpy()
    view = rot.apply(turn, frames.view)
    twist = torch.where(frames.known[..., None] > 0, frames.twist, torch.nan)
    measured = Bodies(batch.offsets).stretched(frames.lengths[:, :1]).offsets
    for k in range(len(joints)):
        body = Bodies(measured[k, 0].numpy())
        given = [part[k].numpy() for part in (joints, frames.sigma, twist, view)]
        observed = Observed.checked(*given)
        rotations = solver.inverse(given[0], given[1], given[2], body, given[3]).rotations
        solved = forward_kinematics(rotations, body)[0]
        error = np.linalg.norm(solved - solved[:, :1] - truth[k], axis=-1)
        features = result_features(observed_by_frame(observed, rotations, body), rotations, body)
        yield features.astype(np.float32), np.maximum(error, 1e-4).astype(np.float32)
