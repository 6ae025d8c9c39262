"""How sure each joint is, on the armature: a property of each bone with an f-curve, colours, doubtful frames."""

from __future__ import annotations

import json

import bpy
import numpy as np

from ...niki.body.skeleton import BONES
from .animation import fcurves_of, write_curves

PROPERTY = "confidence"
_SHADES = ("normal", "select", "active")
_CERTAIN, _HALF, _UNCERTAIN = np.array([[0.20, 0.62, 0.28], [0.92, 0.72, 0.15], [0.85, 0.16, 0.12]])


def key_confidence(rig: bpy.types.Object, owner, frames: np.ndarray, confidence: np.ndarray) -> None:
    """Key each bone's confidence (T, 29), that of the joint at its head, at ``frames`` (T,)."""
    for i, name in enumerate(BONES):
        bone = rig.pose.bones[name]
        bone[PROPERTY] = 1.0
        bone.id_properties_ui(PROPERTY).update(
            min=0.0,
            max=1.0,
            default=1.0,
            description="How sure the capture is of this joint: 1 certain, 0 unknown",
        )
        write_curves(owner, _path(name), name, frames, confidence[:, i : i + 1])


def confidence_of(bone: bpy.types.PoseBone) -> float:
    """A bone's confidence; 1 where it has none."""
    value = bone.get(PROPERTY, 1.0)
    return float(value) if isinstance(value, (int, float)) else 1.0


def has_confidence(rig: bpy.types.Object | None) -> bool:
    """Whether the armature's action says how sure its joints are."""
    return bool(_curves(rig))


def doubtful_frames(rig: bpy.types.Object, threshold: float) -> np.ndarray:
    """Frames, ascending, at which a bone's confidence is keyed below ``threshold``."""
    found = []
    for curve in _curves(rig).values():
        keys = np.empty(2 * len(curve.keyframe_points), np.float32)
        curve.keyframe_points.foreach_get("co", keys)
        frames, values = keys.reshape(-1, 2).T
        found.append(frames[values < threshold])
    return np.unique(np.concatenate(found)) if found else np.zeros(0)


def next_doubtful(frames: np.ndarray, current: float, forward: bool) -> float | None:
    """Where the next stretch of doubtful ``frames`` begins, from ``current`` on; backward, where the
    one before begins. None where there is none."""
    if not len(frames):
        return None
    starts = frames[np.flatnonzero(np.diff(frames, prepend=-np.inf) > 1.5)]
    left = starts[starts > current + 1e-3] if forward else starts[starts < current - 1e-3]
    return None if not len(left) else float(left[0] if forward else left[-1])


def color_bones(rig: bpy.types.Object, frame: float) -> None:
    """Give bones the colour of their confidence at ``frame``: green sure, red not."""
    for name, curve in _curves(rig).items():
        colour = rig.pose.bones[name].color
        colour.palette = "CUSTOM"
        value = float(np.clip(curve.evaluate(frame), 0, 1))
        ends, share = ((_UNCERTAIN, _HALF), 2 * value) if value < 0.5 else ((_HALF, _CERTAIN), 2 * value - 1)
        colour.custom.normal = ends[0] + share * (ends[1] - ends[0])
        colour.custom.select = 0.5 + 0.5 * np.array(colour.custom.normal)
        colour.custom.active = 0.3 + 0.7 * np.array(colour.custom.normal)


def keep_colors(rig: bpy.types.Object) -> None:
    """Remember the bones' own colours before they are given others."""
    if rig.niki.own_colours:  # they are coloured already
        return
    rig.niki.own_colours = json.dumps({bone.name: _read_colors(bone) for bone in _body_bones(rig)})


def uncolor_bones(rig: bpy.types.Object) -> None:
    """Give bones their own colours back."""
    try:
        kept = json.loads(rig.niki.own_colours)
    except ValueError:
        kept = {}
    for bone in _body_bones(rig):
        palette, *colours = kept.get(bone.name, ("DEFAULT",))
        for name, values in zip(_SHADES, colours, strict=False):
            setattr(bone.color.custom, name, values)
        bone.color.palette = palette
    rig.niki.own_colours = ""


def _body_bones(rig: bpy.types.Object) -> list[bpy.types.PoseBone]:
    return [rig.pose.bones[name] for name in BONES if name in rig.pose.bones]


def _read_colors(bone: bpy.types.PoseBone) -> tuple:
    return (bone.color.palette, *(tuple(getattr(bone.color.custom, name)) for name in _SHADES))


@bpy.app.handlers.persistent
def follow_frame(scene: bpy.types.Scene, *_) -> None:
    """Handler: colours of armatures that show them, at the frame that is now shown."""
    for rig in scene.objects:
        if rig.type == "ARMATURE" and rig.niki.show_confidence:
            color_bones(rig, scene.frame_current_final)


def _path(bone: str) -> str:
    return f'pose.bones["{bpy.utils.escape_identifier(bone)}"]["{PROPERTY}"]'


def _curves(rig: bpy.types.Object | None) -> dict[str, bpy.types.FCurve]:
    """Each bone's f-curve of confidence."""
    if rig is None or rig.type != "ARMATURE" or not rig.animation_data or not rig.animation_data.action:
        return {}
    paths = {_path(name): name for name in BONES if name in rig.pose.bones}
    return {paths[curve.data_path]: curve for curve in fcurves_of(rig) if curve.data_path in paths}
