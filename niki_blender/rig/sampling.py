"""Samples the animation of an armature as a motion: the way back from Blender to the library."""

from __future__ import annotations

from collections.abc import Generator

import bpy
import numpy as np

from ...niki.body.rotation import axis_angle_from_matrix
from ...niki.body.skeleton import BONES, NUM_BONES, NUM_JOINTS, Body
from ...niki.motion.motion import Motion
from ..scene.users_scene import rate_of
from . import unkeyed
from .confidence import confidence_of
from .contacts import contacts_of
from .posture import body_of, read_posture
from .space import rotation_of, rotations_to_library, to_blender, to_library, transform_points


def sample_motion(rig: bpy.types.Object, first: int, last: int, own_space: bool = False) -> Motion:
    """Sample the motion of an SMPL armature from scene frame ``first`` to ``last``, inclusive.

    Samples the evaluated pose, which includes constraints, drivers and the NLA. Afterwards the scene is at
    its current frame again, and values that were changed but not keyed are back, in the whole file.

    Args:
        own_space: sample in armature space; default: in world space.
    """
    sampling = sample_frames(rig, first, last, own_space)
    while True:
        try:
            next(sampling)
        except StopIteration as done:
            return done.value


def sample_frames(
    rig: bpy.types.Object, first: int, last: int, own_space: bool
) -> Generator[int, None, Motion]:
    """:func:`sample_motion` as a generator, which yields the number of frames done and returns the motion.

    Closing it early restores the scene as well.
    """
    scene, body = bpy.context.scene, body_of(rig)
    poses, pelvis_positions, confidences, contacts = [], [], [], []
    with unkeyed.keep_unkeyed(scene):
        for frame in range(first, last + 1):
            scene.frame_set(frame)
            evaluated = rig.evaluated_get(bpy.context.evaluated_depsgraph_get())
            posture = read_posture(rig, body)
            world = np.eye(4) if own_space else np.array(evaluated.matrix_world)
            posture.rotations[0] = rotations_to_library(rotation_of(world)) @ posture.rotations[0]
            poses.append(posture.rotations)
            pelvis_positions.append(transform_points(world, to_blender(body.pelvis + posture.translation)))
            confidences.append([confidence_of(evaluated.pose.bones[name]) for name in BONES])
            contacts.append(contacts_of(evaluated))
            yield len(poses)
    if not own_space:
        body = Body(body.rest_joints * np.abs(np.array(rig.matrix_world.to_scale())).mean())
    confidence = np.ones((len(confidences), NUM_JOINTS))
    confidence[:, :NUM_BONES] = np.clip(confidences, 0, 1)
    return Motion(
        poses=axis_angle_from_matrix(np.array(poses)).reshape(len(poses), 72),
        trans=to_library(np.array(pelvis_positions)) - body.pelvis,
        mocap_framerate=rate_of(scene),
        rest_joints=body.rest_joints,
        frames=np.arange(first, last + 1),
        confidence=confidence,
        contacts=np.array(contacts),
        source=f"Blender: {rig.name}",
    )
