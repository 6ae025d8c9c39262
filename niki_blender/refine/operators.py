"""Operators of the Refine panel."""

import bpy
from bpy.props import EnumProperty

from ...niki.errors import NikiError
from ..interface.layout import CONTEXT
from ..placement.refined import AFTER, BEFORE, show, shown
from ..rig.armature import OnArmature, active_object
from ..settings.chosen import look_whether_ready, why_not_ready
from ..work import words
from .solving import refining


class NIKI_OT_refine(OnArmature, bpy.types.Operator):
    """Start to solve the active armature's motion again."""

    bl_idname = "niki.refine"
    bl_label = "Refine"
    bl_description = (
        "Solve the captured motion again with these settings, into a new action; the captured one is kept"
    )
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context):
        if not super().poll(context):
            return False
        problem = why_not_ready()
        if not context.object.niki_refine.frames:
            problem = "This motion has no readings: capture it, or import the file of a capture"
        elif refining.busy:
            problem = "A motion is being refined"
        if problem:
            cls.poll_message_set(problem)
        return not problem

    def execute(self, context):
        try:
            if problem := look_whether_ready():
                raise NikiError(problem)
            refining.begin(active_object(context))
        except (NikiError, OSError) as problem:
            self.report({"ERROR"}, words.describe_error(problem))
            return {"CANCELLED"}
        return {"FINISHED"}


class NIKI_OT_cancel_refine(bpy.types.Operator):
    """Stop the refinement under way."""

    bl_idname = "niki.cancel_refine"
    bl_label = "Cancel"
    bl_description = "Stop refining; nothing is changed"
    bl_options = {"REGISTER", "INTERNAL"}

    @classmethod
    def poll(cls, context):
        return refining.busy

    def execute(self, context):
        refining.end()
        return {"FINISHED"}


class NIKI_OT_show_refined(OnArmature, bpy.types.Operator):
    """Exchange the captured and the refined action of the active armature."""

    bl_idname = "niki.show_refined"
    bl_label = "Before / After"
    bl_options = {"REGISTER", "UNDO"}

    which: EnumProperty(
        name="Motion",
        translation_context=CONTEXT,
        items=((BEFORE, "Before", "The captured motion"), (AFTER, "After", "The refined motion")),
        options={"SKIP_SAVE"},
    )

    @classmethod
    def description(cls, context, properties):
        what = "captured" if properties.which == BEFORE else "refined"
        return f"Show the {what} motion. Both actions are kept, with all edits"

    def execute(self, context):
        rig = active_object(context)
        if shown(rig) == self.which:
            return {"CANCELLED"}
        try:
            show(rig, self.which)
        except NikiError as problem:
            self.report({"ERROR"}, words.describe_error(problem))
            return {"CANCELLED"}
        return {"FINISHED"}


CLASSES = (NIKI_OT_refine, NIKI_OT_cancel_refine, NIKI_OT_show_refined)
register, unregister = bpy.utils.register_classes_factory(CLASSES)
