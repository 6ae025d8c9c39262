"""What an armature does, read frame by frame, as a motion: the way back from Blender."""

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
from .posture import body_of, read_posture
from .space import rotation_of, rotations_to_library, to_blender, to_library, transform_points


def sample_motion(rig: bpy.types.Object, first: int, last: int, own_space: bool = False) -> Motion:
    """What an armature of ours does from scene frame ``first`` to ``last``, both included.

    Read from the evaluated pose: constraints, drivers and layers count. The scene's current frame is
    left as it was, and so is what was changed anywhere and not keyed.

    Args:
        own_space: in the armature's own space; else in the scene, where its object stands.
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
    """As :func:`sample_motion`, frame by frame: gives how many are done; closed early, it puts the scene's
    frame back."""
    scene, body = bpy.context.scene, body_of(rig)
    poses, places, sure = [], [], []
    with unkeyed.keep_unkeyed(scene):
        for frame in range(first, last + 1):
            scene.frame_set(frame)
            evaluated = rig.evaluated_get(bpy.context.evaluated_depsgraph_get())
            posture = read_posture(rig, body)
            world = np.eye(4) if own_space else np.array(evaluated.matrix_world)
            posture.rotations[0] = rotations_to_library(rotation_of(world)) @ posture.rotations[0]
            poses.append(posture.rotations)
            places.append(transform_points(world, to_blender(body.pelvis + posture.translation)))
            sure.append([confidence_of(evaluated.pose.bones[name]) for name in BONES])
            yield len(poses)
    if not own_space:
        body = Body(body.rest_joints * np.abs(np.array(rig.matrix_world.to_scale())).mean())
    confidence = np.ones((len(sure), NUM_JOINTS))
    confidence[:, :NUM_BONES] = np.clip(sure, 0, 1)
    return Motion(
        poses=axis_angle_from_matrix(np.array(poses)).reshape(len(poses), 72),
        trans=to_library(np.array(places)) - body.pelvis,
        mocap_framerate=rate_of(scene),
        rest_joints=body.rest_joints,
        frames=np.arange(first, last + 1),
        confidence=confidence,
        source=f"Blender: {rig.name}",
    )
