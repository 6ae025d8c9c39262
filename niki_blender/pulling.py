"""Joints of an armature pulled to places in the scene; the body follows. No window needed."""

from __future__ import annotations

import time
from collections import deque

import bpy
import numpy as np

from ..niki.errors import NikiError
from ..niki.kinematics import forward_kinematics
from ..niki.posing import Poser, Posture, Target
from ..niki.skeleton import BONES, JOINTS
from ..niki.solver import Solver
from .posture import body_of, read_posture, rotation_property, write_posture
from .space import (
    rotation_of,
    rotations_to_blender,
    rotations_to_library,
    to_blender,
    to_library,
    transformed,
)

tick_times: deque[float] = deque(maxlen=1000)
"""Seconds that the latest solutions took, pose written and evaluated."""


class Pull:
    """One pull, from its beginning to its end.

    Args:
        rig: the armature; may be moved, turned and scaled in any way.
        start: the pose before; default as it stands.

    Raises:
        NikiError: its object is scaled to nothing.
    """

    def __init__(self, rig: bpy.types.Object, start: Posture | None = None):
        self._rig, self._body = rig, body_of(rig)
        self._world = np.array(rig.matrix_world)
        if abs(np.linalg.det(self._world[:3, :3])) < 1e-12:
            raise NikiError(f"{rig.name} is scaled to nothing", "give its object a scale")
        self.start = start or read_posture(rig, self._body)
        self._poser, self._last = Poser(self._body, Solver()), None
        settings = rig.niki
        self._mode, self._plant = settings.pull_mode.lower(), settings.plant_feet
        places = self._poser.joints(self.start)
        self._pins = [
            Target(JOINTS[j], places[j], pinned=True) for j, pinned in enumerate(settings.pinned) if pinned
        ]

    def places(self) -> np.ndarray:
        """(29, 3) where the joints were at the beginning, in the scene."""
        return transformed(self._world, to_blender(self._poser.joints(self.start)))

    def to(self, places: dict[str, np.ndarray]) -> Posture:
        """Pose the armature so that joints are at ``places``, by name, in the scene."""
        return self.solve([Target(name, self._to_armature(place)) for name, place in places.items()])

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
        started = time.perf_counter()
        asked = {target.joint for target in targets}
        pins = [pin for pin in self._pins if pin.joint not in asked]
        posture = self._poser.solve(self.start, [*pins, *targets], self._mode, self._plant, self._last)
        self._last = posture
        write_posture(self._rig, posture)
        bpy.context.view_layer.update()
        tick_times.append(time.perf_counter() - started)
        return posture

    def restore(self) -> None:
        """As it was."""
        write_posture(self._rig, self.start)

    def key(self, frame: float) -> int:
        """Key the bones that the pull has changed; how many."""
        now = self._last or self.start
        changed = np.abs(now.rotations - self.start.rotations).max((1, 2)) > 1e-5
        for name in np.array(BONES)[changed]:
            bone = self._rig.pose.bones[name]
            bone.keyframe_insert(rotation_property(bone), frame=frame, group=str(name))
        if np.abs(now.translation - self.start.translation).max() > 1e-5:
            self._rig.pose.bones[BONES[0]].keyframe_insert("location", frame=frame, group=BONES[0])
        return int(changed.sum())

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
    return transformed(world, to_blender(places)), rotation_of(world) @ rotations_to_blender(turned)
