"""Dual quaternion skinning, as Blender's Armature modifier does it with Preserve Volume, with four bones for each vertex:
what a graphics card is given, and the same in numpy. numpy only.
"""

from __future__ import annotations

import numpy as np

from ..body import rotation as rot
from ..body.skeleton import NUM_BONES

BONES_EACH = 4
"""Bones that carry a vertex, at most."""


def strongest_bones(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The bones (V, 4) that carry each vertex most, the strongest first, and their weights (V, 4), with a sum of 1.

    Args:
        weights: (V, 24) of all bones.
    """
    bones = np.argsort(-weights, axis=1, kind="stable")[:, :BONES_EACH]
    kept = np.take_along_axis(weights, bones, 1)
    return bones, kept / kept.sum(1, keepdims=True)


def dual_quaternions(joints: np.ndarray, orientations: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """(..., 24, 8) how the bones have moved from rest: for each a rotation (w, x, y, z), then the dual part.

    Args:
        joints: (..., 29, 3) positions. orientations: (..., 24, 3, 3) from the rest pose. Both as
            :func:`niki.body.kinematics.forward_kinematics` returns them, or both in any other axes.
        rest: (29, 3) the joints in the rest pose, in the same axes.
    """
    moves = joints[..., :NUM_BONES, :] - rot.apply(orientations, rest[:NUM_BONES])
    real = rot.quaternion_from_matrix(orientations)
    w, v = real[..., :1], real[..., 1:]
    return np.concatenate([real, -rot.dot(moves, v) / 2, (w * moves + rot.cross(moves, v)) / 2], -1)


def skin_vertices(
    vertices: np.ndarray, bones: np.ndarray, weights: np.ndarray, moved: np.ndarray
) -> np.ndarray:
    """(V, 3) the vertices as the bones carry them.

    Args:
        vertices: (V, 3) at rest. bones, weights: (V, 4), as :func:`strongest_bones` returns them.
        moved: (24, 8), of :func:`dual_quaternions`.
    """
    each = moved[bones]
    opposite = (each[..., :4] @ each[:, 0, :4, None])[..., 0] < 0  # a rotation and its negative are the same
    blended = (np.where(opposite, -weights, weights)[..., None] * each).sum(1)
    blended /= np.linalg.norm(blended[:, :4], axis=1, keepdims=True)
    w, v, dual_w, dual_v = blended[:, :1], blended[:, 1:4], blended[:, 4:5], blended[:, 5:]
    place = 2 * (w * dual_v - dual_w * v + rot.cross(v, dual_v))
    return vertices + 2 * rot.cross(v, rot.cross(v, vertices) + w * vertices) + place


def vertex_normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """(V, 3) unit normals: of the triangles (F, 3) around each vertex, by their areas."""
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    across, total = rot.cross(b - a, c - a), np.zeros_like(vertices)
    for k in range(3):
        np.add.at(total, triangles[:, k], across)
    return rot.normalize(total)
