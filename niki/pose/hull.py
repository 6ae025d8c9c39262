"""The convex hull of points on the floor, and how far another point is from it. numpy only."""

from __future__ import annotations

import numpy as np


def convex_hull(points: np.ndarray) -> np.ndarray:
    """The corners (m, 2) of the convex hull of points (n, 2), counterclockwise (Andrew's monotone chain, 1979)."""
    ordered = sorted({(float(x), float(y)) for x, y in points})
    if len(ordered) < 3:
        return np.array(ordered)
    halves = []
    for run in (ordered, ordered[::-1]):
        half = []
        for p in run:
            while len(half) > 1 and _turn(half[-2], half[-1], p) <= 0:
                half.pop()
            half.append(p)
        halves += half[:-1]
    return np.array(halves)


def _turn(a, b, c) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def distance_beyond(hull: np.ndarray, point: np.ndarray) -> tuple[float, np.ndarray]:
    """How far a point (2,) is beyond a hull (m, 2), negative within; and the direction away from it (2,)."""
    starts, ends = hull, np.roll(hull, -1, 0)
    along = ends - starts
    length = np.maximum((along**2).sum(1), 1e-12)
    share = np.clip(((point - starts) * along).sum(1) / length, 0, 1)
    away = point - (starts + share[:, None] * along)
    distance = np.sqrt((away**2).sum(1))
    nearest = int(distance.argmin())
    outward = away[nearest] / max(distance[nearest], 1e-9)
    inside = len(hull) > 2 and all(_turn(a, b, point) >= 0 for a, b in zip(starts, ends, strict=True))
    if inside:
        return -float(distance[nearest]), -outward
    return float(distance[nearest]), outward


def edges_of(hull: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A point (m, 2) on each edge of a hull (m, 2), counterclockwise, and the direction (m, 2) out of it."""
    along = np.roll(hull, -1, 0) - hull
    return hull, np.stack([along[:, 1], -along[:, 0]], -1) / np.sqrt((along**2).sum(1, keepdims=True))


def distance_to_hull(point: np.ndarray, points: np.ndarray) -> float:
    """From a point (2,) to the convex hull of points (N, 2); 0 inside, NaN if there are none."""
    return max(0.0, distance_beyond(convex_hull(points), point)[0]) if len(points) else float("nan")
