"""The panel of corrections, with the list of those that the action has."""

import bpy

from ..interface.layout import SidebarPanel, draw_text
from ..rig.armature import OnArmature
from .corrections import can_change, remove_correction


def _action_of(context) -> bpy.types.Action | None:
    data = context.object.animation_data
    return data.action if data is not None else None


class _OnCorrection(OnArmature):
    """Mixin for operators on the active correction of the list."""

    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context):
        if not super().poll(context):
            return False
        action = _action_of(context)
        if action is None or not action.niki_corrections:
            cls.poll_message_set("The action has no corrections")
            return False
        return True


class NIKI_OT_remove_correction(_OnCorrection, bpy.types.Operator):
    """Remove the correction from the motion. Other corrections and your own keys stay"""

    bl_idname = "niki.remove_correction"
    bl_label = "Remove Correction"

    @classmethod
    def poll(cls, context):
        if not super().poll(context):
            return False
        if not can_change(_action_of(context)):
            cls.poll_message_set("The original action is gone or linked, so the correction has to stay")
            return False
        return True

    def execute(self, context):
        action = _action_of(context)
        assert action is not None
        index = min(action.niki_correction_index, len(action.niki_corrections) - 1)
        name = action.niki_corrections[index].name
        remove_correction(context, action, index)
        self.report({"INFO"}, f"{action.name}: removed {name}")
        return {"FINISHED"}


class NIKI_OT_go_to_correction(_OnCorrection, bpy.types.Operator):
    """Go to the frame of the active correction"""

    bl_idname = "niki.go_to_correction"
    bl_label = "Go to Frame"

    def execute(self, context):
        action = _action_of(context)
        assert action is not None
        index = min(action.niki_correction_index, len(action.niki_corrections) - 1)
        context.scene.frame_set(action.niki_corrections[index].frame)
        return {"FINISHED"}


class NIKI_UL_corrections(bpy.types.UIList):
    """Corrections by name, each with a toggle that mutes it."""

    def draw_item(self, context, layout, data, item, icon, active_data, active_property, index=0, flt_flag=0):
        row = layout.row(align=True)
        name = row.row()
        name.active = not item.muted
        name.prop(item, "name", text="", emboss=False, icon="LOCKED" if item.kind == "HOLD" else "ANIM")
        mute = row.row()
        mute.enabled = can_change(data)
        mute.prop(item, "muted", text="", emboss=False, icon="HIDE_ON" if item.muted else "HIDE_OFF")


class NIKI_PT_correct(SidebarPanel, bpy.types.Panel):
    """Propagate, Hold in Place, and the list of corrections."""

    bl_label = "Correct"
    bl_parent_id = "NIKI_PT_pose"
    bl_order = 1

    @classmethod
    def poll(cls, context):
        return context.object.library is None

    def draw(self, context):
        layout, settings = self.columns(), context.object.niki_pose
        column = layout.column(align=True)
        column.prop(settings, "fade_in")
        column.prop(settings, "fade_out")
        layout.operator("niki.propagate", icon="ANIM")
        layout.operator("niki.hold", icon="LOCKED")
        action = _action_of(context)
        if action is not None and action.niki_corrections:
            self._draw_list(layout, action)

    def _draw_list(self, layout, action: bpy.types.Action) -> None:
        layout.label(text="Corrections")
        row = layout.row()
        row.template_list(
            "NIKI_UL_corrections", "", action, "niki_corrections", action, "niki_correction_index", rows=3
        )
        buttons = row.column(align=True)
        buttons.operator("niki.remove_correction", text="", icon="REMOVE")
        buttons.operator("niki.go_to_correction", text="", icon="TIME")
        if not can_change(action):
            draw_text(
                layout, "The original action is gone or linked, so the corrections have to stay", "INFO"
            )
            return
        active = action.niki_corrections[min(action.niki_correction_index, len(action.niki_corrections) - 1)]
        column = layout.column(align=True)
        column.active = not active.muted
        column.label(text=f"{active.name}:")  # so that its fades are not taken for those of the next one
        column.prop(active, "fade_in")
        column.prop(active, "fade_out")


CLASSES = (NIKI_OT_remove_correction, NIKI_OT_go_to_correction, NIKI_UL_corrections, NIKI_PT_correct)
register, unregister = bpy.utils.register_classes_factory(CLASSES)
