"""Settings of posing: on armatures, and on the empties that control them."""

from typing import Any

import bpy
from bpy.props import (
    BoolProperty,
    BoolVectorProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from ...niki.body.skeleton import NUM_JOINTS
from ...niki.pose.posing import FOLLOW
from ..interface.layout import CONTEXT
from .targets import remember_base, solve_targets

_OVERRIDABLE: set[Any] = {"LIBRARY_OVERRIDABLE"}  # else an overridden armature forgets them with the file


def _follow_targets_changed(settings, context):
    if settings.follow_targets:
        remember_base(settings.id_data)


def _pulling_changed(settings, context):
    if settings.follow_targets:
        solve_targets(settings.id_data, context.evaluated_depsgraph_get())


class NIKI_PG_pose(bpy.types.PropertyGroup):
    """Settings of an armature, or of an empty that controls one of its joints."""

    pulled: BoolVectorProperty(
        override=_OVERRIDABLE,
        name="Selected Joints",
        size=NUM_JOINTS,
        description="Joints whose handles are selected",
    )
    pinned: BoolVectorProperty(
        override=_OVERRIDABLE,
        name="Pinned Joints",
        size=NUM_JOINTS,
        description="Joints that stay in place while others are pulled",
    )
    pull_mode: EnumProperty(
        override=_OVERRIDABLE,
        name="Affect",
        translation_context=CONTEXT,
        items=(
            ("FULL", "Whole Body", "The whole body follows, except for pinned joints"),
            ("LIMB", "Limb", "Only the pulled arm, leg or spine follows, up to the nearest pinned joint"),
            ("HIPS", "Keep Hips", "The whole body follows, but the hips stay in place"),
        ),
        description="Which part of the body follows a pulled joint",
        update=_pulling_changed,
    )
    plant_feet: BoolProperty(
        override=_OVERRIDABLE,
        name="Plant Feet",
        default=True,
        description="Keep feet in place, and hands on the floor, unless a joint of that leg or arm is pulled",
        update=_pulling_changed,
    )
    follow: FloatProperty(
        override=_OVERRIDABLE,
        name="Follow",
        default=FOLLOW,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
        description="How much the rest of the body moves along. At 0, little moves but the limbs you pull; at 1, the"
        " whole body moves as a person would",
        update=_pulling_changed,
    )
    keep_above_floor: BoolProperty(
        override=_OVERRIDABLE,
        name="Floor",
        default=True,
        description="Keep the body above the floor, and in balance over what stands on it",
        update=_pulling_changed,
    )
    floor_height: FloatProperty(
        override=_OVERRIDABLE,
        name="Floor Height",
        default=0.0,
        subtype="DISTANCE",
        description="Height of the floor above the origin of the armature",
        update=_pulling_changed,
    )
    step: BoolProperty(
        override=_OVERRIDABLE,
        name="Step",
        description="Take a step when a joint is pulled further than the body can lean. If off, the body stops there",
        update=_pulling_changed,
    )
    onion_skin: BoolProperty(
        override=_OVERRIDABLE,
        name="Onion Skin",
        description="Show the poses of neighboring frames as ghosts while you pull joints",
    )
    ghost_count: IntProperty(
        override=_OVERRIDABLE,
        name="Ghosts",
        default=3,
        min=1,
        max=20,
        description="Number of ghosts before and after the current frame",
    )
    ghost_step: IntProperty(
        override=_OVERRIDABLE,
        name="Ghost Step",
        default=4,
        min=1,
        soft_max=50,
        description="Number of frames from one ghost to the next",
    )
    trail: BoolProperty(
        override=_OVERRIDABLE,
        name="Trail",
        default=True,
        description="Show the path of the selected joints, and how far a correction reaches",
    )
    fade_in: IntProperty(
        override=_OVERRIDABLE,
        name="Fade In",
        default=8,
        min=0,
        soft_max=100,
        description="Number of frames before the current one over which the change fades in",
    )
    fade_out: IntProperty(
        override=_OVERRIDABLE,
        name="Fade Out",
        default=8,
        min=0,
        soft_max=100,
        description="Number of frames after the current one over which the change fades out",
    )
    follow_targets: BoolProperty(
        override=_OVERRIDABLE,
        name="Follow Targets",
        update=_follow_targets_changed,
        description="Pose the body whenever its targets move. If turned off, the pose stays as it is",
    )
    target_problem: StringProperty(
        override=_OVERRIDABLE, options={"HIDDEN"}, description="Why the body does not follow its targets"
    )
    base: StringProperty(
        override=_OVERRIDABLE, options={"HIDDEN"}, description="The pose that targets change"
    )
    last_pull: StringProperty(
        override=_OVERRIDABLE, options={"HIDDEN"}, description="What pulls changed, by frame"
    )
    target_of: PointerProperty(
        override=_OVERRIDABLE,
        name="Armature",
        type=bpy.types.Object,
        description="The armature this empty controls",
    )
    target_joint: StringProperty(
        override=_OVERRIDABLE, name="Joint", description="The joint that follows this empty"
    )
    target_turns: BoolProperty(
        override=_OVERRIDABLE,
        name="Rotation",
        description="The joint also takes the rotation of this empty (hands, feet, head and hips)",
    )
    target_looks: BoolProperty(
        override=_OVERRIDABLE,
        name="Look At",
        description="The head turns to look at this empty instead of moving to it",
    )
    target_weight: FloatProperty(
        override=_OVERRIDABLE,
        name="Weight",
        default=1.0,
        min=0.01,
        max=1.0,
        subtype="FACTOR",
        description="At 1, the joint reaches the target exactly if the body can. Lower values pull more gently",
    )


CLASSES = (NIKI_PG_pose,)

_register_classes, _unregister_classes = bpy.utils.register_classes_factory(CLASSES)


def register():
    _register_classes()
    bpy.types.Object.niki_pose = PointerProperty(type=NIKI_PG_pose, override=_OVERRIDABLE)


def unregister():
    del bpy.types.Object.niki_pose
    _unregister_classes()
