"""Patterns for floors, walls and things: noise, checks, stripes, clutter. None shows a person."""

from __future__ import annotations

import cv2
import numpy as np

SIDE = 512
"""Pixels of a texture's side; it is (SIDE, SIDE, 3) float32, 0 to 255."""
_NOISE, _CLUTTER = 0.45, 0.35  # of all textures; the rest are checks and stripes


def draw_texture(rng: np.random.Generator) -> np.ndarray:
    """One at random, gaudy or nearly gray."""
    kind, gray = rng.random(), np.float32(rng.uniform(0, 0.9))
    draw = _noise if kind < _NOISE else _clutter if kind < _NOISE + _CLUTTER else _checks
    texture = draw(rng)
    return texture + gray * (texture.mean(-1, keepdims=True) - texture)


def _noise(rng: np.random.Generator) -> np.ndarray:
    """Noise of all sizes in one color: plaster, carpet, grass, clouds."""
    field = np.zeros((SIDE, SIDE), np.float32)
    for size in (4, 8, 16, 32, 64, 128, 256):
        cells = rng.standard_normal((size, size)).astype(np.float32)
        field += cv2.resize(cells, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) * size ** -rng.uniform(
            0.3, 1.1
        )
    field = (field - field.mean()) / field.std()
    color = rng.uniform(30, 220, 3)
    contrast = rng.uniform(6, 60) * rng.uniform(0.6, 1, 3)
    return np.clip(color + contrast * field[..., None], 0, 255).astype(np.float32)


def _clutter(rng: np.random.Generator) -> np.ndarray:
    """Many plain shapes over each other: shelves, windows, bushes, posters."""
    picture = _noise(rng)
    for _ in range(rng.integers(20, 160)):
        color = tuple(map(float, rng.uniform(5, 250, 3)))
        x, y = map(int, rng.integers(-60, SIDE, 2))
        wide, high = (int(n) for n in np.exp(rng.uniform(np.log(6), np.log(200), 2)))
        shape = rng.random()
        if shape < 0.6:
            thick = -1 if rng.random() < 0.75 else int(rng.integers(1, 7))
            cv2.rectangle(picture, (x, y), (x + wide, y + high), color, thick, cv2.LINE_AA)
        elif shape < 0.8:
            angle = float(rng.uniform(0, 180))
            cv2.ellipse(
                picture, (x, y), (wide // 2 + 1, high // 2 + 1), angle, 0, 360, color, -1, cv2.LINE_AA
            )
        else:
            end = (x + int(rng.normal(0, wide)), y + int(rng.normal(0, high)))
            cv2.line(picture, (x, y), end, color, int(rng.integers(1, 12)), cv2.LINE_AA)
    if rng.random() < 0.5:
        picture = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.5, 4)))
    return np.clip(picture * np.float32(rng.uniform(0.5, 1.2)), 0, 255)


def _checks(rng: np.random.Generator) -> np.ndarray:
    """Checks or stripes in two colors: tiles, boards, curtains."""
    y, x = np.mgrid[:SIDE, :SIDE]
    size = int(rng.choice([16, 32, 64, 128]))
    crossed = y // size if rng.random() < 0.6 else 0
    first = ((x // size + crossed) % 2).astype(np.float32)[..., None]
    a, b = rng.uniform(20, 235, (2, 3))
    return (a * first + (a + b) / 2 * (1 - first)).astype(np.float32)
