"""The keyframes of one f-curve as arrays: read, split without a change of shape, joined, written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import bpy
import numpy as np

from ...niki.motion import bezier

_FLOATS = {"co": 2, "handle_left": 2, "handle_right": 2, "amplitude": 1, "back": 1, "period": 1}
_ENUMS = ("interpolation", "handle_left_type", "handle_right_type", "easing", "type")
_FLAGS = ("select_control_point", "select_left_handle", "select_right_handle")
_AT = 1e-3  # frames: keys nearer to each other are at the same time


def _number(name: str, item: str) -> int:
    return bpy.types.Keyframe.bl_rna.properties[name].enum_items[item].value


_LINEAR, _CONSTANT, _BEZIER = (_number("interpolation", n) for n in ("LINEAR", "CONSTANT", "BEZIER"))
_FREE, _CLAMPED, _ALIGNED = (_number("handle_left_type", n) for n in ("FREE", "AUTO_CLAMPED", "ALIGNED"))
_NEW = {
    "handle_left_type": _CLAMPED,
    "handle_right_type": _CLAMPED,
    "back": 1.70158,
    "period": 4.1,
    "amplitude": 0.8,
}
"""Defaults of a new key's other properties; those not listed are 0."""


@dataclass(eq=False)
class CurveKeys:
    """N keys in order of time.

    Attributes:
        values: by name of a keyframe property, its values for all keys, (N, 2) or (N,).
    """

    values: dict[str, np.ndarray]

    @classmethod
    def of(cls, curve: bpy.types.FCurve) -> CurveKeys:
        """The keys of ``curve``."""
        points, values = curve.keyframe_points, {}
        for name, dtype in _properties():
            width = _FLOATS.get(name, 1)
            flat = np.empty(width * len(points), dtype)
            points.foreach_get(name, flat)  # pyright: ignore[reportArgumentType]
            values[name] = flat.reshape(-1, width) if width > 1 else flat
        return cls(values)

    @classmethod
    def linear(cls, frames: np.ndarray, values: np.ndarray) -> CurveKeys:
        """Keys with ``values`` (N,) at ``frames`` (N,) and linear interpolation."""
        co = np.column_stack([frames, values]).astype(np.float32)
        return cls({"co": co, "interpolation": np.full(len(co), _LINEAR, np.int32)})

    @classmethod
    def smooth(cls, frames: np.ndarray, values: np.ndarray, slopes: np.ndarray) -> CurveKeys:
        """Keys with ``values`` (N,) and ``slopes`` (N,) per frame at ``frames`` (N,), Bezier interpolation and aligned
        handles."""
        keys = cls.linear(frames, values)
        left, right = bezier.handles(np.asarray(frames, float), values, slopes)
        keys.values |= {"handle_left": left.astype(np.float32), "handle_right": right.astype(np.float32)}
        keys.values["interpolation"][:] = _BEZIER
        for side in ("left", "right"):
            keys.values[f"handle_{side}_type"] = np.full(len(keys), _ALIGNED, np.int32)
        return keys

    def write_to(self, curve: bpy.types.FCurve) -> None:
        """Replace all keys of ``curve`` with these."""
        points = curve.keyframe_points
        points.clear()
        points.add(len(self))
        for name, array in self.values.items():
            points.foreach_set(name, np.ascontiguousarray(array).ravel())  # pyright: ignore[reportArgumentType]
        curve.update()

    def __len__(self) -> int:
        return len(self.values["co"])

    @property
    def frames(self) -> np.ndarray:
        """(N,) the frames of the keys."""
        return self.values["co"][:, 0]

    def with_stretch(
        self, stretch: CurveKeys, evaluate: Callable[[float], float], goes_on: bool = False
    ) -> CurveKeys:
        """These keys, with those from the first to the last frame of ``stretch`` replaced by ``stretch``.

        The curve keeps its shape up to one frame before the stretch and from one frame after it.

        Args:
            evaluate: the value of the current curve at a frame.
            goes_on: whether the curve goes on in straight lines beyond its ends (linear extrapolation).
        """
        first, last = stretch.frames[0] - 1, stretch.frames[-1] + 1
        slopes = self._slopes_lost(first, last) if goes_on and len(self) > 1 else {}
        cut = self._cut(first, evaluate, outside=-1)._cut(last, evaluate, outside=1)
        before, after = cut.frames <= first + _AT, cut.frames >= last - _AT
        if before.any():
            cut._free_handles(np.flatnonzero(before)[-1], outside=-1)
        if after.any():
            cut._free_handles(np.flatnonzero(after)[0], outside=1)
        result = cut._select(before)._join(stretch)._join(cut._select(after))
        for end, slope in slopes.items():
            result._go_on(end, slope)
        return result

    def _cut(self, frame: float, evaluate, outside: int) -> CurveKeys:
        """These keys and one at ``frame``; the curve keeps its shape on the side ``outside`` (-1 before, 1 after)."""
        k = int(np.searchsorted(self.frames, frame - _AT))
        if k in (0, len(self)) or abs(self.frames[k] - frame) < _AT:
            return self
        self._free_handles(k - 1, outside=-1)
        self._free_handles(k, outside=1)
        kind = self.values["interpolation"][k - 1]
        if kind == _BEZIER:
            return self._cut_bezier(k, frame)
        if kind in (_LINEAR, _CONSTANT):
            return self._insert(k, [frame], [evaluate(frame)], kind)
        # A part of an easing curve (bounce, elastic ...) is not an easing curve: key it on every frame.
        left, right = (self.frames[k - 1], frame) if outside < 0 else (frame, self.frames[k])
        frames = np.unique([*np.arange(np.floor(left) + 1, np.ceil(right)), frame])
        cut = self._insert(k, frames, [evaluate(f) for f in frames], _LINEAR)
        if outside < 0:
            cut.values["interpolation"][k - 1] = _LINEAR
        return cut

    def _cut_bezier(self, k: int, frame: float) -> CurveKeys:
        """Split the Bezier segment between keys k - 1 and k at ``frame``, by De Casteljau's algorithm."""
        v = self.values
        points = np.array([v["co"][k - 1], v["handle_right"][k - 1], v["handle_left"][k], v["co"][k]], float)
        handles = abs(points[1, 0] - points[0, 0]) + abs(points[3, 0] - points[2, 0])
        span = points[3, 0] - points[0, 0]
        if handles > span:  # Blender shortens handles that overlap
            points[1] = points[0] + (points[1] - points[0]) * span / handles
            points[2] = points[3] + (points[2] - points[3]) * span / handles
        low, high = 0.0, 1.0
        for _ in range(50):
            middle = (low + high) / 2
            x = ((1 - middle) ** np.arange(3, -1, -1) * middle ** np.arange(4) * (1, 3, 3, 1)) @ points[:, 0]
            low, high = (middle, high) if x < frame else (low, middle)
        t = (low + high) / 2
        a = points[:-1] + t * np.diff(points, axis=0)
        b = a[:-1] + t * np.diff(a, axis=0)
        point = b[0] + t * (b[1] - b[0])
        cut = self._insert(k, [frame], [point[1]], _BEZIER)
        for key, name, position in (
            (k - 1, "handle_right", a[0]), (k, "handle_left", b[0]), (k, "handle_right", b[1]), (k + 1, "handle_left", a[2])
        ):  # fmt: skip
            cut.values[name][key], cut.values[f"{name}_type"][key] = position, _FREE
        return cut

    def _insert(self, k: int, frames, values, kind: int) -> CurveKeys:
        """These keys, with new ones of interpolation ``kind`` before key ``k``."""
        new = CurveKeys.linear(np.asarray(frames), np.asarray(values))
        new.values["interpolation"][:] = kind
        index = np.arange(len(self))
        return self._select(index < k)._join(new)._join(self._select(index >= k))

    def _free_handles(self, k: int, outside: int) -> None:
        """Make both handles of key ``k`` free, so that they stay where they are.

        Automatic handles depend on both neighboring keys. One of those is about to change, but the curve on
        the other side, ``outside`` (-1 before, 1 after), and beyond its ends must not.
        """
        kinds = self.values["interpolation"][: k + 1] if outside < 0 else self.values["interpolation"][k:]
        if not np.isin(kinds, (_LINEAR, _CONSTANT)).all():
            for side in ("left", "right"):
                self.values[f"handle_{side}_type"][k] = _FREE

    def _slopes_lost(self, first: float, last: float) -> dict[int, float]:
        """The slopes of lines beyond end keys, 0 and -1, that follow from a neighbor that will not stay, when keys between
        ``first`` and ``last`` are replaced and the curve is cut there."""
        frames, kinds, lost = self.frames, self.values["interpolation"], {}
        at_start = first - _AT <= frames[0] < first + 1 - _AT
        at_end = frames[-1] > last - 1 + _AT and frames[-2] < last - _AT
        on_line = kinds[-2] == _LINEAR and frames[-1] > last + _AT
        for end, neighbor, loses in ((0, 1, at_start), (-1, -2, at_end and not on_line)):
            if loses and kinds[end] == _LINEAR:
                run, rise = self.values["co"][neighbor] - self.values["co"][end]
                lost[end] = rise / run
        return lost

    def _go_on(self, end: int, slope: float) -> None:
        """Let the line beyond the end key 0 or -1 follow from the key's outer handle."""
        v, outward = self.values, 1 if end else -1
        v["handle_right" if end else "handle_left"][end] = v["co"][end] + np.array([outward, outward * slope])
        v["handle_left_type"][end] = v["handle_right_type"][end] = _FREE
        v["interpolation"][end] = _BEZIER

    def _select(self, mask: np.ndarray) -> CurveKeys:
        return CurveKeys({name: array[mask] for name, array in self.values.items()})

    def _join(self, more: CurveKeys) -> CurveKeys:
        """These keys followed by ``more``, which may lack properties."""
        joined = {}
        for name, array in self.values.items():
            added = more.values.get(name)
            if added is None and name.startswith("handle_") and not name.endswith("type"):
                added = more.values["co"]  # Blender then computes automatic handles
            elif added is None:
                added = np.full(len(more), _NEW.get(name, 0), array.dtype)
            joined[name] = np.concatenate([array, added])
        return CurveKeys(joined)


def _properties():
    """Yield the name and dtype of each keyframe property."""
    yield from ((name, np.float32) for name in _FLOATS)
    yield from ((name, np.int32) for name in _ENUMS)
    yield from ((name, bool) for name in _FLAGS)
