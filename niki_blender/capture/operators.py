"""Operators that start captures."""

import math

import bpy
from bpy.props import EnumProperty, StringProperty

from ...niki.errors import NikiError
from ...niki.task import Task
from ..interface.layout import CONTEXT
from ..placement.placing import Placement
from ..scene.identity import identity_of
from ..scene.users_scene import place_of, refuse_linked
from ..settings.chosen import chosen_device, look_whether_ready
from ..work import words
from . import results
from .known_camera import known_camera
from .sources import OnFootage, Source, chosen_source, offered_source, readable_source


def task_of(scene: bpy.types.Scene) -> tuple[Task, str]:
    """The task from the scene's settings, and a title for the capture.

    Raises:
        NikiError: a setting is missing, or the footage does not exist.
    """
    refuse_linked(scene)
    settings, source = scene.niki_capture, readable_source(scene)
    tilt, roll = tilt_of(scene, source)
    task = Task(
        source.path, source.first, source.last, source.fps,
        focal=settings.focal if settings.use_focal else None, tilt=tilt, roll=roll,
        subject=tuple(settings.subject) if settings.use_subject else None,
        estimator=settings.estimator, quality=settings.quality, device=chosen_device(), solver=settings.solver,
        height=round(settings.height, 4) if settings.use_height else None,
    )  # fmt: skip
    return task, source.title


def tilt_of(scene: bpy.types.Scene, source: Source) -> tuple[float, float] | tuple[None, None]:
    """Tilt and roll of the camera in degrees: set, or known from a camera of the scene; None to estimate them."""
    settings = scene.niki_capture
    if settings.camera_tilt == "MANUAL":  # rounded: single precision may exceed the limits
        return round(math.degrees(settings.tilt), 4), round(math.degrees(settings.roll), 4)
    known = known_camera(scene, source)
    return (None, None) if known is None else (known.tilt, known.roll)


def placement_of(scene: bpy.types.Scene) -> Placement:
    """The placement of the result from the scene's settings; clips and strips determine its start frame."""
    settings, frame_start = scene.niki_capture, chosen_source(scene).frame_start
    rig = settings.armature
    return Placement(
        armature=rig.name if rig else "",
        armature_identity=identity_of(rig) if rig else "",
        frame_start=settings.frame_start if frame_start is None else frame_start,
        scene=scene.name,
        scene_identity=identity_of(scene),
        point=place_of(scene, settings.place_at),
        match_scene=settings.match_scene,
        camera=settings.camera,
        footage=settings.footage,
        active_camera=settings.active_camera,
        root_bone=settings.root_bone,
    )


class NIKI_OT_capture(OnFootage, bpy.types.Operator):
    """Queue a capture of the scene's footage."""

    bl_idname = "niki.capture"
    bl_label = "Capture Motion"
    bl_description = (
        "Capture the motion of a person in the footage and apply it to an armature, in the background"
    )
    bl_options = {"REGISTER"}

    def execute(self, context):
        if problem := look_whether_ready():
            self.report({"ERROR"}, problem)
            return {"CANCELLED"}
        try:
            task, title = task_of(context.scene)
            results.start(task.as_dict(), title, placement_of(context.scene))
        except (NikiError, OSError) as problem:
            self.report({"ERROR"}, words.describe_error(problem))
            return {"CANCELLED"}
        return {"FINISHED"}


class NIKI_OT_use_active_footage(bpy.types.Operator):
    """Make the active clip or strip the footage to capture."""

    bl_idname = "niki.use_active_footage"
    bl_label = "Use Active Footage"
    bl_description = "Use the clip in the Movie Clip Editor or the active strip of the Video Sequencer"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def description(cls, context, properties):
        offer = offered_source(context)
        if offer is None:
            return cls.bl_description
        return f"Use the active {offer.source.lower()} '{offer.name}'"

    @classmethod
    def poll(cls, context):
        if offered_source(context) is None:
            cls.poll_message_set("Open a movie clip, or select a movie or image strip in the Video Sequencer")
            return False
        return True

    def execute(self, context):
        settings, offer = context.scene.niki_capture, offered_source(context)
        settings.source = offer.source
        setattr(settings, settings.source.lower(), offer.footage)
        self.report({"INFO"}, f"Using the {offer.source.lower()} '{offer.name}' as footage")
        return {"FINISHED"}


class NIKI_OT_report(bpy.types.Operator):
    """Show a message in the status bar, for code that is not an operator."""

    bl_idname = "niki.report"
    bl_label = "Report"
    bl_description = "Show a message in the status bar"
    bl_options = {"INTERNAL"}

    level: EnumProperty(
        name="Level",
        translation_context=CONTEXT,
        items=[(name, name, "") for name in ("INFO", "WARNING", "ERROR")],
    )
    message: StringProperty(name="Message")

    def execute(self, context):
        self.report({self.level}, self.message)
        return {"FINISHED"}


CLASSES = (NIKI_OT_capture, NIKI_OT_use_active_footage, NIKI_OT_report)
register, unregister = bpy.utils.register_classes_factory(CLASSES)
