"""Fewer keys in an armature's action, as many as hold the motion within a bound."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import bpy
import numpy as np

from ...niki.motion.reduction import LOCATION, Linkage, Reduction, Track
from ..rig.animation import bone_path, fcurves_of
from ..rig.armature import TAIL_TIP
from ..rig.channels import rotation_property
from ..rig.curve_keys import CurveKeys


@dataclass
class Reduced:
    """What a reduction did.

    Attributes:
        kept, before: keys of the curves that it could change, after and before.
        error: meters in armature space: how far anything on the bones is off, as Blender plays the curves.
        left_alone: how many curves it could not change, by the reason.
        paths: the data paths that it changed.
    """

    kept: int = 0
    before: int = 0
    error: float = 0.0
    left_alone: Counter[str] = field(default_factory=Counter)
    paths: set[str] = field(default_factory=set)


@dataclass(eq=False)
class _Curves:
    """The curves of a bone's rotation or location, and what they play."""

    path: str
    kind: str
    bone: int
    curves: dict[int, bpy.types.FCurve]
    free: list[int]
    resting: np.ndarray

    def sample(self, frames: np.ndarray) -> np.ndarray:
        """(T, n) what Blender plays."""
        values = np.tile(self.resting, (len(frames), 1))
        for index, curve in self.curves.items():
            values[:, index] = [curve.evaluate(frame) for frame in frames.tolist()]
        return values


def reduce_keys(
    rig: bpy.types.Object,
    bound: float,
    bones: Iterable[str] | None = None,
    span: tuple[int, int] | None = None,
    step: int = 1,
    progress: Callable[[float], None] = lambda share: None,
) -> Reduced:
    """Replace the keys of the bones' rotations and locations in the rig's own action by fewer ones, with Bezier handles.

    The channels of a rotation or a location share their keys, so that a bone's keys are in one place. Curves that this
    would give no fewer keys stay as they are, and so do curves that are locked, muted, driven, stepped, or have modifiers.

    Args:
        bound: meters in armature space. Nothing on the bones is off by more at any frame.
        bones: the names of those whose keys may change; default all.
        span: first and last frame to change; keys outside stay. Default all.
        step: keys may be on each so-many-th frame of the span only, and on its last.
        progress: called with the share that is done.

    Raises:
        NikiError: the bound is not above zero.
    """
    order = _parents_first(rig)
    report, allowed = Reduced(), set(rig.pose.bones.keys() if bones is None else bones)
    groups = [
        g for i, bone in enumerate(order) for g in _groups(rig, bone, i, bone.name in allowed, span, report)
    ]
    spans = {}
    for group in groups:
        found = _span_of(group, span) if group.free else None
        if found is None:
            group.free = []
        else:
            spans[group.path] = found
    ends = np.array([spans[g.path] for g in groups if g.free])
    if not len(ends):
        return report
    frames = np.arange(ends[:, 0].min(), ends[:, 1].max() + 1)
    values = [group.sample(frames) for group in groups]
    linkage = _linkage(order)
    while True:
        tracks = [
            _track(group, values[i], spans.get(group.path), frames, step) for i, group in enumerate(groups)
        ]
        reduction = Reduction(linkage, tracks, bound)
        reduction.run(progress)
        useless = [
            group
            for group, track in zip(groups, tracks, strict=True)
            if group.free and len(track.keys) * len(group.free) >= _count(group, spans[group.path])
        ]
        if not useless:
            break
        for group in useless:
            group.free = []
    for group, track in zip(groups, tracks, strict=True):
        if group.free:
            report.before += _count(group, spans[group.path])
            _write(group, track, frames, spans[group.path])
            report.kept += len(track.keys) * len(group.free)
            report.paths.add(group.path)
    report.error = float(reduction.deviation([group.sample(frames) for group in groups]).max())
    return report


def _parents_first(rig: bpy.types.Object) -> list[bpy.types.PoseBone]:
    return sorted(rig.pose.bones, key=lambda bone: len(bone.parent_recursive))


def _linkage(order: list[bpy.types.PoseBone]) -> Linkage:
    at = {bone.name: i for i, bone in enumerate(order)}
    rests = []
    for bone in order:
        rest = np.array(bone.bone.matrix_local)
        if bone.parent:
            rest = np.linalg.inv(np.array(bone.parent.bone.matrix_local)) @ rest
        rests.append(rest)
    parents = tuple(at[bone.parent.name] if bone.parent else -1 for bone in order)
    lengths = [bone.bone.length / (1 if bone.children else TAIL_TIP) for bone in order]
    return Linkage(parents, np.array(rests), np.array(lengths))


def _groups(
    rig, bone: bpy.types.PoseBone, index: int, allowed: bool, span: tuple[int, int] | None, report: Reduced
) -> Iterable[_Curves]:
    """The bone's rotation and location, with the curves that animate them."""
    for name, kind in ((rotation_property(bone), bone.rotation_mode), ("location", LOCATION)):
        path, curves, free = bone_path(bone.name, name), {}, []
        for curve in fcurves_of(rig):
            if curve.data_path != path:
                continue
            driven = any(d.data_path == path and d.array_index == curve.array_index for d in _drivers(rig))
            muted = curve.mute or (curve.group is not None and curve.group.mute)
            if not muted and not driven:
                curves[curve.array_index] = curve
            reason = "driven" if driven else "muted" if muted else _why_not(curve, span)
            if allowed and reason:
                report.left_alone[reason] += 1
            elif allowed:
                free.append(curve.array_index)
        yield _Curves(path, kind, index, curves, free, np.array(getattr(bone, name), float))


def _drivers(rig: bpy.types.Object) -> Iterable[bpy.types.FCurve]:
    return rig.animation_data.drivers


def _why_not(curve: bpy.types.FCurve, span: tuple[int, int] | None) -> str:
    """Why the keys of a curve cannot be replaced, in a word; "" if they can."""
    if curve.lock or (curve.group is not None and curve.group.lock):
        return "locked"
    if len(curve.modifiers):
        return "with modifiers"
    first, last = curve.range() if span is None else span
    if any(p.interpolation == "CONSTANT" and first <= p.co.x < last for p in curve.keyframe_points):
        return "stepped"
    ends = curve.range()
    if curve.extrapolation != "CONSTANT" and ends[0] < ends[1] and (first <= ends[0] or last >= ends[1]):
        return "extrapolated"
    return "" if len(curve.keyframe_points) else "without keys"


def _span_of(group: _Curves, span: tuple[int, int] | None) -> tuple[int, int] | None:
    """The first and the last frame between which the keys of the group's free curves are replaced; None if there are no
    two keys."""
    ends = np.array([group.curves[i].range() for i in group.free])
    first, last = int(np.floor(ends[:, 0].min())), int(np.ceil(ends[:, 1].max()))
    if span is not None:
        first, last = max(first, span[0]), min(last, span[1])
    return (first, last) if first < last else None


def _count(group: _Curves, span: tuple[int, int]) -> int:
    """How many keys the group's free curves have in a span."""
    keys = [CurveKeys.of(group.curves[i]).frames for i in group.free]
    return sum(int(((frames >= span[0]) & (frames <= span[1])).sum()) for frames in keys)


def _track(group: _Curves, values: np.ndarray, span, frames: np.ndarray, step: int) -> Track:
    free = np.isin(np.arange(values.shape[1]), group.free)
    if not group.free:
        return Track(group.bone, group.kind, values, free, np.arange(len(frames)))
    first, last = span[0] - frames[0], span[1] - frames[0]
    allowed = np.union1d(np.arange(first, last + 1, step), [last])
    return Track(group.bone, group.kind, values, free, allowed)


def _write(group: _Curves, track: Track, frames: np.ndarray, span: tuple[int, int]) -> None:
    for index in group.free:
        curve, own = group.curves[index], CurveKeys.of(group.curves[index])
        keys = CurveKeys.smooth(frames[track.keys], track.key_values[:, index], track.slopes[:, index])
        if own.frames[0] < span[0] or own.frames[-1] > span[1]:
            keys = own.with_stretch(keys, curve.evaluate)
        keys.write_to(curve)
