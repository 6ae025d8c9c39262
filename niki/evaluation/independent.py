"""Errors that do not last: each joint errs by itself in each frame, as in joints from several cameras, markers, depth
sensors, or an estimator that does not smooth. numpy only."""

from __future__ import annotations

import numpy as np

from ..body import rotation as rot
from ..body.skeleton import KINDS, NUM_JOINTS
from ..capturing.estimate.calibration import STANDARD_ERROR
from ..network.uncertainty import sigma_from_metres
from .front_end import Drawn

USUAL_ERROR = np.array([STANDARD_ERROR[kind] for kind in KINDS], np.float32)
"""(29, 2) metres, across and along the view, that the default estimator errs by."""


def independent_errors(
    rng: np.random.Generator, joints: np.ndarray, offsets: np.ndarray, error: np.ndarray
) -> Drawn:
    """Joints with normal errors, and sigma that states their size.

    Args:
        joints: (N, T, 29, 3) true, in camera space. offsets: (N, 29, 3) the proportions, known exactly.
        error: (29, 2) or (N, T, 29, 2) metres, across and along the view.
    """
    noise = rng.standard_normal(joints.shape, np.float32)
    view = rot.normalize(joints[:, :, :1])
    along = rot.dot(noise, view) * view
    seen = joints + (noise - along) * error[..., :1] + along * error[..., 1:]
    sigma = np.broadcast_to(sigma_from_metres(error), (*joints.shape[:-1], 2)).astype(np.float32)
    nothing = np.zeros(joints.shape[:2], bool)
    return Drawn(seen, sigma, np.repeat(nothing[..., None], NUM_JOINTS, -1), nothing, offsets)


def gaps(rng: np.random.Generator, count: int, length: int, least: int, most: int) -> np.ndarray:
    """(N, T) bool: one stretch of ``least`` to ``most`` frames in each window, inside it."""
    size = rng.integers(least, most + 1, count)
    first = 1 + (rng.random(count) * (length - 1 - size)).astype(int)
    frames = np.arange(length)
    return (frames >= first[:, None]) & (frames < (first + size)[:, None])
