"""The poses of an armature at other frames, as its own f-curves have them: without evaluating the scene there."""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Matrix

from ...niki.body import rotation as rot
from ...niki.body.skeleton import BONES
from ..rig.animation import bone_path, fcurves_of
from ..rig.armature import rest_orientations
from ..rig.channels import Channels, as_quaternion, rotation_property
from ..rig.root import root_pose, root_poses
from ..rig.space import rotations_to_library, to_library


@dataclass(eq=False)
class Poses:
    """Poses from channels alone: no constraints, drivers and NLA.

    Attributes:
        rotations: (T, 24, 3, 3) parent-relative, in library space. translation: (T, 3) in armature space, library axes.
        turns: (T, 3, 3) of the root bone, in armature space, Blender axes.
    """

    rotations: np.ndarray
    translation: np.ndarray
    turns: np.ndarray

    def at(self, indices: np.ndarray | slice) -> Poses:
        """Those of some frames."""
        return Poses(self.rotations[indices], self.translation[indices], self.turns[indices])


def poses_at(rig: bpy.types.Object, frames: np.ndarray, channels: Channels) -> Poses:
    """The poses at ``frames`` (T,), which may lie between whole ones.

    Args:
        channels: for what has no f-curve.
    """
    curves = {(curve.data_path, curve.array_index): curve for curve in fcurves_of(rig) if not curve.mute}
    times = [float(frame) for frame in frames]

    def values(bone: str, channel: str, constants) -> np.ndarray:
        path, columns = bone_path(bone, channel), []
        for k, constant in enumerate(constants):
            curve = curves.get((path, k))
            columns.append([constant] * len(times) if curve is None else [curve.evaluate(t) for t in times])
        return np.array(columns).T

    quaternions = []
    for name in BONES:
        mode, constants = channels.rotations[name]
        quaternions.append(
            _quaternions(mode, values(name, rotation_property(rig.pose.bones[name]), constants))
        )
    places = values(BONES[0], "location", channels.locations[BONES[0]])
    return _poses(rig, np.stack(quaternions, 1), places, *root_poses(rig, np.array(times)))


def current_pose(rig: bpy.types.Object, channels: Channels) -> Poses:
    """The pose that ``channels`` make now, as (1, ...) arrays."""
    stored = [channels.rotations[name] for name in BONES]
    quaternions = [_quaternions(mode, np.array([values])) for mode, values in stored]
    turn, move = root_pose(rig)
    places = np.array([channels.locations[BONES[0]]])
    return _poses(rig, np.stack(quaternions, 1), places, turn[None], move[None])


def layer(poses: Poses, was: Poses, now: Poses, weights: np.ndarray) -> Poses:
    """``poses`` with the change from ``was`` to ``now`` times ``weights`` (T,), as *Propagate* makes it: in the bones' own
    axes."""
    change = rot.axis_angle_from_matrix(rot.transpose(was.rotations[0]) @ now.rotations[0])
    rotations = poses.rotations @ rot.matrix_from_axis_angle(weights[:, None, None] * change)
    under_root = rotations_to_library(now.turns[0].T) @ (now.translation[0] - was.translation[0])
    moved = rot.apply(rotations_to_library(poses.turns), under_root)
    return Poses(rotations, poses.translation + weights[:, None] * moved, poses.turns)


def keyed_frames(rig: bpy.types.Object) -> np.ndarray:
    """The frames, ascending, at which a bone has a key in the rig's action."""
    frames = [np.zeros(0, np.float32)]
    for curve in fcurves_of(rig):
        if curve.data_path.startswith("pose.bones"):
            corners = np.empty(2 * len(curve.keyframe_points), np.float32)
            curve.keyframe_points.foreach_get("co", corners)  # pyright: ignore[reportArgumentType]
            frames.append(corners[::2])
    return np.unique(np.concatenate(frames))


def object_moves(rig: bpy.types.Object, frames: np.ndarray) -> np.ndarray | None:
    """(T, 4, 4) what to multiply the object's world matrix with from the right for other frames, from its own f-curves. None
    if it has none, and thus stays where it is. Parents and constraints are taken as they are now."""
    channel = rotation_property(rig)  # pyright: ignore[reportArgumentType]
    names = ("location", channel, "scale")
    curves = {(c.data_path, c.array_index): c for c in fcurves_of(rig) if c.data_path in names and not c.mute}
    if not curves:
        return None
    before = rig.matrix_basis.inverted_safe()
    moves = []
    for frame in frames:
        values = {name: list(getattr(rig, name)) for name in names}
        for (name, index), curve in curves.items():
            values[name][index] = curve.evaluate(float(frame))
        turn = as_quaternion(rig.rotation_mode, values[channel])
        moves.append(before @ Matrix.LocRotScale(values["location"], turn, values["scale"]))
    return np.array(moves)


def _quaternions(mode: str, values: np.ndarray) -> np.ndarray:
    """(T, 4) from the values (T, n) of a rotation mode."""
    if mode == "QUATERNION":
        length = np.linalg.norm(values, axis=1, keepdims=True)
        return np.where(length > 0, values, [1.0, 0, 0, 0]) / np.where(length > 0, length, 1)
    return np.array([as_quaternion(mode, row)[:] for row in values.tolist()])


def _poses(rig, quaternions: np.ndarray, places: np.ndarray, turns: np.ndarray, moves: np.ndarray) -> Poses:
    axes = rest_orientations(rig)
    rotations = axes @ rot.matrix_from_quaternion(quaternions) @ rot.transpose(axes)
    rotations[:, 0] = turns @ rotations[:, 0]
    head = np.array(rig.data.bones[BONES[0]].head_local)
    places = rot.apply(turns, head + places @ axes[0].T) + moves - head
    return Poses(rotations_to_library(rotations), to_library(places), turns)
