"""Channels that no f-curve animates: how they were before a pull, and are again without the correction.

Blender resets animated channels on a change of frame. These stay as they were set last.
"""

from __future__ import annotations

from collections.abc import Iterable

import bpy

from ..pose.last_pull import LastPull
from ..rig.animation import bone_path, fcurves_of
from ..rig.channels import Channels, rotation_property

Component = tuple[str, str, int]
"""The name of a bone, its channel, and the index within that."""


def components_without_keys(rig: bpy.types.Object, pull: LastPull) -> list[Component]:
    """Those that a pull changed and nothing animates, of bones that still have the rotation mode of then."""
    keyed = {(curve.data_path, curve.array_index) for curve in fcurves_of(rig) if len(curve.keyframe_points)}
    return [
        (name, channel, index)
        for name, channels in pull.changed.items()
        for channel in channels
        if channel in ("location", rotation_property(rig.pose.bones[name]))
        and pull.before.rotations[name][0] == rig.pose.bones[name].rotation_mode
        for index in range(len(getattr(rig.pose.bones[name], channel)))
        if (bone_path(name, channel), index) not in keyed
    ]


def take_over(posed: Channels, pull: LastPull, but: Iterable[Component] = ()) -> None:
    """Pose the bones that were pulled as the pull left them, except for some components."""
    kept = [(component, _value(posed, component)) for component in but]
    for name in pull.changed:
        if posed.rotations[name][0] == pull.after.rotations[name][0]:
            posed.rotations[name] = pull.after.rotations[name]
        posed.locations[name] = pull.after.locations[name]
    for (name, channel, index), value in kept:
        if channel == "location":
            posed.locations[name] = _with(posed.locations[name], index, value)
        else:
            mode, rotation = posed.rotations[name]
            posed.rotations[name] = mode, _with(rotation, index, value)


def set_components(rig: bpy.types.Object, components: Iterable[Component], pose: Channels) -> None:
    """Write components of ``pose`` to the armature."""
    for name, channel, index in components:
        getattr(rig.pose.bones[name], channel)[index] = _value(pose, (name, channel, index))


def _value(pose: Channels, component: Component) -> float:
    name, channel, index = component
    return (pose.locations[name] if channel == "location" else pose.rotations[name][1])[index]


def _with(values: tuple[float, ...], index: int, value: float) -> tuple[float, ...]:
    return (*values[:index], value, *values[index + 1 :])
