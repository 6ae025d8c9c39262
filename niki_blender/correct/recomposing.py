"""Writes the keys of a corrected action: the original's, with the corrections on top, and on top of those whatever the
user has keyed there since."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Quaternion

from ..rig.animation import FCurveOwner, remove_curve, values_at, write_curves
from ..rig.channels import as_quaternion, values_in_mode
from ..rig.curve_keys import CurveKeys
from .layers import Change, Layer

Keys = list[CurveKeys | None]
"""For each component of a channel, its keys; None where it has no f-curve."""
_SAME_HANDLE = 1e-4


@dataclass(eq=False)
class Applied:
    """A correction that is on, and the frames over which it fades."""

    layer: Layer
    fade_in: int
    fade_out: int


def recompose(
    owner: FCurveOwner, base: FCurveOwner | None, before: Sequence[Applied], after: Sequence[Applied]
) -> None:
    """Key the channels in which two lists of corrections may differ.

    Args:
        owner: of the f-curves of the corrected action. base: of the original's; None where it has none.
        before: the corrections with which the keys were last written, in order. after: those to write now.
    """
    channels = {change.path: change for applied in (*before, *after) for change in applied.layer.changes}
    for path, change in channels.items():
        was, now = (
            [
                (other, *applied.layer.faded(other, applied.fade_in, applied.fade_out))
                for applied in applieds
                for other in applied.layer.changes
                if other.path == path
            ]
            for applieds in (before, after)
        )
        if not _same_changes(was, now):
            _Channel(owner, change).recompose(_read(base, path, len(change.still)), was, now)


def _same_changes(was, now) -> bool:
    return len(was) == len(now) and all(
        np.array_equal(a[1], b[1]) and np.array_equal(a[2], b[2]) for a, b in zip(was, now, strict=True)
    )


class _Channel:
    """The f-curves of one channel of a bone."""

    def __init__(self, owner: FCurveOwner, change: Change):
        self._owner, self._change, self._path, self._count = owner, change, change.path, len(change.still)

    def recompose(self, base: Keys, was, now) -> None:
        """Key the channel: ``base`` and the changes ``now``, instead of ``was``, and the user's own keys on top."""
        current = self._read()
        written = self._compose(base, was)
        if any(keys is None and other is not None for keys, other in zip(current, written, strict=True)):
            self._write(current)  # the user has deleted curves: they are not ours any more
            return
        edits = _edited_stretches(current, written)
        result = self._compose(base, now)
        for low, high in edits:
            if _edited_stretches(_between(result, low, high), _between(written, low, high)):
                result = self._add_edit(low, high, current, written, result)
            else:
                result = [_spliced(*keys, low, high) for keys in zip(result, current, strict=True)]
                self._write(result)

    def _compose(self, base: Keys, changes) -> Keys:
        """Write ``base`` and changes on top, and return the keys."""
        self._write(base)
        for change, frames, values in changes:
            if len(frames):
                after = change.add_to(self._values(frames), values)
                write_curves(self._owner, self._path, change.bone, frames, after)
        return self._read()

    def _add_edit(self, low: float, high: float, current: Keys, written: Keys, result: Keys) -> Keys:
        """Add what the user changed between two frames, from ``written`` to ``current``, to ``result``."""
        keyed = _frames(_between(current, low, high)) + _frames(_between(written, low, high))
        whole = np.arange(np.ceil(min(keyed)), np.floor(max(keyed)) + 1)
        frames = np.unique(np.array([*keyed, *whole], np.float32))
        sampled = []
        for keys in (current, written, result):
            self._write(keys)
            sampled.append(self._values(frames))
        values = np.array([self._edited(*rows) for rows in zip(*sampled, strict=True)])
        write_curves(self._owner, self._path, self._change.bone, frames, values)
        return self._read()

    def _edited(self, current: np.ndarray, written: np.ndarray, result: np.ndarray) -> np.ndarray:
        """``result``, changed as the user changed ``written`` to ``current``; each (n,)."""
        if np.array_equal(current, written):
            return result
        if np.array_equal(result, written):
            return current
        moved = result + current - written
        if self._change.channel == "location":
            return moved
        mode = self._change.mode
        edit = as_quaternion(mode, written.tolist()).inverted() @ as_quaternion(mode, current.tolist())
        turned: Quaternion = as_quaternion(mode, result.tolist()) @ edit
        return np.array(values_in_mode(turned, mode, moved.tolist()))

    def _values(self, frames: Iterable[float]) -> np.ndarray:
        """(T, n) the values at frames; those of a component without an f-curve do not change."""
        frames, columns = [float(frame) for frame in frames], []
        for index, still in enumerate(self._change.still):
            curve = self._owner.fcurves.find(self._path, index=index)
            columns.append(values_at(curve, frames) if curve else [still] * len(frames))
        return np.array(columns).T

    def _read(self) -> Keys:
        return _read(self._owner, self._path, self._count)

    def _write(self, keys: Keys) -> None:
        """Write the keys of all components, and remove the f-curves of those that have none."""
        for index, component in enumerate(keys):
            curve = self._owner.fcurves.find(self._path, index=index)
            if component is not None:
                if curve is None:
                    curve = self._owner.fcurves.new(self._path, index=index)
                    group = self._change.bone
                    curve.group = self._owner.groups.get(group) or self._owner.groups.new(group)
                component.write_to(curve)
            elif curve is not None:
                remove_curve(self._owner, curve)


def _read(owner: FCurveOwner | None, path: str, count: int) -> Keys:
    curves = [owner.fcurves.find(path, index=index) if owner else None for index in range(count)]
    return [CurveKeys.of(curve) if curve else None for curve in curves]


def _edited_stretches(current: Keys, written: Keys) -> list[tuple[float, float]]:
    """Where keys differ: for each stretch, the frames of the last key before and of the first after that are alike."""
    differing, alike = set(), set()
    for a, b in zip(current, written, strict=True):
        ours, theirs = _rows(b), _rows(a)
        for frame in ours.keys() | theirs.keys():
            same = frame in ours and frame in theirs and _alike(ours[frame], theirs[frame])
            (alike if same else differing).add(frame)
    alike, stretches = sorted(alike - differing), []
    for frame in sorted(differing):
        k = int(np.searchsorted(alike, frame))
        low = alike[k - 1] if k else -np.inf
        high = alike[k] if k < len(alike) else np.inf
        if not stretches or stretches[-1] != (low, high):
            stretches.append((low, high))
    return stretches


def _rows(keys: CurveKeys | None) -> dict[float, tuple[tuple, np.ndarray]]:
    """By frame, what of each key shapes the curve: what must be equal, and its handles, which Blender rounds."""
    if keys is None or not len(keys):
        return {}
    v, bezier = keys.values, _is_bezier(keys)
    shape = zip(v["co"][:, 1].tolist(), v["interpolation"].tolist(), strict=True)
    handles = np.concatenate([v["handle_left"], v["handle_right"]], 1) * bezier[:, [0, 0, 1, 1]]
    return dict(zip(keys.frames.tolist(), zip(shape, handles, strict=True), strict=True))


def _is_bezier(keys: CurveKeys) -> np.ndarray:
    """(N, 2) whether the curve before and after each key is a Bezier curve."""
    kind = bpy.types.Keyframe.bl_rna.properties["interpolation"].enum_items["BEZIER"].value
    after = keys.values["interpolation"] == kind
    after[-1] = False
    return np.column_stack([np.concatenate([[False], after[:-1]]), after])


def _alike(a, b) -> bool:
    return a[0] == b[0] and bool(np.abs(a[1] - b[1]).max() <= _SAME_HANDLE * (1 + np.abs(a[1]).max()))


def _frames(keys: Keys) -> list[float]:
    return [frame for component in keys if component is not None for frame in component.frames.tolist()]


def _between(keys: Keys, low: float, high: float) -> Keys:
    return [
        _select(component, (component.frames > low) & (component.frames < high))
        if component is not None
        else None
        for component in keys
    ]


def _spliced(
    result: CurveKeys | None, current: CurveKeys | None, low: float, high: float
) -> CurveKeys | None:
    """The keys of ``result``, and between two frames those of ``current``."""
    if current is None or result is None:
        return current if result is None else result
    parts = (
        _select(result, result.frames <= low),
        _select(current, (current.frames > low) & (current.frames < high)),
        _select(result, result.frames >= high),
    )
    return CurveKeys({name: np.concatenate([part.values[name] for part in parts]) for name in result.values})


def _select(keys: CurveKeys, mask: np.ndarray) -> CurveKeys:
    return CurveKeys({name: array[mask] for name, array in keys.values.items()})
