"""Settings of the next capture, stored in the scene."""

import math

import bpy
from bpy.props import (
    BoolProperty,
    EnumProperty,
    FloatProperty,
    FloatVectorProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from ...niki.motion.camera_tilt import LARGEST_ROLL, LARGEST_TILT
from ...niki.motion.floor import LARGEST_HEIGHT, LEAST_HEIGHT
from ..interface.layout import CONTEXT
from ..placement.choices import MATCH_DESCRIPTION, MATCH_NAME, MATCHES, PLACES
from ..rig.armature import is_our_armature, may_have_deleted, release_deleted
from ..rig.refine_settings import SOLVERS
from .people import forget_choice
from .sources import footage_strips, look_at_footage


def _strip_names(settings, context, text):
    return [strip.name for strip in footage_strips(settings.id_data)]


def _footage_changed(settings, context):
    look_at_footage(settings.id_data)
    forget_choice(settings.id_data)


class NIKI_PG_capture(bpy.types.PropertyGroup):
    """Settings of the next capture."""

    source: EnumProperty(
        name="Footage From",
        description="Where the footage comes from",
        translation_context=CONTEXT,
        items=(
            ("FILE", "File", "A video file or a numbered image sequence"),
            ("CLIP", "Clip", "A movie clip in this .blend file"),
            ("STRIP", "Strip", "A movie or image strip in the Video Sequencer"),
        ),
        update=_footage_changed,
    )
    path: StringProperty(
        name="File", description="Video file, or any image of a numbered sequence", update=_footage_changed
    )
    clip: PointerProperty(
        name="Clip",
        translation_context=CONTEXT,
        type=bpy.types.MovieClip,
        description="Movie clip to capture",
        update=_footage_changed,
    )
    strip: StringProperty(
        name="Strip",
        translation_context=CONTEXT,
        description="Movie or image strip to capture",
        update=_footage_changed,
        search=_strip_names,
        search_options=set(),
    )
    use_range: BoolProperty(name="Frame Range", description="Capture only part of the footage")
    first: IntProperty(
        name="First Frame",
        min=0,
        description="First frame to capture; frames of the footage are counted from 0",
    )
    last: IntProperty(
        name="Last Frame",
        min=0,
        default=100,
        description="Last frame to capture; frames of the footage are counted from 0",
    )
    use_focal: BoolProperty(
        name="Focal Length",
        description="Set the focal length of the lens; guessed if off. Affects how far away the person is",
    )
    focal: FloatProperty(
        name="Focal Length",
        min=1.0,
        default=1000.0,
        subtype="PIXEL",
        description="Focal length of the lens, in pixels of the footage",
    )
    camera_tilt: EnumProperty(
        name="Camera Tilt",
        description="How far the camera looks down, and how far it is rolled",
        translation_context=CONTEXT,
        items=(
            (
                "AUTOMATIC",
                "Automatic",
                "From the camera solve or the scene's camera, if you oriented it, else estimated from the person",
            ),
            ("MANUAL", "Manual", "Set tilt and roll"),
        ),
    )
    tilt: FloatProperty(
        name="Tilt",
        min=-math.radians(LARGEST_TILT),
        max=math.radians(LARGEST_TILT),
        subtype="ANGLE",
        description="Angle by which the camera looks down; negative if it looks up",
    )
    roll: FloatProperty(
        name="Roll",
        min=-math.radians(LARGEST_ROLL),
        max=math.radians(LARGEST_ROLL),
        subtype="ANGLE",
        description=(
            "Angle by which the camera is turned counterclockwise, seen from behind it: "
            "upright things lean to the right in the picture. Negative if it is turned clockwise"
        ),
    )
    use_height: BoolProperty(
        name="Height",
        description="Set how tall the person is, which gives their world its size; estimated if off",
    )
    height: FloatProperty(
        name="Height",
        min=LEAST_HEIGHT,
        max=LARGEST_HEIGHT,
        soft_min=1.0,
        soft_max=2.2,
        default=1.7,
        precision=2,
        description="How tall the person is, in meters",
    )
    use_subject: BoolProperty(
        name="Choose Person", description="Follow the person you choose instead of the largest one"
    )
    subject: FloatVectorProperty(
        name="Person", size=2, description="Position of the person in the first frame, in pixels"
    )
    estimator: EnumProperty(
        name="Estimator",
        description="Network that detects the joints in each frame",
        translation_context=CONTEXT,
        items=(("blazepose", "BlazePose", "Detects joints with BlazePose GHUM"),),
    )
    quality: EnumProperty(
        name="Quality",
        default="best",
        description="Trade-off between speed and steadiness",
        translation_context=CONTEXT,
        items=(
            ("fast", "Fast", "Fastest, some jitter"),
            ("standard", "Standard", "Balanced"),
            ("best", "Best", "Steadiest, slowest"),
        ),
    )
    solver: EnumProperty(
        name="Solver",
        default="auto",
        description="How bone rotations are computed from the detected joints",
        translation_context=CONTEXT,
        items=SOLVERS,
    )
    armature: PointerProperty(
        name="Armature",
        type=bpy.types.Object,
        poll=lambda self, candidate: is_our_armature(candidate),
        description="Armature to animate; its existing actions are kept. Leave empty to create a new one",
    )
    frame_start: IntProperty(
        name="Start Frame",
        default=1,
        description="Scene frame of the first captured frame. Clips and strips use their own",
    )
    place_at: EnumProperty(
        name="Place At",
        translation_context=CONTEXT,
        items=PLACES,
        description="Where the result goes in the scene",
    )
    match_scene: EnumProperty(
        name=MATCH_NAME, translation_context=CONTEXT, items=MATCHES, description=MATCH_DESCRIPTION
    )
    root_bone: BoolProperty(
        name="Root Bone",
        description="Give a new armature a root bone on the floor under the pelvis, as game engines use it",
    )
    camera: BoolProperty(name="Camera", default=True, description="Add a camera that matches the footage")
    active_camera: BoolProperty(
        name="Make Active",
        description="Make it the scene's active camera, even if the scene has one",
    )
    footage: BoolProperty(
        name="Background Footage",
        default=True,
        description="Show the footage in the background of the camera",
    )


@bpy.app.handlers.persistent
def _follow_changes(_scene, depsgraph) -> None:
    """Handler: objects may have been deleted."""
    if may_have_deleted(depsgraph):
        forget_deleted_armatures()


@bpy.app.handlers.persistent
def forget_deleted_armatures(*_) -> None:
    """Handler: release armatures that were deleted from the setting."""
    for scene in bpy.data.scenes:
        release_deleted(scene.niki_capture, "armature")


CLASSES = (NIKI_PG_capture,)

_register_classes, _unregister_classes = bpy.utils.register_classes_factory(CLASSES)


def register() -> None:
    _register_classes()
    bpy.types.Scene.niki_capture = PointerProperty(type=NIKI_PG_capture)
    bpy.app.handlers.depsgraph_update_post.append(_follow_changes)
    bpy.app.handlers.save_pre.append(forget_deleted_armatures)


def unregister() -> None:
    bpy.app.handlers.save_pre.remove(forget_deleted_armatures)
    bpy.app.handlers.depsgraph_update_post.remove(_follow_changes)
    del bpy.types.Scene.niki_capture
    _unregister_classes()
