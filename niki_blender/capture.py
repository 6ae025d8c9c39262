"""Operators of the capture: start, cancel, continue, import, discard."""

from pathlib import Path

import bpy
from bpy.props import EnumProperty, StringProperty

from ..niki.errors import NikiError
from . import background
from .jobs import DONE, Job
from .placing import Placement
from .preferences import chosen_device
from .sources import OnFootage, chosen_source, offered_source, readable_source
from .users_scene import identity_of, place_of


def request_of(scene: bpy.types.Scene) -> tuple[dict, str]:
    """What the scene's settings ask the worker for, and a title.

    Raises:
        NikiError: says what is missing.
    """
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
    return Placement(
        armature=settings.armature.name if settings.armature else "",
        frame_start=settings.frame_start if shown_at is None else shown_at,
        scene=scene.name,
        scene_identity=identity_of(scene),
        **place_of(scene, settings.place_at),
        match_scene=settings.match_scene,
        camera=settings.camera,
        footage=settings.footage,
        active_camera=settings.active_camera,
    )


class NIKI_OT_capture(OnFootage, bpy.types.Operator):
    """Find the person in the footage and make an armature move as they do, in the background"""

    bl_idname = "niki.capture"
    bl_label = "Capture Motion"
    bl_options = {"REGISTER"}

    def execute(self, context):
        try:
            request, title = request_of(context.scene)
            background.start(request, title, placement_of(context.scene))
        except (NikiError, OSError) as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}
        return {"FINISHED"}


class NIKI_OT_use_active_footage(bpy.types.Operator):
    """Take the footage that is active in Blender: the clip that is shown, or the sequencer's active strip"""

    bl_idname = "niki.use_active_footage"
    bl_label = "Use Active Footage"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def description(cls, context, properties):
        offer = offered_source(context)
        if offer is None:
            return cls.__doc__
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
        queue = background.captures()
        for job in [*queue.jobs, *queue.unfinished()]:
            if job.folder.name == self.job:
                return job
        self.report({"WARNING"}, "That capture is not on the list any more")
        return None


class NIKI_OT_cancel_capture(_OfJob, bpy.types.Operator):
    """Stop this capture; what it has read is kept"""

    bl_idname = "niki.cancel_capture"
    bl_label = "Cancel Capture"

    def execute(self, context):
        job = self.find()
        if job is None or job.over:
            return {"CANCELLED"}
        background.captures().cancel(job)
        background.wake()
        return {"FINISHED"}


class NIKI_OT_continue_capture(_OfJob, bpy.types.Operator):
    """Go on with this capture where it was stopped"""

    bl_idname = "niki.continue_capture"
    bl_label = "Continue Capture"
    finish: bpy.props.BoolProperty(options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def description(cls, context, properties):
        if properties.finish:
            return "Read no more frames: import the motion of those that were read"
        return cls.__doc__

    def execute(self, context):
        job = self.find()
        if job is None or not job.over or job.state == DONE:
            return {"CANCELLED"}
        background.captures().take_up(job, self.finish)
        background.wake()
        return {"FINISHED"}


class NIKI_OT_import_capture(_OfJob, bpy.types.Operator):
    """Put this finished capture into the scene now"""

    bl_idname = "niki.import_capture"
    bl_label = "Import Capture"

    def execute(self, context):
        job = self.find()
        if job is None or job.state != DONE:
            return {"CANCELLED"}
        if context.mode != "OBJECT":
            bpy.ops.object.mode_set(mode="OBJECT")
        return {"FINISHED"} if background.import_result(job) else {"CANCELLED"}


class NIKI_OT_dismiss_capture(_OfJob, bpy.types.Operator):
    """Take this capture off the list"""

    bl_idname = "niki.dismiss_capture"
    bl_label = "Dismiss"
    discard: bpy.props.BoolProperty(options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def description(cls, context, properties):
        return "Delete what this capture has read" if properties.discard else cls.__doc__

    def execute(self, context):
        job, queue = self.find(), background.captures()
        if job is None or not job.over:
            return {"CANCELLED"}
        if job in queue.jobs:
            queue.forget(job)
        if self.discard:
            job.discard()
        return {"FINISHED"}


class NIKI_OT_dismiss_outcome(bpy.types.Operator):
    """Read and understood"""

    bl_idname = "niki.dismiss_outcome"
    bl_label = "Dismiss"
    bl_options = {"INTERNAL"}

    def execute(self, context):
        background.forget_outcome()
        return {"FINISHED"}


class NIKI_OT_open_log(bpy.types.Operator):
    """Show what was printed"""

    bl_idname = "niki.open_log"
    bl_label = "Open Log"
    bl_options = {"INTERNAL"}

    path: StringProperty(options={"HIDDEN", "SKIP_SAVE"})

    def execute(self, context):
        if not Path(self.path).is_file():
            self.report({"WARNING"}, f"There is no log yet: {self.path}")
            return {"CANCELLED"}
        bpy.ops.wm.path_open(filepath=self.path)
        return {"FINISHED"}


class NIKI_OT_report(bpy.types.Operator):
    """Say something in the status bar"""

    bl_idname = "niki.report"
    bl_label = "Report"
    bl_options = {"INTERNAL"}

    level: EnumProperty(items=[(name, name, "") for name in ("INFO", "WARNING", "ERROR")])
    message: StringProperty()

    def execute(self, context):
        self.report({self.level}, self.message)
        return {"FINISHED"}


CLASSES = (
    NIKI_OT_capture, NIKI_OT_use_active_footage, NIKI_OT_cancel_capture, NIKI_OT_continue_capture,
    NIKI_OT_import_capture, NIKI_OT_dismiss_capture, NIKI_OT_dismiss_outcome, NIKI_OT_open_log, NIKI_OT_report,
)  # fmt: skip
