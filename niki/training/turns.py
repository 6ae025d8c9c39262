"""How bones turn together about the network's poses: the covariance by which refinement weighs their turns."""

from __future__ import annotations

import numpy as np

from ..body import rotation as rot
from ..body.skeleton import NUM_BONES
from ..network.model import Network, Observation
from .batches import CHUNK, Batch, BatchMaker
from .corruption import KINDS_OF_CORRUPTION

_CHUNKS = 8
_CLEAN = KINDS_OF_CORRUPTION.index("clean")
_LEAST = 1e-3  # of the mean variance: no direction is quite stiff


def learn_turns(network: Network, maker: BatchMaker, seed: int) -> Network:
    """``network`` (numpy) with the root of that covariance, of unit mean variance. Each kind of corruption counts the
    same, however large its errors are; clean joints tell nothing, and where there are no others the network is as it was."""
    kinds, turns = [], []
    for k in range(_CHUNKS):
        maker.skip_to(k, seed + 31)
        batch = maker.chunk(CHUNK)
        kinds.append(batch.kind.numpy())
        turns.append(turns_of_batch(network, batch))
    kind, turned = np.concatenate(kinds), np.concatenate(turns)
    covariance, unclean = np.zeros((3 * NUM_BONES,) * 2), set(kind.tolist()) - {_CLEAN}
    if not unclean:
        return network
    for name in unclean:
        mine = turned[kind == name]
        covariance += mine.T @ mine / (mine**2).sum()
    covariance *= len(covariance) / np.trace(covariance)
    covariance += _LEAST * np.eye(len(covariance))
    return Network(
        network.spec, network.weights | {"turns": np.linalg.cholesky(covariance).astype(np.float32)}
    )


def turns_of_batch(network: Network, batch: Batch) -> np.ndarray:
    """(N, 72) rotation vectors from the network's poses to the true ones, in radians about the axes of each bone's
    parent, for the pelvis about its own."""
    seen = {name: value.numpy() for name, value in vars(batch.observation).items()}
    solved, true = (
        rot.matrix_from_6d(np.asarray(pose, float).reshape(-1, NUM_BONES, 6))
        for pose in (network.inverse(Observation(**seen)).pose, batch.pose.numpy())
    )
    turns = rot.axis_angle_from_matrix(true @ rot.transpose(solved))
    turns[:, 0] = rot.axis_angle_from_matrix(rot.transpose(solved[:, 0]) @ true[:, 0])
    return turns.reshape(len(turns), -1)
