"""Operators on the captures in the list: cancel, continue, import, remove, delete."""

import contextlib
import itertools

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty

from ...niki.errors import NikiError
from ..interface.layout import CONTEXT
from ..settings import environment_operators
from ..work import words
from ..work.job import CANCELLED, FAILED, Job
from . import results


class _OnJob:
    """For operators on one capture in the list, identified by the name of its folder."""

    job: StringProperty(options={"HIDDEN", "SKIP_SAVE"})
    bl_options = {"REGISTER", "INTERNAL"}

    def find(self) -> Job | None:
        for job in itertools.chain(*results.list_jobs()):
            if job.folder.name == self.job:
                return job
        self.report({"WARNING"}, "That capture is no longer in the list")
        return None

    def refuse(self, problem: Exception) -> set[str]:
        self.report({"ERROR"}, words.describe_error(problem))
        return {"CANCELLED"}


class NIKI_OT_cancel_capture(_OnJob, bpy.types.Operator):
    """Stop a queued or running capture."""

    bl_idname = "niki.cancel_capture"
    bl_label = "Cancel Capture"
    bl_description = "Stop this capture; the frames read so far are kept"

    def execute(self, context):
        job = self.find()
        if job is None or job.over:
            return {"CANCELLED"}
        results.captures().cancel(job)
        results.wake()
        return {"FINISHED"}


class NIKI_OT_continue_capture(_OnJob, bpy.types.Operator):
    """Continue a stopped capture."""

    bl_idname = "niki.continue_capture"
    bl_label = "Continue Capture"
    bl_description = "Resume this capture where it stopped, as a capture of the open file"
    finish: BoolProperty(options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def description(cls, context, properties):
        if properties.finish:
            return "Import the frames read so far"
        return cls.bl_description

    def execute(self, context):
        job = self.find()
        if job is None or job.state not in (FAILED, CANCELLED) or not job.request:
            return {"CANCELLED"}
        try:
            results.resume(job, self.finish)
        except NikiError as problem:
            return self.refuse(problem)
        return {"FINISHED"}


class NIKI_OT_import_capture(_OnJob, bpy.types.Operator):
    """Import a finished capture."""

    bl_idname = "niki.import_capture"
    bl_label = "Import Capture"
    bl_description = "Import this capture into the scene now"

    def execute(self, context):
        job = self.find()
        if job is None or not (job.over and job.has_motion):
            return {"CANCELLED"}
        try:
            results.captures().list_finished(job)
        except NikiError as problem:
            return self.refuse(problem)
        if context.mode != "OBJECT":
            bpy.ops.object.mode_set(mode="OBJECT")
        return {"FINISHED"} if results.import_result(job, by_user=True) else {"CANCELLED"}


class NIKI_OT_dismiss_capture(_OnJob, bpy.types.Operator):
    """Remove an ended capture from the list, or delete it."""

    bl_idname = "niki.dismiss_capture"
    bl_label = "Dismiss"
    bl_description = "Remove from the list"
    discard: BoolProperty(options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def description(cls, context, properties):
        return "Delete this capture and the frames read so far" if properties.discard else cls.bl_description

    def invoke(self, context, event):
        if not self.discard:
            return self.execute(context)
        return context.window_manager.invoke_confirm(
            self, event, message="The capture will be deleted permanently"
        )

    def execute(self, context):
        job = self.find()
        if job is None or not job.over:
            return {"CANCELLED"}
        queue = results.captures()
        try:
            queue.discard(job) if self.discard else queue.forget(job)
        except NikiError as problem:
            return self.refuse(problem)
        return {"FINISHED"}


class NIKI_OT_show_other_captures(bpy.types.Operator):
    """Expand or collapse the list of captures from other projects."""

    bl_idname = "niki.show_other_captures"
    bl_label = "Captures from Other Projects"
    bl_description = "Show or hide captures from other projects"
    bl_options = {"INTERNAL"}

    def execute(self, context):
        results.session.others_shown = not results.session.others_shown
        return {"FINISHED"}


class NIKI_OT_clear_other_captures(bpy.types.Operator):
    """Delete captures from other projects, except those that another Blender is using."""

    bl_idname = "niki.clear_other_captures"
    bl_label = "Delete Captures from Other Projects"
    bl_description = "Delete all captures from other projects in this list, including finished ones"
    bl_options = {"REGISTER", "INTERNAL"}

    def invoke(self, context, event):
        captures = results.describe_others(len(results.list_jobs()[2]))
        return context.window_manager.invoke_confirm(
            self, event, message=f"{captures} will be deleted permanently"
        )

    def execute(self, context):
        for job in results.list_jobs()[2]:
            with contextlib.suppress(NikiError):  # another Blender is using it by now
                results.captures().discard(job)
        return {"FINISHED"}


class NIKI_OT_dismiss_outcome(bpy.types.Operator):
    """Dismiss the message about the last result."""

    bl_idname = "niki.dismiss_outcome"
    bl_label = "Dismiss"
    bl_description = "Dismiss this message"
    bl_options = {"INTERNAL"}

    def execute(self, context):
        results.forget_outcome()
        return {"FINISHED"}


class NIKI_OT_open_log(bpy.types.Operator):
    """Open a log in the system's text viewer."""

    bl_idname = "niki.open_log"
    bl_label = "Open Log"
    bl_description = "Open the log file"
    bl_options = {"INTERNAL"}

    log: EnumProperty(
        translation_context=CONTEXT,
        items=[
            ("CAPTURES", "Captures", "Log of the captures"),
            ("ENVIRONMENT", "Environment", "Log of creating the environment"),
        ],
        options={"HIDDEN", "SKIP_SAVE"},
    )

    def execute(self, context):
        try:
            log = (
                results.captures().log if self.log == "CAPTURES" else environment_operators.environment_log()
            )
        except NikiError as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}
        if not log.is_file():
            self.report({"WARNING"}, f"There is no log yet: {log}")
            return {"CANCELLED"}
        try:
            bpy.ops.wm.path_open(filepath=str(log))
        except RuntimeError:
            self.report({"ERROR"}, f"No program is set up to open {log}")
            return {"CANCELLED"}
        return {"FINISHED"}


CLASSES = (
    NIKI_OT_cancel_capture,
    NIKI_OT_continue_capture,
    NIKI_OT_import_capture,
    NIKI_OT_dismiss_capture,
    NIKI_OT_show_other_captures,
    NIKI_OT_clear_other_captures,
    NIKI_OT_dismiss_outcome,
    NIKI_OT_open_log,
)
register, unregister = bpy.utils.register_classes_factory(CLASSES)
