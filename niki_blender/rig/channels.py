"""The transform channels of bones, as the sidebar shows them: read, restored, rotated, moved.

An evaluated pose includes what constraints and drivers add. Writing it back into the channels would apply
that twice, so poses are changed by adding a rotation to each bone's own. Locked channels do not change.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import bpy
import numpy as np
from mathutils import Euler, Quaternion

from ...niki.body.skeleton import BONES

MIN_TURN, MIN_MOVE = 1e-6, 1e-7
"""Radians and metres: smaller changes of a bone are ignored."""


def rotation_property(bone: bpy.types.PoseBone) -> str:
    """The name of the property that rotates a bone in its rotation mode."""
    properties = {"QUATERNION": "rotation_quaternion", "AXIS_ANGLE": "rotation_axis_angle"}
    return properties.get(bone.rotation_mode, "rotation_euler")


def rotation_locks(bone: bpy.types.PoseBone) -> tuple[bool, ...]:
    """Whether each component of the bone's :func:`rotation_property` is locked."""
    if rotation_property(bone) == "rotation_euler":
        return tuple(bone.lock_rotation)
    all_locked = all(bone.lock_rotation)
    if bone.lock_rotations_4d and not all_locked:
        return (bone.lock_rotation_w, *bone.lock_rotation)
    return (all_locked,) * 4


@dataclass(eq=False)
class Channels:
    """The rotation and location channels of an armature's bones at one moment.

    Attributes:
        rotations: for each bone, its rotation mode and the values in that mode.
        locations: for each bone, its location.
    """

    rotations: dict[str, tuple[str, tuple[float, ...]]] = field(default_factory=dict)
    locations: dict[str, tuple[float, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, rig: bpy.types.Object, bones: tuple[str, ...] = BONES) -> Channels:
        """The current channels of ``rig``."""
        channels = cls()
        for name in bones:
            bone = rig.pose.bones[name]
            values = tuple(getattr(bone, rotation_property(bone)))
            channels.rotations[name] = bone.rotation_mode, values
            channels.locations[name] = bone.location.to_tuple()
        return channels

    def restore(self, rig: bpy.types.Object, bones: Iterable[str] | None = None) -> None:
        """Write the channels back to ``rig``: those of ``bones``, default all."""
        for name in self.rotations if bones is None else bones:
            bone, (mode, values) = rig.pose.bones[name], self.rotations[name]
            if bone.rotation_mode == mode:
                setattr(bone, rotation_property(bone), values)
            bone.location = self.locations[name]

    def changed_since(self, before: Channels) -> list[str]:
        """The names of bones whose channels differ from ``before``."""
        return [
            name
            for name, (mode, values) in self.rotations.items()
            if _differ(self.locations[name], before.locations[name])
            or (mode, len(values)) != (before.rotations[name][0], len(before.rotations[name][1]))
            or _differ(values, before.rotations[name][1])
        ]

    def quaternion(self, name: str) -> Quaternion:
        """The rotation of a bone from its rest pose, about its own axes."""
        return as_quaternion(*self.rotations[name])

    def turn(self, bone: bpy.types.PoseBone, further: Quaternion) -> None:
        """Rotate a bone from the stored pose by ``further``, about its own axes; locked components stay."""
        mode, values = self.rotations[bone.name]
        before = as_quaternion(mode, values)
        if bone.rotation_mode != mode:  # the user has changed it since
            mode = bone.rotation_mode
            values = values_in_mode(before, mode, getattr(bone, rotation_property(bone)))
        turned = values_in_mode(before @ further, mode, values)
        if (
            mode == "QUATERNION"
        ):  # between keys they are shorter than 1; how long they are is not ours to change
            length = Quaternion(values).magnitude or 1.0
            turned = tuple(length * value for value in turned)
        setattr(bone, rotation_property(bone), _apply_locks(turned, values, rotation_locks(bone)))

    def move(self, bone: bpy.types.PoseBone, further: np.ndarray) -> None:
        """Move a bone from the stored pose by ``further`` (3,), along its own axes; locked components stay."""
        location = self.locations[bone.name]
        bone.location = _apply_locks(np.array(location) + further, location, bone.lock_location)


def as_quaternion(mode: str, values: Sequence[float]) -> Quaternion:
    """The values of a rotation mode as a quaternion."""
    if mode == "QUATERNION":
        return Quaternion(values).normalized()
    if mode == "AXIS_ANGLE":
        return Quaternion(values[1:], values[0])
    return Euler(values, mode).to_quaternion()


def values_in_mode(quaternion: Quaternion, mode: str, near: Sequence[float]) -> tuple[float, ...]:
    """A quaternion as values of a rotation mode; of the equivalent values, those nearest to ``near``."""
    if mode == "QUATERNION":
        return (-quaternion if quaternion.dot(Quaternion(near)) < 0 else quaternion)[:]  # pyright: ignore
    if mode == "AXIS_ANGLE":
        w, vector = quaternion.w, np.array(quaternion[1:])
        sine = np.linalg.norm(vector)
        axis = vector / sine if sine > 0 else np.array(near[1:])
        angle = 2 * np.arctan2(
            sine, w
        )  # Quaternion.to_axis_angle takes the arc cosine: turns below 0.7 mrad are 0
        if np.dot(axis, near[1:]) < 0:
            axis, angle = -axis, -angle
        return (angle + 2 * np.pi * round((near[0] - angle) / (2 * np.pi)), *axis.tolist())
    return quaternion.to_euler(mode, Euler(near, mode))[:]


def _apply_locks(values, before, locks) -> tuple[float, ...]:
    """``values``, except for locked components, which are those of ``before``."""
    return tuple(old if locked else new for new, old, locked in zip(values, before, locks, strict=True))


def _differ(a, b) -> bool:
    return max(abs(x - y) for x, y in zip(a, b, strict=True)) > 1e-6
