"""How a camera is held against the world's vertical: tilt, roll, and the axes that follow from them. numpy only.

Tilt is positive where the camera looks down. Roll is positive where it is turned counterclockwise, seen from
behind: verticals lean to the right in the picture. Camera axes are OpenCV's: X right, Y down, Z forward.
"""

from __future__ import annotations

import numpy as np

from ..body.rotation import cross, normalize

LARGEST_TILT, LARGEST_ROLL = 89.0, 180.0  # degrees


def up_from_tilt(tilt, roll) -> np.ndarray:
    """(..., 3) the world's up in the axes of a camera with this ``tilt`` and ``roll`` in degrees (...)."""
    tilt, roll = np.radians(tilt), np.radians(roll)
    return np.stack([np.sin(roll) * np.cos(tilt), -np.cos(roll) * np.cos(tilt), -np.sin(tilt)], -1)


def tilt_and_roll(up: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of cameras in whose axes up is ``up`` (..., 3), degrees (...) each; undoes :func:`up_from_tilt`."""
    flat = np.hypot(up[..., 0], up[..., 1])
    tilt, roll = np.arctan2(-up[..., 2], flat), np.arctan2(up[..., 0], -up[..., 1])
    return np.degrees(tilt) + 0.0, np.degrees(roll) + 0.0  # no -0


def camera_to_library(up: np.ndarray) -> np.ndarray:
    """(..., 3, 3) turns camera axes into library axes for a camera in whose axes up is ``up`` (..., 3).

    ``up`` becomes +Y, and the camera looks towards -Z, seen from above. For a level camera it is
    ``diag(1, -1, -1)``.
    """
    up = normalize(up)
    right = normalize(cross(np.array([0.0, 0.0, 1.0]), up))
    return np.stack([right, up, cross(right, up)], -2)


def describe_camera(tilt: float, roll: float, error: float | None = None) -> str:
    """For people to read: how a camera with this tilt and roll is held.

    Args:
        error: degrees that both may be off by; None or NaN if they are only assumed, 0 if they were given.
    """
    tilt, roll = round(float(tilt)), round(float(roll))
    unsure = error is None or np.isnan(error)
    if unsure and not (tilt or roll):
        return "Camera taken as level"
    looks = f"looks {'down' if tilt > 0 else 'up'} {abs(tilt)}°" if tilt else "looks straight ahead"
    rolled = f", rolled {roll}°" if roll else ""
    return f"Camera {looks}{rolled}" + _accuracy(unsure, error)


def _accuracy(unsure: bool, error: float | None) -> str:
    if unsure:
        return ", the rest taken as level"
    return f" (±{max(round(float(error)), 1)}°)" if error else ", as given"  # pyright: ignore[reportArgumentType]
