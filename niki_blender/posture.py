"""An armature's pose as the library has it, read and written: in the armature's own space."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Quaternion

from ..niki import rotation as rot
from ..niki.posing import Posture
from ..niki.skeleton import BONE_CHILD, BONES, NUM_BONES, NUM_JOINTS, PARENTS, Body
from .armature import TAIL_TIP, rest_orientations
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


def read_posture(rig: bpy.types.Object, body: Body) -> Posture:
    """The evaluated pose: constraints, drivers and layers count, scaled bones do not."""
    posed = rig.evaluated_get(bpy.context.evaluated_depsgraph_get())
    bones = np.array([posed.pose.bones[name].matrix for name in BONES], float)  # mathutils' own is single
    turned = bones[:, :3, :3] @ rot.transpose(rest_orientations(rig))
    world = rotations_to_library(rotation_of(turned))
    local = world.copy()
    local[1:] = rot.transpose(world[_PARENTS]) @ world[1:]
    return Posture(local, to_library(bones[0, :3, 3]) - body.pelvis)


def write_posture(rig: bpy.types.Object, posture: Posture) -> None:
    """Pose the bones, in whatever rotation mode each has; nothing is keyed."""
    axes = rest_orientations(rig)
    local = rot.transpose(axes) @ rotations_to_blender(posture.rotations) @ axes
    for name, quaternion in zip(BONES, rot.quaternion_from_matrix(local), strict=True):
        _turn(rig.pose.bones[name], Quaternion(quaternion))
    rig.pose.bones[BONES[0]].location = to_blender(posture.translation) @ axes[0]


def rotation_property(bone: bpy.types.PoseBone) -> str:
    """Which of its properties turns the bone."""
    modes = {"QUATERNION": "rotation_quaternion", "AXIS_ANGLE": "rotation_axis_angle"}
    return modes.get(bone.rotation_mode, "rotation_euler")


def _turn(bone: bpy.types.PoseBone, quaternion: Quaternion):
    """In the bone's rotation mode, near its present values: curves between keys take the short way."""
    if bone.rotation_mode == "QUATERNION":
        if quaternion.dot(bone.rotation_quaternion) < 0:
            quaternion.negate()
        bone.rotation_quaternion = quaternion
    elif bone.rotation_mode == "AXIS_ANGLE":
        axis, angle = quaternion.to_axis_angle()
        bone.rotation_axis_angle = (angle, *axis)
    else:
        bone.rotation_euler = quaternion.to_euler(bone.rotation_mode, bone.rotation_euler)
