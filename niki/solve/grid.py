"""How the frames of a clip of any length and rate are shared among windows. numpy only."""

from __future__ import annotations

import numpy as np

from ..network.temporal import RATE, WINDOW

_HOP = WINDOW // 2
_STEADY, _STEADY_REACH = 2.0, 6  # frames: standard deviation of an average over time, and its reach


class Grid:
    """How the frames of a clip are shared among windows of ``WINDOW`` frames at about ``RATE`` per second."""

    def __init__(self, count: int, rate: float):
        self._count = count
        self._apart = max(1, round(rate / RATE))  # every so many frames are a clip of their own
        self._between = max(1, round(RATE / rate))  # every so many places hold a frame
        frames = np.arange(-_STEADY_REACH * self._apart, _STEADY_REACH * self._apart + 1)
        share = np.exp(-0.5 * (frames / (_STEADY * self._apart)) ** 2)
        self._share = share / share.sum()
        self.steadied = 1 / (self._share**2).sum()
        """How many frames of errors of their own :meth:`steady` averages."""
        self.reach = max(self._apart - 1, 0) + len(self._share) // 2
        """Frames on either side that have a say in a frame, once windows are solved."""

    def windows(self, frames: slice) -> np.ndarray:
        """(W, 64) the frames in each window that holds any of ``frames``; -1 where there is none."""
        rows = []
        for first in range(self._apart):
            if self._between > 1:
                places = (self._count - 1) * self._between + 1
            else:
                places = -(-(self._count - first) // self._apart)
            size = min(WINDOW, places)
            starts = np.append(np.arange(0, places - size, _HOP), places - size)[: max(places, 0)]
            for start in starts[self._hold(starts, size, first, frames)]:
                at = start + np.arange(size)
                if self._between > 1:
                    row = np.where(at % self._between == 0, at // self._between, -1)
                else:
                    row = first + self._apart * at
                rows.append(np.pad(row, (0, WINDOW - size), constant_values=-1))
        rows = np.array(rows)
        return rows[:, : (rows >= 0).any(0).nonzero()[0].max() + 1]

    def _hold(self, starts, size, first, frames):
        """(W,) whether the windows that start at the places ``starts`` hold any of ``frames``."""
        if self._between > 1:
            earliest, latest = -(-starts // self._between), (starts + size - 1) // self._between
        else:
            earliest, latest = first + self._apart * starts, first + self._apart * (starts + size - 1)
        return (latest >= frames.start) & (earliest < frames.stop)

    def evened(self, values: np.ndarray) -> np.ndarray:
        """(N, n) with neighbours averaged that were solved as clips of their own."""
        apart = np.arange(1 - self._apart, self._apart)
        return _averaged(values, self._apart - np.abs(apart))

    def steady(self, values: np.ndarray) -> np.ndarray:
        """(N, ...) averaged over a few frames."""
        return _averaged(values, self._share)


def _averaged(values, shares):
    """(N, ...) averaged over time with ``shares`` (2 k + 1,) of the neighbours that there are."""
    count, reach = len(values), len(shares) // 2
    total, weight = np.zeros_like(values), np.zeros(count)
    for apart, share in zip(range(-reach, reach + 1), shares, strict=True):
        to = slice(max(0, -apart), min(count, count - apart))
        source = slice(max(0, apart), min(count, count + apart))
        if to.stop > to.start:
            total[to] += share * values[source]
            weight[to] += share
    return total / weight.reshape(-1, *[1] * (values.ndim - 1))
