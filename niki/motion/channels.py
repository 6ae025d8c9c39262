"""Rotations as Blender keyframes them: a bone's rotation mode and its channels' values. numpy only.

Both writing keyframes and predicting their interpolation use this module, so that the two agree.
"""

from __future__ import annotations

import numpy as np

from ..body import rotation as rot
from ..errors import NikiError

EULER_ORDERS = ("XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX")
MODES = ("QUATERNION", *EULER_ORDERS, "AXIS_ANGLE")
"""Rotation modes of a bone, as Blender names them."""


def channel_values(quaternions: np.ndarray, mode: str) -> np.ndarray:
    """The values to keyframe for a bone in a rotation mode, without jumps from frame to frame.

    Pass all frames of a motion, even to keyframe only some: which of a rotation's equivalent values is right
    depends on the frames before.

    Args:
        quaternions: (T, ..., 4) unit, (w, x, y, z), in the bone's own axes.
        mode: one of ``MODES``.

    Returns:
        (T, ..., n): rotation_quaternion (w, x, y, z), rotation_euler (x, y, z) in radians, or
        rotation_axis_angle (angle in radians, x, y, z).

    Raises:
        NikiError: there is no such mode.
    """
    _check(mode)
    if mode == "QUATERNION":
        return rot.continuous_quaternions(quaternions)
    if mode == "AXIS_ANGLE":
        return rot.continuous_axis_angles(quaternions)
    return rot.continuous_eulers(rot.matrix_from_quaternion(quaternions), mode)


def rotations_from_channels(values: np.ndarray, mode: str) -> np.ndarray:
    """The rotations that Blender computes from channels' values, keyframed or interpolated.

    Values (..., n), as :func:`channel_values` returns them -> (..., 3, 3) in the bone's own axes.
    Quaternions and axes may have any length.

    Raises:
        NikiError: there is no such mode.
    """
    _check(mode)
    if mode == "QUATERNION":
        return rot.matrix_from_quaternion(values)
    if mode == "AXIS_ANGLE":
        return rot.matrix_from_axis_angle(values[..., :1] * rot.normalize(values[..., 1:]))
    return rot.matrix_from_euler(values, mode)


def _check(mode: str) -> None:
    if mode not in MODES:
        raise NikiError(f"There is no rotation mode '{mode}'", f"choose from: {', '.join(MODES)}")
