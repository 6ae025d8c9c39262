"""Pulls joints of an armature to positions in world space; the body follows. Needs no window."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass

import bpy
import numpy as np

from ...niki.body import rotation as rot
from ...niki.body.kinematics import forward_kinematics
from ...niki.body.skeleton import BONES, JOINTS
from ...niki.errors import NikiError
from ...niki.network.posing import PosingNetwork
from ...niki.pose.floor import Floor
from ...niki.pose.posing import Poser
from ...niki.pose.targets import Posture, Target
from ..rig.armature import rest_orientations
from ..rig.channels import MIN_MOVE, MIN_TURN, Channels, rotation_property
from ..rig.locks import unlocked_directions
from ..rig.posture import body_of, quaternions_in_bones, read_posture
from ..rig.root import root_pose
from ..rig.space import (
    rotation_of,
    rotations_to_blender,
    rotations_to_library,
    to_blender,
    to_library,
    transform_points,
)
from .auto_keying import auto_key

tick_times: deque[float] = deque(maxlen=1000)
"""Seconds for each of the latest updates: solving, writing the pose and evaluating it."""


@dataclass(eq=False)
class Start:
    """The pose before a pull: as evaluated, and as channels."""

    posture: Posture
    channels: Channels

    @classmethod
    def of(cls, rig: bpy.types.Object, depsgraph: bpy.types.Depsgraph | None = None) -> Start:
        """The current pose of ``rig``."""
        return cls(read_posture(rig, body_of(rig), depsgraph), Channels.of(rig))


class Pull:
    """One pull, from press to release.

    Writes only the unlocked channels of the bones that it moves. Constraints and drivers keep acting.

    Args:
        rig: the armature, whose object may have any location, rotation and scale.
        start: the pose before the pull; default: the current pose.
        world: (4, 4) the world matrix of the object; default: the current one.

    Raises:
        NikiError: the object has zero scale.
    """

    def __init__(self, rig: bpy.types.Object, start: Start | None = None, world: np.ndarray | None = None):
        self._rig, self._body, self._axes = rig, body_of(rig), rest_orientations(rig)
        self._world = np.array(rig.matrix_world) if world is None else world
        if abs(np.linalg.det(self._world[:3, :3])) < 1e-12:
            raise NikiError(f"{rig.name} has zero scale", "set the scale of the object to 1")
        start = start or Start.of(rig)
        self.start, self._channels = start.posture, start.channels
        self._poser = Poser(self._body, PosingNetwork.default(), unlocked_directions(rig))
        self._changed: dict[str, list[str]] = {}
        settings = rig.niki_pose
        self._options = {
            "mode": settings.pull_mode.lower(),
            "plant_feet": settings.plant_feet,
            "follow": settings.follow,
            "floor": Floor(settings.floor_height) if settings.keep_above_floor else None,
            "step": settings.step,
            "keep_hands": True,
        }
        positions = self._poser.joints(self.start)
        self._pins = [
            Target(JOINTS[j], positions[j], pinned=True) for j, pinned in enumerate(settings.pinned) if pinned
        ]

    def start_positions(self) -> np.ndarray:
        """(29, 3) the world positions of the joints before the pull."""
        return transform_points(self._world, to_blender(self._poser.joints(self.start)))

    def move_joints(self, positions: dict[str, np.ndarray]) -> Posture:
        """Pose the armature so that joints, by name, are at ``positions`` (3,) in world space."""
        start_time = time.perf_counter()
        posture = self.solve([Target(name, self._to_armature(point)) for name, point in positions.items()])
        bpy.context.view_layer.update()
        tick_times.append(time.perf_counter() - start_time)
        return posture

    def make_target(
        self, joint: str, matrix: np.ndarray, weight: float = 1.0, turns: bool = False, looks: bool = False
    ) -> Target:
        """The target of a joint, from the world matrix (4, 4) of an empty.

        Args:
            weight: 1 is exact, less is a soft target.
            turns: whether the joint takes the rotation of the empty too.
            looks: whether the joint only turns to look at the empty.
        """
        orientation = None
        if looks:
            return Target(joint, look_at=self._to_armature(matrix[:3, 3]), weight=weight)
        if turns:
            orientation = rotations_to_library(rotation_of(self._world).T @ rotation_of(matrix))
        return Target(joint, self._to_armature(matrix[:3, 3]), orientation, weight=weight)

    def solve(self, targets: list[Target]) -> Posture:
        """Pose the armature for ``targets`` in library axes and armature space; pinned joints stay in place."""
        targeted = {target.joint for target in targets}
        pins = [pin for pin in self._pins if pin.joint not in targeted]
        posture = self._poser.solve(self.start, [*pins, *targets], **self._options)
        self._write(posture)
        return posture

    def restore(self) -> None:
        """Restore the pose from before the pull."""
        self._channels.restore(self._rig, self._changed)
        self._changed = {}

    def key(self, context: bpy.types.Context, frame: float) -> int:
        """Key what the pull has changed, as Blender's auto-keying would; return the number of bones keyed."""
        return auto_key(context, self._rig, self._changed, frame)

    def _write(self, posture: Posture) -> None:
        """Write the bones that differ from the start; restore those that no longer do."""
        turns = rot.transpose(self.start.rotations) @ posture.rotations
        angles = rot.angle_between(np.eye(3), turns)
        moved = posture.translation - self.start.translation
        before, self._changed = self._changed, {}
        bones = self._rig.pose.bones
        quaternions = quaternions_in_bones(turns, self._axes)
        for name, angle, further in zip(BONES, angles, quaternions, strict=True):
            if angle > MIN_TURN:
                self._channels.turn(bones[name], further)
                self._changed[name] = [rotation_property(bones[name])]
        if np.abs(moved).max() > MIN_MOVE or "location" in before.get(BONES[0], ()):
            self._channels.move(bones[BONES[0]], to_blender(moved) @ root_pose(self._rig)[0] @ self._axes[0])
            self._changed.setdefault(BONES[0], []).append("location")
        self._channels.restore(self._rig, before.keys() - self._changed.keys())

    def _to_armature(self, point: np.ndarray) -> np.ndarray:
        """A point (3,) from world space to armature space, in library axes."""
        return to_library(np.linalg.solve(self._world[:3, :3], np.asarray(point, float) - self._world[:3, 3]))


def joint_positions(rig: bpy.types.Object) -> np.ndarray:
    """(29, 3) the current positions of the joints in world space."""
    return pose_in_scene(rig)[0]


def pose_in_scene(rig: bpy.types.Object) -> tuple[np.ndarray, np.ndarray]:
    """The current pose in world space.

    Returns:
        (29, 3) positions of the joints, and (24, 3, 3) rotations of the bones from their rest pose.
    """
    body, world = body_of(rig), np.array(rig.matrix_world)
    posture = read_posture(rig, body)
    joints, rotations = forward_kinematics(posture.rotations, body, posture.translation)
    return transform_points(world, to_blender(joints)), rotation_of(world) @ rotations_to_blender(rotations)
