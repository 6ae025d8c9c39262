"""Contacts of the feet with the ground: an animated property of the ankle and foot bones."""

from __future__ import annotations

import bpy
import numpy as np

from .animation import FCurveOwner, bone_path, write_curves

PROPERTY = "contact"
BONES = {"L_Ankle": "heel", "L_Foot": "toe", "R_Ankle": "heel", "R_Foot": "toe"}
"""The bone of each contact of a motion, in their order, and what touches the ground."""


def key_contacts(rig: bpy.types.Object, owner: FCurveOwner, frames: np.ndarray, contacts: np.ndarray) -> None:
    """Key the contacts, where there are any, with as few keys as hold them.

    Args:
        owner: of the f-curves, as :func:`.animation.new_action` returns it.
        frames: (T,) ascending. contacts: (T, 4) from 0 to 1.
    """
    if not contacts.any():
        return
    for i, (name, part) in enumerate(BONES.items()):
        bone = rig.pose.bones[name]
        bone[PROPERTY] = 0.0
        bone.id_properties_ui(PROPERTY).update(
            min=0.0,
            max=1.0,
            default=0.0,
            description=f"1 where this foot's {part} touches the ground, 0 where it does not",
        )
        values = contacts[:, i]
        changes = np.diff(values) != 0
        needed = np.concatenate([[True], changes]) | np.concatenate([changes, [True]])
        write_curves(
            owner, f'{bone_path(name, "")[:-1]}["{PROPERTY}"]', name, frames[needed], values[needed, None]
        )


def contacts_of(rig: bpy.types.Object) -> list[float]:
    """The four contacts of an evaluated armature; 0 where it has none."""
    values = (rig.pose.bones[name].get(PROPERTY, 0.0) for name in BONES)
    return [min(max(float(value), 0.0), 1.0) if isinstance(value, (int, float)) else 0.0 for value in values]
