"""Writing a motion to keyframes."""

from __future__ import annotations

import bpy
import numpy as np

from ...niki.body import rotation as rot
from ...niki.body.skeleton import BONES
from ...niki.motion.channels import channel_values
from ...niki.motion.heading import headings
from ...niki.motion.keys import KeyedMotion
from ...niki.motion.motion import Motion
from .animation import bone_path, fcurve_owner, new_action, write_curves
from .armature import rest_orientations
from .channels import rotation_property
from .confidence import key_confidence
from .contacts import key_contacts
from .root import has_root, key_root, root_poses
from .space import LIBRARY_TO_BLENDER, rotations_to_library, to_blender


def bake_motion(
    rig: bpy.types.Object,
    motion: Motion,
    frame_start: int = 1,
    name: str = "",
    keys: np.ndarray | None = None,
    bones: tuple[str, ...] = BONES,
    new: bool = True,
    keyed: KeyedMotion | None = None,
    root: bool | None = None,
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
        root: key the root bone anew, if there is one, instead of moving the body under it; default: in a new action.
    """
    axes = rest_orientations(rig)
    keys = np.arange(len(motion)) if keys is None else keys
    keyed = keyed or keyed_motion(rig, motion)
    owner = None if new else fcurve_owner(rig)
    if owner is None:
        _, owner = new_action(rig, name or rig.name)
    frames = (frame_start + keys).astype(np.float32)
    places, values = to_blender(motion.trans), list(keyed.values)
    if has_root(rig):
        pelvis = rot.matrix_from_axis_angle(motion.poses[:, :3])
        if new if root is None else root:
            turned = headings(pelvis, motion.mocap_framerate)[keys]
            key_root(rig, owner, frames, places[keys], turned)
        places, values[0] = _under_root(rig, frame_start, places, pelvis)
    if BONES[0] in bones:
        write_curves(owner, bone_path(BONES[0], "location"), BONES[0], frames, (places @ axes[0])[keys])
    for i, bone in enumerate(BONES):
        if bone in bones:
            path = bone_path(bone, rotation_property(rig.pose.bones[bone]))
            write_curves(owner, path, bone, frames, values[i][keys])
    if new:
        key_confidence(rig, owner, frames, motion.confidence[keys])
        key_contacts(rig, owner, frames, motion.contacts[keys])
    return rig.animation_data.action  # pyright: ignore[reportReturnType]


def _under_root(rig: bpy.types.Object, frame_start: int, places: np.ndarray, pelvis: np.ndarray):
    """What is left for the pelvis to do where the root bone is: its places (T, 3) in armature space, and its rotation
    channels (T, n), of places (T, 3) and orientations (T, 3, 3), in library space."""
    turns, moves = root_poses(rig, frame_start + np.arange(len(places)))
    back, head = rot.transpose(turns), np.array(rig.data.bones[BONES[0]].head_local)
    axes = LIBRARY_TO_BLENDER.T @ rest_orientations(rig)[0]
    quaternions = rot.quaternion_from_matrix(axes.T @ rotations_to_library(back) @ pelvis @ axes)
    values = channel_values(quaternions[:, None], rig.pose.bones[BONES[0]].rotation_mode)[:, 0]
    return rot.apply(back, head + places - moves) - head, values


def keyed_motion(rig: bpy.types.Object, motion: Motion) -> KeyedMotion:
    """The motion as channel values of the rig's bones, each in its own rotation mode."""
    modes = [rig.pose.bones[name].rotation_mode for name in BONES]
    return KeyedMotion(motion, modes, LIBRARY_TO_BLENDER.T @ rest_orientations(rig))
