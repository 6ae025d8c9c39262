"""An armature's pose as the library has it, read and written: in the armature's own space."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Quaternion

from ...niki.body import rotation as rot
from ...niki.body.skeleton import BONE_CHILD, BONES, NUM_BONES, NUM_JOINTS, PARENTS, Body
from ...niki.pose.targets import Posture
from .armature import TAIL_TIP, rest_orientations
from .channels import rotation_property, values_in_mode
from .space import rotation_of, rotations_to_blender, rotations_to_library, to_blender, to_library

_PARENTS = list(PARENTS[1:NUM_BONES])


def body_of(rig: bpy.types.Object) -> Body:
    """The armature's proportions at rest, in its own units."""
    joints = np.zeros((NUM_JOINTS, 3))
    for i, name in enumerate(BONES):
        bone = rig.data.bones[name]
        joints[i] = to_library(np.array(bone.head_local))
        if BONE_CHILD[i] >= NUM_BONES:
            joints[BONE_CHILD[i]] = joints[i] + (to_library(np.array(bone.tail_local)) - joints[i]) / TAIL_TIP
    return Body(joints)


def read_posture(rig: bpy.types.Object, body: Body, depsgraph: bpy.types.Depsgraph | None = None) -> Posture:
    """The evaluated pose: constraints, drivers and layers count, scaled bones do not.

    Args:
        depsgraph: in a handler, the one that it is given; default the current context's.
    """
    posed = rig.evaluated_get(depsgraph or bpy.context.evaluated_depsgraph_get())
    bones = np.array([posed.pose.bones[name].matrix for name in BONES], float)  # mathutils' own is single
    turned = bones[:, :3, :3] @ rot.transpose(rest_orientations(rig))
    world = rotations_to_library(rotation_of(turned))
    local = world.copy()
    local[1:] = rot.transpose(world[_PARENTS]) @ world[1:]
    return Posture(local, to_library(bones[0, :3, 3]) - body.pelvis)


def write_posture(rig: bpy.types.Object, posture: Posture) -> None:
    """Pose the bones of a fresh armature, in whatever rotation mode each has; nothing is keyed."""
    axes = rest_orientations(rig)
    for name, quaternion in zip(BONES, quaternions_in_bones(posture.rotations, axes), strict=True):
        bone = rig.pose.bones[name]
        channel = rotation_property(bone)
        setattr(bone, channel, values_in_mode(quaternion, bone.rotation_mode, getattr(bone, channel)))
    rig.pose.bones[BONES[0]].location = to_blender(posture.translation) @ axes[0]


def quaternions_in_bones(rotations: np.ndarray, axes: np.ndarray) -> list[Quaternion]:
    """Parent-relative rotations (24, 3, 3) as turns about bones' own axes, ``axes`` (24, 3, 3) at rest."""
    local = rot.transpose(axes) @ rotations_to_blender(rotations) @ axes
    return [Quaternion(quaternion) for quaternion in rot.quaternion_from_matrix(local)]
