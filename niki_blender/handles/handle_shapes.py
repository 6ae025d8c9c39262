"""Sizes of handles on the screen, and which of them the mouse is on. Needs no window."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from ...niki.body.skeleton import JOINTS, NUM_JOINTS

LEAST_REACH = 8.0
"""Pixels, at a resolution scale of 1, within which a click hits even the smallest handle."""
CLICK = 4
"""Pixels: a shorter movement is a click, not a drag."""
_LARGE = {"pelvis", "spine3", "head"} | {
    f"{side}_{name}" for side in ("left", "right") for name in ("elbow", "wrist", "knee", "ankle")
}
LARGE = np.array([name in _LARGE for name in JOINTS])
"""(29,) whether a joint's handle is a large one."""
_METERS = np.where(LARGE, 0.035, 0.016)
_LEAST, _GREATEST = np.where(LARGE, 5.0, 2.5), np.where(LARGE, 14.0, 7.0)


def project(
    points: np.ndarray, perspective: np.ndarray, width: int, height: int
) -> tuple[np.ndarray, np.ndarray]:
    """Project ``points`` (n, 3) with a view's perspective matrix (4, 4).

    Returns:
        (n, 2) pixels, NaN behind the view; (n,) the depth that divides sizes, 1 in orthographic views.
    """
    clip = np.c_[points, np.ones(len(points))] @ perspective.T
    depth = np.where(clip[:, 3] > 1e-6, clip[:, 3], np.nan)
    return (clip[:, :2] / depth[:, None] + 1) / 2 * (width, height), depth


def handle_sizes(pixels_per_meter: np.ndarray, scale: float, size: float = 1.0) -> np.ndarray:
    """(29,) radii in pixels of the handles of joints where a meter is ``pixels_per_meter`` (29,) pixels.

    Args:
        scale: Blender's resolution scale. size: of the armature in world space.
    """
    return np.clip(_METERS * size * pixels_per_meter, _LEAST * scale, _GREATEST * scale)


def hit_handle(
    places: np.ndarray,
    sizes: np.ndarray,
    at: tuple[float, float],
    scale: float,
    selected: Collection[int] = (),
) -> int | None:
    """The handle at ``at``: of several, the one whose center is nearest relative to its reach; None if none is.

    Of handles that coincide, it is the one drawn in front: a selected one, else a large one.
    """
    reach = np.maximum(sizes, LEAST_REACH * scale)
    distance = np.linalg.norm(places - at, axis=1) / reach
    distance[np.isnan(distance)] = np.inf
    nearest = int(np.argmin(distance))
    if distance[nearest] > 1:
        return None
    apart = np.linalg.norm(places - places[nearest], axis=1)
    coinciding = np.flatnonzero((distance <= 1) & (apart <= CLICK * scale)).tolist()
    return max(coinciding, key=lambda j: (*_rank(j, selected), -distance[j]))


def handles_in_box(places: np.ndarray, corner: np.ndarray, opposite: np.ndarray) -> list[int]:
    """The joints whose handles' centers are in the box between two corners (2,)."""
    low, high = np.minimum(corner, opposite), np.maximum(corner, opposite)
    return np.flatnonzero(((places >= low) & (places <= high)).all(1)).tolist()


def drawing_order(selected: Collection[int] = ()) -> list[int]:
    """Joints in the order in which their handles are drawn, those in front last: selected ones, then large ones."""
    return sorted(range(NUM_JOINTS), key=lambda j: _rank(j, selected))


def _rank(joint: int, selected: Collection[int]) -> tuple[bool, bool]:
    """What makes a handle be in front of others, most of all first."""
    return joint in selected, bool(LARGE[joint])
