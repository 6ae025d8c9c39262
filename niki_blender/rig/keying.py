"""A motion into plain keyframes."""

import bpy
import numpy as np

from ...niki.body.skeleton import BONES
from ...niki.motion.keys import KeyedMotion
from ...niki.motion.motion import Motion
from .animation import bone_path, fcurve_owner, new_action, write_curves
from .armature import rest_orientations
from .channels import rotation_property
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
    keyed: KeyedMotion | None = None,
) -> bpy.types.Action:
    """Key bones on frames of ``motion``, linear between them; in a new action confidence too.

    Frame ``i`` of the motion becomes scene frame ``frame_start + i``.

    Args:
        keys: indices of the frames to key, ascending; default all.
        bones: which.
        new: into a new action of these channels alone, the rig's old one left as it is; else into the
            rig's own, where keys before and after stay.
        keyed: of :func:`keyed_motion`, where it is made already.
    """
    axes = rest_orientations(rig)
    keys = np.arange(len(motion)) if keys is None else keys
    keyed = keyed or keyed_motion(rig, motion)
    owner = None if new else fcurve_owner(rig)
    if owner is None:
        _, owner = new_action(rig, name or rig.name)
    frames = (frame_start + keys).astype(np.float32)
    if BONES[0] in bones:
        location = to_blender(motion.trans[keys]) @ axes[0]
        write_curves(owner, bone_path(BONES[0], "location"), BONES[0], frames, location)
    for i, bone in enumerate(BONES):
        if bone in bones:
            path = bone_path(bone, rotation_property(rig.pose.bones[bone]))
            write_curves(owner, path, bone, frames, keyed.values[i][keys])
    if new:
        key_confidence(rig, owner, frames, motion.confidence[keys])
    return rig.animation_data.action


def keyed_motion(rig: bpy.types.Object, motion: Motion) -> KeyedMotion:
    """A motion as the channels of the rig's bones, each in its rotation mode."""
    modes = [rig.pose.bones[name].rotation_mode for name in BONES]
    return KeyedMotion(motion, modes, LIBRARY_TO_BLENDER.T @ rest_orientations(rig))
