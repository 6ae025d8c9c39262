"""Smooth curves between keyframes, as Blender's Bezier f-curves. numpy only.

A handle reaches a third of the way to the next key. Time then runs evenly along each segment, so that what Blender
finds by solving x(t) = frame is a cubic with known values and slopes at both of its ends. Both handles of a key lie on
one line, Blender's *Aligned*.
"""

from __future__ import annotations

import numpy as np


def segments_of(frames: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """(F,) the index of the key at which the segment of each of ``frames`` starts; frames outside belong to the nearest."""
    return np.clip(np.searchsorted(keys, frames, side="right") - 1, 0, max(len(keys) - 2, 0))


def hermite(frames: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """What the cubic from ``first`` (F,) to ``last`` (F,) takes at ``frames`` (F,) from its ends.

    Returns:
        (F, 4) the weights of the value and slope at the first end, and of those at the last.
    """
    span = last - first
    t = (frames - first) / span
    back = 1 - t
    return np.stack(
        [back**2 * (1 + 2 * t), span * t * back**2, t**2 * (3 - 2 * t), -span * t**2 * back], axis=-1
    )


def evaluate(frames: np.ndarray, keys: np.ndarray, values: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """The curves at ``frames``; before the first key and after the last they stay as they are there.

    Args:
        frames: (F,) any. keys: (K,) ascending.
        values: (K, n) at the keys. slopes: (K, n) per frame.

    Returns:
        (F, n).
    """
    if len(keys) == 1:
        return np.repeat(values, len(frames), axis=0)
    frames = np.clip(np.asarray(frames, float), keys[0], keys[-1])
    k = segments_of(frames, keys)
    weights = hermite(frames, keys[k], keys[k + 1])
    ends = np.stack([values[k], slopes[k], values[k + 1], slopes[k + 1]], axis=1)
    return np.einsum("fe,fen->fn", weights, ends)


def handles(keys: np.ndarray, values: np.ndarray, slopes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the left and the right handles of one curve's keys are, (K, 2) each: frame and value.

    Args:
        keys, values, slopes: (K,) as in :func:`evaluate`, of one curve.
    """
    gaps = np.diff(keys) / 3
    outer = gaps[[0, -1]] if len(gaps) else np.ones(2)
    before, after = np.concatenate([outer[:1], gaps]), np.concatenate([gaps, outer[1:]])
    left = np.column_stack([keys - before, values - before * slopes])
    return left, np.column_stack([keys + after, values + after * slopes])
