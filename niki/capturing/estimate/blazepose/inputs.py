"""What the networks that correct a reading are shown: a frame as the view sees it, in units of the person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ....body.rotation import transpose
from ....motion.blocks import split_into_blocks
from ...footage.camera import Camera
from ..depth import distances
from . import landmarks
from .networks import MIRRORED, NUM_LANDMARKS
from .placing import Placed
from .reading import Reading

_READ, _POINTS, _RAYS, _SEEN = 3 * NUM_LANDMARKS, 3 * len(landmarks.POINTS), 2 * NUM_LANDMARKS, NUM_LANDMARKS
INPUTS = _READ + _POINTS + _RAYS + _SEEN + 1
_ENDS = np.cumsum([_READ, _POINTS, _RAYS, _SEEN])
_BODY = slice(11, 29)  # landmarks from the shoulders to the ankles: they tell the person's distance
_MIRRORED_LANDMARKS, _MIRRORED_POINTS = MIRRORED[:NUM_LANDMARKS], landmarks.MIRRORED_POINTS
_FLIP = np.array([-1.0, 1.0, 1.0])
_LIMBS = landmarks.BONES[:8] + landmarks.BONES[16:18]
_NEAREST = 0.1  # metres
_DISTANCES = (0.5, 100.0)  # in units of the person


@dataclass(frozen=True)
class Sizes:
    """How long the person's limbs are, metres, in the median of the clip: ``read`` in the world landmarks, and
    ``placed`` where their points are in space."""

    read: float
    placed: float


def limb_sizes(reading: Reading, placed: Placed) -> Sizes:
    """The person's sizes in a clip."""
    parts = split_into_blocks(len(placed.points))
    read = [limb_lengths(landmarks.points_of(reading.world[part])) for part in parts]
    return Sizes(
        float(np.median(np.concatenate(read))),
        float(np.median(np.concatenate([limb_lengths(placed.points[part]) for part in parts]))),
    )


def limb_lengths(points: np.ndarray) -> np.ndarray:
    """(T,) metres: a quarter of the lengths of thighs, shins, arms and flanks."""
    return distances(points, _LIMBS).sum(-1) / 4


def points_in_view(points: np.ndarray, view: np.ndarray) -> np.ndarray:
    """Camera-space points (T, 19, 3) -> view axes, about the middle of the hips."""
    seen = points @ transpose(view)
    return seen - landmarks.mid_hip(seen)[:, None]


def network_inputs(reading: Reading, placed: Placed, sizes: Sizes, camera: Camera, part: slice) -> np.ndarray:
    """(n, INPUTS) numbers of about unit size for the frames in ``part``."""
    view, world = placed.view[part], reading.world[part] / sizes.read
    count = len(world)
    rays = camera.rays(reading.pixels[part]) @ transpose(view)
    rays = rays[..., :2] / np.maximum(rays[..., 2:], _NEAREST)
    body, flat = world[:, _BODY, :2], rays[:, _BODY]
    distance = (body * flat).sum((1, 2)) / np.maximum((flat * flat).sum((1, 2)), 1e-9)
    distance = np.clip(distance, *_DISTANCES)
    parts = (
        world,
        points_in_view(placed.points[part], view) / sizes.placed,
        rays * distance[:, None, None],
        2 * reading.visibility[part] - 1,
        np.log(distance),
    )
    return np.concatenate([values.reshape(count, -1) for values in parts], 1)


def points_among(inputs: np.ndarray) -> np.ndarray:
    """(T, 19, 3) the placed points among the inputs: view axes, in units of the person."""
    return _split(inputs)[1]


def mirrored(inputs: np.ndarray) -> np.ndarray:
    """The inputs (T, INPUTS) of the mirror image."""
    read, points, rays, seen, distance = _split(inputs)
    parts = (
        read[:, _MIRRORED_LANDMARKS] * _FLIP,
        points[:, _MIRRORED_POINTS] * _FLIP,
        rays[:, _MIRRORED_LANDMARKS] * _FLIP[:2],
        seen[:, _MIRRORED_LANDMARKS],
        distance,
    )
    return np.concatenate([part.reshape(len(inputs), -1) for part in parts], 1)


def mirrored_vectors(vectors: np.ndarray) -> np.ndarray:
    """Directions (..., 3) in view axes, mirrored."""
    return vectors * _FLIP


def mirrored_points(points: np.ndarray) -> np.ndarray:
    """Points (T, 19, 3) in view axes, mirrored: left ones become right ones."""
    return points[:, _MIRRORED_POINTS] * _FLIP


def rolled(inputs: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """The inputs (T, INPUTS) as a camera rolled by ``angles`` (T,) radians would give them. This is exact: the
    detector is shown the person upright whichever way the camera is held."""
    read, points, rays, seen, distance = _split(inputs)
    parts = (*(rolled_vectors(values, angles) for values in (read, points, rays)), seen, distance)
    return np.concatenate([part.reshape(len(inputs), -1) for part in parts], 1)


def rolled_vectors(vectors: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """(T, ..., 2 or 3) in view axes, turned about the view by ``angles`` (T,) radians."""
    angles = angles.reshape(-1, *[1] * (vectors.ndim - 2))
    c, s, x, y = np.cos(angles), np.sin(angles), vectors[..., 0], vectors[..., 1]
    return np.concatenate([np.stack([c * x - s * y, s * x + c * y], -1), vectors[..., 2:]], -1)


def _split(inputs: np.ndarray):
    read, points, rays, seen, distance = np.split(inputs[:, :INPUTS], _ENDS, 1)
    count = len(inputs)
    return (
        read.reshape(count, -1, 3),
        points.reshape(count, -1, 3),
        rays.reshape(count, -1, 2),
        seen,
        distance,
    )
