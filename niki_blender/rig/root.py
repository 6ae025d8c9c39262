"""The root bone that game engines move: on the floor under the pelvis, whose parent it is. An armature may lack it."""

from __future__ import annotations

import bpy
import numpy as np

from ...niki.body.skeleton import BONES
from .animation import FCurveOwner, bone_path, fcurves_of, values_at, write_curves
from .armature import ROOT
from .space import rotation_of

_LEVEL = np.array([1.0, 1.0, 0.0])


def has_root(rig: bpy.types.Object) -> bool:
    """Whether the pelvis has our root bone as its parent."""
    parent = rig.data.bones[BONES[0]].parent
    return parent is not None and parent.name == ROOT


def key_root(rig: bpy.types.Object, owner: FCurveOwner, frames: np.ndarray, places: np.ndarray) -> None:
    """Key the root bone, if there is one, on the floor under the pelvis.

    Args:
        owner: of the f-curves, as :func:`.animation.new_action` returns it.
        frames: (T,) ascending. places: (T, 3) how far the pelvis is from its rest, in armature space.
    """
    if has_root(rig):
        write_curves(owner, bone_path(ROOT, "location"), ROOT, frames, (places * _LEVEL) @ _axes(rig))


def root_places(rig: bpy.types.Object, frames: np.ndarray) -> np.ndarray:
    """(T, 3) how far the root bone is moved from its rest at ``frames`` (T,), in armature space; 0 without one."""
    values = np.zeros((len(frames), 3))
    if not has_root(rig):
        return values
    values[:] = rig.pose.bones[ROOT].location
    for curve in fcurves_of(rig):
        if curve.data_path == bone_path(ROOT, "location"):
            values[:, curve.array_index] = values_at(curve, map(float, frames))
    return values @ _axes(rig).T


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
