"""Where the heel and the toes of each foot touch the ground. numpy only."""

from __future__ import annotations

import numpy as np

from ..body.skeleton import JOINTS, Body

CONTACTS = ("left_heel", "left_toe", "right_heel", "right_toe")
"""The points of the feet, in the order of a motion's ``contacts``."""

TOUCHES = 0.5
"""From this value on, a point is in contact."""

ANKLES = (JOINTS.index("left_ankle"), JOINTS.index("right_ankle"))
BALLS = (JOINTS.index("left_foot"), JOINTS.index("right_foot"))
TOES = (JOINTS.index("left_big_toe"), JOINTS.index("right_big_toe"))
SOLE = 0.02
"""Metres from the sole up to the points of the foot, as :meth:`niki.body.skeleton.Body.default` has them."""

_HEEL_BEHIND = 0.25  # of the distance from the ankle to the ball: the heel is behind the ankle


def heel_offsets(body: Body) -> np.ndarray:
    """(2, 3) metres: the point of each heel from its ankle, in the rest pose; it is as high as the toes."""
    rest = body.rest_joints
    offsets = np.zeros((2, 3))
    for side in (0, 1):
        ahead = rest[BALLS[side]] - rest[ANKLES[side]]
        offsets[side, 1] = rest[TOES[side], 1] - rest[ANKLES[side], 1]
        offsets[side, 2] = -_HEEL_BEHIND * np.hypot(ahead[0], ahead[2])
    return offsets


def foot_points(joints: np.ndarray, world: np.ndarray, body: Body) -> np.ndarray:
    """(T, 4, 3) metres: the points of :data:`CONTACTS`, ``SOLE`` above the ground when they touch it.

    Args:
        joints: (T, 29, 3) metres. world: (T, 24, 3, 3) the bones' orientations, both from
            :func:`niki.body.kinematics.forward_kinematics`.
    """
    points = np.empty((len(joints), 4, 3))
    for side, offset in enumerate(heel_offsets(body)):
        ankle = ANKLES[side]
        points[:, 2 * side] = joints[:, ankle] + world[:, ankle] @ offset
        points[:, 2 * side + 1] = joints[:, TOES[side]]
    return points


def runs(on: np.ndarray) -> list[tuple[int, int]]:
    """First and one past the last frame of each stretch where ``on`` (T,) is true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(on, int), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
