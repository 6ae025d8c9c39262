"""Which bones are selected, whichever the API: on the bone before Blender 5.0, on the pose bone since."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

import bpy


def is_selected(bone: bpy.types.PoseBone) -> bool:
    """Whether a bone is selected in Pose Mode."""
    return _holder(bone).select


def select(bone: bpy.types.PoseBone, on: bool = True) -> None:
    """Select a bone, or not."""
    _holder(bone).select = on


@contextlib.contextmanager
def select_temporarily(rig: bpy.types.Object, bones: Iterable[str]):
    """Have these bones selected and no others, for a while."""
    before, bones = {bone.name: is_selected(bone) for bone in rig.pose.bones}, set(bones)
    try:
        for bone in rig.pose.bones:
            select(bone, bone.name in bones)
        yield
    finally:
        for bone in rig.pose.bones:
            select(bone, before[bone.name])


def _holder(bone: bpy.types.PoseBone):
    return bone if hasattr(bone, "select") else bone.bone
