"""Conversion between library space (Y up, facing +Z) and Blender's (Z up, facing -Y)."""

import numpy as np

LIBRARY_TO_BLENDER = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])
"""(x, y, z) -> (x, -z, y). The transpose is the inverse."""


def to_blender(points: np.ndarray) -> np.ndarray:
    """Convert points or directions (..., 3) from library to Blender space."""
    return points @ LIBRARY_TO_BLENDER.T


def to_library(points: np.ndarray) -> np.ndarray:
    """Convert points or directions (..., 3) from Blender to library space."""
    return points @ LIBRARY_TO_BLENDER


def rotations_to_blender(matrices: np.ndarray) -> np.ndarray:
    """Convert rotations (..., 3, 3) from library to Blender space."""
    return LIBRARY_TO_BLENDER @ matrices @ LIBRARY_TO_BLENDER.T


def transform_points(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Transform points (..., 3) by a matrix (4, 4), such as the world matrix of an object."""
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def rotations_to_library(matrices: np.ndarray) -> np.ndarray:
    """Convert rotations (..., 3, 3) from Blender to library space."""
    return LIBRARY_TO_BLENDER.T @ matrices @ LIBRARY_TO_BLENDER


def rotation_of(matrices: np.ndarray) -> np.ndarray:
    """The nearest rotation (..., 3, 3) to a matrix (..., 3 or 4, 3 or 4), which may scale and mirror."""
    u, _, v = np.linalg.svd(np.asarray(matrices, float)[..., :3, :3])
    return u @ v
