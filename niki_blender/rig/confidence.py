"""The confidence of captured joints: an animated property of each bone, bone colors, doubtful frames."""

from __future__ import annotations

import json
from collections.abc import Collection

import bpy
import numpy as np

from ...niki.body.skeleton import BONES
from ...niki.motion.keys import linear_keys
from .animation import FCurveOwner, fcurves_of, write_curves
from .curve_keys import CurveKeys

PROPERTY = "confidence"
_THINNED = 0.01  # how far thinned keys may be off
_SHADES = ("normal", "select", "active")  # of a bone's custom color
_CERTAIN, _HALF, _UNCERTAIN = np.array([[0.20, 0.62, 0.28], [0.92, 0.72, 0.15], [0.85, 0.16, 0.12]])


def key_confidence(
    rig: bpy.types.Object, owner: FCurveOwner, frames: np.ndarray, confidence: np.ndarray
) -> None:
    """Key the confidence of each bone, which is that of the joint at its head.

    Args:
        owner: of the f-curves, as :func:`.animation.new_action` returns it.
        frames: (T,) ascending.
        confidence: (T, 29) of the joints, 0 to 1.
    """
    for i, name in enumerate(BONES):
        bone = rig.pose.bones[name]
        bone[PROPERTY] = 1.0
        bone.id_properties_ui(PROPERTY).update(
            min=0.0,
            max=1.0,
            default=1.0,
            description="How certain the capture is of this joint: 1 is certain, 0 is unknown",
        )
        write_curves(owner, _path(name), name, frames, confidence[:, i : i + 1])


def confidence_of(bone: bpy.types.PoseBone) -> float:
    """The confidence of a bone; 1 if it has none."""
    value = bone.get(PROPERTY, 1.0)
    return float(value) if isinstance(value, (int, float)) else 1.0


def has_confidence(rig: bpy.types.Object | None) -> bool:
    """Whether the armature's action has confidence keys."""
    return bool(_curves(rig))


def doubtful_frames(rig: bpy.types.Object, threshold: float) -> np.ndarray:
    """The frames, ascending, where the confidence of any bone is keyed below ``threshold``."""
    doubtful = []
    for curve in _curves(rig).values():
        if len(curve.keyframe_points):
            frames, values = _keys_of(curve)
            between = np.arange(np.ceil(frames[0]), frames[-1])  # keys may have been thinned out
            every = np.union1d(frames, between)
            doubtful.append(every[np.interp(every, frames, values) < threshold])
    return np.unique(np.concatenate(doubtful)) if doubtful else np.zeros(0)


def thin_confidence(
    rig: bpy.types.Object, bones: Collection[str], span: tuple[int, int] | None = None
) -> None:
    """Drop keys of the confidence of ``bones`` that lines between the others replace, to a hundredth.

    Args:
        span: first and last frame of the keys that may go; default all.
    """
    for name, curve in _curves(rig).items():
        if name not in bones or curve.lock or not len(curve.keyframe_points):
            continue
        own = CurveKeys.of(curve)
        frames, values = own.values["co"].astype(float).T
        first, last = (frames[0], frames[-1]) if span is None else span
        inside = (first <= frames) & (frames <= last)
        frames, values = frames[inside], values[inside]
        if len(frames) > 2 and (np.diff(frames) == 1).all():  # as it was captured
            thinned = CurveKeys.linear(*(a[linear_keys(values, _THINNED)] for a in (frames, values)))
            (thinned if inside.all() else own.with_stretch(thinned, curve.evaluate)).write_to(curve)


def next_doubtful(frames: np.ndarray, current: float, forward: bool) -> float | None:
    """The first frame of the next run of doubtful ``frames`` after ``current``, or of the previous one.

    Args:
        frames: ascending, as :func:`doubtful_frames` returns them.

    Returns:
        The frame, or None if there is no such run.
    """
    if not len(frames):
        return None
    starts = frames[np.flatnonzero(np.diff(frames, prepend=-np.inf) > 1.5)]
    starts = starts[starts > current + 1e-3] if forward else starts[starts < current - 1e-3]
    return None if not len(starts) else float(starts[0] if forward else starts[-1])


def color_bones(rig: bpy.types.Object, frame: float) -> None:
    """Color bones by their confidence at ``frame``, from red (0) to green (1)."""
    for name, curve in _curves(rig).items():
        color = rig.pose.bones[name].color
        color.palette = "CUSTOM"
        value = float(np.clip(curve.evaluate(frame), 0, 1))
        ends, share = ((_UNCERTAIN, _HALF), 2 * value) if value < 0.5 else ((_HALF, _CERTAIN), 2 * value - 1)
        color.custom.normal = ends[0] + share * (ends[1] - ends[0])
        color.custom.select = 0.5 + 0.5 * np.array(color.custom.normal)
        color.custom.active = 0.3 + 0.7 * np.array(color.custom.normal)


def keep_colors(rig: bpy.types.Object) -> None:
    """Store the user's bone colors before confidence replaces them."""
    if rig.niki_confidence.own_colors:  # stored already
        return
    rig.niki_confidence.own_colors = json.dumps({bone.name: _read_colors(bone) for bone in _body_bones(rig)})


def uncolor_bones(rig: bpy.types.Object) -> None:
    """Restore the user's bone colors."""
    try:
        stored = json.loads(rig.niki_confidence.own_colors)
    except ValueError:
        stored = {}
    for bone in _body_bones(rig):
        palette, *colors = stored.get(bone.name, ("DEFAULT",))
        for name, values in zip(_SHADES, colors, strict=False):
            setattr(bone.color.custom, name, values)
        bone.color.palette = palette
    rig.niki_confidence.own_colors = ""


def _body_bones(rig: bpy.types.Object) -> list[bpy.types.PoseBone]:
    return [rig.pose.bones[name] for name in BONES if name in rig.pose.bones]


def _read_colors(bone: bpy.types.PoseBone) -> tuple:
    return (bone.color.palette, *(tuple(getattr(bone.color.custom, name)) for name in _SHADES))


@bpy.app.handlers.persistent
def follow_frame(scene: bpy.types.Scene, *_) -> None:
    """Handler: on a frame change, update the bone colors of armatures that show confidence."""
    for rig in scene.objects:
        if rig.type == "ARMATURE" and rig.niki_confidence.show:
            color_bones(rig, scene.frame_current_final)


def _keys_of(curve: bpy.types.FCurve) -> np.ndarray:
    """(2, N) the frames and the values of the keys."""
    return CurveKeys.of(curve).values["co"].astype(float).T


def _path(bone: str) -> str:
    return f'pose.bones["{bpy.utils.escape_identifier(bone)}"]["{PROPERTY}"]'


def _curves(rig: bpy.types.Object | None) -> dict[str, bpy.types.FCurve]:
    """The confidence f-curve of each bone that has one, by bone name."""
    if rig is None or rig.type != "ARMATURE" or not rig.animation_data or not rig.animation_data.action:
        return {}
    paths = {_path(name): name for name in BONES if name in rig.pose.bones}
    return {paths[curve.data_path]: curve for curve in fcurves_of(rig) if curve.data_path in paths}


def register():
    bpy.app.handlers.frame_change_post.append(follow_frame)


def unregister():
    bpy.app.handlers.frame_change_post.remove(follow_frame)
