"""Which feet truly touch the ground: the one definition that contacts are trained and measured by. numpy only."""

from __future__ import annotations

import numpy as np

from ..motion.contacts import SOLE

NEAR, SLOW = 0.03, 0.25
"""Metres above the ground, and metres a second, below which a point of a foot is in contact."""


def touching(points: np.ndarray, up: np.ndarray, floor: np.ndarray | float, rate: float) -> np.ndarray:
    """(..., T, 4) bool: which points of the feet touch the ground.

    Args:
        points: (..., T, 4, 3) metres, true ones, of :func:`niki.motion.contacts.foot_points`.
        up: (..., 3) unit. floor: (...) metres, how high the ground is along it. rate: frames per second.
    """
    height = (points * np.asarray(up)[..., None, None, :]).sum(-1) - SOLE - np.asarray(floor)[..., None, None]
    speed = np.linalg.norm(np.gradient(points, 1 / rate, axis=-3), axis=-1)
    return (height < NEAR) & (speed < SLOW)
