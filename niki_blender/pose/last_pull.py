"""Remembers what pulls changed, on the armature, where undo, saving and reopening keep it.

An armature has one pull per frame: several drags at a frame add up.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

import bpy

from ..rig.animation import bone_path, fcurves_of
from ..rig.channels import Channels, rotation_locks

Key = dict[str, Any]
"""A key as plain values: frame, value, handles, interpolation and types."""
ReplacedKeys = dict[tuple[str, int], Key | None]
"""For each (data path, array index) that was keyed, the key that was there before; None where there was none."""

_VECTORS = ("co", "handle_left", "handle_right")
_NAMES = ("interpolation", "easing", "handle_left_type", "handle_right_type", "type")
_SAME_FRAME = 0.01
_SAME_VALUE = 1e-5


@dataclass(eq=False)
class LastPull:
    """What the drags at one frame changed.

    Attributes:
        frame: the scene frame of the pose.
        action: the name of the armature's action then; "" without one.
        before: the channels before the first drag.
        after: the channels after the latest drag.
        changed: for each bone that moved, its properties that changed.
        keyed: whether the pose was keyed.
        replaced: the keys from before the first drag, where keying wrote keys.
    """

    frame: int
    action: str
    before: Channels
    after: Channels
    changed: dict[str, list[str]]
    keyed: bool = False
    replaced: ReplacedKeys = field(default_factory=dict)


def last_pull(rig: bpy.types.Object) -> LastPull | None:
    """The latest pull, at any frame. None if there is none, or if the armature has changed its action since."""
    pulls = pulls_of(rig)
    return pulls[-1] if pulls else None


def pulls_of(rig: bpy.types.Object) -> list[LastPull]:
    """The pulls on the armature's present action, the latest last."""
    if not rig.niki_pose.last_pull:
        return []
    try:
        pulls = [_from_plain(plain) for plain in json.loads(rig.niki_pose.last_pull)]
    except (ValueError, KeyError, TypeError):
        return []
    return [pull for pull in pulls if pull.action == action_name(rig) and pull.changed.keys() <= _bones(rig)]


def remember_pull(
    rig: bpy.types.Object,
    frame: int,
    before: Channels,
    changed: dict[str, list[str]],
    keyed: bool = False,
    replaced: ReplacedKeys | None = None,
) -> None:
    """Remember that a drag from ``before`` to the current pose changed properties of bones.

    It adds to what earlier drags did at the same frame. Keyed pulls at other frames are forgotten.
    """
    pull = LastPull(frame, action_name(rig), before, Channels.of(rig), dict(changed), keyed, replaced or {})
    others = []
    for earlier in pulls_of(rig):
        if earlier.frame == frame:
            _add_up(earlier, pull)
        elif not earlier.keyed:
            others.append(earlier)
    if pull.changed:
        write_pulls(rig, [*others, pull])


def forget_pull(rig: bpy.types.Object, frame: int | None = None) -> None:
    """Forget the pull at ``frame``, default the latest one."""
    pulls = pulls_of(rig)
    if frame is None:
        pulls = pulls[:-1]
    write_pulls(rig, [pull for pull in pulls if pull.frame != frame])


def write_pulls(rig: bpy.types.Object, pulls: list[LastPull]) -> None:
    """Store the pulls of the armature in place of those before."""
    text = json.dumps([_to_plain(pull) for pull in pulls]) if pulls else ""
    if rig.niki_pose.last_pull != text:
        rig.niki_pose.last_pull = text


def action_name(rig: bpy.types.Object) -> str:
    """The name of the armature's action; "" without one."""
    data = rig.animation_data
    return data.action.name if data is not None and data.action is not None else ""


def keys_at(rig: bpy.types.Object, changed: dict[str, list[str]], frame: float) -> ReplacedKeys:
    """The keys that the channels of bones have at ``frame``."""
    curves = {(curve.data_path, curve.array_index): curve for curve in fcurves_of(rig)}
    keys = {}
    for path, index, _ in unlocked_components(rig, changed):
        curve = curves.get((path, index))
        keys[path, index] = _key_at(curve, frame) if curve else None
    return keys


def is_lost_elsewhere(rig: bpy.types.Object, pull: LastPull) -> bool:
    """Whether leaving the frame loses the pose: the animation poses the pulled bones otherwise at that frame."""
    curves = {(curve.data_path, curve.array_index): curve for curve in fcurves_of(rig)}
    for path, index, value in unlocked_components(rig, pull.changed, pull.after):
        curve = curves.get((path, index))
        if curve and not curve.is_empty and abs(curve.evaluate(pull.frame) - value) > _SAME_VALUE:
            return True
    return False


def is_in_view(rig: bpy.types.Object, pull: LastPull) -> bool:
    """Whether the armature, at the pull's frame, shows the pulled pose, which may have been changed by hand since.
    It shows its animation instead once the frame has been left, or the file opened again."""
    curves = {(curve.data_path, curve.array_index): curve for curve in fcurves_of(rig)}
    by_hand, as_pulled = [], []  # of each pulled bone that is animated
    for name, properties in pull.changed.items():
        now = unlocked_components(rig, {name: properties})
        after = unlocked_components(rig, {name: properties}, pull.after)
        animated = [
            abs(curves[path, index].evaluate(pull.frame) - value) > _SAME_VALUE
            for path, index, value in now
            if (path, index) in curves and not curves[path, index].is_empty
        ]
        if animated:
            same = len(now) == len(after) and all(
                abs(a[2] - b[2]) <= _SAME_VALUE for a, b in zip(now, after, strict=True)
            )
            by_hand.append(any(animated))
            as_pulled.append(any(animated) and same)
    return any(as_pulled) or all(by_hand)


def unlocked_components(
    rig: bpy.types.Object, changed: dict[str, list[str]], channels: Channels | None = None
) -> list[tuple[str, int, float]]:
    """(data path, array index, value) of the unlocked components of bones, from ``channels`` or as they are now.

    Bones whose rotation mode has changed since ``channels`` are left out.
    """
    found = []
    for name, properties in changed.items():
        bone = rig.pose.bones[name]
        for channel in properties:
            values = tuple(getattr(bone, channel))
            locks = bone.lock_location if channel == "location" else rotation_locks(bone)
            if channels is not None:
                mode, rotation = channels.rotations[name]
                if channel != "location" and mode != bone.rotation_mode:
                    continue
                values = channels.locations[name] if channel == "location" else rotation
            found += [
                (bone_path(name, channel), index, value)
                for index, (value, locked) in enumerate(zip(values, locks, strict=True))
                if not locked
            ]
    return found


def _add_up(earlier: LastPull, pull: LastPull) -> None:
    """Add what an earlier drag at the same frame did to ``pull``."""
    for name in earlier.changed:
        if name not in pull.changed:  # the pose may have been left since, and come back as animated
            pull.after.rotations[name] = earlier.after.rotations[name]
            pull.after.locations[name] = earlier.after.locations[name]
    pull.changed = {
        name: list(dict.fromkeys([*earlier.changed.get(name, ()), *pull.changed.get(name, ())]))
        for name in {**earlier.changed, **pull.changed}
    }
    pull.before, pull.replaced = earlier.before, pull.replaced | earlier.replaced


def _bones(rig: bpy.types.Object) -> set[str]:
    return set(rig.pose.bones.keys())


def _key_at(curve: bpy.types.FCurve, frame: float) -> Key | None:
    for point in curve.keyframe_points:
        if abs(point.co[0] - frame) < _SAME_FRAME:
            vectors = {name: list(getattr(point, name)) for name in _VECTORS}
            return {**vectors, **{name: getattr(point, name) for name in _NAMES}}
    return None


def _to_plain(pull: LastPull) -> dict[str, Any]:
    replaced = [[path, index, key] for (path, index), key in pull.replaced.items()]
    return {**asdict(pull), "replaced": replaced}


def _from_plain(plain: dict[str, Any]) -> LastPull:
    replaced = {(path, index): key for path, index, key in plain["replaced"]}
    before, after = (_channels(plain[name]) for name in ("before", "after"))
    return LastPull(**{**plain, "before": before, "after": after, "replaced": replaced})


def _channels(plain: dict[str, Any]) -> Channels:
    rotations = {name: (mode, tuple(values)) for name, (mode, values) in plain["rotations"].items()}
    return Channels(rotations, {name: tuple(values) for name, values in plain["locations"].items()})
