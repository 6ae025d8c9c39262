"""Where a person's points are in front of the camera: each on its ray, the bones as long as in the whole clip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ....motion.blocks import split_into_blocks
from ...footage.camera import Camera, solve_translation
from .. import depth
from ..view import view_rotation
from . import landmarks
from .reading import Reading

_WEIGHT_SEEN = 0.05  # a hidden landmark still counts a little when the person is placed


@dataclass(eq=False)
class Placed:
    """The points of F frames in space.

    Attributes:
        points: (F, 19, 3) metres, camera space.
        view: (F, 3, 3) from camera axes to those of a camera turned to look straight at the person.
    """

    points: np.ndarray
    view: np.ndarray


def view_of(pixels: np.ndarray, camera: Camera) -> np.ndarray:
    """(T, 3, 3) from camera axes to those of the view, from the pixels (T, 33, 2) of the landmarks."""
    return view_rotation(camera.rays(pixels[:, landmarks.HIPS].mean(1))[..., :2])


def place(reading: Reading, camera: Camera) -> Placed:
    """Points of all frames, each by itself; their bones have the length they have in the clip."""
    parts, count = split_into_blocks(len(reading.world)), len(reading.world)
    placed = Placed(np.empty((count, len(landmarks.POINTS), 3)), np.empty((count, 3, 3)))
    for part in parts:
        placed.points[part] = landmarks.points_of(reading.world[part])
    lengths = _bone_lengths(placed.points, parts)
    for part in parts:
        pixels = landmarks.points_of(reading.pixels[part])
        visibility = landmarks.points_of(reading.visibility[part, :, None])[..., 0]
        view = view_of(reading.pixels[part], camera)
        # A row times a turn is turned back.
        points = landmarks.legs_as_anatomy_has_them(placed.points[part]) @ view
        root = solve_translation(points, pixels, np.maximum(visibility, _WEIGHT_SEEN), camera)
        points += root[:, None]
        placed.view[part] = view
        placed.points[part] = depth.refine_depth(points, pixels, landmarks.BONES, lengths, camera)
    return placed


def keep_bone_lengths(reading: Reading, placed: Placed, camera: Camera) -> None:
    """Slide the points along their rays once more, so that bones have the lengths they now have in the clip."""
    parts = split_into_blocks(len(placed.points))
    lengths = _bone_lengths(placed.points, parts)
    for part in parts:
        placed.points[part] = depth.refine_depth(
            placed.points[part], landmarks.points_of(reading.pixels[part]), landmarks.BONES, lengths, camera
        )


def _bone_lengths(points: np.ndarray, parts: list[slice]) -> np.ndarray:
    lengths = [depth.distances(points[part], landmarks.BONES) for part in parts]
    return depth.bone_lengths(np.concatenate(lengths), landmarks.MIRRORED_BONES)
