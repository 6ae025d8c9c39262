"""What is stored in the scene and on armatures."""

import bpy
from bpy.props import (
    BoolProperty,
    BoolVectorProperty,
    EnumProperty,
    FloatProperty,
    FloatVectorProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from ..niki.body.skeleton import NUM_JOINTS
from .capture import people
from .capture.sources import footage_strips, look_at_footage
from .placement.placing import ALWAYS, IF_EMPTY, NEVER
from .pose import targets
from .rig import confidence
from .rig.armature import is_our_armature

PLACES = (
    (
        "ORIGIN",
        "World Origin",
        "The person stands at the world's origin where first seen, the camera before them",
    ),
    ("CURSOR", "3D Cursor", "The person stands at the 3D cursor where first seen, the camera before them"),
    ("FILMED", "As Filmed", "The camera is above the world's origin, the person where they are before it"),
)
MATCHES = (
    (IF_EMPTY, "If Empty", "In a scene that holds no more than Blender's start-up objects"),
    (ALWAYS, "Always", "Changes the scene's frame rate, frame range, resolution and camera"),
    (NEVER, "Never", "The scene stays as it is; the motion is resampled to its frame rate"),
)
MATCH_NAME = "Match Scene to Footage"
MATCH_DESCRIPTION = "Give the scene the footage's frame rate, frame range and resolution, and its camera"
_OURS = "NIKI"  # a translation context: Blender's dictionary has other things in mind with some of our words


def _strip_names(settings, context, text):
    return [strip.name for strip in footage_strips(settings.id_data)]


def _footage_changed(settings, context):
    look_at_footage(settings.id_data)
    people.forget_choice(settings.id_data)


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
    identity: StringProperty(options={"HIDDEN"}, description="Finds the scene again after it was renamed")
    threshold: FloatProperty(
        name="Doubtful Below",
        min=0.0,
        max=1.0,
        default=0.45,
        subtype="FACTOR",
        description="Frames are doubtful where a joint's confidence is lower",
    )


def _show_confidence_changed(armature, context):
    rig = armature.id_data
    if armature.show_confidence:
        confidence.keep_colors(rig)
        confidence.color_bones(rig, context.scene.frame_current_final)
    else:
        confidence.uncolor_bones(rig)


def _follow_targets_changed(armature, context):
    if armature.follow_targets:
        targets.remember_base(armature.id_data)


class NIKI_PG_armature(bpy.types.PropertyGroup):
    """On an armature, and on the empties that draw it."""

    show_confidence: BoolProperty(
        name="Color Bones",
        update=_show_confidence_changed,
        description="Green where the capture is sure of a joint, red where it is not, frame by frame",
    )
    identity: StringProperty(options={"HIDDEN"}, description="Finds the armature again after it was renamed")
    pulled: BoolVectorProperty(name="Selected Joints", size=NUM_JOINTS)
    pinned: BoolVectorProperty(name="Pinned Joints", size=NUM_JOINTS)
    pull_mode: EnumProperty(
        name="Moves",
        items=(
            ("FULL", "Whole Body", "Everything follows, as far as it is not pinned"),
            ("LIMB", "Limb", "Only the arm, leg or back that is pulled, up to the nearest pinned joint"),
            ("HIPS", "All but Hips", "The hips stay where they are"),
        ),
        description="What follows a pulled joint",
    )
    plant_feet: BoolProperty(
        name="Plant Feet", default=True, description="Feet that are not pulled stay where they are"
    )
    carry_before: IntProperty(
        name="Before", default=8, min=0, soft_max=100, description="Frames over which a correction fades in"
    )
    carry_after: IntProperty(
        name="After", default=8, min=0, soft_max=100, description="Frames over which a correction fades out"
    )
    follow_targets: BoolProperty(
        name="Follow Targets",
        update=_follow_targets_changed,
        description="Pose the body for its targets whenever they move; switched off, the pose stays",
    )
    own_colours: StringProperty(options={"HIDDEN"}, description="The bones' own colors, for later")
    target_problem: StringProperty(options={"HIDDEN"}, description="Why the body does not follow its targets")
    base: StringProperty(options={"HIDDEN"}, description="The pose that targets change")
    target_of: PointerProperty(type=bpy.types.Object, description="The armature that this empty draws")
    target_joint: StringProperty(name="Joint")
    target_turns: BoolProperty(
        name="Rotation",
        description="The empty's rotation is the joint's as well: for hands, feet, head and hips",
    )
    target_looks: BoolProperty(
        name="Look There", description="The head turns to the empty, and need not be where it is"
    )
    target_weight: FloatProperty(
        name="Weight",
        default=1.0,
        min=0.01,
        max=1.0,
        subtype="FACTOR",
        description="1 holds the joint exactly, as far as the body reaches; less is a wish",
    )


CLASSES = (NIKI_PG_capture, NIKI_PG_armature)


def register():
    bpy.types.Scene.niki = PointerProperty(type=NIKI_PG_capture)
    bpy.types.Object.niki = PointerProperty(type=NIKI_PG_armature)


def unregister():
    del bpy.types.Scene.niki
    del bpy.types.Object.niki
