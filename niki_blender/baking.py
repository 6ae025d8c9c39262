"""A motion into plain keyframes."""

import bpy
import numpy as np

from ..niki.motion import Motion
from ..niki.rotation import continuous_quaternions, quaternion_from_matrix
from ..niki.skeleton import BONES
from .animation import bone_path, new_action, write_curves
from .armature import rest_orientations
from .confidence import key_confidence
from .space import rotations_to_blender, to_blender


def bake_motion(
    rig: bpy.types.Object, motion: Motion, frame_start: int = 1, name: str = ""
) -> bpy.types.Action:
    """Key every bone on every frame of ``motion`` in a new action, the rig's old one left as it is.

    Frame ``i`` of the motion becomes scene frame ``frame_start + i``.
    """
    axes = rest_orientations(rig)
    local = np.swapaxes(axes, -1, -2) @ rotations_to_blender(motion.rotations) @ axes
    quaternions = continuous_quaternions(quaternion_from_matrix(local))
    location = to_blender(motion.trans) @ axes[0]
    action, owner = new_action(rig, name or rig.name)
    frames = np.arange(frame_start, frame_start + len(motion), dtype=np.float32)
    write_curves(owner, bone_path(BONES[0], "location"), BONES[0], frames, location)
    for i, bone in enumerate(BONES):
        write_curves(owner, bone_path(bone, "rotation_quaternion"), bone, frames, quaternions[:, i])
    key_confidence(rig, owner, frames, motion)
    return action
