"""Operators of the capture: start, cancel, continue, import, discard."""

import contextlib
import itertools

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty

from ...niki.errors import NikiError
from ..placement.placing import Placement
from ..scene.identity import identity_of
from ..scene.users_scene import place_of, refuse_linked
from ..settings import environment_operators as setting_up
from ..settings.preferences import chosen_device, look_whether_ready
from ..work import words
from ..work.job import CANCELLED, FAILED, Job
from . import results as background
from .sources import OnFootage, chosen_source, offered_source, readable_source


def request_of(scene: bpy.types.Scene) -> tuple[dict, str]:
    """What the scene's settings ask the worker for, and a title.

    Raises:
        NikiError: says what is missing.
    """
    refuse_linked(scene)
    settings, source = scene.niki, readable_source(scene)
    request = {
        "footage": source.path, "start": source.first, "end": source.last, "fps": source.fps,
        "focal": settings.focal if settings.use_focal else None,
        "subject": list(settings.subject) if settings.use_subject else None,
        "estimator": settings.estimator, "quality": settings.quality, "solver": settings.solver,
        "device": chosen_device(),
    }  # fmt: skip
    return {name: value for name, value in request.items() if value is not None}, source.title


def placement_of(scene: bpy.types.Scene) -> Placement:
    """Where the scene's settings want the result: in that scene, and at the frame at which it shows a clip or a
    strip."""
    settings, shown_at = scene.niki, chosen_source(scene).frame_start
    rig = settings.armature
    return Placement(
        armature=rig.name if rig else "",
        armature_identity=identity_of(rig) if rig else "",
        frame_start=settings.frame_start if shown_at is None else shown_at,
        scene=scene.name,
        scene_identity=identity_of(scene),
        point=place_of(scene, settings.place_at),
        match_scene=settings.match_scene,
        camera=settings.camera,
        footage=settings.footage,
        active_camera=settings.active_camera,
    )


class NIKI_OT_capture(OnFootage, bpy.types.Operator):
    """Queues a capture of the scene's footage."""

    bl_idname = "niki.capture"
    bl_label = "Capture Motion"
    bl_description = "Find the person in the footage and make an armature move as they do, in the background"
    bl_options = {"REGISTER"}

    def execute(self, context):
        if problem := look_whether_ready():
            self.report({"ERROR"}, problem)
            return {"CANCELLED"}
        try:
            request, title = request_of(context.scene)
            background.start(request, title, placement_of(context.scene))
        except (NikiError, OSError) as problem:
            self.report({"ERROR"}, words.describe_error(problem))
            return {"CANCELLED"}
        return {"FINISHED"}


class NIKI_OT_use_active_footage(bpy.types.Operator):
    """Makes the active clip or strip the scene's footage."""

    bl_idname = "niki.use_active_footage"
    bl_label = "Use Active Footage"
    bl_description = (
        "Take the footage that is active: the clip that is shown, or the sequencer's active strip"
    )
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def description(cls, context, properties):
        offer = offered_source(context)
        if offer is None:
            return cls.bl_description
        return f"Take the {offer.source.lower()} '{offer.name}', which is active"

    @classmethod
    def poll(cls, context):
        if offered_source(context) is None:
            cls.poll_message_set("Open a clip, or select a film in the sequencer")
            return False
        return True

    def execute(self, context):
        settings, offer = context.scene.niki, offered_source(context)
        settings.source = offer.source
        setattr(settings, settings.source.lower(), offer.footage)
        self.report({"INFO"}, f"Footage from the {offer.source.lower()} '{offer.name}'")
        return {"FINISHED"}


class _OfJob:
    """Shared by operators on one capture of the list, named by its folder."""

    job: StringProperty(options={"HIDDEN", "SKIP_SAVE"})
    bl_options = {"REGISTER", "INTERNAL"}

    def find(self) -> Job | None:
        for job in itertools.chain(*background.list_jobs()):
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
        background.captures().cancel(job)
        background.wake()
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
            background.take_up(job, self.finish)
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
            background.captures().list_finished(job)
        except NikiError as problem:
            return self.refuse(problem)
        if context.mode != "OBJECT":
            bpy.ops.object.mode_set(mode="OBJECT")
        return {"FINISHED"} if background.import_result(job, asked=True) else {"CANCELLED"}


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
        queue = background.captures()
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
        background.session.others_shown = not background.session.others_shown
        return {"FINISHED"}


class NIKI_OT_clear_other_captures(bpy.types.Operator):
    """Deletes other projects' unfinished captures, those that no other Blender is at."""

    bl_idname = "niki.clear_other_captures"
    bl_label = "Delete Captures of Other Projects"
    bl_description = "Delete all captures of other projects on this list, finished ones too"
    bl_options = {"REGISTER", "INTERNAL"}

    def invoke(self, context, event):
        count = len(background.list_jobs()[2])
        what = "1 capture of another project" if count == 1 else f"{count} captures of other projects"
        verb = "is" if count == 1 else "are"
        return context.window_manager.invoke_confirm(
            self, event, message=f"{what}, with all that was read, {verb} deleted for good"
        )

    def execute(self, context):
        for job in background.list_jobs()[2]:
            with contextlib.suppress(NikiError):  # another Blender has taken it up meanwhile
                background.captures().discard(job)
        return {"FINISHED"}


class NIKI_OT_dismiss_outcome(bpy.types.Operator):
    """Ends the message about the last result."""

    bl_idname = "niki.dismiss_outcome"
    bl_label = "Dismiss"
    bl_description = "Hide this message"
    bl_options = {"INTERNAL"}

    def execute(self, context):
        background.forget_outcome()
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
            log = background.captures().log if self.log == "CAPTURES" else setting_up.environment_log()
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


class NIKI_OT_report(bpy.types.Operator):
    """Says something in the status bar, for those who are no operator."""

    bl_idname = "niki.report"
    bl_label = "Report"
    bl_description = "Say something in the status bar"
    bl_options = {"INTERNAL"}

    level: EnumProperty(items=[(name, name, "") for name in ("INFO", "WARNING", "ERROR")])
    message: StringProperty()

    def execute(self, context):
        self.report({self.level}, self.message)
        return {"FINISHED"}


CLASSES = (
    NIKI_OT_capture, NIKI_OT_use_active_footage, NIKI_OT_cancel_capture, NIKI_OT_continue_capture,
    NIKI_OT_import_capture, NIKI_OT_dismiss_capture, NIKI_OT_show_other_captures, NIKI_OT_clear_other_captures, NIKI_OT_dismiss_outcome, NIKI_OT_open_log, NIKI_OT_report,
)  # fmt: skip
