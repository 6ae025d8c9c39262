"""Steps that no body makes: the person who is followed may have become another.

Looks at the picture, where two people stand in different places or postures, in metres at the person's
distance. Left and right are not told apart here: that they are exchanged is another matter.
"""

from __future__ import annotations

import numpy as np

from .landmarks import POINTS

_NAMES = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
_SIDES = np.array([[list(POINTS).index(f"{side}_{name}") for name in _NAMES] for side in ("left", "right")])
_LEAST = 0.2  # metres: less, and an unsteady reading looks the same
_CHANGE = 4.0  # metres per second by which a body's pace changes from one frame to the next
_AROUND = 3  # frames to either side that tell the usual pace


def find_jumps(
    pixels: np.ndarray, metres_per_pixel: np.ndarray, times: np.ndarray, rate: float
) -> np.ndarray:
    """Indices of frames to which a step leads that no body makes.

    Args:
        pixels: (F, 19, 2) points, as ``landmarks.points_of`` orders them, of the frames in which the person
            was found. metres_per_pixel: (F,) at the person. times: (F,) seconds. rate: frames per second.
    """
    if len(pixels) < 2:
        return np.zeros(0, int)
    moved = _moved(pixels) * np.minimum(metres_per_pixel[1:], metres_per_pixel[:-1])
    span = np.maximum(np.diff(times), 0.5 / rate)
    usual = _median_around(moved / span)
    return np.flatnonzero(moved > usual * span + _LEAST + _CHANGE * span) + 1


def _moved(pixels):
    """(F - 1,) pixels by which the middle one of the joints has moved, taken the nearer way round."""
    sides = pixels[:, _SIDES]
    ways = [np.linalg.norm(after - sides[:-1], axis=-1) for after in (sides[1:], sides[1:, ::-1])]
    return np.min([np.median(way, axis=(1, 2)) for way in ways], axis=0)


def _median_around(values):
    """The median of each value's neighbours, itself left out."""
    padded = np.pad(values, _AROUND, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * _AROUND + 1)
    others = np.delete(windows, _AROUND, axis=1)
    alone = np.isnan(others).all(1)
    return np.where(alone, 0, np.nanmedian(np.where(alone[:, None], 0, others), axis=1))
