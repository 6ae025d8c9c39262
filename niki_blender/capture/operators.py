"""Operators that start captures."""

import bpy
from bpy.props import EnumProperty, StringProperty

from ...niki.errors import NikiError
from ..placement.placing import Placement
from ..scene.identity import identity_of
from ..scene.users_scene import place_of, refuse_linked
from ..settings.chosen import chosen_device, look_whether_ready
from ..work import words
from . import results
from .sources import OnFootage, chosen_source, offered_source, readable_source


def request_of(scene: bpy.types.Scene) -> tuple[dict, str]:
    """What the scene's settings ask the worker for, and a title.

    Raises:
        NikiError: says what is missing.
    """
    refuse_linked(scene)
    settings, source = scene.niki_capture, readable_source(scene)
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
    settings, shown_at = scene.niki_capture, chosen_source(scene).frame_start
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
            results.start(request, title, placement_of(context.scene))
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
        settings, offer = context.scene.niki_capture, offered_source(context)
        settings.source = offer.source
        setattr(settings, settings.source.lower(), offer.footage)
        self.report({"INFO"}, f"Footage from the {offer.source.lower()} '{offer.name}'")
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


CLASSES = (NIKI_OT_capture, NIKI_OT_use_active_footage, NIKI_OT_report)
register, unregister = bpy.utils.register_classes_factory(CLASSES)
