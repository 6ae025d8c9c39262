"""Joints of an armature pulled to places in the scene; the body follows. No window needed."""

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
from ...niki.pose.posing import Poser
from ...niki.pose.targets import Posture, Target
from ...niki.solve.solver import Solver
from ..rig.armature import rest_orientations
from ..rig.channels import MOVED, TURNED, Channels, rotation_property
from ..rig.locks import unlocked_directions
from ..rig.posture import body_of, quaternions_in_bones, read_posture
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
"""Seconds that the latest solutions took, pose written and evaluated."""


@dataclass(eq=False)
class Start:
    """What a pull begins with: the pose as it is seen, and the channels that make it."""

    posture: Posture
    channels: Channels

    @classmethod
    def of(cls, rig: bpy.types.Object, depsgraph: bpy.types.Depsgraph | None = None) -> Start:
        """The pose of ``rig`` as it stands."""
        return cls(read_posture(rig, body_of(rig), depsgraph), Channels.of(rig))


class Pull:
    """One pull, from its beginning to its end. Only bones that it moves are written, and only what of them
    is not locked; constraints and drivers go on as they were.

    Args:
        rig: the armature; may be moved, turned and scaled in any way.
        start: the pose before; default as it stands.
        world: (4, 4) where its object is in the scene; default as it stands.

    Raises:
        NikiError: its object is scaled to nothing.
    """

    def __init__(self, rig: bpy.types.Object, start: Start | None = None, world: np.ndarray | None = None):
        self._rig, self._body, self._axes = rig, body_of(rig), rest_orientations(rig)
        self._world = np.array(rig.matrix_world) if world is None else world
        if abs(np.linalg.det(self._world[:3, :3])) < 1e-12:
            raise NikiError(f"{rig.name} is scaled to nothing", "give its object a scale")
        start = start or Start.of(rig)
        self.start, self._channels = start.posture, start.channels
        self._poser, self._last = Poser(self._body, Solver(), unlocked_directions(rig)), None
        self._changed: dict[str, list[str]] = {}
        settings = rig.niki
        self._mode, self._plant = settings.pull_mode.lower(), settings.plant_feet
        places = self._poser.joints(self.start)
        self._pins = [
            Target(JOINTS[j], places[j], pinned=True) for j, pinned in enumerate(settings.pinned) if pinned
        ]

    def places(self) -> np.ndarray:
        """(29, 3) where the joints were at the beginning, in the scene."""
        return transform_points(self._world, to_blender(self._poser.joints(self.start)))

    def to(self, places: dict[str, np.ndarray]) -> Posture:
        """Pose the armature so that joints are at ``places``, by name, in the scene."""
        started = time.perf_counter()
        posture = self.solve([Target(name, self._to_armature(place)) for name, place in places.items()])
        bpy.context.view_layer.update()
        tick_times.append(time.perf_counter() - started)
        return posture

    def target(
        self, joint: str, matrix: np.ndarray, weight: float = 1.0, turns: bool = False, looks: bool = False
    ) -> Target:
        """A joint drawn to where ``matrix`` (4, 4) is in the scene, and as it is turned where ``turns``; or,
        where ``looks``, turned to look there."""
        orientation = None
        if looks:
            return Target(joint, look_at=self._to_armature(matrix[:3, 3]), weight=weight)
        if turns:
            orientation = rotations_to_library(rotation_of(self._world).T @ rotation_of(matrix))
        return Target(joint, self._to_armature(matrix[:3, 3]), orientation, weight=weight)

    def solve(self, targets: list[Target]) -> Posture:
        """Pose the armature for ``targets``, given in its own space; pinned joints stay."""
        asked = {target.joint for target in targets}
        pins = [pin for pin in self._pins if pin.joint not in asked]
        posture = self._poser.solve(self.start, [*pins, *targets], self._mode, self._plant, self._last)
        self._last = posture
        self._write(posture)
        return posture

    def restore(self) -> None:
        """As it was."""
        self._channels.restore(self._rig, self._changed)
        self._changed = {}

    def key(self, context, frame: float) -> int:
        """Key what the pull has changed, as Blender's auto-keying would; how many bones were keyed."""
        return auto_key(context, self._rig, self._changed, frame)

    def _write(self, posture: Posture) -> None:
        turns = rot.transpose(self.start.rotations) @ posture.rotations
        angles = rot.angle_between(np.eye(3), turns)
        moved = posture.translation - self.start.translation
        before, self._changed = self._changed, {}
        bones = self._rig.pose.bones
        turned = quaternions_in_bones(turns, self._axes)
        for name, angle, further in zip(BONES, angles, turned, strict=True):
            if angle > TURNED:
                self._channels.turn(bones[name], further)
                self._changed[name] = [rotation_property(bones[name])]
        if np.abs(moved).max() > MOVED or "location" in before.get(BONES[0], ()):
            self._channels.move(bones[BONES[0]], to_blender(moved) @ self._axes[0])
            self._changed.setdefault(BONES[0], []).append("location")
        self._channels.restore(self._rig, before.keys() - self._changed.keys())

    def _to_armature(self, point):
        return to_library(np.linalg.solve(self._world[:3, :3], np.asarray(point, float) - self._world[:3, 3]))


def joint_places(rig: bpy.types.Object) -> np.ndarray:
    """(29, 3) the joints of the pose as it stands, in the scene."""
    return joints_and_bones(rig)[0]


def joints_and_bones(rig: bpy.types.Object) -> tuple[np.ndarray, np.ndarray]:
    """As :func:`joint_places`, and (24, 3, 3) how each bone is turned in the scene against its rest."""
    body, world = body_of(rig), np.array(rig.matrix_world)
    posture = read_posture(rig, body)
    places, turned = forward_kinematics(posture.rotations, body, posture.translation)
    return transform_points(world, to_blender(places)), rotation_of(world) @ rotations_to_blender(turned)
