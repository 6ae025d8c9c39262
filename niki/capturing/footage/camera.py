"""The pinhole camera of the footage, and where a person stands in front of it.

Camera space is OpenCV's: X right, Y down, Z forward, metres. No lens distortion is modelled.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...checks import number_between
from ...motion.camera_tilt import LARGEST_ROLL, LARGEST_TILT

CAMERA_TO_LIBRARY = np.diag([1.0, -1.0, -1.0])
"""Turns a level camera's axes into library axes (Y up, the viewer at +Z); it is its own inverse."""


@dataclass(frozen=True)
class Camera:
    """Intrinsics in pixels, and how the camera is held, where that is known.

    Attributes:
        focal: pixels. centre: (x, y) pixels. size: (width, height) of the picture.
        assumed: whether the focal length is a guess, not a measurement.
        tilt: degrees by which the camera looks down; None where nobody has said.
        roll: degrees by which it is turned counterclockwise, seen from behind; verticals lean to the right in
            the picture. None where nobody has said.
    """

    focal: float
    centre: tuple[float, float]
    size: tuple[int, int]
    assumed: bool = False
    tilt: float | None = None
    roll: float | None = None

    @classmethod
    def of(
        cls,
        size: tuple[int, int],
        focal: float | None = None,
        tilt: float | None = None,
        roll: float | None = None,
    ) -> Camera:
        """A camera looking through the middle of the picture.

        Without ``focal`` the longer side is assumed, a field of view of 53 degrees along it: a
        common lens. A wrong focal length scales distance to the camera, and little else.

        Raises:
            NikiError: a focal length, tilt or roll out of bounds.
        """
        width, height = size
        given = None if focal is None else checked_focal(focal)
        tilt = None if tilt is None else checked_tilt(tilt)
        roll = None if roll is None else checked_roll(roll)
        focal = given or float(max(size))
        return cls(focal, (width / 2, height / 2), (width, height), given is None, tilt, roll)

    @property
    def matrix(self) -> np.ndarray:
        """(3, 3) intrinsics."""
        return np.array([[self.focal, 0, self.centre[0]], [0, self.focal, self.centre[1]], [0, 0, 1]])

    def rays(self, pixels: np.ndarray) -> np.ndarray:
        """Pixels (..., 2) -> directions (..., 3) with Z = 1."""
        slope = (pixels - np.array(self.centre)) / self.focal
        return np.concatenate([slope, np.ones_like(slope[..., :1])], -1)

    def project(self, points: np.ndarray) -> np.ndarray:
        """Camera-space points (..., 3) -> pixels (..., 2)."""
        return self.focal * points[..., :2] / points[..., 2:] + np.array(self.centre)


def checked_focal(focal) -> float:
    """A focal length as a user gives it.

    Raises:
        NikiError: it is no number of pixels that a lens can have.
    """
    return number_between("The focal length", focal, 1, 1e6, "pixels")


def checked_tilt(tilt) -> float:
    """A camera's tilt in degrees, down positive, as a user gives it.

    Raises:
        NikiError: it is no number, or the camera would look straight up or down.
    """
    return number_between("The camera's tilt", tilt, -LARGEST_TILT, LARGEST_TILT, "degrees")


def checked_roll(roll) -> float:
    """A camera's roll in degrees, counterclockwise positive, as a user gives it.

    Raises:
        NikiError: it is no number of degrees up to half a turn.
    """
    return number_between("The camera's roll", roll, -LARGEST_ROLL, LARGEST_ROLL, "degrees")


def solve_translation(points, pixels, weights, camera: Camera, iterations: int = 5) -> np.ndarray:
    """Where root-relative points must stand to be seen at given pixels.

    Each point gives two equations linear in the translation t,
    ``f (X + tx) = (u - cx) (Z + tz)`` and its twin in Y; outliers are weighted down (Huber).

    Args:
        points: (T, K, 3) metres, camera axes. pixels: (T, K, 2). weights: (T, K), >= 0.

    Returns:
        (T, 3) metres, camera space.
    """
    slope = camera.rays(pixels)[..., :2]
    rows = np.zeros((*pixels.shape, 3))
    rows[..., 0, 0] = rows[..., 1, 1] = 1
    rows[..., 2] = -slope
    values = slope * points[..., 2:] - points[..., :2]
    weight = weights
    for _ in range(iterations):
        weighted = rows * weight[..., None, None]
        normal = np.einsum("tkri,tkrj->tij", weighted, rows) + 1e-9 * np.eye(3)
        t = np.linalg.solve(normal, np.einsum("tkri,tkr->ti", weighted, values)[..., None])[..., 0]
        seen = points + t[:, None]
        depth = np.maximum(seen[..., 2:], 0.1)
        error = np.linalg.norm(seen[..., :2] / depth - slope, axis=-1)
        # A hundredth of a radian-ish slope is what a good detector misses by.
        weight = weights * np.minimum(1, 0.01 / np.maximum(error, 1e-9))
    return t
