"""The SMPL armature: 24 bones, each along its limb, at rest in the T-pose."""

from __future__ import annotations

import contextlib

import bpy
import numpy as np
from mathutils import Vector

from ...niki.body.skeleton import BONE_CHILD, BONES, PARENTS, Body
from .selection import is_selected, select
from .space import to_blender

_ARMS = ("Collar", "Shoulder", "Elbow", "Wrist", "Hand")
TAIL_TIP = 0.9  # of the way to the tip for hands, feet and head: a tip is skin, not a joint


def create_armature(
    body: Body, name: str = "NIKI", collection: bpy.types.Collection | None = None
) -> bpy.types.Object:
    """An armature object with ``body``'s proportions, in ``collection`` (default the current scene's own).

    Bone heads are the joints; bones point at their child along the limb, so a twist turns about
    Blender's bone Y. Left and right are mirror images, rolls included. All bones are selected: Blender's
    animation editors show the keys of selected bones only. Mode, selection and active object stay as they are.
    """
    armature = bpy.data.armatures.new(name)
    armature.display_type = "STICK"
    rig = bpy.data.objects.new(name, armature)
    rig.show_in_front = True
    with _editing(rig):
        _add_bones(armature, body)
    for bone in rig.pose.bones:
        bone.rotation_mode = "QUATERNION"
        if bone.parent:
            bone.lock_location = (True, True, True)
    select_bones(rig)
    (collection or bpy.context.scene.collection).objects.link(rig)
    return rig


def _add_bones(armature: bpy.types.Armature, body: Body) -> None:
    joints = to_blender(body.rest_joints)
    for i, bone_name in enumerate(BONES):
        bone = armature.edit_bones.new(bone_name)
        bone.head = joints[i]
        reach = TAIL_TIP if BONE_CHILD[i] >= len(BONES) else 1.0
        bone.tail = joints[i] + reach * (joints[BONE_CHILD[i]] - joints[i])
        bone.align_roll(Vector((0, 0, 1) if bone_name.endswith(_ARMS) else (0, -1, 0)))
        if PARENTS[i] >= 0:
            bone.parent = armature.edit_bones[BONES[PARENTS[i]]]


@contextlib.contextmanager
def _editing(rig: bpy.types.Object):
    """Edit Mode for ``rig`` in a scene of its own: the user's scenes, windows and modes take no part."""
    workshop = bpy.data.scenes.new("NIKI")
    try:
        workshop.collection.objects.link(rig)
        layer = workshop.view_layers[0]
        layer.objects.active = rig
        with bpy.context.temp_override(scene=workshop, view_layer=layer, object=rig, active_object=rig):
            bpy.ops.object.mode_set(mode="EDIT")
            try:
                yield
            finally:
                bpy.ops.object.mode_set(mode="OBJECT")
    finally:
        bpy.data.scenes.remove(workshop)


def select_bones(rig: bpy.types.Object) -> None:
    """Select every bone, unless the user has a selection of their own."""
    if not any(map(is_selected, rig.pose.bones)):
        for bone in rig.pose.bones:
            select(bone)


def is_our_armature(rig: bpy.types.Object | None) -> bool:
    """Whether an object is an armature with SMPL's bones as we name them."""
    return rig is not None and rig.type == "ARMATURE" and all(name in rig.data.bones for name in BONES)


class OnArmature:
    """Shared by operators on the active armature, which must be one of ours; those that change it refuse
    a linked one."""

    changes = True

    @classmethod
    def poll(cls, context):
        rig = context.object
        if not is_our_armature(rig):
            cls.poll_message_set("Select an armature with SMPL's bones, such as a captured one")
            return False
        if cls.changes and rig.library is not None:
            cls.poll_message_set("The armature is linked from another file: make a library override first")
            return False
        return True


def rest_orientations(rig: bpy.types.Object) -> np.ndarray:
    """(24, 3, 3): axes of each bone at rest in the armature's space, in SMPL's order."""
    return np.array([np.array(rig.data.bones[name].matrix_local)[:3, :3] for name in BONES])
