"""Keyframes in bulk; the one place that knows Blender's action APIs (legacy, 4.4's slots, 5.0's)."""

import bpy
import numpy as np

_SLOTTED = hasattr(bpy.types, "ActionSlot")  # Blender 4.4 and later
_LINEAR = bpy.types.Keyframe.bl_rna.properties["interpolation"].enum_items["LINEAR"].value


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


def current_owner(rig: bpy.types.Object):
    """What holds the f-curves and groups of ``rig``'s action; None where it has none."""
    data = rig.animation_data
    if data is None or data.action is None:
        return None
    if not _SLOTTED:
        return data.action
    if data.action_slot is None:
        return None
    bags = (s.channelbag(data.action_slot) for layer in data.action.layers for s in layer.strips)
    return next((bag for bag in bags if bag), None)


def fcurves_of(rig: bpy.types.Object):
    """The f-curves that animate ``rig``, whichever the action's API."""
    owner = current_owner(rig)
    return [] if owner is None else owner.fcurves


def write_curves(owner, path: str, group: str, frames: np.ndarray, values: np.ndarray) -> None:
    """One f-curve for each column of ``values`` (T, n), keys linear and at ``frames`` (T,), ascending.
    Keys that a curve has there or between are replaced, others stay.

    ``owner`` is what :func:`new_action` returns: a legacy action or a slot's channel bag.
    """
    for index in range(values.shape[1]):
        keys = np.column_stack([frames, values[:, index]]).astype(np.float32)
        kinds = np.full(len(keys), _LINEAR, np.int32)
        curve = owner.fcurves.find(path, index=index)
        if curve is None:
            curve = owner.fcurves.new(path, index=index)
            curve.group = owner.groups.get(group) or owner.groups.new(group)
        else:
            keys, kinds = _with_others(curve, keys, kinds)
        curve.keyframe_points.add(len(keys))
        curve.keyframe_points.foreach_set("co", keys.ravel())
        curve.keyframe_points.foreach_set("interpolation", kinds)
        curve.update()


def _with_others(curve: bpy.types.FCurve, keys: np.ndarray, kinds: np.ndarray):
    """``keys`` (T, 2) and their interpolation with the curve's own before and after; the curve is emptied."""
    there = np.empty(2 * len(curve.keyframe_points), np.float32)
    interpolation = np.empty(len(curve.keyframe_points), np.int32)
    curve.keyframe_points.foreach_get("co", there)
    curve.keyframe_points.foreach_get("interpolation", interpolation)
    there = there.reshape(-1, 2)
    before, after = there[:, 0] < keys[0, 0], there[:, 0] > keys[-1, 0]
    curve.keyframe_points.clear()
    return (
        np.concatenate([there[before], keys, there[after]]),
        np.concatenate([interpolation[before], kinds, interpolation[after]]),
    )


def bone_path(bone: str, channel: str) -> str:
    """Data path of a bone's channel."""
    return f'pose.bones["{bpy.utils.escape_identifier(bone)}"].{channel}'
