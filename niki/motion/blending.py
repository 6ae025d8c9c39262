"""Changes that are known in some frames, faded into the others. numpy only."""

from __future__ import annotations

import numpy as np


def faded(change: np.ndarray, known: np.ndarray, fade: int) -> np.ndarray:
    """A change that is kept where it is known, and fades before and after, at the rate at which it came.

    Args:
        change: (T,) or (T, C). known: (T,) bool: where it counts; elsewhere its values are not used.
        fade: frames from the last known one until nothing is left.

    Returns:
        the change in every frame; its rate is continuous, and both are zero ``fade`` frames away.
    """
    count = len(change)
    flat = np.asarray(change, float).reshape(count, -1)
    result = np.where(known[:, None], flat, 0.0)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(known, int), [0]])))
    starts, stops = edges[::2], edges[1::2]
    for k, (start, stop) in enumerate(zip(starts, stops, strict=True)):
        before = start - (stops[k - 1] if k else -fade)
        after = (starts[k + 1] if k + 1 < len(starts) else count + fade) - stop
        several = stop - start > 1
        rate = flat[start] - flat[start + 1] if several else 0 * flat[start]
        _add(result[:start][::-1], flat[start], rate, min(fade, before))
        rate = flat[stop - 1] - flat[stop - 2] if several else 0 * flat[start]
        _add(result[stop:], flat[stop - 1], rate, min(fade, after))
    return result.reshape(np.shape(change))


def _add(result: np.ndarray, value: np.ndarray, rate: np.ndarray, fade: int) -> None:
    """Add a cubic that leaves ``value`` at ``rate`` a frame, one frame before ``result``, and ends in zero."""
    span = fade + 1
    at = (np.arange(1, span) / span)[: len(result), None]
    result[: len(at)] += (1 - at) ** 2 * ((1 + 2 * at) * value + at * span * rate)


def spread_over(values: np.ndarray, known: np.ndarray, width: float) -> np.ndarray:
    """(T,) a smooth curve near ``values`` (T,) where they are ``known`` (T,), and towards zero far from there.

    Args:
        width: frames: the standard deviation of the bell over which means are taken.
    """
    weights = bell(width)
    reach = len(weights) // 2
    weight = np.convolve(known, weights)[reach:-reach]
    return np.convolve(np.where(known, values, 0), weights)[reach:-reach] / (weight + 0.05)


def bell(width: float) -> np.ndarray:
    """(2 n + 1,) weights over time with 1 in the middle: a normal curve whose standard deviation is ``width`` frames."""
    reach = max(int(4 * width), 1)
    return np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(width, 1e-3)) ** 2)


def eased(values: np.ndarray, width: int) -> np.ndarray:
    """(T,) a smooth curve that is nowhere below ``values`` (T,) and above them by at most what ``width`` frames to
    each side hold."""
    width = max(width, 1)
    padded = np.pad(values, 2 * width, mode="edge")
    highest = np.lib.stride_tricks.sliding_window_view(padded, 2 * width + 1).max(-1)
    weights = np.hanning(2 * width + 3)[1:-1]
    return np.convolve(highest, weights / weights.sum(), mode="valid")


def smoothly(share: np.ndarray | float):
    """Shares from 0 to 1, beyond which they are clipped, that start and end smoothly."""
    share = np.clip(share, 0.0, 1.0)
    return share * share * (3 - 2 * share)
