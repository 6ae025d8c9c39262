"""Operators on captures of the list: cancel, continue, import, discard."""

import contextlib
import itertools

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty

from ...niki.errors import NikiError
from ..settings import environment_operators
from ..work import words
from ..work.job import CANCELLED, FAILED, Job
from . import results


class _OfJob:
    """Shared by operators on one capture of the list, named by its folder."""

    job: StringProperty(options={"HIDDEN", "SKIP_SAVE"})
    bl_options = {"REGISTER", "INTERNAL"}

    def find(self) -> Job | None:
        for job in itertools.chain(*results.list_jobs()):
            if job.folder.name == self.job:
                return job
        self.report({"WARNING"}, "That capture is not on the list any more")
        return None

    def refuse(self, problem: Exception) -> set[str]:
        self.report({"ERROR"}, words.describe_error(problem))
        return {"CANCELLED"}


class NIKI_OT_cancel_capture(_OfJob, bpy.types.Operator):
    """Stops one that waits or runs."""

    bl_idname = "niki.cancel_capture"
    bl_label = "Cancel Capture"
    bl_description = "Stop this capture; what it has read is kept"

    def execute(self, context):
        job = self.find()
        if job is None or job.over:
            return {"CANCELLED"}
        results.captures().cancel(job)
        results.wake()
        return {"FINISHED"}


class NIKI_OT_continue_capture(_OfJob, bpy.types.Operator):
    """Takes one up again that was stopped."""

    bl_idname = "niki.continue_capture"
    bl_label = "Continue Capture"
    bl_description = "Go on with this capture where it was stopped, for the file that is open"
    finish: BoolProperty(options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def description(cls, context, properties):
        if properties.finish:
            return "Read no more frames: import the motion of those that were read"
        return cls.bl_description

    def execute(self, context):
        job = self.find()
        if job is None or job.state not in (FAILED, CANCELLED) or not job.request:
            return {"CANCELLED"}
        try:
            results.take_up(job, self.finish)
        except NikiError as problem:
            return self.refuse(problem)
        return {"FINISHED"}


class NIKI_OT_import_capture(_OfJob, bpy.types.Operator):
    """Imports one that is done."""

    bl_idname = "niki.import_capture"
    bl_label = "Import Capture"
    bl_description = "Put this finished capture into the scene now"

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
        return {"FINISHED"} if results.import_result(job, asked=True) else {"CANCELLED"}


class NIKI_OT_dismiss_capture(_OfJob, bpy.types.Operator):
    """Takes one that is over off the list; or deletes it, when that is asked for and confirmed."""

    bl_idname = "niki.dismiss_capture"
    bl_label = "Dismiss"
    bl_description = "Take this capture off the list"
    discard: BoolProperty(options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def description(cls, context, properties):
        return "Delete this capture, with what it has read" if properties.discard else cls.bl_description

    def invoke(self, context, event):
        if not self.discard:
            return self.execute(context)
        return context.window_manager.invoke_confirm(self, event, message="What was read is deleted for good")

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
    """Folds the list of other projects' captures, or unfolds it."""

    bl_idname = "niki.show_other_captures"
    bl_label = "Captures of Other Projects"
    bl_description = "Show captures that were left unfinished in other projects, or hide them"
    bl_options = {"INTERNAL"}

    def execute(self, context):
        results.session.others_shown = not results.session.others_shown
        return {"FINISHED"}


class NIKI_OT_clear_other_captures(bpy.types.Operator):
    """Deletes other projects' unfinished captures, those that no other Blender is at."""

    bl_idname = "niki.clear_other_captures"
    bl_label = "Delete Captures of Other Projects"
    bl_description = "Delete all captures of other projects on this list, finished ones too"
    bl_options = {"REGISTER", "INTERNAL"}

    def invoke(self, context, event):
        count = len(results.list_jobs()[2])
        what = "1 capture of another project" if count == 1 else f"{count} captures of other projects"
        verb = "is" if count == 1 else "are"
        return context.window_manager.invoke_confirm(
            self, event, message=f"{what}, with all that was read, {verb} deleted for good"
        )

    def execute(self, context):
        for job in results.list_jobs()[2]:
            with contextlib.suppress(NikiError):  # another Blender has taken it up meanwhile
                results.captures().discard(job)
        return {"FINISHED"}


class NIKI_OT_dismiss_outcome(bpy.types.Operator):
    """Ends the message about the last result."""

    bl_idname = "niki.dismiss_outcome"
    bl_label = "Dismiss"
    bl_description = "Hide this message"
    bl_options = {"INTERNAL"}

    def execute(self, context):
        results.forget_outcome()
        return {"FINISHED"}


class NIKI_OT_open_log(bpy.types.Operator):
    """Opens a log in the system's viewer."""

    bl_idname = "niki.open_log"
    bl_label = "Open Log"
    bl_description = "Show what was printed"
    bl_options = {"INTERNAL"}

    log: EnumProperty(
        items=[("CAPTURES", "Captures", "Of the worker"), ("ENVIRONMENT", "Environment", "Of making it")],
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
            self.report({"ERROR"}, f"The system has nothing to open it with: {log}")
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
