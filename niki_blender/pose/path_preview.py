"""Previews the paths of pulled joints as *Propagate* would make them, during the drag."""

from __future__ import annotations

import bpy
import numpy as np

from ...niki.body import rotation as rot
from ...niki.body.kinematics import forward_kinematics
from ...niki.body.skeleton import BONES
from ...niki.pose.corrections import fade_weights, layer_change
from ...niki.pose.targets import Posture
from ..rig.animation import bone_path, fcurves_of
from ..rig.armature import rest_orientations
from ..rig.posture import body_of
from ..rig.root import root_poses
from ..rig.space import rotations_to_library, to_blender, to_library, transform_points


class PathPreview:
    """The poses around the current frame, as the armature's f-curves have them.

    Args:
        rig: an armature with an action.
        frame: the current frame.
    """

    def __init__(self, rig: bpy.types.Object, frame: int):
        before, after = rig.niki_pose.fade_in, rig.niki_pose.fade_out
        self._body, self._world = body_of(rig), np.array(rig.matrix_world)
        self._weight = fade_weights(before + after + 3, before + 1, before, after)
        frames = np.arange(frame - before - 1, frame + after + 2)
        self._rotations, self._translation = _poses(rig, frames)

    def paths(self, before: Posture, after: Posture, joints: list[int]) -> np.ndarray:
        """(joints, frames, 3) the paths of joints in world space, with the change from ``before`` to ``after``."""
        rotations, translation = layer_change(self._rotations, self._translation, before, after, self._weight)
        positions = to_blender(forward_kinematics(rotations, self._body, translation)[0][:, joints])
        return np.swapaxes(transform_points(self._world, positions), 0, 1)


def can_preview(rig: bpy.types.Object) -> bool:
    """Whether the armature's action animates all bones with quaternions, as a captured action does."""
    paths = {curve.data_path for curve in fcurves_of(rig)}
    return all(bone_path(name, "rotation_quaternion") in paths for name in BONES)


def _poses(rig: bpy.types.Object, frames: np.ndarray):
    """(T, 24, 3, 3) rotations and (T, 3) translations from the f-curves, without constraints and the NLA."""
    curves = {(curve.data_path, curve.array_index): curve for curve in fcurves_of(rig)}

    def values(bone: str, channel: str, size: int):
        columns = []
        for k in range(size):
            curve = curves.get((bone_path(bone, channel), k))
            constant = getattr(rig.pose.bones[bone], channel)[k]
            columns.append([curve.evaluate(f) if curve else constant for f in frames])
        return np.array(columns).T

    axes = rest_orientations(rig)
    quaternions = np.stack([values(name, "rotation_quaternion", 4) for name in BONES], 1)
    rotations = axes @ rot.matrix_from_quaternion(quaternions) @ rot.transpose(axes)
    places = values(BONES[0], "location", 3) @ axes[0].T
    turns, moves = root_poses(rig, frames)
    rotations[:, 0] = turns @ rotations[:, 0]
    head = np.array(rig.data.bones[BONES[0]].head_local)
    places = rot.apply(turns, head + places) + moves - head
    return rotations_to_library(rotations), to_library(places)
