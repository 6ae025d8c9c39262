"""One clip of the corpus: somebody moves before a camera; the frames, and the truth."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from ..body import rotation as rot
from ..body.kinematics import forward_kinematics
from ..body.skeleton import JOINTS, NUM_BONES
from . import raster
from .cameras import Placed, draw_camera
from .clothes import dress
from .motions import Window
from .people import Figure, People
from .rooms import Lens, draw_background, draw_light, draw_things

_LONGEST_WAY = 2.0  # metres that somebody may go; more is walked on the spot
_SOLE, _SKIN = 0.022, 0.03  # metres from the sole to the foot's joints, from the skin to any joint


class Scene:
    """A clip drawn from ``rng``.

    Attributes:
        placed: the camera. joints: (T, 29, 3) metres, in the world: Y up, the floor at 0.
        rotations: (T, 24, 3, 3) parent-relative.
        unoccluded: (T, 29) joints inside the picture with nothing before them.
    """

    def __init__(
        self,
        people: People,
        figure: Figure,
        window: Window,
        rng: np.random.Generator,
        placed: Placed | None = None,
    ):
        self._people, self.rotations = people, window.rotations
        joints, world = forward_kinematics(window.rotations, figure.body)
        self.joints = joints + _planted(joints)[:, None]
        self.placed = placed or draw_camera(self.joints, rng)
        size = self.placed.camera.size
        self._clothed = dress(people, figure, rng)
        self._background = draw_background(self.placed, rng)
        self._light = draw_light(rng)
        pixels = self.placed.pixels(self.joints)
        self.things = draw_things(pixels.reshape(-1, 2), size, rng)
        self._lens = Lens(size, rng)
        self.unoccluded = ((pixels > 0) & (pixels < np.array(size))).all(-1)
        self.unoccluded &= self.placed.see(self.joints)[..., 2] > raster.NEAREST
        for thing in self.things:
            self.unoccluded &= ~thing.covers(pixels)
        self._matrices = np.zeros((len(joints), NUM_BONES, 3, 4), np.float32)
        self._matrices[..., :3] = world
        self._matrices[..., 3] = self.joints[:, :NUM_BONES] - rot.apply(
            world, figure.body.rest_joints[:NUM_BONES]
        )

    def __len__(self) -> int:
        return len(self.joints)

    def frames(self) -> Iterator[np.ndarray]:
        """(H, W, 3) RGB, one after the other."""
        return (self._lens.take(self._paint(t)) for t in range(len(self)))

    def silhouette(self, t: int) -> np.ndarray:
        """(H, W) where the person is in frame ``t``, were nothing before them."""
        mask = np.zeros(self.placed.camera.size[::-1], np.float32)
        raster.fill_triangles(*self._projected(self._skin(t)), self._people.faces, mask)
        return mask > 0

    def _paint(self, t: int) -> np.ndarray:
        faces, light, vertices = self._people.faces, self._light, self._skin(t)
        sun = light.sun.astype(np.float32)
        picture = self._background.copy()
        if light.shadow and self.placed.place[1] > 0:
            picture *= self._shadow(vertices, sun)
        normals, lit = np.empty_like(vertices), np.empty_like(vertices)
        raster.vertex_normals(vertices, faces, normals)
        raster.shade(
            normals, self._clothed.tone, light.sky_color.astype(np.float32), sun,
            light.sun_color.astype(np.float32), self.placed.turn[2].astype(np.float32),
            np.float32(light.fill), lit,
        )  # fmt: skip
        nearest = np.full(picture.shape[:2], np.inf, np.float32)
        pixels, depth = self._projected(vertices)
        raster.draw_triangles(pixels, depth, faces, self._clothed.color, lit, picture, nearest)
        for thing in self.things:
            thing.draw(picture)
        return picture

    def _skin(self, t: int) -> np.ndarray:
        rest, people = self._clothed.vertices, self._people
        vertices = np.empty_like(rest)
        raster.skin(rest, people.index, people.weight, self._matrices[t], vertices)
        return vertices

    def _projected(self, vertices: np.ndarray, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
        camera = self.placed.camera
        pixels, depth = np.empty((len(vertices), 2), np.float32), np.empty(len(vertices), np.float32)
        raster.project(
            vertices, self.placed.turn.astype(np.float32), self.placed.place.astype(np.float32),
            np.float32(camera.focal * scale), (scale * np.array(camera.centre)).astype(np.float32), pixels, depth,
        )  # fmt: skip
        return pixels, depth

    def _shadow(self, vertices: np.ndarray, sun: np.ndarray) -> np.ndarray:
        """(H, W, 1) what the floor keeps of its light."""
        dropped = np.empty_like(vertices)
        raster.drop_shadow(vertices, sun, dropped)
        width, height = self.placed.camera.size
        mask = np.zeros((height // 2, width // 2), np.float32)
        raster.fill_triangles(*self._projected(dropped, 0.5), self._people.faces, mask)
        soft = cv2.resize(cv2.GaussianBlur(mask, (0, 0), 1.25), (width, height))
        return (1 - np.float32(self._light.shadow) * soft)[..., None]


def _planted(joints: np.ndarray) -> np.ndarray:
    """(T, 3) what to add to joints (T, 29, 3) so that the lower foot stays where it stands and nothing is
    below the floor; motion capture comes without the way that somebody went."""

    def both(name):
        return joints[:, [JOINTS.index(f"{side}_{name}") for side in ("left", "right")]]

    balls = both("foot")
    heights = np.minimum(np.minimum(both("big_toe"), balls), both("ankle") - [0, 0.05, 0])[..., 1]
    share = np.exp(-(heights - heights.min(1, keepdims=True)) / 0.015)
    share /= share.sum(1, keepdims=True)
    moved = np.zeros((len(joints), 3))
    moved[:, 1] = np.maximum(_SOLE - heights.min(1), _SKIN - joints[..., 1].min(1))
    steps = (np.diff(balls, axis=0) * (share[1:] + share[:-1])[..., None] / 2).sum(1)
    moved[1:, [0, 2]] = -np.cumsum(steps, axis=0)[:, [0, 2]]
    way = (moved + joints[:, 0])[:, [0, 2]]
    middle = (way.min(0) + way.max(0)) / 2
    shorter = min(1.0, _LONGEST_WAY / max(np.ptp(way, axis=0).max(), 1e-6))
    moved[:, [0, 2]] += (way - middle) * shorter - way
    return moved
