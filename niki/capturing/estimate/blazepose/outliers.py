"""Landmarks that jump away for a single frame and come back."""

from __future__ import annotations

import numpy as np

from .reading import Reading, true_runs

_JUMP, _RATE = 0.12, 24.0  # metres from the middle of the frames before and after, at this rate
_TIMES = 4.0  # as far as those two are from each other, at least


def repair_outliers(reading: Reading, found: np.ndarray, rate: float) -> None:
    """Put landmarks that are far from both the frame before and the frame after, which agree, between the two.

    Args:
        reading: changed in place: world, pixels, and visibility, which falls to nothing there.
        found: (T,) frames in which the person was found; only those in a row are compared.
        rate: frames per second. The fewer, the further a body really moves in between.
    """
    done = 0
    for run in true_runs(found):
        run = slice(done, done + run.stop - run.start)
        done = run.stop
        odd = _single_jumps(reading.world[run], _JUMP * max(1.0, (_RATE / rate) ** 2))
        if not odd.any():
            continue
        for values in (reading.world[run], reading.pixels[run]):
            middle = (values[:-2] + values[2:]) / 2
            values[1:-1][odd] = middle[odd]
        reading.visibility[run][1:-1][odd] = 0


def _single_jumps(world: np.ndarray, jump: float) -> np.ndarray:
    """(T - 2, 33) bool: of the frames but the first and the last."""
    if len(world) < 3:
        return np.zeros((0, world.shape[1]), bool)
    before, after = world[:-2], world[2:]
    away = np.linalg.norm(world[1:-1] - (before + after) / 2, axis=-1)
    return away > np.maximum(jump, _TIMES * np.linalg.norm(after - before, axis=-1))
