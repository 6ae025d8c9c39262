"""Operators that pin joints."""

from __future__ import annotations

import bpy

from ...niki.body.skeleton import NUM_JOINTS
from ..handles.handles import InPoseMode, joint_under_mouse, posed_armature
from ..handles.selecting import selected_joints
from ..rig.armature import active_object, is_our_armature


class NIKI_OT_pin(InPoseMode, bpy.types.Operator):
    """Pin the joint under the mouse where it is, or unpin it"""

    bl_idname = "niki.pin"
    bl_label = "Pin Joint"
    bl_options = {"REGISTER", "UNDO"}

    def invoke(self, context, event):
        rig = active_object(context)
        joint = joint_under_mouse(context, rig, event.mouse_region_x, event.mouse_region_y)
        if joint is None:
            return {"PASS_THROUGH"}
        rig.niki_pose.pinned[joint] = not rig.niki_pose.pinned[joint]
        context.area.tag_redraw()
        return {"FINISHED"}


class NIKI_OT_pin_selected(bpy.types.Operator):
    """Pin the selected joints, or unpin them if all of them are pinned"""

    bl_idname = "niki.pin_selected"
    bl_label = "Pin Selected"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context):
        rig = posed_armature(context)
        if rig is None or not selected_joints(rig):
            cls.poll_message_set("Select joints with the Pull Joints tool first")
            return False
        return True

    def execute(self, context):
        rig = posed_armature(context)
        assert rig is not None  # by poll()
        settings, selected = rig.niki_pose, selected_joints(rig)
        pin = not all(settings.pinned[j] for j in selected)
        for j in selected:
            settings.pinned[j] = pin
        return {"FINISHED"}


class NIKI_OT_unpin_all(bpy.types.Operator):
    """Unpin all joints"""

    bl_idname = "niki.unpin_all"
    bl_label = "Unpin All"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context):
        if not is_our_armature(context.object) or not any(context.object.niki_pose.pinned):
            cls.poll_message_set("No joints are pinned")
            return False
        return True

    def execute(self, context):
        context.object.niki_pose.pinned = [False] * NUM_JOINTS
        return {"FINISHED"}


CLASSES = (NIKI_OT_pin, NIKI_OT_pin_selected, NIKI_OT_unpin_all)
register, unregister = bpy.utils.register_classes_factory(CLASSES)
