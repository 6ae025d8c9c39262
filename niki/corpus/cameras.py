"""Cameras of the corpus: from below to steeply from above, rolled, the person off center or partly outside."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..body.skeleton import JOINTS
from ..capturing.footage.camera import Camera
from ..motion.camera_tilt import tilt_and_roll

SIZES = ((448, 448), (576, 336), (336, 576), (512, 384))
_LOWEST, _HIGHEST = -20.0, 45.0  # degrees that the camera stands above the person, seen from them
_LEVEL_SHARE, _FACING = 1 / 3, 30.0  # of clips: a level camera, the person turned to it within degrees
_ROLL_SHARE, _LARGEST_ROLL, _SMALL_ROLL = 1 / 3, 30.0, 1.5
_FIELD_OF_VIEW = (35.0, 75.0)  # degrees along the longer side
_DISTANCE = (1.2, 9.0)  # metres
_CUT_SHARE = 1 / 6  # of clips: feet, legs or hips lie outside the picture, if the person keeps upright
_FEET = ("foot", "toe")
_LEGS = (*_FEET, "ankle", "knee", "hand", "finger", "wrist")
_CUT = (_FEET, (*_FEET, "ankle"), _LEGS, (*_LEGS, "hip", "pelvis", "spine1"))
"""Joints that may lie outside then, one of these rows a clip."""
_LEAST_HEIGHT = 0.35  # of the picture, that the person takes up
_TRIES = 60


@dataclass(frozen=True, eq=False)
class Placed:
    """A camera and where it stands: world axes (Y up, the floor at 0) to camera axes ``turn`` (3, 3), and its
    ``place`` (3,) in metres."""

    camera: Camera
    turn: np.ndarray
    place: np.ndarray

    @property
    def tilt(self) -> float:
        """Degrees by which it looks down."""
        return float(tilt_and_roll(self.turn[:, 1])[0])

    @property
    def roll(self) -> float:
        """Degrees by which it is turned counter-clockwise, seen from behind."""
        return float(tilt_and_roll(self.turn[:, 1])[1])

    def see(self, points: np.ndarray) -> np.ndarray:
        """World points (..., 3) in camera axes."""
        return (points - self.place) @ self.turn.T

    def pixels(self, points: np.ndarray) -> np.ndarray:
        """World points (..., 3) -> pixels (..., 2)."""
        return self.camera.project(self.see(points))


def camera_turn(tilt: float, roll: float, yaw: float) -> np.ndarray:
    """(3, 3) world axes to camera axes. Degrees: ``tilt`` and ``roll`` as :class:`Camera` has them; at ``yaw``
    0 it looks towards -Z, at 90 towards -X."""
    yaw, lean = np.radians([yaw, tilt])
    ahead = np.array([-np.sin(yaw) * np.cos(lean), -np.sin(lean), -np.cos(yaw) * np.cos(lean)])
    right = np.array([np.cos(yaw), 0, -np.sin(yaw)])
    c, s = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    turned = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    return turned @ np.stack([right, np.cross(ahead, right), ahead])


def draw_camera(joints: np.ndarray, rng: np.random.Generator) -> Placed:
    """A camera that sees somebody whose joints are (T, 29, 3) in the world, in the whole clip or nearly."""
    width, height = SIZES[rng.integers(len(SIZES))]
    is_cut = rng.random() < _CUT_SHARE
    is_level = not is_cut and rng.random() < _LEVEL_SHARE
    elevation, roll = rng.uniform(_LOWEST, _HIGHEST), rng.normal(0, _SMALL_ROLL)
    if rng.random() < _ROLL_SHARE:
        roll = rng.uniform(-_LARGEST_ROLL, _LARGEST_ROLL)
    shown = _above(joints, rng) if is_cut else joints.reshape(-1, 3)
    best: tuple[float, Placed | None] = (-1.0, None)
    for _ in range(_TRIES):
        focal = max(width, height) / 2 / np.tan(np.radians(rng.uniform(*_FIELD_OF_VIEW)) / 2)
        camera = Camera(focal, (width / 2, height / 2), (width, height))
        yaw = rng.uniform(-180, 180)
        if is_level:
            elevation = rng.normal(0, 3)
            yaw = _facing(joints) + rng.uniform(-_FACING, _FACING)
        placed = _aimed(shown, camera, elevation, roll, yaw, is_cut, rng)
        share, tall = _seen(placed, shown, joints)
        if share > (0.93 if is_cut else 0.97) and (is_cut or tall > _LEAST_HEIGHT):
            return placed
        if share * min(tall, 0.5) > best[0]:
            best = share * min(tall, 0.5), placed
    assert best[1] is not None
    return best[1]


def _above(joints: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(K, 3) what stays in the picture: the body above some joint."""
    gone = _CUT[rng.integers(len(_CUT))]
    kept = [k for k, name in enumerate(JOINTS) if not name.endswith(gone)]
    return joints[:, kept].reshape(-1, 3)


def _facing(joints: np.ndarray) -> float:
    """Degrees of yaw at which a camera sees the person from the front, in most frames."""
    left, right = (joints[:, JOINTS.index(f"{side}_shoulder")] for side in ("left", "right"))
    across = np.median(left - right, axis=0)
    return float(np.degrees(np.arctan2(-across[2], across[0])))


def _aimed(points, camera: Camera, elevation, roll, yaw, is_cut: bool, rng) -> Placed:
    """The camera on a ray from the middle of the points, as far as it must be for them to fill a part of the
    picture, and turned so that they lie somewhere in it; at its lower edge, if what is below is cut off."""
    middle = (points.min(0) + points.max(0)) / 2
    turn = camera_turn(elevation, roll, yaw)
    seen = (points - middle) @ turn.T
    half = np.array(camera.size) / 2 / camera.focal  # slope at the picture's edge
    wanted = rng.uniform(0.6, 0.95)
    low, high = _DISTANCE
    for _ in range(20):
        distance = (low + high) / 2
        slopes = seen[:, :2] / np.maximum(seen[:, 2:] + distance, 0.05)
        fits = (np.ptp(slopes, axis=0) < 2 * half * wanted).all() and seen[:, 2].min() + distance > 0.6
        low, high = (low, distance) if fits else (distance, high)
    place = middle - high * turn[2]
    slopes = seen[:, :2] / (seen[:, 2:] + high)
    room = np.maximum(half - np.ptp(slopes, axis=0) / 2, 0)
    place_in = rng.uniform(-0.9, 0.9, 2)
    if is_cut:
        place_in[1] = 1.1
    aside = place_in * room - (slopes.min(0) + slopes.max(0)) / 2
    ahead = turn.T @ [-aside[0], -aside[1], 1]  # looks the other way, so the person moves by ``aside``
    tilt = np.degrees(np.arctan2(-ahead[1], np.hypot(ahead[0], ahead[2])))
    return Placed(camera, camera_turn(tilt, roll, np.degrees(np.arctan2(-ahead[0], -ahead[2]))), place)


def _seen(placed: Placed, shown: np.ndarray, joints: np.ndarray) -> tuple[float, float]:
    """The share of ``shown`` that lies in the picture, and how much of the picture's height the person takes
    up, in the median frame."""
    size = np.array(placed.camera.size)
    pixels = placed.pixels(shown)
    inside = ((pixels > 4) & (pixels < size - 4)).all(-1) & (placed.see(shown)[:, 2] > 0.5)
    return float(inside.mean()), float(np.median(np.ptp(placed.pixels(joints), axis=1).max(-1)) / size[1])
