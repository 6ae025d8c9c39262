"""Poses a skin as Blender's Armature modifier does with Preserve Volume: dual quaternion skinning. numpy only."""

from __future__ import annotations

import numpy as np

from ..body import rotation as rot
from ..body.skeleton import NUM_BONES, PARENTS, Body
from .mannequin import Skin


class PosableSkin:
    """A skin that is posed again and again; in single precision, for drawing.

    Args:
        skin: around ``body`` in the rest pose.
    """

    def __init__(self, skin: Skin, body: Body):
        self._rest = np.ascontiguousarray(skin.vertices.T, np.float32)
        self._weights = np.ascontiguousarray(skin.weights.T, np.float32)
        self._heads = body.rest_joints[:NUM_BONES]

    def vertices(self, joints: np.ndarray, orientations: np.ndarray) -> np.ndarray:
        """(V, 3) float32 the posed vertices in library space.

        Args:
            joints: (29, 3) positions. orientations: (24, 3, 3) from the rest pose.
                Both as :func:`niki.body.kinematics.forward_kinematics` returns them.
        """
        moves = joints[:NUM_BONES] - rot.apply(orientations, self._heads)
        dual = _dual_quaternions(orientations, moves).astype(np.float32)
        blended = dual.T @ self._weights
        blended /= np.sqrt((blended[:4] ** 2).sum(0))
        w, v, dual_w, dual_v = blended[0], blended[1:4], blended[4], blended[5:]
        place = 2 * (w * dual_v - dual_w * v + _cross(v, dual_v))
        return np.ascontiguousarray(
            (self._rest + 2 * _cross(v, _cross(v, self._rest) + w * self._rest) + place).T
        )


def _dual_quaternions(orientations: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """(24, 8): the real parts (w, x, y, z), each in the half of its parent's, then the dual parts."""
    real = rot.quaternion_from_matrix(orientations)
    for bone in range(1, NUM_BONES):
        if real[bone] @ real[PARENTS[bone]] < 0:
            real[bone] = -real[bone]
    w, v = real[:, :1], real[:, 1:]
    dual_w, dual_v = -(moves * v).sum(1, keepdims=True), w * moves + np.cross(moves, v)
    return np.hstack([real, dual_w / 2, dual_v / 2])


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The cross products of the columns of (3, V) arrays."""
    return np.stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])
