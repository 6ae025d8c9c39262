"""Actions and their keyframes, read and written in bulk.

The only module that knows Blender's action APIs: legacy actions, the slots of 4.4, and 5.0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import bpy
import numpy as np

from ...niki.errors import NikiError
from .curve_keys import CurveKeys

_SLOTTED = hasattr(bpy.types, "ActionSlot")  # Blender 4.4 and later
FCurveOwner = Any
"""What has ``fcurves`` and ``groups``: a legacy action, or the channel bag of a slot."""


def new_action(rig: bpy.types.Object, name: str) -> tuple[bpy.types.Action, FCurveOwner]:
    """Assign a new action to ``rig``; return it and the owner of its f-curves.

    The rig's previous action stays in the file, even if nothing else uses it.

    Raises:
        NikiError: the rig's action cannot be changed now.
    """
    data = ensure_animation_data(rig)
    previous = data.action
    action = bpy.data.actions.new(name)
    data.action = action
    keep_unused(previous)
    if not _SLOTTED:
        return action, action
    slot = action.slots.new(id_type=rig.id_type, name=rig.name)
    data.action_slot = slot
    strip = action.layers.new("Layer").strips.new(type="KEYFRAME")
    return action, strip.channelbag(slot, ensure=True)


def copy_action(rig: bpy.types.Object, name: str) -> bpy.types.Action:
    """Replace the action of ``rig`` with a copy that has all of its channels, and return the copy.

    The original stays in the file, unchanged.

    Raises:
        NikiError: the rig's action cannot be changed now.
    """
    data = ensure_animation_data(rig)
    original, handle = data.action, data.action_slot.handle if _SLOTTED else None
    copy = original.copy()
    copy.name = name
    data.action = copy
    if _SLOTTED:
        data.action_slot = next(slot for slot in copy.slots if slot.handle == handle)
        for slot in [slot for slot in copy.slots if slot.handle != handle]:
            copy.slots.remove(slot)  # the channels of other objects stay in the original
    keep_unused(original)
    return copy


def assign_action(rig: bpy.types.Object, action: bpy.types.Action, handle: int = 0) -> None:
    """Animate ``rig`` with another action. The one before stays in the file, even if nothing else uses it.

    Args:
        handle: of the slot, see :func:`slot_handle`; without it, or if there is no such slot, Blender chooses.

    Raises:
        NikiError: the rig's action cannot be changed now.
    """
    data = ensure_animation_data(rig)
    previous = data.action
    if previous != action:
        data.action = action
        if _SLOTTED:
            slot = next((slot for slot in action.slots if slot.handle == handle), data.action_slot)
            data.action_slot = slot or next(
                (slot for slot in action.slots if slot.target_id_type == "OBJECT"), None
            )
    keep_unused(previous)


def copy_in_place(rig: bpy.types.Object, name: str) -> bpy.types.Action:
    """A copy of the rig's action, of which there must be one. Nothing uses the copy yet."""
    action = rig.animation_data.action
    assert action is not None
    copy = action.copy()
    copy.name = name
    return copy


def add_muted_track(rig: bpy.types.Object, action: bpy.types.Action, handle: int, name: str) -> None:
    """Keep an action as a muted NLA track of ``rig``, to compare with or to bring back.

    Its strip plays each frame where it was, whatever range the action has for other slots or by hand.

    Args:
        handle: of the action's slot, see :func:`slot_handle`, whose curves have keys.
    """
    tracks = rig.animation_data.nla_tracks
    active = tracks.active
    track = tracks.new()
    track.name, track.mute, track.select = name, True, False
    tracks.active = active
    strip = track.strips.new(action.name, int(np.floor(action.frame_range[0])), action)
    if _SLOTTED:
        strip.action_slot = next(slot for slot in action.slots if slot.handle == handle)
    owner = owner_in(action, handle)
    assert owner is not None
    ranges = np.array([curve.range() for curve in owner.fcurves if len(curve.keyframe_points)])
    first, last = float(ranges[:, 0].min()), float(ranges[:, 1].max())
    if last <= first:
        return
    strip.use_sync_length = False
    strip.action_frame_start, strip.action_frame_end = first, last
    strip.frame_start_raw, strip.frame_end_raw = first, last
    strip.scale = 1.0


def slot_handle(rig: bpy.types.Object) -> int:
    """What identifies the slot that animates ``rig`` in its action and in copies of it; 0 if there is none."""
    slot = rig.animation_data.action_slot if _SLOTTED else None
    return slot.handle if slot else 0


def ensure_animation_data(rig: bpy.types.Object) -> bpy.types.AnimData:
    """The rig's animation data, created if missing.

    Raises:
        NikiError: the rig's action cannot be changed now.
    """
    data = rig.animation_data_create()
    if data is None:
        raise NikiError(f"{rig.name} is linked from another file", "make a library override first")
    if data.use_tweak_mode:
        raise NikiError(f"{rig.name} is in NLA tweak mode", "leave it first (Tab in the NLA editor)")
    return data


def keep_unused(action: bpy.types.Action | None, besides: int = 0) -> None:
    """Give an action without users a fake user, so that saving the file does not drop it.

    Args:
        besides: users that are about to go.
    """
    if action is not None and action.users <= besides:
        action.use_fake_user = True


def fcurve_owner(rig: bpy.types.ID) -> FCurveOwner | None:
    """The owner of the f-curves that animate ``rig``; None if it has no action."""
    data = rig.animation_data
    if data is None or data.action is None:
        return None
    if not _SLOTTED:
        return data.action
    if data.action_slot is None:
        return None
    return next(iter(_bags(data.action, data.action_slot)), None)


def owner_in(action: bpy.types.Action, handle: int) -> FCurveOwner | None:
    """The owner of the f-curves of an action's slot, by its handle (see :func:`slot_handle`); None if it has none."""
    if not _SLOTTED:
        return action
    slot = next((slot for slot in action.slots if slot.handle == handle), None)
    return next(iter(_bags(action, slot)), None) if slot else None


def fcurves_of(rig: bpy.types.ID) -> Sequence[bpy.types.FCurve]:
    """The f-curves that animate ``rig``, in any version of Blender."""
    owner = fcurve_owner(rig)
    return [] if owner is None else owner.fcurves


def action_fcurves(action: bpy.types.Action) -> list[bpy.types.FCurve]:
    """All f-curves of an action, of all of its slots."""
    if not _SLOTTED:
        return list(action.fcurves)
    strips = (strip for layer in action.layers for strip in layer.strips)
    return [curve for strip in strips for bag in strip.channelbags for curve in bag.fcurves]


def fcurves_with_nla(block: bpy.types.ID) -> list[bpy.types.FCurve]:
    """The f-curves in a data-block's action and in the actions of its NLA strips."""
    curves, data = list(fcurves_of(block)), block.animation_data
    for strip in (strip for track in data.nla_tracks for strip in track.strips if strip.action is not None):
        if not _SLOTTED:
            curves += strip.action.fcurves
        elif strip.action_slot is not None:
            for bag in _bags(strip.action, strip.action_slot):
                curves += bag.fcurves
    return curves


def _bags(action: bpy.types.Action, slot):
    """The channel bags that an action has for ``slot``."""
    bags = (strip.channelbag(slot) for layer in action.layers for strip in layer.strips)
    return [bag for bag in bags if bag]


def action_range(rig: bpy.types.Object) -> tuple[int, int]:
    """First and last keyed frame of the rig's own f-curves; at least one must have keys."""
    ranges = np.array([curve.range() for curve in fcurves_of(rig) if len(curve.keyframe_points)])
    return int(np.floor(ranges[:, 0].min())), int(np.ceil(ranges[:, 1].max()))


def values_at(curve: bpy.types.FCurve, frames: Iterable[float]) -> list[float]:
    """The values of a curve at ``frames``, without its modifiers."""
    active = [modifier for modifier in curve.modifiers if not modifier.mute]
    for modifier in active:
        modifier.mute = True
    try:
        return [curve.evaluate(frame) for frame in frames]
    finally:
        for modifier in active:
            modifier.mute = False


def write_curves(owner: FCurveOwner, path: str, group: str, frames: np.ndarray, values: np.ndarray) -> None:
    """Key ``values`` at ``frames``, one f-curve per column, with linear interpolation.

    Existing keys from the first to the last of ``frames`` are replaced. All others stay, and the curve
    keeps its shape up to one frame before the first and from one frame after the last.

    Args:
        owner: as :func:`new_action` and :func:`fcurve_owner` return it.
        path: data path of the property.
        group: name of the group for new f-curves.
        frames: (T,) ascending.
        values: (T, n), a column for each array index.
    """
    for index in range(values.shape[1]):
        keys = CurveKeys.linear(frames, values[:, index])
        curve = owner.fcurves.find(path, index=index)
        if curve is None:
            curve = owner.fcurves.new(path, index=index)
            curve.group = owner.groups.get(group) or owner.groups.new(group)
        elif len(curve.keyframe_points):
            keys = CurveKeys.of(curve).with_stretch(
                keys, lambda frame, of=curve: values_at(of, [frame])[0], curve.extrapolation == "LINEAR"
            )
        keys.write_to(curve)


def remove_curve(owner: FCurveOwner, curve: bpy.types.FCurve) -> None:
    """Remove an f-curve, and its group if nothing else is in it."""
    name = curve.group.name if curve.group is not None else ""
    owner.fcurves.remove(curve)
    group = owner.groups.get(name)  # newer versions of Blender have removed it already
    if group is not None and not len(group.channels):
        owner.groups.remove(group)


def bone_path(bone: str, channel: str) -> str:
    """The data path of a bone's channel, such as "location"."""
    return f'pose.bones["{bpy.utils.escape_identifier(bone)}"].{channel}'
