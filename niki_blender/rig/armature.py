"""The SMPL armature: 24 bones along the limbs, with the T-pose as its rest pose."""

from __future__ import annotations

import contextlib
from typing import TypeGuard

import bpy
import numpy as np
from mathutils import Vector

from ...niki.body.skeleton import BONE_CHILD, BONES, PARENTS, Body
from .selection import is_selected, select
from .space import to_blender

_ARMS = ("Collar", "Shoulder", "Elbow", "Wrist", "Hand")
ROOT = "Root"
"""The bone under the pelvis, on the floor, of armatures that have one."""
_ROOT_LENGTH = 0.25  # meters
TAIL_TIP = 0.9
"""Where bones of hands, feet and head end, as a share of the way to the tip: a tip is skin, not a joint."""


def create_armature(
    body: Body, name: str = "NIKI", collection: bpy.types.Collection | None = None, root: bool = False
) -> bpy.types.Object:
    """Create an armature object with the proportions of ``body``.

    Bone heads are the joints. Each bone points along its limb at its child, so twist is rotation about the
    bone's Y axis. Left and right mirror each other, including bone roll. All bones are selected, because
    Blender's animation editors show only the keys of selected bones. The user's mode, selection and active
    object do not change.

    Args:
        collection: where to link it; default: the master collection of the current scene.
        root: add a root bone, on the floor, as the parent of the pelvis.
    """
    armature = bpy.data.armatures.new(name)
    armature.display_type = "STICK"
    rig = bpy.data.objects.new(name, armature)
    rig.show_in_front = True
    with _editing(rig):
        _add_bones(armature, body)
        if root:
            _add_root(armature)
    for bone in rig.pose.bones:
        bone.rotation_mode = "QUATERNION"
        if bone.parent and bone.name != BONES[0]:
            bone.lock_location = (True, True, True)
    select_bones(rig)
    (collection or bpy.context.scene.collection).objects.link(rig)
    return rig


def _add_bones(armature: bpy.types.Armature, body: Body) -> None:
    joints = to_blender(body.rest_joints)
    for i, bone_name in enumerate(BONES):
        bone = armature.edit_bones.new(bone_name)
        bone.head = joints[i]
        share = TAIL_TIP if BONE_CHILD[i] >= len(BONES) else 1.0
        bone.tail = joints[i] + share * (joints[BONE_CHILD[i]] - joints[i])
        bone.align_roll(Vector((0, 0, 1) if bone_name.endswith(_ARMS) else (0, -1, 0)))
        if PARENTS[i] >= 0:
            bone.parent = armature.edit_bones[BONES[PARENTS[i]]]


def _add_root(armature: bpy.types.Armature) -> None:
    bone = armature.edit_bones.new(ROOT)
    bone.head, bone.tail = (0, 0, 0), (0, -_ROOT_LENGTH, 0)
    bone.align_roll(Vector((0, 0, 1)))
    bone.use_deform = False
    armature.edit_bones[BONES[0]].parent = bone


@contextlib.contextmanager
def _editing(rig: bpy.types.Object):
    """Edit Mode for ``rig`` in a temporary scene, which leaves the user's scenes, windows and modes alone."""
    temporary = bpy.data.scenes.new("NIKI")
    try:
        temporary.collection.objects.link(rig)
        layer = temporary.view_layers[0]
        layer.objects.active = rig
        with bpy.context.temp_override(scene=temporary, view_layer=layer, object=rig, active_object=rig):
            bpy.ops.object.mode_set(mode="EDIT")
            try:
                yield
            finally:
                bpy.ops.object.mode_set(mode="OBJECT")
    finally:
        bpy.data.scenes.remove(temporary)


def select_bones(rig: bpy.types.Object) -> None:
    """Select all bones, unless the user has already selected some."""
    if not any(map(is_selected, rig.pose.bones)):
        for bone in rig.pose.bones:
            select(bone)


def is_our_armature(rig: bpy.types.Object | None) -> TypeGuard[bpy.types.Object]:
    """Whether an object is an armature that has all 24 SMPL bones, by name."""
    return rig is not None and rig.type == "ARMATURE" and all(name in rig.data.bones for name in BONES)


def may_have_deleted(depsgraph: bpy.types.Depsgraph) -> bool:
    """Whether this update may come from the deletion of objects."""
    return depsgraph.id_type_updated("COLLECTION") or depsgraph.id_type_updated("SCENE")


def release_deleted(settings: bpy.types.PropertyGroup, pointer: str) -> None:
    """Clear a pointer to an object that is no longer in any scene: it would keep the object in the file."""
    thing = getattr(settings, pointer)
    if thing is not None and not thing.users_collection and settings.id_data.library is None:
        setattr(settings, pointer, None)


def joint_label(joint: str) -> str:
    """The name of a joint as users read it: "left_wrist" becomes "Left Wrist"."""
    return joint.replace("_", " ").title()


def active_object(context: bpy.types.Context) -> bpy.types.Object:
    """The active object, for operators whose poll() has made sure that there is one."""
    assert context.object is not None
    return context.object


LINKED = "The armature is linked from another file. Make a library override first"


class OnArmature:
    """Mixin for operators on the active armature, which must have the SMPL bones."""

    changes = True
    """Whether the operator changes the armature; if so, a linked armature is refused."""

    @classmethod
    def poll(cls, context):
        rig = context.object
        if not is_our_armature(rig):
            cls.poll_message_set("Select a captured armature or a NIKI Body")
            return False
        if cls.changes and rig.library is not None:
            cls.poll_message_set(LINKED)
            return False
        return True


def rest_orientations(rig: bpy.types.Object) -> np.ndarray:
    """(24, 3, 3) the rest axes of the bones in armature space, as columns, in SMPL order."""
    return np.array([np.array(rig.data.bones[name].matrix_local)[:3, :3] for name in BONES])
