"""Keyframes in bulk; the one place that knows Blender's action APIs (legacy, 4.4's slots, 5.0's)."""

import bpy
import numpy as np

_SLOTTED = hasattr(bpy.types, "ActionSlot")  # Blender 4.4 and later


def new_action(rig: bpy.types.Object, name: str):
    """A fresh action assigned to ``rig``, and what holds its f-curves and groups."""
    data = rig.animation_data_create()
    if data.action:
        data.action.use_fake_user = True
    action = bpy.data.actions.new(name)
    data.action = action
    if not _SLOTTED:
        return action, action
    slot = action.slots.new(id_type=rig.id_type, name=rig.name)
    data.action_slot = slot
    strip = action.layers.new("Layer").strips.new(type="KEYFRAME")
    return action, strip.channelbag(slot, ensure=True)


def fcurves_of(rig: bpy.types.Object):
    """The f-curves that animate ``rig``, whichever the action's API."""
    data = rig.animation_data
    if not _SLOTTED:
        return data.action.fcurves
    bags = (s.channelbag(data.action_slot) for layer in data.action.layers for s in layer.strips)
    return next((bag.fcurves for bag in bags if bag), [])


def write_curves(owner, path: str, group: str, frames: np.ndarray, values: np.ndarray) -> None:
    """One f-curve for each column of ``values`` (T, n), keys linear and at ``frames`` (T,).

    ``owner`` is what :func:`new_action` returns: a legacy action or a slot's channel bag.
    """
    linear = bpy.types.Keyframe.bl_rna.properties["interpolation"].enum_items["LINEAR"].value
    channel_group = owner.groups.get(group) or owner.groups.new(group)
    keys = np.empty((len(frames), 2), np.float32)
    keys[:, 0], interpolation = frames, np.full(len(frames), linear, np.int32)
    for index in range(values.shape[1]):
        curve = owner.fcurves.new(path, index=index)
        curve.group = channel_group
        curve.keyframe_points.add(len(frames))
        keys[:, 1] = values[:, index]
        curve.keyframe_points.foreach_set("co", keys.ravel())
        curve.keyframe_points.foreach_set("interpolation", interpolation)
        curve.update()


def bone_path(bone: str, channel: str) -> str:
    """Data path of a bone's channel."""
    return f'pose.bones["{bpy.utils.escape_identifier(bone)}"].{channel}'
