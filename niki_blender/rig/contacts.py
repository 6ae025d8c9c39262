"""What touches something: an animated property of the bones of ankles, feet and wrists."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import bpy
import numpy as np

from ...niki.motion.contacts import CONTACTS, FEET
from .animation import FCurveOwner, bone_path, fcurve_owner, fcurves_of, new_action, values_at, write_curves
from .curve_keys import CurveKeys

PROPERTY = "contact"
BONES = {
    "L_Ankle": "foot's heel", "L_Foot": "foot's toe", "R_Ankle": "foot's heel", "R_Foot": "foot's toe",
    "L_Wrist": "hand", "R_Wrist": "hand",
}  # fmt: skip
"""The bone of each contact of a motion, in their order, and what of the body touches something."""

_MADE_AS = "niki_contacts"  # custom property of an action: the fingerprint of its contacts as NIKI found them


def key_contacts(rig: bpy.types.Object, owner: FCurveOwner, frames: np.ndarray, contacts: np.ndarray) -> None:
    """Key the contacts that were found, where there are any, with as few keys as hold them.

    Args:
        owner: of the f-curves of the rig's action, as :func:`.animation.new_action` returns it.
        frames: (T,) ascending. contacts: (T, 6) from 0 to 1.
    """
    wanted = contacts.any(0)
    wanted[FEET] = wanted[FEET].any()
    for i, name in enumerate(BONES):
        if not wanted[i] and owner.fcurves.find(_path(name)) is None:
            continue
        _add_property(rig.pose.bones[name])
        values = contacts[:, i]
        changes = np.diff(values) != 0
        needed = np.concatenate([[True], changes]) | np.concatenate([changes, [True]])
        write_curves(owner, _path(name), name, frames[needed], values[needed, None])
    action = rig.animation_data.action
    assert action is not None
    action[_MADE_AS] = _fingerprint(rig)


def mark_contacts(
    rig: bpy.types.Object, bones: Iterable[str], first: int, last: int, value: float, current: float
) -> None:
    """Key that some of :data:`BONES` touch something, or do not, in the frames from ``first`` to ``last``; what is keyed
    before and after stays.

    Args:
        value: 1 or 0. current: the scene's frame.

    Raises:
        NikiError: the rig's action cannot be changed now.
    """
    owner = fcurve_owner(rig)
    if owner is None:
        _, owner = new_action(rig, rig.name)
    for name in bones:
        curve = owner.fcurves.find(_path(name))
        outside = values_at(curve, [first - 1, last + 1]) if curve is not None else [0.0, 0.0]
        _add_property(rig.pose.bones[name])
        frames = np.array(
            [first - 1, first, last, last + 1] if last > first else [first - 1, first, last + 1]
        )
        values = np.array([outside[0], *[value] * (len(frames) - 2), outside[1]])
        write_curves(owner, _path(name), name, frames, values[:, None])
        rig.pose.bones[name][PROPERTY] = values_at(owner.fcurves.find(_path(name)), [current])[0]


def keyed_contacts(rig: bpy.types.Object, frames: np.ndarray) -> np.ndarray:
    """(T, 6) from 0 to 1: the contacts as the rig's action has them at ``frames`` (T,); 0 where none are keyed."""
    contacts, curves = np.zeros((len(frames), len(CONTACTS))), _curves(rig)
    for i, name in enumerate(BONES):
        if name in curves:
            contacts[:, i] = values_at(curves[name], map(float, frames))
    return np.clip(contacts, 0, 1)


def contacts_of(rig: bpy.types.Object) -> list[float]:
    """The contacts of an evaluated armature; 0 where it has none."""
    values = (rig.pose.bones[name].get(PROPERTY, 0.0) for name in BONES)
    return [min(max(float(value), 0.0), 1.0) if isinstance(value, (int, float)) else 0.0 for value in values]


def contacts_edited(rig: bpy.types.Object) -> bool:
    """Whether the contacts in the rig's action are not as NIKI found them."""
    action = rig.animation_data.action if rig.animation_data else None
    if action is None:
        return False
    made = action.get(_MADE_AS)
    return bool(_curves(rig)) if made is None else made != _fingerprint(rig)


def contact_keys(rig: bpy.types.Object) -> dict[str, CurveKeys]:
    """The keys of the contacts in the rig's action, by the name of the bone."""
    return {name: CurveKeys.of(curve) for name, curve in _curves(rig).items()}


def put_contact_keys(rig: bpy.types.Object, owner: FCurveOwner, keys: dict[str, CurveKeys]) -> None:
    """Give the rig's action these contacts, in place of those that it has.

    Args:
        owner: of the f-curves. keys: as :func:`contact_keys` returns them.
    """
    for name in BONES:
        curve = owner.fcurves.find(_path(name))
        if name in keys:
            if curve is None:
                write_curves(owner, _path(name), name, np.zeros(1), np.zeros((1, 1)))
                curve = owner.fcurves.find(_path(name))
            keys[name].write_to(curve)
        elif curve is not None:
            owner.fcurves.remove(curve)


def is_contact(path: str) -> bool:
    """Whether a data path is that of a contact."""
    return path in map(_path, BONES)


def _add_property(bone: bpy.types.PoseBone) -> None:
    bone[PROPERTY] = 0.0
    bone.id_properties_ui(PROPERTY).update(
        min=0.0,
        max=1.0,
        default=0.0,
        description=f"1 where this {BONES[bone.name]} touches something, 0 where it does not",
    )


def _fingerprint(rig: bpy.types.Object) -> str:
    digest = hashlib.sha256()
    for name, curve in sorted(_curves(rig).items()):
        keys = np.empty(2 * len(curve.keyframe_points), np.float32)
        curve.keyframe_points.foreach_get("co", keys)  # pyright: ignore[reportArgumentType]
        digest.update(name.encode() + keys.tobytes())
    return digest.hexdigest()[:32]


def _curves(rig: bpy.types.Object) -> dict[str, bpy.types.FCurve]:
    paths = {_path(name): name for name in BONES}
    return {paths[curve.data_path]: curve for curve in fcurves_of(rig) if curve.data_path in paths}


def _path(bone: str) -> str:
    return f'{bone_path(bone, "")[:-1]}["{PROPERTY}"]'
