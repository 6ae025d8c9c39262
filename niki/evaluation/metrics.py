"""Errors of joints as the literature defines them, in the units of the input, and of how a body stands.

Joints that are NaN in the truth are not scored. Joints that the truth has and the estimate lacks raise an
error, because leaving them out would improve the score.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ..body.rotation import kabsch, normalize
from ..errors import NikiError


def mpjpe(estimated: np.ndarray, truth: np.ndarray) -> float:
    """Mean per-joint position error of (T, K, 3), over the joints that the truth has.

    Raises:
        NikiError: the estimate lacks one of them, or there are none.
    """
    known = _known(estimated, truth)
    return float(np.linalg.norm((estimated - truth)[known], axis=-1).mean())


def about_root(joints: np.ndarray, root: Sequence[int]) -> np.ndarray:
    """Joints (T, K, 3) relative to the mean of the joints with the indices ``root``."""
    return joints - joints[:, root].mean(1, keepdims=True)


def procrustes_aligned(estimated: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Each frame of (T, K, 3) aligned to the truth by a similarity transform, for PA-MPJPE; NaN for frames
    without truth.

    Raises:
        NikiError: as for :func:`mpjpe`.
    """
    known = _known(estimated, truth)[..., None]
    count = known.sum(1, keepdims=True)
    with np.errstate(invalid="ignore"):
        middle, middle_truth = (
            np.where(known, p, 0).sum(1, keepdims=True) / count for p in (estimated, truth)
        )
        a, b = (np.where(known, p - m, 0) for p, m in ((estimated, middle), (truth, middle_truth)))
        turn = np.swapaxes(kabsch(a, b), -1, -2)
        scale = ((a @ turn) * b).sum((1, 2)) / (a * a).sum((1, 2))
        return (estimated - middle) @ turn * scale[:, None, None] + middle_truth


def across_and_along(
    estimated: np.ndarray, truth: np.ndarray, view: ArrayLike = (0.0, 0.0, 1.0)
) -> tuple[float, float]:
    """Mean error across and along the unit direction ``view``, over the joints that the truth has.

    Raises:
        NikiError: as for :func:`mpjpe`.
    """
    error, view = (estimated - truth)[_known(estimated, truth)], np.asarray(view)
    along = error @ view
    across = np.linalg.norm(error - along[..., None] * view, axis=-1)
    return float(across.mean()), float(np.abs(along).mean())


def lean_towards_camera(
    segment: np.ndarray, up: ArrayLike, forward: ArrayLike = (0.0, 0.0, 1.0)
) -> np.ndarray:
    """How far segments lean towards the camera, seen from its side.

    Args:
        segment: (..., 3) from the lower end to the upper, camera axes.
        up: (3,) the world's up in the same axes. forward: (3,) where the camera looks.

    Returns:
        (...) degrees from -180 to 180 in the plane of ``up`` and the view: 0 upright, 90 lying with the upper
        end nearest the camera, 180 upside down.
    """
    up = normalize(np.asarray(up, float))
    towards = -np.asarray(forward, float)
    towards = normalize(towards - float(towards @ up) * np.asarray(up))
    return np.degrees(np.arctan2(segment @ towards, segment @ up))


def mean_turn(degrees: np.ndarray) -> float:
    """The mean of differences of angles, each taken as the shorter way around; NaN is left out."""
    return float(np.nanmean((np.asarray(degrees) + 180) % 360 - 180))


def exchanged_frames(
    estimated: np.ndarray, truth: np.ndarray, exchange: Sequence[int], clearly: float = 0.8
) -> np.ndarray:
    """(T,) bool: frames of (T, K, 3) in which left and right are exchanged: with the joints in the order
    ``exchange`` the mean error would be less than ``clearly`` times what it is. Frames without truth are not.

    Raises:
        NikiError: as for :func:`mpjpe`.
    """
    known = _known(estimated, truth)
    both = known & known[:, exchange]
    error, other = (
        np.where(both, np.linalg.norm(e - truth, axis=-1), 0).sum(1)
        for e in (estimated, estimated[:, exchange])
    )
    return other < clearly * error


def angle_of_directions(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(...) degrees between directions (..., 3) of any length, such as two ups."""
    return np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b), axis=-1), (a * b).sum(-1)))


def mean_acceleration(joints: np.ndarray, rate: float) -> float:
    """Mean length of the acceleration of (T, K, 3) metres at ``rate`` frames per second, in m/s^2: how much they
    shake. Joints that are NaN in one of three frames running are left out; NaN where there are none."""
    length = np.linalg.norm(np.diff(joints, 2, axis=0), axis=-1) * rate**2
    known = np.isfinite(length)
    return float(length[known].mean()) if known.any() else float("nan")


def acceleration_error(estimated: np.ndarray, truth: np.ndarray, rate: float) -> float:
    """Mean length of the difference of accelerations of (T, K, 3) metres at ``rate`` frames per second, in
    m/s^2, over the joints that the truth has in three frames running.

    Raises:
        NikiError: as for :func:`mpjpe`, and there are no three such frames.
    """
    _known(estimated, truth)
    return mpjpe(*(np.diff(joints, 2, axis=0) * rate**2 for joints in (estimated, truth)))


def _known(estimated, truth) -> np.ndarray:
    """(T, K) bool: the joints that are scored."""
    known = np.isfinite(truth).all(-1)
    lacking = known & ~np.isfinite(estimated).all(-1)
    if lacking.any():
        raise NikiError(
            f"The estimate lacks {lacking.sum()} of {known.sum()} joints that the truth has",
            "fill them in, or set them to NaN in the truth and say so",
        )
    if not known.any():
        raise NikiError("The truth has no joint")
    return known
