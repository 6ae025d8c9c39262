"""Which handles are selected: a handle's selection is its bone's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import bpy

from ...niki.body.skeleton import BONES, NUM_BONES, NUM_JOINTS, PARENTS
from ..rig.selection import is_selected, select


def bone_of(joint: int) -> str:
    """The bone that a joint's handle selects: a tip's is the bone that it is the tip of."""
    return BONES[joint if joint < NUM_BONES else PARENTS[joint]]


def selected_joints(rig: bpy.types.Object) -> list[int]:
    """Joints whose handles and bones are selected, so that Blender's own deselecting counts too."""
    bones = rig.pose.bones
    return [j for j in range(NUM_JOINTS) if rig.niki_pose.pulled[j] and is_selected(bones[bone_of(j)])]


def select_joints(rig: bpy.types.Object, joints: Iterable[int], active: int | None = None) -> None:
    """Select the handles of ``joints`` and their bones alone; ``active`` is the joint of the active bone."""
    joints = set(joints)
    rig.niki_pose.pulled = [j in joints for j in range(NUM_JOINTS)]
    bones = {bone_of(j) for j in joints}
    for bone in rig.pose.bones:
        select(bone, bone.name in bones)
    if active in joints:
        rig.data.bones.active = rig.data.bones[bone_of(active)]


@dataclass(frozen=True)
class Selection:
    """Which handles and bones are selected, and the active bone."""

    pulled: list[bool]
    bones: list[bool]
    active: str | None

    @classmethod
    def of(cls, rig: bpy.types.Object) -> Selection:
        """The current one of ``rig``."""
        active = rig.data.bones.active
        return cls(
            list(rig.niki_pose.pulled),
            [is_selected(bone) for bone in rig.pose.bones],
            active.name if active is not None else None,
        )

    def restore(self, rig: bpy.types.Object) -> None:
        """Select it again."""
        rig.niki_pose.pulled = self.pulled
        for bone, on in zip(rig.pose.bones, self.bones, strict=True):
            select(bone, on)
        rig.data.bones.active = rig.data.bones[self.active] if self.active is not None else None
