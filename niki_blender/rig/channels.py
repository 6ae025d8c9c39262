"""Bones' own channels, as the sidebar shows them: read, put back, turned further. Locked ones stay.

Poses that are read from the evaluated armature hold what constraints and drivers add; written back into
channels, that would count twice. So a pose is changed here by what each bone turns *further*.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import bpy
import numpy as np
from mathutils import Euler, Quaternion

from ...niki.body.skeleton import BONES

MIN_TURN, MIN_MOVE = 1e-6, 1e-7
"""Radians and metres below which a bone has not moved."""


def rotation_property(bone: bpy.types.PoseBone) -> str:
    """Which of its properties turns the bone."""
    modes = {"QUATERNION": "rotation_quaternion", "AXIS_ANGLE": "rotation_axis_angle"}
    return modes.get(bone.rotation_mode, "rotation_euler")


def rotation_locks(bone: bpy.types.PoseBone) -> tuple[bool, ...]:
    """Which components of :func:`rotation_property` are locked."""
    if rotation_property(bone) == "rotation_euler":
        return tuple(bone.lock_rotation)
    whole = all(bone.lock_rotation)
    if bone.lock_rotations_4d and not whole:
        return (bone.lock_rotation_w, *bone.lock_rotation)
    return (whole,) * 4


@dataclass(eq=False)
class Channels:
    """What turns and moves an armature's bones at one moment.

    Attributes:
        rotations: by bone, its rotation mode and the values that this mode has. locations: by bone.
    """

    rotations: dict[str, tuple[str, tuple[float, ...]]] = field(default_factory=dict)
    locations: dict[str, tuple[float, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, rig: bpy.types.Object, bones: tuple[str, ...] = BONES) -> Channels:
        """Those of ``rig`` as they stand."""
        channels = cls()
        for name in bones:
            bone = rig.pose.bones[name]
            values = tuple(getattr(bone, rotation_property(bone)))
            channels.rotations[name] = bone.rotation_mode, values
            channels.locations[name] = tuple(bone.location)
        return channels

    def restore(self, rig: bpy.types.Object, bones=None) -> None:
        """Put them back, all or those of ``bones``."""
        for name in self.rotations if bones is None else bones:
            bone, (mode, values) = rig.pose.bones[name], self.rotations[name]
            if bone.rotation_mode == mode:
                setattr(bone, rotation_property(bone), values)
            bone.location = self.locations[name]

    def changed_since(self, before: Channels) -> list[str]:
        """Bones whose channels differ from ``before``."""
        return [
            name
            for name, (mode, values) in self.rotations.items()
            if _differ(self.locations[name], before.locations[name])
            or (mode, len(values)) != (before.rotations[name][0], len(before.rotations[name][1]))
            or _differ(values, before.rotations[name][1])
        ]

    def quaternion(self, name: str) -> Quaternion:
        """How a bone is turned from its rest, about its own axes."""
        return as_quaternion(*self.rotations[name])

    def turn(self, bone: bpy.types.PoseBone, further: Quaternion) -> None:
        """Turn a bone from here by ``further``, about its own axes; locked components stay."""
        mode, values = self.rotations[bone.name]
        before = as_quaternion(mode, values)
        if bone.rotation_mode != mode:  # it was given another meanwhile
            mode = bone.rotation_mode
            values = values_in_mode(before, mode, getattr(bone, rotation_property(bone)))
        turned = values_in_mode(before @ further, mode, values)
        setattr(bone, rotation_property(bone), _apply_locks(turned, values, rotation_locks(bone)))

    def move(self, bone: bpy.types.PoseBone, further: np.ndarray) -> None:
        """Move a bone from here by ``further`` (3,), along its own axes; locked components stay."""
        location = self.locations[bone.name]
        bone.location = _apply_locks(np.array(location) + further, location, bone.lock_location)


def as_quaternion(mode: str, values) -> Quaternion:
    """A rotation mode's values as a quaternion."""
    if mode == "QUATERNION":
        return Quaternion(values).normalized()
    if mode == "AXIS_ANGLE":
        return Quaternion(values[1:], values[0])
    return Euler(values, mode).to_quaternion()


def values_in_mode(quaternion: Quaternion, mode: str, near) -> tuple[float, ...]:
    """A quaternion as the values of a rotation mode, those nearest to ``near``."""
    if mode == "QUATERNION":
        return tuple(-quaternion if quaternion.dot(Quaternion(near)) < 0 else quaternion)
    if mode == "AXIS_ANGLE":
        axis, angle = quaternion.to_axis_angle()
        if np.dot(axis, near[1:]) < 0:
            axis, angle = -axis, -angle
        return (angle + 2 * np.pi * round((near[0] - angle) / (2 * np.pi)), *axis)
    return tuple(quaternion.to_euler(mode, Euler(near, mode)))


def _apply_locks(values, was, locks) -> tuple[float, ...]:
    return tuple(b if locked else a for a, b, locked in zip(values, was, locks, strict=True))


def _differ(a, b) -> bool:
    return max(abs(x - y) for x, y in zip(a, b, strict=True)) > 1e-6
