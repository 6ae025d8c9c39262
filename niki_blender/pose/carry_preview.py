"""Where pulled joints will go if the pull is carried over its neighbours: paths drawn while it lasts."""

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
from ..rig.space import rotations_to_library, to_blender, to_library, transform_points


class CarryPreview:
    """The frames around the current one, as the armature's f-curves have them.

    Args:
        rig: with an action. frame: the current one.
    """

    def __init__(self, rig: bpy.types.Object, frame: int):
        before, after = rig.niki.carry_before, rig.niki.carry_after
        self._body, self._world = body_of(rig), np.array(rig.matrix_world)
        self._weight = fade_weights(before + after + 3, before + 1, before, after)
        frames = np.arange(frame - before - 1, frame + after + 2)
        self._rotations, self._translation = _poses(rig, frames)

    def paths(self, was: Posture, now: Posture, joints: list[int]) -> np.ndarray:
        """(joints, frames, 3) in the scene."""
        rotations, translation = layer_change(self._rotations, self._translation, was, now, self._weight)
        places = to_blender(forward_kinematics(rotations, self._body, translation)[0][:, joints])
        return np.swapaxes(transform_points(self._world, places), 0, 1)


def can_preview(rig: bpy.types.Object) -> bool:
    """Whether the armature has an action that turns its bones by quaternions, as captured ones do."""
    paths = {curve.data_path for curve in fcurves_of(rig)}
    return all(bone_path(name, "rotation_quaternion") in paths for name in BONES)


def _poses(rig: bpy.types.Object, frames: np.ndarray):
    """(T, 24, 3, 3) and (T, 3) of what f-curves say; constraints and other layers do not count."""
    curves = {(curve.data_path, curve.array_index): curve for curve in fcurves_of(rig)}

    def values(bone: str, channel: str, size: int):
        columns = []
        for k in range(size):
            curve = curves.get((bone_path(bone, channel), k))
            still = getattr(rig.pose.bones[bone], channel)[k]
            columns.append([curve.evaluate(f) if curve else still for f in frames])
        return np.array(columns).T

    axes = rest_orientations(rig)
    quaternions = np.stack([values(name, "rotation_quaternion", 4) for name in BONES], 1)
    turned = axes @ rot.matrix_from_quaternion(quaternions) @ rot.transpose(axes)
    return rotations_to_library(turned), to_library(values(BONES[0], "location", 3) @ axes[0].T)
