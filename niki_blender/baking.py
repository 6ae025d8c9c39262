"""A motion into plain keyframes."""

import bpy
import numpy as np
from mathutils import Quaternion

from ..niki.motion import Motion
from ..niki.rotation import continuous_quaternions, quaternion_from_axis_angle
from ..niki.skeleton import BONES
from .animation import bone_path, current_owner, new_action, write_curves
from .armature import rest_orientations
from .channels import in_mode, rotation_property
from .confidence import key_confidence
from .space import LIBRARY_TO_BLENDER, to_blender


def bake_motion(
    rig: bpy.types.Object,
    motion: Motion,
    frame_start: int = 1,
    name: str = "",
    keys: np.ndarray | None = None,
    bones: tuple[str, ...] = BONES,
    new: bool = True,
) -> bpy.types.Action:
    """Key bones on frames of ``motion``, linear between them, confidence too where all bones are keyed.

    Frame ``i`` of the motion becomes scene frame ``frame_start + i``.

    Args:
        keys: indices of the frames to key, ascending; default all.
        bones: which.
        new: into a new action of these channels alone, the rig's old one left as it is; else into the
            rig's own, where keys before and after stay.
    """
    axes = rest_orientations(rig)
    keys = np.arange(len(motion)) if keys is None else keys
    quaternions = quaternion_from_axis_angle(motion.poses[keys].reshape(-1, len(BONES), 3))
    # In a bone's own axes the same turn has its axis there: no matrices, of which there would be many.
    quaternions[..., 1:] = np.einsum(
        "bji,jk,tbk->tbi", axes, LIBRARY_TO_BLENDER, quaternions[..., 1:], optimize=True
    )
    quaternions = continuous_quaternions(quaternions)
    owner = None if new else current_owner(rig)
    if owner is None:
        _, owner = new_action(rig, name or rig.name)
    frames = (frame_start + keys).astype(np.float32)
    if BONES[0] in bones:
        location = to_blender(motion.trans[keys]) @ axes[0]
        write_curves(owner, bone_path(BONES[0], "location"), BONES[0], frames, location)
    for i, bone in enumerate(BONES):
        if bone in bones:
            channel = rotation_property(rig.pose.bones[bone])
            values = _in_mode(rig.pose.bones[bone], quaternions[:, i])
            write_curves(owner, bone_path(bone, channel), bone, frames, values)
    if len(bones) == len(BONES):
        key_confidence(rig, owner, frames, motion.confidence[keys])
    return rig.animation_data.action


def _in_mode(bone: bpy.types.PoseBone, quaternions: np.ndarray) -> np.ndarray:
    """Rotations (T, 4) as the bone's rotation mode has them, without jumps over time."""
    if bone.rotation_mode == "QUATERNION":
        return quaternions
    values = [getattr(bone, rotation_property(bone))]
    for quaternion in map(Quaternion, quaternions):
        values.append(in_mode(quaternion, bone.rotation_mode, values[-1]))
    return np.array(values[1:])
