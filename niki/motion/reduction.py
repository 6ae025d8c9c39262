"""Fewer keyframes: smooth curves with as few keys as an error bound allows. numpy only.

Every curve starts with a key on each frame. Keys are taken away one after the other, the curve about each is fitted
anew by least squares, and what is taken away stays away if nothing on the skeleton is off by more than the bound. The
bound rises from a tenth to the whole, so that the bones share it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..body import rotation as rot
from ..errors import NikiError
from . import bezier
from .channels import rotations_from_channels

LOCATION = "LOCATION"
_SIDE = 0.1  # meters: how far the points beside a bone are from it, about where the skin of head and trunk is
_RISING = (0.1, 0.25, 0.5, 0.75, 1.0)
_MORE_SWEEPS = 2  # with the whole bound
_HOLD = 1e-4  # weight of a key's value and slope so far, for where no frame tells them
_PINNED = 1e9  # weight of the first and the last value
_STILL = 1e-6  # radians or meters: a curve that varies less needs no keys between


@dataclass(frozen=True, eq=False)
class Linkage:
    """B bones, each after its parent, as Blender computes them.

    Attributes:
        parents: the index of each bone's parent, -1 for none.
        rests: (B, 4, 4) each at rest in the frame of its parent at rest, in meters.
        lengths: (B,) meters, along each bone's own Y axis.
    """

    parents: tuple[int, ...]
    rests: np.ndarray
    lengths: np.ndarray

    def subtree(self, bone: int) -> list[int]:
        """The bone and all that hang on it."""
        found = [bone]
        for child in range(bone + 1, len(self.parents)):
            if self.parents[child] in found:
                found.append(child)
        return found

    def pose(self, rotations: np.ndarray, locations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The bones' orientations (T, B, 3, 3), and what is watched of them, (T, B, 4, 3) meters: the head, the tail,
        and two points beside the bone, which tell its twist.

        Args:
            rotations: (T, B, 3, 3), locations: (T, B, 3), both in the bones' own axes.
        """
        turns, heads = np.empty_like(rotations), np.empty_like(locations)
        for b, parent in enumerate(self.parents):
            turn, place = self.rests[b, :3, :3], self.rests[b, :3, 3]
            if parent >= 0:
                place = heads[:, parent] + rot.apply(turns[:, parent], place)
                turn = turns[:, parent] @ turn
            heads[:, b] = place + rot.apply(turn, locations[:, b])
            turns[:, b] = turn @ rotations[:, b]
        ends = np.zeros((len(self.parents), 4, 3))
        ends[:, 1, 1], ends[:, 2, 0], ends[:, 3, 2] = self.lengths, _SIDE, _SIDE
        return turns, heads[:, :, None] + ends @ rot.transpose(turns)


@dataclass(eq=False)
class Track:
    """The rotation or the location of a bone: curves that share their keys.

    Attributes:
        bone: its index. kind: its rotation mode, of :data:`niki.motion.channels.MODES`, or ``LOCATION``.
        values: (T, n) of all curves on every frame.
        free: (n,) which of the curves may change.
        allowed: the frames that may have a key, ascending, indices from 0; default all. Those before the first and after
            the last are as these.
        keys, key_values, slopes: (K,), (K, n), (K, n per frame): the curves as they are now, see :mod:`.bezier`.
    """

    bone: int
    kind: str
    values: np.ndarray
    free: np.ndarray = field(default_factory=lambda: np.ones(0, bool))
    allowed: np.ndarray | None = None
    keys: np.ndarray = field(init=False)
    key_values: np.ndarray = field(init=False)
    slopes: np.ndarray = field(init=False)
    curves: np.ndarray = field(init=False)

    def __post_init__(self):
        if not len(self.free):
            self.free = np.ones(self.values.shape[1], bool)
        self.keys = np.arange(len(self.values)) if self.allowed is None else np.unique(self.allowed)
        self.key_values = self.values[self.keys].astype(float)
        inside = self.values[self.keys[0] : self.keys[-1] + 1]
        slopes = np.gradient(inside, axis=0) if len(inside) > 1 else np.zeros_like(inside)
        self.slopes = slopes[self.keys - self.keys[0]]
        self.curves = self._played()
        varies = (np.ptp(inside, axis=0) > _STILL)[self.free].any()
        if not varies:
            self._keep(self.keys[[0, -1]] if len(self.keys) > 1 else self.keys)

    def _keep(self, keys):
        at = np.searchsorted(self.keys, keys)
        self.keys, self.key_values, self.slopes = keys, self.key_values[at], 0 * self.slopes[at]
        self.curves = self._played()

    def _played(self) -> np.ndarray:
        curves = self.values.astype(float).copy()
        frames = np.arange(len(curves))
        fitted = bezier.evaluate(frames, self.keys, self.key_values, self.slopes)
        curves[:, self.free] = fitted[:, self.free]
        return curves

    def moves(self, curves: np.ndarray) -> np.ndarray:
        """What the bone does: rotations (T, 3, 3) or locations (T, 3)."""
        return curves if self.kind == LOCATION else rotations_from_channels(curves, self.kind)


class Reduction:
    """Takes keys away from tracks.

    Args:
        linkage: the bones.
        tracks: all that moves them; at most one rotation and one location of each.
        bound: meters. No head, tail or point beside a bone may be off by more at any frame.

    Raises:
        NikiError: the bound is not a number above zero.
    """

    def __init__(self, linkage: Linkage, tracks: Sequence[Track], bound: float):
        if not bound > 0:
            raise NikiError(f"The bound must be above zero, not {bound}")
        self._linkage, self._bound = linkage, bound
        self.tracks = list(tracks)
        self._frames = len(self.tracks[0].values) if self.tracks else 0
        self._subtrees = [linkage.subtree(b) for b in range(len(linkage.parents))]
        self._wanted = linkage.pose(*self._poses([track.values for track in self.tracks]))[1]
        self._measure()

    def _poses(self, curves: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        count = len(self._linkage.parents)
        rotations = np.tile(np.eye(3), (self._frames, count, 1, 1))
        locations = np.zeros((self._frames, count, 3))
        for track, values in zip(self.tracks, curves, strict=True):
            into = locations if track.kind == LOCATION else rotations
            into[:, track.bone] = track.moves(values)
        return rotations, locations

    def _measure(self) -> None:
        self._rotations, locations = self._poses([track.curves for track in self.tracks])
        self._turns, self._points = self._linkage.pose(self._rotations, locations)

    def deviation(self, curves: Sequence[np.ndarray] | None = None) -> np.ndarray:
        """(T,) meters: the largest error of what is watched, on each frame.

        Args:
            curves: for each track (T, n), what is played instead of its curves as they are now.
        """
        curves = [track.curves for track in self.tracks] if curves is None else curves
        points = self._linkage.pose(*self._poses(curves))[1]
        return np.linalg.norm(points - self._wanted, axis=-1).max((1, 2))

    def run(self, progress: Callable[[float], None] = lambda share: None) -> None:
        """Take away as many keys as the bound allows.

        Args:
            progress: called with the share that is done.
        """
        shares = _RISING + (1.0,) * _MORE_SWEEPS
        for done, share in enumerate(shares):
            progress(done / len(shares))
            if self._sweep(share * self._bound) == 0 and share == 1:
                break

    def _sweep(self, bound: float) -> int:
        """Try all keys once; return how many went."""
        gone = 0
        for track in reversed(self.tracks):
            for offset in range(4):
                gone += self._thin(track, offset, bound)
        self._measure()
        return gone

    def _thin(self, track: Track, offset: int, bound: float) -> int:
        """Try to take away each fourth key of a track; return how many went."""
        tried = np.arange(1 + offset, len(track.keys) - 1, 4)
        if not len(tried) or not track.free.any():
            return 0
        windows = _Windows(track, tried)
        ok = self._accept(track, windows, bound)
        if not ok.any():
            return 0
        windows.apply(track, ok)
        return int(ok.sum())

    def _accept(self, track: Track, windows: _Windows, bound: float) -> np.ndarray:
        """Which windows keep the bound with their new curves; the skeleton follows those."""
        b, f = track.bone, windows.frames
        bones = self._subtrees[b]
        own = self._rotations[f, b]
        before = self._turns[f, b] @ rot.transpose(own)  # orientation without the bone's own rotation
        points = self._points[f][:, bones].reshape(len(f), -1, 3)
        heads = self._points[f, b, :1]
        if track.kind == LOCATION:
            shift = rot.apply(before, windows.curves - track.curves[f])
            moved = points + shift[:, None]
        else:
            new = track.moves(windows.curves)
            turn = before @ new @ rot.transpose(self._turns[f, b])
            moved = heads + (points - heads) @ rot.transpose(turn)
        wanted = self._wanted[f][:, bones].reshape(len(f), -1, 3)
        off = ((moved - wanted) ** 2).sum(-1).max(1)
        ok = np.maximum.reduceat(off, windows.starts) <= bound**2
        yes = ok[windows.window]
        g = f[yes]
        self._points[np.ix_(g, bones)] = moved[yes].reshape(len(g), len(bones), 4, 3)
        if track.kind != LOCATION:
            self._rotations[g, b] = new[yes]
            self._turns[np.ix_(g, bones)] = turn[yes][:, None] @ self._turns[np.ix_(g, bones)]
        return ok


class _Windows:
    """The stretches about keys that are to go, each from the key but one before to the key but one after, with curves
    fitted to them: the values and slopes at the key before and the key after are free.

    Attributes:
        frames: (F,) the frames between, of all windows. window: (F,) theirs. starts: (W,) the first of each.
        curves: (F, n) the new curves.
    """

    def __init__(self, track: Track, tried: np.ndarray):
        self.tried, last = tried, len(track.keys) - 1
        keys, free = track.keys, track.free
        inner = np.stack([tried - 1, tried + 1], axis=1)  # (W, 2)
        outer = np.stack([np.maximum(tried - 2, 0), np.minimum(tried + 2, last)], axis=1)
        first = keys[outer[:, 0]] + (outer[:, 0] != inner[:, 0])
        end = keys[outer[:, 1]] + (outer[:, 1] == inner[:, 1])
        counts = end - first
        self.starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        self.window = np.repeat(np.arange(len(tried)), counts)
        self.frames = np.arange(counts.sum()) - (self.starts - first)[self.window]
        corners = np.concatenate([outer[:, :1], inner, outer[:, 1:]], axis=1)[self.window]  # (F, 4) of keys
        at = keys[corners]
        part = 1 - (self.frames < at[:, 1]) + (self.frames >= at[:, 2]) * (at[:, 3] > at[:, 2])
        row = np.arange(len(part))
        weights = np.zeros((len(part), 4, 2))  # of the values and slopes at the four corners
        w = bezier.hermite(self.frames, at[row, part], at[row, part + 1])
        weights[row, part], weights[row, part + 1] = w[:, :2], w[:, 2:]
        known = np.stack([track.key_values, track.slopes], axis=1)[corners]  # (F, 4, 2, n)
        fixed = np.einsum("fcd,fcdn->fn", weights[:, [0, 3]], known[:, [0, 3]])
        a = weights[:, 1:3].reshape(-1, 4)
        rest = track.values[self.frames] - fixed
        matrix = np.add.reduceat(a[:, :, None] * a[:, None], self.starts)
        right = np.add.reduceat(a[:, :, None] * rest[:, None], self.starts)
        now = np.stack([track.key_values, track.slopes], axis=1)[inner].reshape(len(tried), 4, -1)
        hold = np.full((len(tried), 4), _HOLD)
        hold[inner[:, 0] == 0, 0] = hold[inner[:, 1] == last, 2] = _PINNED
        matrix += hold[:, :, None] * np.eye(4)
        right += hold[:, :, None] * now
        self.fitted = np.where(free, np.linalg.solve(matrix, right), now)
        curves = np.einsum("fe,fen->fn", a, self.fitted[self.window]) + fixed
        self.curves = np.where(free, curves, track.values[self.frames])
        self._inner = inner

    def apply(self, track: Track, ok: np.ndarray) -> None:
        """Take the keys away where ``ok`` (W,), with the new curves."""
        for side in range(2):
            k = self._inner[ok, side]
            track.key_values[k] = self.fitted[ok, 2 * side]
            track.slopes[k] = self.fitted[ok, 2 * side + 1]
        yes = ok[self.window]
        track.curves[self.frames[yes]] = self.curves[yes]
        gone = self.tried[ok]
        for name in ("keys", "key_values", "slopes"):
            setattr(track, name, np.delete(getattr(track, name), gone, axis=0))
