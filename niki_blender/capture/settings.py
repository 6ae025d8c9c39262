"""Settings of the next capture, stored in the scene."""

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

from ..placement.choices import MATCH_DESCRIPTION, MATCH_NAME, MATCHES, PLACES
from ..rig.armature import is_our_armature
from .people import forget_choice
from .sources import footage_strips, look_at_footage

_OURS = "NIKI"  # a translation context: Blender's dictionary has other things in mind with some of our words


def _strip_names(settings, context, text):
    return [strip.name for strip in footage_strips(settings.id_data)]


def _footage_changed(settings, context):
    look_at_footage(settings.id_data)
    forget_choice(settings.id_data)


class NIKI_PG_capture(bpy.types.PropertyGroup):
    """Settings of the next capture, in a scene."""

    source: EnumProperty(
        name="Footage From",
        items=(
            ("FILE", "File", "A video file, or one image of a numbered sequence"),
            ("CLIP", "Clip", "A movie clip of this file"),
            ("STRIP", "Strip", "A strip of the sequencer"),
        ),
        update=_footage_changed,
    )
    path: StringProperty(
        name="File", description="A video, or one image of a numbered sequence", update=_footage_changed
    )
    clip: PointerProperty(
        name="Clip", type=bpy.types.MovieClip, description="Footage of a person", update=_footage_changed
    )
    strip: StringProperty(
        name="Strip",
        description="Footage of a person: a film or images in the sequencer",
        update=_footage_changed,
        search=_strip_names,
        search_options=set(),
    )
    use_range: BoolProperty(name="Frame Range", description="Capture a part of the footage")
    first: IntProperty(
        name="First", min=0, description="First frame of the footage to capture, counted from 0"
    )
    last: IntProperty(name="Last", min=0, default=100, description="Last frame of the footage to capture")
    use_focal: BoolProperty(
        name="Focal Length",
        description="Give the lens, where it is known: distances to the camera scale with it",
    )
    focal: FloatProperty(
        name="Focal Length", min=1.0, default=1000.0, subtype="PIXEL", description="In pixels of the footage"
    )
    use_subject: BoolProperty(
        name="Choose Person", description="Follow a person that you choose, not the largest"
    )
    subject: FloatVectorProperty(name="Person", size=2, description="Where the person is at first, in pixels")
    estimator: EnumProperty(
        name="Estimator", items=(("blazepose", "BlazePose", "Joints from BlazePose GHUM"),)
    )
    quality: EnumProperty(
        name="Quality",
        default="best",
        translation_context=_OURS,
        items=(
            ("fast", "Fast", "Read one crop of each frame"),
            ("standard", "Standard", "Read four crops of each frame"),
            ("best", "Best", "Read ten crops of each frame; steadiest"),
        ),
    )
    solver: EnumProperty(
        name="Solver",
        items=(
            ("niki", "NIKI", "The network: plausible where joints are hidden"),
            ("hybrik", "Analytic", "Twist and swing alone: meets the joints as they were read"),
        ),
    )
    armature: PointerProperty(
        name="Armature",
        type=bpy.types.Object,
        poll=lambda self, candidate: is_our_armature(candidate),
        description="Animate this armature, its actions so far kept; a new one where none is given",
    )
    frame_start: IntProperty(
        name="Start Frame",
        default=1,
        description="Scene frame of the first captured frame. Clips and strips have it from where they are",
    )
    place_at: EnumProperty(name="Place At", items=PLACES, description="Where in the scene the result goes")
    match_scene: EnumProperty(name=MATCH_NAME, items=MATCHES, description=MATCH_DESCRIPTION)
    camera: BoolProperty(
        name="Camera", default=True, description="Make the camera that the footage was taken with"
    )
    active_camera: BoolProperty(
        name="Make Active",
        description="Make it the scene's camera, also where the scene has one already",
    )
    footage: BoolProperty(
        name="Footage Behind", default=True, description="Show the footage behind the camera"
    )


@bpy.app.handlers.persistent
def _follow_changes(_scene, depsgraph) -> None:
    """Handler: were objects deleted?"""
    if depsgraph.id_type_updated("COLLECTION") or depsgraph.id_type_updated("SCENE"):
        forget_deleted_armatures()


@bpy.app.handlers.persistent
def forget_deleted_armatures(*_) -> None:
    """Handler: let go of armatures that are in no scene any more: the choice of one to animate would keep it in the
    file."""
    for scene in bpy.data.scenes:
        rig = scene.niki_capture.armature
        if rig is not None and not rig.users_collection and scene.library is None:
            scene.niki_capture.armature = None


CLASSES = (NIKI_PG_capture,)

_register_classes, _unregister_classes = bpy.utils.register_classes_factory(CLASSES)


def register():
    _register_classes()
    bpy.types.Scene.niki_capture = PointerProperty(type=NIKI_PG_capture)
    bpy.app.handlers.depsgraph_update_post.append(_follow_changes)
    bpy.app.handlers.save_pre.append(forget_deleted_armatures)


def unregister():
    bpy.app.handlers.save_pre.remove(forget_deleted_armatures)
    bpy.app.handlers.depsgraph_update_post.remove(_follow_changes)
    del bpy.types.Scene.niki_capture
    _unregister_classes()
