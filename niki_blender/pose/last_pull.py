"""Remembers what pulls changed, on the armature, where undo, saving and reopening keep it.

An armature has one pull per frame: several drags at a frame add up.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
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
    return [pull for pull in _stored(rig) if _is_of_action(rig, pull) and pull.changed.keys() <= _bones(rig)]


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
    pull.keyed = keyed and not _misses_keys(rig, pull)
    others = []
    for earlier in pulls_of(rig):
        if earlier.frame == frame:
            pull.keyed = pull.keyed and not _stays_unkeyed(rig, earlier, pull)
            _add_up(earlier, pull)
        elif not earlier.keyed:
            others.append(earlier)
    if pull.changed:
        write_pulls(rig, [*others, pull])


def write_pulls(rig: bpy.types.Object, pulls: list[LastPull]) -> None:
    """Store the pulls on the armature's present action in place of those before."""
    pulls = [*(pull for pull in _stored(rig) if not _is_of_action(rig, pull)), *pulls]
    text = json.dumps([_to_plain(pull) for pull in pulls]) if pulls else ""
    if rig.niki_pose.last_pull != text:
        rig.niki_pose.last_pull = text


def take_pulls_along(rig: bpy.types.Object, action: str) -> None:
    """Remember the pulls on the action called ``action`` as pulls on the present one, which took its place."""
    pulls = _stored(rig)
    for pull in pulls:
        if pull.action == action:
            pull.action = action_name(rig)
    write_pulls(rig, [pull for pull in pulls if _is_of_action(rig, pull)])


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
    return bool(_lost(rig, pull))


def _lost(rig: bpy.types.Object, pull: LastPull) -> set[tuple[str, int]]:
    """The (data path, array index) of what the animation has otherwise at the pull's frame."""
    curves = {
        (curve.data_path, curve.array_index): curve
        for curve in fcurves_of(rig)
        if not curve.is_empty and not curve.mute
    }
    return {
        (path, index)
        for path, index, value in unlocked_components(rig, pull.changed, pull.after)
        if (path, index) in curves and abs(curves[path, index].evaluate(pull.frame) - value) > _SAME_VALUE
    }


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


def _misses_keys(rig: bpy.types.Object, pull: LastPull) -> bool:
    """Whether keying left out animated channels that the pull changed, such as those outside a keying set."""
    keys = keys_at(rig, pull.changed, pull.frame)
    return any(keys[component] == pull.replaced.get(component) for component in _lost(rig, pull))


def _stays_unkeyed(rig: bpy.types.Object, earlier: LastPull, keyed: LastPull) -> bool:
    """Whether a keyed pull leaves bones of an earlier one at its frame unkeyed."""
    others = {name: changed for name, changed in earlier.changed.items() if name not in keyed.changed}
    return not earlier.keyed and is_lost_elsewhere(rig, replace(earlier, changed=others))


def _stored(rig: bpy.types.Object) -> list[LastPull]:
    try:
        return [_from_plain(plain) for plain in _parsed(rig.niki_pose.last_pull)]
    except (ValueError, KeyError, TypeError):
        return []


@lru_cache(maxsize=8)
def _parsed(text: str) -> list[dict[str, Any]]:
    """Read at every frame change and move of the mouse."""
    return json.loads(text) if text else []


def _is_of_action(rig: bpy.types.Object, pull: LastPull) -> bool:
    """Whether a pull was made on the armature's action: also before there was one, or before it was renamed."""
    name = action_name(rig)
    return pull.action in ("", name) or bool(name and pull.action not in bpy.data.actions)


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
    return LastPull(
        **{**plain, "changed": dict(plain["changed"]), "before": before, "after": after, "replaced": replaced}
    )


def _channels(plain: dict[str, Any]) -> Channels:
    rotations = {name: (mode, tuple(values)) for name, (mode, values) in plain["rotations"].items()}
    return Channels(rotations, {name: tuple(values) for name, values in plain["locations"].items()})
