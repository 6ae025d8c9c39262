"""The axes of a camera turned to look straight at the person: what a detector's depth belongs to."""

from __future__ import annotations

import numpy as np


def view_rotation(slope: np.ndarray) -> np.ndarray:
    """The smallest turn of camera axes that brings a ray onto +Z.

    Args:
        slope: (..., 2) X / Z and Y / Z of the ray.

    Returns:
        (..., 3, 3): times a column in camera axes, the column in the view's.
    """
    ray = np.concatenate([slope, np.ones_like(slope[..., :1])], -1)
    x, y, z = np.moveaxis(ray / np.linalg.norm(ray, axis=-1, keepdims=True), -1, 0)
    k = 1 / (1 + z)
    rows = [[1 - k * x * x, -k * x * y, -x], [-k * x * y, 1 - k * y * y, -y], [x, y, z]]
    return np.stack([np.stack(row, -1) for row in rows], -2)
