"""Where the people of the corpus are: floor and wall, light, things before them, and how the camera sees."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .cameras import Placed
from .textures import SIDE, draw_texture

_FAR = 1e5  # metres: the sky
_OCCLUDED_SHARE = 1 / 3  # of clips


def draw_background(placed: Placed, rng: np.random.Generator) -> np.ndarray:
    """(H, W, 3) float32: a floor and a wall behind the person, or a picture instead of the wall."""
    camera, (width, height) = placed.camera, placed.camera.size
    y, x = np.mgrid[:height, :width]
    rays = camera.rays(np.stack([x, y], -1)) @ placed.turn
    floor, wall = draw_texture(rng), draw_texture(rng)
    # No floor where the camera is below it, as somebody on a roof is seen.
    is_down = (rays[..., 1] < -1e-3) & (placed.place[1] > 0.05)
    to_floor = np.where(is_down, -placed.place[1] / np.where(is_down, rays[..., 1], -1), 10 * _FAR)
    hit = placed.place + to_floor[..., None] * rays
    picture = _laid(floor, hit[..., 0], hit[..., 2], rng.uniform(1.5, 6))
    distance = rng.uniform(2, 12)
    towards = np.arctan2(-placed.turn[2, 0], -placed.turn[2, 2]) + rng.uniform(-0.7, 0.7)
    if rng.random() < 0.3:
        towards = rng.uniform(0, 2 * np.pi)
    normal = np.array([np.sin(towards), 0, np.cos(towards)])
    slope = rays @ normal
    to_wall = (-distance - placed.place @ normal) / np.where(np.abs(slope) < 1e-4, 1e-4, slope)
    to_wall = np.where(to_wall > 0, to_wall, 10 * _FAR)
    hit = placed.place + to_wall[..., None] * rays
    behind = _laid(wall, hit @ [normal[2], 0, -normal[0]], -hit[..., 1], rng.uniform(3, 9))
    is_behind = (to_wall < to_floor) | ~is_down
    if rng.random() < 0.25 or (to_wall > _FAR).all():  # outdoors, or a plain backdrop
        behind = cv2.resize(wall, (width, height))
        is_behind = ~is_down if rng.random() < 0.7 else np.ones_like(is_down)
    picture = np.where(is_behind[..., None], behind, picture)
    soft = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.3, 1.6)))
    return np.clip(soft * rng.uniform(0.6, 1.1), 0, 255).astype(np.float32)


def _laid(texture, x, y, metres: float) -> np.ndarray:
    """A texture of a side of ``metres``, repeated over a plane, at the places x, y (H, W) on it."""
    places = ((value * (SIDE / metres)).astype(np.float32) % (SIDE - 1) for value in (x, y))
    return cv2.remap(texture, *places, cv2.INTER_LINEAR)


@dataclass(eq=False)
class Light:
    """Sun from a direction ``sun`` (3,), sky, and a light at the camera; colors (3,) and shares of white.
    ``shadow``: how dark the person's shadow on the floor is, 0 to 1."""

    sun: np.ndarray
    sun_color: np.ndarray
    sky_color: np.ndarray
    fill: float
    shadow: float


def draw_light(rng: np.random.Generator) -> Light:
    """A light at random, with or without a shadow."""
    around, above = rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(15, 80))
    sun = np.array([np.sin(around) * np.cos(above), np.sin(above), np.cos(around) * np.cos(above)])
    sun_color = rng.uniform(0.3, 0.9) * (1 + rng.normal(0, 0.05, 3))
    sky_color = rng.uniform(0.3, 0.6) * (1 + rng.normal(0, 0.05, 3))
    shadow = rng.uniform(0.1, 0.6) if rng.random() < 0.8 else 0.0
    return Light(sun, sun_color, sky_color, rng.uniform(0, 0.3), shadow)


@dataclass(eq=False)
class Thing:
    """Something before the person: a box (left, top, right, bottom) in pixels, in the picture, and its
    ``texture`` (H, W, 3) over the whole picture."""

    box: tuple[int, int, int, int]
    texture: np.ndarray

    def covers(self, pixels: np.ndarray) -> np.ndarray:
        """Which pixels (..., 2) it hides."""
        left, top, right, bottom = self.box
        x, y = pixels[..., 0], pixels[..., 1]
        return (x > left) & (x < right) & (y > top) & (y < bottom)

    def draw(self, picture: np.ndarray) -> None:
        left, top, right, bottom = self.box
        picture[top:bottom, left:right] = self.texture[top:bottom, left:right]


def draw_things(pixels: np.ndarray, size: tuple[int, int], rng: np.random.Generator) -> list[Thing]:
    """One or two things before somebody whose joints are at ``pixels`` (N, 2), in a third of clips."""
    things: list[Thing] = []
    if rng.random() >= _OCCLUDED_SHARE:
        return things
    low, high = np.clip(pixels.min(0), 0, size), np.clip(pixels.max(0), 0, size)
    extent = np.maximum(high - low, 20)
    for _ in range(rng.integers(1, 3)):
        if rng.random() < 0.6:  # furniture: stands on the picture's lower edge
            wide, top = rng.uniform(0.3, 1.2) * extent[0], low[1] + extent[1] * rng.uniform(0.45, 0.85)
            left = rng.uniform(low[0] - wide / 2, high[0] - wide / 2)
            box = (left, top, left + wide, size[1])
        else:  # a post, or something that hangs
            wide, tall = rng.uniform(0.08, 0.35) * extent[1], rng.uniform(0.15, 1.2) * extent[1]
            left = rng.uniform(low[0], max(high[0] - wide / 2, low[0] + 1))
            top = rng.uniform(low[1], max(high[1] - tall / 4, low[1] + 1))
            box = (left, top, left + wide, top + tall)
        rows, columns = rng.integers(64, SIDE, 2)
        texture = cv2.resize(draw_texture(rng)[:rows, :columns], size)
        left, top, right, bottom = np.clip(np.round(box), 0, [*size, *size]).astype(int)
        if right > left and bottom > top:
            things.append(Thing((left, top, right, bottom), texture))
    return things


class Lens:
    """What a camera makes of a picture: blur, exposure, noise and compression, the same all through a clip."""

    def __init__(self, size: tuple[int, int], rng: np.random.Generator):
        self._size, self._rng = size, rng
        self._blur, self._quality = float(rng.uniform(0, 1)), int(rng.uniform(45, 95))
        gain, gamma = rng.uniform(0.75, 1.2), rng.uniform(0.75, 1.3)
        level = np.clip(np.arange(256) * gain / 255, 0, 1) ** gamma
        self._curve = np.round(255 * level).astype(np.uint8)
        grain = rng.standard_normal((size[1] // 2 + 32, size[0] // 2 + 32)) * rng.uniform(0, 6)
        self._grain = np.repeat(np.round(grain).astype(np.int16)[..., None], 3, 2)

    def take(self, picture: np.ndarray) -> np.ndarray:
        """A picture (H, W, 3), float32, RGB, as a video's frame: uint8, RGB."""
        if self._blur > 0.3:
            picture = cv2.GaussianBlur(picture, (0, 0), self._blur)
        frame = cv2.LUT(np.clip(picture, 0, 255).astype(np.uint8), self._curve)
        row, column = self._rng.integers(0, 32, 2)
        grain = self._grain[row : row + self._size[1] // 2, column : column + self._size[0] // 2]
        noisy = cv2.add(frame, cv2.resize(grain, self._size), dtype=cv2.CV_8U)
        # The encoder takes the channels for BGR and so does the decoder: they come back in their places.
        code = cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, self._quality])[1]
        return cv2.imdecode(code, cv2.IMREAD_COLOR)
