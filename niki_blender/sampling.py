"""What an armature does, read frame by frame, as a motion: the way back from Blender."""

from __future__ import annotations

import bpy
import numpy as np

from ..niki.motion import Motion
from ..niki.rotation import axis_angle_from_matrix
from ..niki.skeleton import BONE_CHILD, BONES, NUM_BONES, NUM_JOINTS, PARENTS, Body
from .armature import TAIL_TIP, rest_orientations
from .space import LIBRARY_TO_BLENDER, to_library


def sample_motion(rig: bpy.types.Object, first: int, last: int) -> Motion:
    """What an armature of ours does from scene frame ``first`` to ``last``, both included.

    Read from the evaluated pose: constraints, drivers and layers count, and the object's own
    place. The scene's current frame is left as it was.
    """
    scene = bpy.context.scene
    rest = rest_orientations(rig)
    before = scene.frame_current, scene.frame_subframe
    turns, places, sure = [], [], []
    try:
        for frame in range(first, last + 1):
            scene.frame_set(frame)
            posed = rig.evaluated_get(bpy.context.evaluated_depsgraph_get())
            world = np.array(posed.matrix_world)
            bones = np.array([posed.pose.bones[name].matrix for name in BONES])
            turns.append(world[:3, :3] @ bones[:, :3, :3] @ np.swapaxes(rest, -1, -2))
            places.append(world[:3, :3] @ bones[0, :3, 3] + world[:3, 3])
            sure.append([posed.pose.bones[name].get("confidence", 1.0) for name in BONES])
    finally:
        scene.frame_set(before[0], subframe=before[1])
    body = body_of(rig)
    world = LIBRARY_TO_BLENDER.T @ _without_scale(np.array(turns)) @ LIBRARY_TO_BLENDER
    local = world.copy()
    parents = list(PARENTS[1:NUM_BONES])
    local[:, 1:] = np.swapaxes(world[:, parents], -1, -2) @ world[:, 1:]
    confidence = np.ones((len(sure), NUM_JOINTS))
    confidence[:, :NUM_BONES] = np.clip(sure, 0, 1)
    return Motion(
        poses=axis_angle_from_matrix(local).reshape(len(local), 72),
        trans=to_library(np.array(places)) - body.pelvis,
        mocap_framerate=scene.render.fps / scene.render.fps_base,
        rest_joints=body.rest_joints,
        frames=np.arange(first, last + 1),
        confidence=confidence,
        source=f"Blender: {rig.name}",
    )


def body_of(rig: bpy.types.Object) -> Body:
    """The armature's proportions at rest, in metres as its object is scaled."""
    scale = np.abs(np.array(rig.matrix_world.to_scale())).mean()
    joints = np.zeros((NUM_JOINTS, 3))
    for i, name in enumerate(BONES):
        bone = rig.data.bones[name]
        joints[i] = to_library(np.array(bone.head_local))
        if BONE_CHILD[i] >= NUM_BONES:
            joints[BONE_CHILD[i]] = joints[i] + (to_library(np.array(bone.tail_local)) - joints[i]) / TAIL_TIP
    return Body(joints * scale)


def _without_scale(matrices: np.ndarray) -> np.ndarray:
    u, _, v = np.linalg.svd(matrices)
    return u @ v
