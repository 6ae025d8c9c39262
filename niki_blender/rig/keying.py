"""Writing a motion to keyframes."""

from __future__ import annotations

import bpy
import numpy as np

from ...niki.body.skeleton import BONES
from ...niki.motion.keys import KeyedMotion
from ...niki.motion.motion import Motion
from .animation import bone_path, fcurve_owner, new_action, write_curves
from .armature import rest_orientations
from .channels import rotation_property
from .confidence import key_confidence
from .contacts import key_contacts
from .root import key_root, root_places
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
    """Key the bones of ``rig`` with a motion, using linear interpolation; return the action.

    Args:
        frame_start: the scene frame of the motion's first frame.
        name: of a new action; default: the name of the rig.
        keys: indices of the motion's frames to key, ascending; default all.
        bones: the names of the bones to key.
        new: create a new action with these channels, the confidence and the contacts, and leave the rig's previous action
            unchanged. Otherwise key the rig's own action, where keys before and after the motion stay.
        keyed: the result of :func:`keyed_motion`, if it has been computed already.
    """
    axes = rest_orientations(rig)
    keys = np.arange(len(motion)) if keys is None else keys
    keyed = keyed or keyed_motion(rig, motion)
    owner = None if new else fcurve_owner(rig)
    if owner is None:
        _, owner = new_action(rig, name or rig.name)
    frames = (frame_start + keys).astype(np.float32)
    places = to_blender(motion.trans[keys])
    if new:
        key_root(rig, owner, frames, places)
    if BONES[0] in bones:
        location = (places - root_places(rig, frames)) @ axes[0]
        write_curves(owner, bone_path(BONES[0], "location"), BONES[0], frames, location)
    for i, bone in enumerate(BONES):
        if bone in bones:
            path = bone_path(bone, rotation_property(rig.pose.bones[bone]))
            write_curves(owner, path, bone, frames, keyed.values[i][keys])
    if new:
        key_confidence(rig, owner, frames, motion.confidence[keys])
        key_contacts(rig, owner, frames, motion.contacts[keys])
    return rig.animation_data.action  # pyright: ignore[reportReturnType]


def keyed_motion(rig: bpy.types.Object, motion: Motion) -> KeyedMotion:
    """The motion as channel values of the rig's bones, each in its own rotation mode."""
    modes = [rig.pose.bones[name].rotation_mode for name in BONES]
    return KeyedMotion(motion, modes, LIBRARY_TO_BLENDER.T @ rest_orientations(rig))
