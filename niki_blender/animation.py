"""Keyframes in bulk; the one place that knows Blender's action APIs (legacy, 4.4's slots, 5.0's)."""

import bpy
import numpy as np

from ..niki.motion import Motion
from ..niki.rotation import continuous_quaternions, quaternion_from_matrix
from ..niki.skeleton import BONES
from .armature import rest_orientations
from .space import rotations_to_blender, to_blender

_SLOTTED = hasattr(bpy.types, "ActionSlot")  # Blender 4.4 and later


def bake_motion(
    rig: bpy.types.Object, motion: Motion, frame_start: int = 1, name: str = ""
) -> bpy.types.Action:
    """Key every bone on every frame of ``motion`` in a new action, the rig's old one left as it is.

    Frame ``i`` of the motion becomes scene frame ``frame_start + i``.
    """
    axes = rest_orientations(rig)
    local = np.swapaxes(axes, -1, -2) @ rotations_to_blender(motion.rotations) @ axes
    quaternions = continuous_quaternions(quaternion_from_matrix(local))
    location = to_blender(motion.trans) @ axes[0]
    action, owner = new_action(rig, name or rig.name)
    frames = np.arange(frame_start, frame_start + len(motion), dtype=np.float32)
    write_curves(owner, _path(BONES[0], "location"), BONES[0], frames, location)
    for i, bone in enumerate(BONES):
        write_curves(owner, _path(bone, "rotation_quaternion"), bone, frames, quaternions[:, i])
    return action


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
    return next(bag.fcurves for bag in bags if bag)


def write_curves(owner, path: str, group: str, frames: np.ndarray, values: np.ndarray) -> None:
    """One f-curve for each column of ``values`` (T, n), keys linear and at ``frames`` (T,).

    ``owner`` is what :func:`new_action` returns: a legacy action or a slot's channel bag.
    """
    linear = bpy.types.Keyframe.bl_rna.properties["interpolation"].enum_items["LINEAR"].value
    channel_group = owner.groups.get(group) or owner.groups.new(group)
    for index in range(values.shape[1]):
        curve = owner.fcurves.new(path, index=index)
        curve.group = channel_group
        curve.keyframe_points.add(len(frames))
        keys = np.stack([frames, values[:, index]], -1).astype(np.float32)
        curve.keyframe_points.foreach_set("co", keys.ravel())
        curve.keyframe_points.foreach_set("interpolation", np.full(len(frames), linear, np.int32))
        curve.update()


def _path(bone: str, channel: str) -> str:
    return f'pose.bones["{bpy.utils.escape_identifier(bone)}"].{channel}'
