"""Smoothing over time without lag."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.linalg import solveh_banded

from ..body import rotation as rot
from ..body.skeleton import NUM_BONES
from .refinement import LIMBS

_COLUMNS = 16


def whittaker(values: np.ndarray, rate: float, cutoff: float) -> np.ndarray:
    """Penalized least squares with second differences (Whittaker, 1923; Eilers, 2003).

    Minimizes ``sum |z - y|² + lambda sum |second difference of z|²``: a zero-lag low-pass whose
    response is one half at ``cutoff`` hertz.

    Args:
        values: (T, ...) equally spaced in time, without NaN.
        rate: frames per second.
        cutoff: hertz; from half the rate on, the values are returned as they are.
    """
    count = len(values)
    if count < 3 or cutoff >= rate / 2:
        return values
    penalty = (2 * np.sin(np.pi * cutoff / rate)) ** -4
    bands = np.zeros((3, count))
    bands[2] = 1
    for offset, width in ((0, 1), (1, -2), (2, 1)):
        bands[2, offset : count - 2 + offset] += penalty * width * width
    bands[1, 1:-1] += -2 * penalty
    bands[1, 2:] += -2 * penalty
    bands[0, 2:] += penalty
    flat = values.reshape(count, -1)
    smooth = np.empty(flat.shape)
    for start in range(0, flat.shape[1], _COLUMNS):  # copies of all columns of a long clip would be large
        columns = slice(start, start + _COLUMNS)
        smooth[:, columns] = solveh_banded(bands, flat[:, columns])
    return smooth.reshape(values.shape)


def smooth_limbs(poses: np.ndarray, trans: np.ndarray, rate: float, smoothing: Mapping[str, float]) -> None:
    """Smooth a motion in place, each limb by itself, and with the trunk the path of the pelvis.

    Rotations are smoothed as quaternions, continuous over time and of unit length again afterwards: nothing depends on
    the axes, and an even turn keeps its speed.

    Args:
        poses: (T, 72) axis-angle. trans: (T, 3) metres.
        rate: frames per second.
        smoothing: seconds by the name of the limb, see :data:`niki.motion.refinement.LIMBS`. What repeats within this
            time is halved. Limbs with 0 are not touched, nor is anything where this is less than two frames.
    """
    bones = poses.reshape(-1, NUM_BONES, 3)
    for limb, seconds in smoothing.items():
        if seconds * rate <= 2 or len(poses) < 3:
            continue
        for bone in LIMBS[limb]:
            turns = rot.continuous_quaternions(rot.quaternion_from_axis_angle(bones[:, bone]))
            smooth = rot.normalize(whittaker(turns, rate, 1 / seconds))
            bones[:, bone] = rot.axis_angle_from_quaternion(smooth)
        if limb == "trunk":
            trans[:] = whittaker(trans, rate, 1 / seconds)
