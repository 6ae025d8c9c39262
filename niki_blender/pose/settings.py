"""What is stored about posing: on armatures, and on the empties that draw them."""

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
from .targets import remember_base


def _follow_targets_changed(settings, context):
    if settings.follow_targets:
        remember_base(settings.id_data)


class NIKI_PG_pose(bpy.types.PropertyGroup):
    """On an armature, and on the empties that draw it."""

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


CLASSES = (NIKI_PG_pose,)

_register_classes, _unregister_classes = bpy.utils.register_classes_factory(CLASSES)


def register():
    _register_classes()
    bpy.types.Object.niki_pose = PointerProperty(type=NIKI_PG_pose)


def unregister():
    del bpy.types.Object.niki_pose
    _unregister_classes()
