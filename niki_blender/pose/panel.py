"""Panels of posing, corrections, targets and baking."""

import bpy

from ...niki.pose.posing import ORIENTED
from ..interface.layout import SidebarPanel, draw_text
from ..rig.armature import is_our_armature


class NIKI_PT_pose(SidebarPanel, bpy.types.Panel):
    """Joints that are pulled, and what is made of that over time."""

    bl_label = "Pose"
    bl_order = 2

    @classmethod
    def poll(cls, context):
        return is_our_armature(context.object)

    def draw(self, context):
        layout, settings = self.columns(), context.object.niki_pose
        layout.operator("niki.pull_mode", icon="CON_KINEMATIC")
        layout.prop(settings, "pull_mode")
        layout.prop(settings, "plant_feet")
        row = layout.row(align=True)
        row.operator("niki.pin_selected", icon="PINNED")
        row.operator("niki.unpin_all", text="", icon="UNPINNED")


class NIKI_PT_correct(SidebarPanel, bpy.types.Panel):
    """A correction over time."""

    bl_label = "Correct"
    bl_parent_id = "NIKI_PT_pose"

    def draw(self, context):
        layout, settings = self.columns(), context.object.niki_pose
        column = layout.column(align=True)
        column.prop(settings, "carry_before", text="Frames Before")
        column.prop(settings, "carry_after", text="After")
        layout.operator("niki.carry", icon="ANIM")
        layout.operator("niki.hold", icon="LOCKED")


class NIKI_PT_targets(SidebarPanel, bpy.types.Panel):
    """Empties that draw joints, and baking."""

    bl_label = "Targets and Baking"
    bl_parent_id = "NIKI_PT_pose"

    def draw(self, context):
        layout, settings = self.columns(), context.object.niki_pose
        layout.operator("niki.make_targets", icon="EMPTY_AXIS")
        layout.prop(settings, "follow_targets")
        if settings.follow_targets and settings.target_problem:
            draw_text(layout, settings.target_problem, "ERROR")
        if settings.follow_targets and not context.scene.render.use_lock_interface:
            draw_text(layout, "Rendering needs Lock Interface while the body follows targets", "ERROR")
            layout.prop(context.scene.render, "use_lock_interface")
        layout.operator("niki.bake", text="Bake", icon="KEYTYPE_KEYFRAME_VEC")


class NIKI_PT_target(SidebarPanel, bpy.types.Panel):
    """Of an empty that draws a joint."""

    bl_label = "Target"
    bl_order = 3

    @classmethod
    def poll(cls, context):
        return context.object is not None and context.object.niki_pose.target_of is not None

    def draw(self, context):
        layout, settings = self.columns(), context.object.niki_pose
        layout.label(text=f"{settings.target_joint} of {settings.target_of.name}")
        layout.prop(settings, "target_weight")
        part = layout.column()
        part.active = settings.target_joint in ORIENTED
        part.prop(settings, "target_turns")
        if settings.target_joint == "head":
            layout.prop(settings, "target_looks")


CLASSES = (NIKI_PT_pose, NIKI_PT_correct, NIKI_PT_targets, NIKI_PT_target)
register, unregister = bpy.utils.register_classes_factory(CLASSES)
