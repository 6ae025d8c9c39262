"""Bone selection in any version of Blender.

Before 5.0 the selection state is on the bone, since 5.0 on the pose bone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

import bpy


def is_selected(bone: bpy.types.PoseBone) -> bool:
    """Whether a bone is selected in Pose Mode."""
    return _holder(bone).select


def select(bone: bpy.types.PoseBone, on: bool = True) -> None:
    """Select a bone, or deselect it."""
    _holder(bone).select = on


@contextlib.contextmanager
def select_temporarily(rig: bpy.types.Object, bones: Iterable[str]) -> Iterator[None]:
    """Within the context, select only ``bones``; afterwards, restore the selection."""
    before, bones = {bone.name: is_selected(bone) for bone in rig.pose.bones}, set(bones)
    try:
        for bone in rig.pose.bones:
            select(bone, bone.name in bones)
        yield
    finally:
        for bone in rig.pose.bones:
            select(bone, before[bone.name])


def _holder(bone: bpy.types.PoseBone) -> bpy.types.PoseBone | bpy.types.Bone:
    """The struct that has the selection state."""
    return bone if hasattr(bone, "select") else bone.bone
