"""Which way is up: one answer for a clip from what its frames say, and from what the user says of the camera."""

from __future__ import annotations

import numpy as np

from ...body.rotation import normalize
from ...motion.camera_tilt import tilt_and_roll, up_from_tilt
from ..footage.camera import Camera

LEVEL = np.array([0.0, -1.0, 0.0])
"""Up in the axes of a level camera."""

LARGEST_ERROR = 12.0
"""Degrees: above this expected error, to take the camera as level is as good (scripts/evaluate_corpus, people who lie)."""

_ODD = 10.0  # degrees: a frame further off counts less
_SHARED = 0.5  # of a frame's variance: what all frames share, and no number of them averages away
_ALIKE = 15.0  # frames running that count as one: they show the same pose


def clip_up(up: np.ndarray, error: np.ndarray) -> tuple[np.ndarray, float]:
    """The direction that the frames of a clip agree on.

    A weighted mean, in which frames far from it count less (Huber).

    Args:
        up: (T, 3) unit directions in camera axes. error: (T,) degrees, one standard error each.

    Returns:
        (3,) unit, and its standard error in degrees: of how sure the frames are, or of how far they differ where
        that is more.
    """
    weight = 1 / np.maximum(error, 0.1) ** 2
    mean = normalize((up * weight[:, None]).sum(0))
    trust = weight
    for _ in range(10):
        apart = np.degrees(np.arccos(np.clip(up @ mean, -1, 1)))
        trust = weight * np.minimum(1, _ODD / np.maximum(apart, 1e-9))
        mean = normalize((up * trust[:, None]).sum(0))
    apart = np.degrees(np.arccos(np.clip(up @ mean, -1, 1)))
    spread = np.sqrt((trust * apart**2).sum() / trust.sum())
    told = np.sqrt(trust.sum() / (trust / np.maximum(error, 0.1) ** 2).sum())
    share = _SHARED + (1 - _SHARED) / max(len(up) / _ALIKE, 1.0)
    return mean, float(np.sqrt(share) * max(told, spread))


def camera_up(camera: Camera, up: np.ndarray, error: float) -> tuple[np.ndarray, float]:
    """Up in camera axes: what the user says of the camera goes before what was estimated, ``up`` (3,) with its
    ``error`` in degrees.

    Returns:
        (3,) unit, and its standard error in degrees: 0 where the user has said all, NaN where the estimate
        cannot be trusted and what the user has not said is taken as level.
    """
    if error > LARGEST_ERROR:
        up, error = LEVEL, np.nan
    if camera.tilt is None and camera.roll is None:
        return up, error
    tilt, roll = tilt_and_roll(up)
    tilt = tilt if camera.tilt is None else camera.tilt
    roll = roll if camera.roll is None else camera.roll
    return up_from_tilt(tilt, roll), error if camera.tilt is None or camera.roll is None else 0.0
