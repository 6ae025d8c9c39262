"""Takes back the keys that a pull set, and sets them again."""

from __future__ import annotations

import bpy

from ..pose.last_pull import Key, ReplacedKeys
from ..rig.animation import fcurve_owner, remove_curve

_SAME_FRAME = 0.01
_TYPES = ("interpolation", "easing", "handle_left_type", "handle_right_type", "type")
_VECTORS = ("co", "handle_left", "handle_right")


def set_keys(rig: bpy.types.Object, frame: float, keys: ReplacedKeys) -> None:
    """Make channels have these keys at ``frame``, and none where ``keys`` says None.

    An f-curve that has no key left is removed.
    """
    owner = fcurve_owner(rig)
    if owner is None:
        return
    for (path, index), key in keys.items():
        curve = owner.fcurves.find(path, index=index)
        if curve is None and key is not None:
            curve = owner.fcurves.new(path, index=index)
        if curve is None:
            continue
        _set_key(curve, frame, key)
        if not len(curve.keyframe_points):
            remove_curve(owner, curve)


def _set_key(curve: bpy.types.FCurve, frame: float, key: Key | None) -> None:
    points = curve.keyframe_points
    point = next((point for point in points if abs(point.co[0] - frame) < _SAME_FRAME), None)
    if key is None:
        if point is not None:
            points.remove(point)
    else:
        if point is None:
            point = points.insert(*key["co"], options={"FAST"})
        for name in (*_TYPES, *_VECTORS):
            setattr(point, name, key[name])
    curve.update()
