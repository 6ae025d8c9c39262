"""Library space (Y up, facing +Z) and Blender's (Z up, facing -Y), in one place."""

import numpy as np

LIBRARY_TO_BLENDER = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])
"""(x, y, z) -> (x, -z, y); the transpose goes back."""


def to_blender(points: np.ndarray) -> np.ndarray:
    """Points or directions (..., 3), library -> Blender."""
    return points @ LIBRARY_TO_BLENDER.T


def to_library(points: np.ndarray) -> np.ndarray:
    """Points or directions (..., 3), Blender -> library."""
    return points @ LIBRARY_TO_BLENDER


def rotations_to_blender(matrices: np.ndarray) -> np.ndarray:
    """Rotations (..., 3, 3) about library axes -> the same about Blender's."""
    return LIBRARY_TO_BLENDER @ matrices @ LIBRARY_TO_BLENDER.T


def transform_points(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points (..., 3) by an object's matrix (4, 4)."""
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def rotations_to_library(matrices: np.ndarray) -> np.ndarray:
    """Inverse of :func:`rotations_to_blender`."""
    return LIBRARY_TO_BLENDER.T @ matrices @ LIBRARY_TO_BLENDER


def rotation_of(matrices: np.ndarray) -> np.ndarray:
    """The rotation (..., 3, 3) nearest to matrices (..., 3 or 4, 3 or 4) that may also scale and mirror."""
    u, _, v = np.linalg.svd(np.asarray(matrices, float)[..., :3, :3])
    return u @ v
