"""The root bone that game engines move: on the floor under the pelvis, whose parent it is, and turned as the body heads. An
armature may lack it."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Quaternion

from ...niki.body import rotation as rot
from ...niki.body.skeleton import BONES
from .animation import FCurveOwner, bone_path, fcurves_of, values_at, write_curves
from .armature import ROOT
from .channels import as_quaternion, rotation_property, values_in_mode
from .space import rotation_of

_LEVEL = np.array([1.0, 1.0, 0.0])


def has_root(rig: bpy.types.Object) -> bool:
    """Whether the pelvis has our root bone as its parent."""
    parent = rig.data.bones[BONES[0]].parent
    return parent is not None and parent.name == ROOT


def key_root(
    rig: bpy.types.Object, owner: FCurveOwner, frames: np.ndarray, places: np.ndarray, headings: np.ndarray
) -> None:
    """Key the root bone on the floor under the pelvis, about the vertical as the body heads.

    Args:
        owner: of the f-curves, as :func:`.animation.new_action` returns it.
        frames: (T,) ascending. places: (T, 3) how far the pelvis is from its rest, in armature space.
        headings: (T,) radians, of :func:`niki.motion.heading.headings`.
    """
    axes, bone = _axes(rig), rig.pose.bones[ROOT]
    write_curves(owner, bone_path(ROOT, "location"), ROOT, frames, (places * _LEVEL) @ axes)
    upward, channel = axes[2], rotation_property(bone)  # the vertical in the bone's own axes
    values, near = [], getattr(bone, channel)
    for angle in headings.tolist():
        near = values_in_mode(Quaternion(upward.tolist(), angle), bone.rotation_mode, near)
        values.append(near)
    write_curves(owner, bone_path(ROOT, channel), ROOT, frames, np.array(values))


def root_poses(rig: bpy.types.Object, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The turns (T, 3, 3) and the moves (T, 3) of the root bone from its rest at ``frames`` (T,), in armature space, as its
    f-curves have them, or as it is posed where it has none; nothing without one."""
    count = len(frames)
    if not has_root(rig):
        return np.tile(np.eye(3), (count, 1, 1)), np.zeros((count, 3))
    axes, bone = _axes(rig), rig.pose.bones[ROOT]
    channel = rotation_property(bone)
    columns = {
        name: np.tile(np.array(getattr(bone, name), float), (count, 1)) for name in ("location", channel)
    }
    paths = {bone_path(ROOT, name): values for name, values in columns.items()}
    for curve in fcurves_of(rig):
        if curve.data_path in paths:
            paths[curve.data_path][:, curve.array_index] = values_at(curve, map(float, frames))
    quaternions = np.array([as_quaternion(bone.rotation_mode, values)[:] for values in columns[channel]])
    turns = axes @ rot.matrix_from_quaternion(quaternions) @ axes.T
    return turns, columns["location"] @ axes.T


def root_pose(rig: bpy.types.Object) -> tuple[np.ndarray, np.ndarray]:
    """The turn (3, 3) and the move (3,) of the root bone from its rest, in armature space, as it is posed now."""
    if not has_root(rig):
        return np.eye(3), np.zeros(3)
    bone = rig.pose.bones[ROOT]
    rest = np.array(rig.data.bones[ROOT].matrix_local)
    change = np.array(bone.matrix_basis)
    change = rest @ change @ np.linalg.inv(rest)
    return rotation_of(change), change[:3, 3]


def _axes(rig: bpy.types.Object) -> np.ndarray:
    return np.array(rig.data.bones[ROOT].matrix_local)[:3, :3]
