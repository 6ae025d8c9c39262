"""The triangles of all handles in one batch. Needs no window."""

from __future__ import annotations

import numpy as np

OUTLINE = 1.8
"""Pixels, at a resolution scale of 1, of the line around a handle."""
_CORNERS = 32
_ANGLES = np.arange(_CORNERS) * 2 * np.pi / _CORNERS
_CIRCLE = np.column_stack([np.cos(_ANGLES), np.sin(_ANGLES)])
_SQUARE = _CIRCLE / np.abs(_CIRCLE).max(
    1, keepdims=True
)  # has its corners, as 8 divides the number of points
_RINGS = 5  # the center, then two on either side of each edge: colors blend over a pixel in between


def _triangles() -> np.ndarray:
    """(n, 3) corners of one handle's triangles, by number: ring by ring."""
    k = np.arange(_CORNERS)
    following = (k + 1) % _CORNERS
    inner, outer = np.arange(_RINGS - 1)[:, None] * _CORNERS, np.arange(1, _RINGS)[:, None] * _CORNERS
    halves = [(inner + k, outer + k, outer + following), (inner + k, outer + following, inner + following)]
    return np.concatenate([np.stack(half, -1).reshape(-1, 3) for half in halves])


_TRIANGLES = _triangles()


def handle_mesh(
    places: np.ndarray,
    sizes: np.ndarray,
    square: np.ndarray,
    fills: np.ndarray,
    edges: np.ndarray,
    scale: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The triangles of handles that blend into what is behind them, the last handle in front.

    Args:
        places: (n, 2) pixels. sizes: (n,) radii in pixels, without the outline. square: (n,) else they are round.
        fills, edges: (n, 4) colors of the inside and of the outline. scale: Blender's resolution scale.

    Returns:
        (m, 3) positions, (m, 4) colors, both float32, and (k, 3) int32 corners of triangles.
    """
    count, radius = len(places), np.asarray(sizes, float)
    outer = radius + OUTLINE * scale
    radii = np.stack([np.zeros(count), radius - 0.5, radius + 0.5, outer - 0.5, outer + 0.5], 1)
    shapes = np.where(np.asarray(square)[:, None, None], _SQUARE, _CIRCLE)
    points = places[:, None, None] + radii[:, :, None, None] * shapes[:, None]
    clear = edges * (1, 1, 1, 0)
    colors = np.repeat(np.stack([fills, fills, edges, edges, clear], 1)[:, :, None], _CORNERS, 2)
    positions = np.concatenate([points, np.zeros((*points.shape[:3], 1))], 3).reshape(-1, 3)
    corners = _TRIANGLES + (np.arange(count) * _RINGS * _CORNERS)[:, None, None]
    return (
        positions.astype(np.float32),
        colors.reshape(-1, 4).astype(np.float32),
        corners.reshape(-1, 3).astype(np.int32),
    )
