"""The panels of posing, correcting, targets and baking."""

import bpy

from ...niki.pose.targets import ORIENTED
from ..handles.handles import is_tool_active
from ..interface.layout import SidebarPanel, draw_text
from ..rig.animation import fcurves_of
from ..rig.armature import LINKED, is_our_armature, joint_label
from .key_pose import describe_lost, unkeyed_pulls


class NIKI_PT_start(SidebarPanel, bpy.types.Panel):
    """How to begin posing, while none of our armatures is active."""

    bl_label = "Pose"
    bl_order = 2

    @classmethod
    def poll(cls, context):
        return not is_our_armature(context.object)

    def draw(self, context):
        draw_text(self.layout, "Select a captured armature, or add a body to pose")
        self.layout.operator("niki.add_body", text="Add Body", icon="OUTLINER_OB_ARMATURE")


class NIKI_PT_pose(SidebarPanel, bpy.types.Panel):
    """Pull joints and key the pose."""

    bl_label = "Pose"
    bl_order = 0  # before Capture, which folds meanwhile

    @classmethod
    def poll(cls, context):
        return is_our_armature(context.object)

    def draw(self, context):
        layout, rig = self.columns(), context.object
        settings = rig.niki_pose
        if rig.library is not None:
            draw_text(layout, LINKED, "LINKED")
            return
        active = context.mode == "POSE" and is_tool_active(context)
        layout.operator("niki.pull_mode", icon="CON_KINEMATIC", depress=active)
        _draw_unkeyed(layout, rig, context.scene.frame_current)
        layout.prop(settings, "pull_mode")
        layout.prop(settings, "follow")
        layout.prop(settings, "plant_feet")
        part = layout.column()
        part.active = settings.keep_above_floor
        part.prop(settings, "step")
        row = layout.row(align=True)
        row.operator("niki.pin_selected", icon="PINNED")
        row.operator("niki.unpin_all", text="", icon="UNPINNED")


class NIKI_PT_floor(SidebarPanel, bpy.types.Panel):
    """The floor."""

    bl_label = "Floor"
    bl_parent_id = "NIKI_PT_pose"
    bl_order = 0
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context):
        return context.object.library is None

    def draw_header(self, context):
        self.layout.prop(context.object.niki_pose, "keep_above_floor", text="")

    def draw(self, context):
        layout, settings = self.columns(), context.object.niki_pose
        layout.active = settings.keep_above_floor
        layout.prop(settings, "floor_height", text="Height")


class NIKI_PT_targets(SidebarPanel, bpy.types.Panel):
    """Targets that joints follow, and baking."""

    bl_label = "Targets and Baking"
    bl_parent_id = "NIKI_PT_pose"
    bl_order = 3

    @classmethod
    def poll(cls, context):
        return context.object.library is None

    def draw(self, context):
        layout, settings = self.columns(), context.object.niki_pose
        layout.operator("niki.make_targets", icon="EMPTY_AXIS")
        layout.prop(settings, "follow_targets")
        if settings.follow_targets and settings.target_problem:
            draw_text(layout, settings.target_problem, "ERROR")
        if settings.follow_targets and not context.scene.render.use_lock_interface:
            draw_text(layout, "Before you render, so that Blender does not crash:", "INFO")
            layout.prop(context.scene.render, "use_lock_interface")
        layout.operator("niki.bake", text="Bake Pose...", icon="KEYTYPE_KEYFRAME_VEC")
        layout.operator("niki.reduce_keys", icon="IPO_BEZIER")


class NIKI_PT_target(SidebarPanel, bpy.types.Panel):
    """Settings of a target."""

    bl_label = "Target"
    bl_order = 3

    @classmethod
    def poll(cls, context):
        return context.object is not None and context.object.niki_pose.target_of is not None

    def draw(self, context):
        layout, settings = self.columns(), context.object.niki_pose
        layout.label(text=f"{joint_label(settings.target_joint)} of {settings.target_of.name}")
        layout.prop(settings, "target_weight")
        part = layout.column()
        part.active = settings.target_joint in ORIENTED
        part.prop(settings, "target_turns")
        if settings.target_joint == "head":
            layout.prop(settings, "target_looks")


def _draw_unkeyed(layout, rig, frame: int):
    """Say that pulled poses are not keyed, and offer to key them."""
    waiting = unkeyed_pulls(rig, frame)
    if not waiting:
        return
    box = layout.box().column()
    draw_text(box, describe_lost(sorted(pull.frame for pull in waiting)), "INFO")
    row = box.row(align=True)
    row.operator("niki.key_pose", icon="KEY_HLT")
    if any(len(curve.keyframe_points) > 1 for curve in fcurves_of(rig)):
        row.operator("niki.propagate", icon="ANIM")  # a single key would stand out of dense ones
    row.operator("niki.forget_pulls", text="", icon="X")


CLASSES = (NIKI_PT_start, NIKI_PT_pose, NIKI_PT_floor, NIKI_PT_targets, NIKI_PT_target)
register, unregister = bpy.utils.register_classes_factory(CLASSES)
