"""Actions and their keyframes, in bulk; the one place that knows Blender's action APIs (legacy, 4.4's
slots, 5.0's)."""

from __future__ import annotations

import bpy
import numpy as np

from ...niki.errors import NikiError
from .curve_keys import CurveKeys

_SLOTTED = hasattr(bpy.types, "ActionSlot")  # Blender 4.4 and later


def new_action(rig: bpy.types.Object, name: str):
    """A fresh action assigned to ``rig``, and what holds its f-curves and groups. The action it had is
    kept, also if nothing else uses it.

    Raises:
        NikiError: the rig's action cannot be changed at present.
    """
    data = ensure_animation_data(rig)
    was = data.action
    action = bpy.data.actions.new(name)
    data.action = action
    _keep_unused(was)
    if not _SLOTTED:
        return action, action
    slot = action.slots.new(id_type=rig.id_type, name=rig.name)
    data.action_slot = slot
    strip = action.layers.new("Layer").strips.new(type="KEYFRAME")
    return action, strip.channelbag(slot, ensure=True)


def copy_action(rig: bpy.types.Object, name: str) -> bpy.types.Action:
    """Give ``rig`` a copy of its action, to be changed in its place: every channel is in it. The original
    is kept as it is, for whoever else uses it.

    Raises:
        NikiError: the rig's action cannot be changed at present.
    """
    data = ensure_animation_data(rig)
    was, handle = data.action, data.action_slot.handle if _SLOTTED else None
    copy = was.copy()
    copy.name = name
    data.action = copy
    if _SLOTTED:
        data.action_slot = next(slot for slot in copy.slots if slot.handle == handle)
        for slot in [slot for slot in copy.slots if slot.handle != handle]:
            copy.slots.remove(slot)  # others' channels stay in the original
    _keep_unused(was)
    return copy


def ensure_animation_data(rig: bpy.types.Object) -> bpy.types.AnimData:
    """The rig's animation data, made where it has none.

    Raises:
        NikiError: the rig's action cannot be changed at present.
    """
    data = rig.animation_data_create()
    if data is None:
        raise NikiError(f"{rig.name} is linked from another file", "make a library override first")
    if data.use_tweak_mode:
        raise NikiError(f"{rig.name} is in the NLA's tweak mode", "leave it first (Tab in the NLA editor)")
    return data


def _keep_unused(action: bpy.types.Action | None) -> None:
    """Keep an action that nobody uses any more from being lost when the file is saved."""
    if action is not None and action.users == 0:
        action.use_fake_user = True


def fcurve_owner(rig: bpy.types.Object):
    """What holds the f-curves and groups of ``rig``'s action; None where it has none."""
    data = rig.animation_data
    if data is None or data.action is None:
        return None
    if not _SLOTTED:
        return data.action
    if data.action_slot is None:
        return None
    return next(iter(_bags(data.action, data.action_slot)), None)


def fcurves_of(rig: bpy.types.Object):
    """The f-curves that animate ``rig``, whichever the action's API."""
    owner = fcurve_owner(rig)
    return [] if owner is None else owner.fcurves


def fcurves_with_nla(block: bpy.types.ID) -> list[bpy.types.FCurve]:
    """The f-curves of a data-block's action and of the actions in its NLA strips."""
    curves, data = list(fcurves_of(block)), block.animation_data
    for strip in (strip for track in data.nla_tracks for strip in track.strips if strip.action is not None):
        if not _SLOTTED:
            curves += strip.action.fcurves
        elif strip.action_slot is not None:
            for bag in _bags(strip.action, strip.action_slot):
                curves += bag.fcurves
    return curves


def _bags(action: bpy.types.Action, slot):
    found = (strip.channelbag(slot) for layer in action.layers for strip in layer.strips)
    return [bag for bag in found if bag]


def action_range(rig: bpy.types.Object) -> tuple[int, int]:
    """First and last frame of what animates the rig, other users of its action aside."""
    ranges = np.array([curve.range() for curve in fcurves_of(rig) if len(curve.keyframe_points)])
    return int(np.floor(ranges[:, 0].min())), int(np.ceil(ranges[:, 1].max()))


def values_at(curve: bpy.types.FCurve, frames) -> list[float]:
    """What the keys of a curve make of it at ``frames``, its modifiers left out."""
    on = [modifier for modifier in curve.modifiers if not modifier.mute]
    for modifier in on:
        modifier.mute = True
    try:
        return [curve.evaluate(frame) for frame in frames]
    finally:
        for modifier in on:
            modifier.mute = False


def write_curves(owner, path: str, group: str, frames: np.ndarray, values: np.ndarray) -> None:
    """Key one f-curve for each column of ``values`` (T, n) at ``frames`` (T,), ascending, linear between.

    Keys that a curve has there or between are replaced. Others stay as they are, and the curve keeps its
    shape up to a frame before the first and from a frame after the last.

    ``owner`` is what :func:`new_action` returns: a legacy action or a slot's channel bag.
    """
    for index in range(values.shape[1]):
        keys = CurveKeys.linear(frames, values[:, index])
        curve = owner.fcurves.find(path, index=index)
        if curve is None:
            curve = owner.fcurves.new(path, index=index)
            curve.group = owner.groups.get(group) or owner.groups.new(group)
        elif len(curve.keyframe_points):
            keys = CurveKeys.of(curve).with_stretch(keys, lambda frame, of=curve: values_at(of, [frame])[0])
        keys.put_into(curve)


def bone_path(bone: str, channel: str) -> str:
    """Data path of a bone's channel."""
    return f'pose.bones["{bpy.utils.escape_identifier(bone)}"].{channel}'
