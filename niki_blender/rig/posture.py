"""Reads and writes the pose of an armature as a library posture, in armature space."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Quaternion

from ...niki.body import rotation as rot
from ...niki.body.kinematics import forward_kinematics
from ...niki.body.skeleton import BONE_CHILD, BONES, NUM_BONES, NUM_JOINTS, PARENTS, Body
from ...niki.pose.targets import Posture
from .armature import TAIL_TIP, rest_orientations
from .channels import rotation_property, values_in_mode
from .root import root_pose
from .space import (
    rotation_of,
    rotations_to_blender,
    rotations_to_library,
    to_blender,
    to_library,
    transform_points,
)

_PARENTS = list(PARENTS[1:NUM_BONES])


def body_of(rig: bpy.types.Object) -> Body:
    """The proportions of an armature, from its rest pose, in armature units."""
    joints = np.zeros((NUM_JOINTS, 3))
    for i, name in enumerate(BONES):
        bone = rig.data.bones[name]
        joints[i] = to_library(np.array(bone.head_local))
        if BONE_CHILD[i] >= NUM_BONES:
            joints[BONE_CHILD[i]] = joints[i] + (to_library(np.array(bone.tail_local)) - joints[i]) / TAIL_TIP
    return Body(joints)


def read_posture(rig: bpy.types.Object, body: Body, depsgraph: bpy.types.Depsgraph | None = None) -> Posture:
    """Read the evaluated pose, which includes constraints, drivers and the NLA, but not bone scale.

    Args:
        body: the result of :func:`body_of`.
        depsgraph: in a handler, its argument; default: that of the current context.
    """
    evaluated = rig.evaluated_get(depsgraph or bpy.context.evaluated_depsgraph_get())
    bones = np.array(
        [evaluated.pose.bones[name].matrix for name in BONES], float
    )  # mathutils is single precision
    from_rest = bones[:, :3, :3] @ rot.transpose(rest_orientations(rig))
    world = rotations_to_library(rotation_of(from_rest))
    local = world.copy()
    local[1:] = rot.transpose(world[_PARENTS]) @ world[1:]
    return Posture(local, to_library(bones[0, :3, 3]) - body.pelvis)


def write_posture(rig: bpy.types.Object, posture: Posture) -> None:
    """Pose an armature without constraints, in the rotation mode of each bone. Sets no keyframes."""
    axes, (turn, move) = rest_orientations(rig), root_pose(rig)
    rotations = posture.rotations.copy()
    rotations[0] = rotations_to_library(turn.T) @ rotations[0]
    for name, quaternion in zip(BONES, quaternions_in_bones(rotations, axes), strict=True):
        bone = rig.pose.bones[name]
        channel = rotation_property(bone)
        setattr(bone, channel, values_in_mode(quaternion, bone.rotation_mode, getattr(bone, channel)))
    head = np.array(rig.data.bones[BONES[0]].head_local)
    place = (head + to_blender(posture.translation) - move) @ turn - head
    rig.pose.bones[BONES[0]].location = place @ axes[0]


def quaternions_in_bones(rotations: np.ndarray, axes: np.ndarray) -> list[Quaternion]:
    """Convert parent-relative rotations to rotations about the bones' own axes.

    Args:
        rotations: (24, 3, 3) in library space.
        axes: (24, 3, 3) the result of :func:`.armature.rest_orientations`.
    """
    local = rot.transpose(axes) @ rotations_to_blender(rotations) @ axes
    return [Quaternion(quaternion) for quaternion in rot.quaternion_from_matrix(local)]


def joint_positions(rig: bpy.types.Object) -> np.ndarray:
    """(29, 3) the current positions of the joints in world space."""
    return pose_in_scene(rig)[0]


def pose_in_scene(rig: bpy.types.Object) -> tuple[np.ndarray, np.ndarray]:
    """The current pose in world space.

    Returns:
        (29, 3) positions of the joints, and (24, 3, 3) rotations of the bones from their rest pose.
    """
    body, world = body_of(rig), np.array(rig.matrix_world)
    posture = read_posture(rig, body)
    joints, rotations = forward_kinematics(posture.rotations, body, posture.translation)
    return transform_points(world, to_blender(joints)), rotation_of(world) @ rotations_to_blender(rotations)
