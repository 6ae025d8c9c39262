"""The captured and the refined action of an armature: the second is made beside the first, and either can be shown."""

from __future__ import annotations

import hashlib

import bpy
import numpy as np

from ...niki.errors import NikiError
from ...niki.motion.motion import Motion
from ..rig.animation import (
    action_fcurves,
    assign_action,
    copy_action,
    ensure_animation_data,
    fcurve_owner,
    slot_handle,
)
from ..rig.confidence import key_confidence
from ..rig.contacts import is_contact, key_contacts, put_contact_keys
from ..rig.curve_keys import CurveKeys
from ..rig.keying import bake_motion
from ..scene.take_back import all_or_nothing
from .placing import fingerprint_of_readings, move

BEFORE, AFTER = "BEFORE", "AFTER"


def shown(rig: bpy.types.Object) -> str:
    """Which action animates the armature: ``BEFORE``, ``AFTER``, or "" for neither."""
    settings, data = rig.niki_refine, rig.animation_data
    action = data.action if data else None
    if action is None:
        return ""
    return BEFORE if action == settings.before else AFTER if action == settings.after else ""


def show(rig: bpy.types.Object, which: str) -> None:
    """Animate the armature with its captured or its refined action; both stay as they are.

    Raises:
        NikiError: there is no such action, or the rig's action cannot be changed now.
    """
    settings = rig.niki_refine
    action = settings.before if which == BEFORE else settings.after
    if action is None:
        raise NikiError("That action was deleted", "refine again" if which == AFTER else "")
    assign_action(rig, action, settings.slot)


def add_refined(
    scene: bpy.types.Scene,
    rig: bpy.types.Object,
    motion: Motion,
    contacts: dict[str, CurveKeys] | None = None,
) -> bpy.types.Action:
    """Animate the armature with a refined motion, in a new action.

    It is a copy of the action that the armature has, in which only the bones of the body and the root are keyed anew, from
    the first to the last frame of the motion. That action stays as it is. Refined actions that came before are replaced, unless
    somebody has edited or used them.

    Args:
        motion: of the same length and person as the captured one.
        contacts: the user's, which it was made with, as :func:`~.rig.contacts.contact_keys` returns them; None if they
            were found: those of the motion are keyed then.

    Raises:
        NikiError: it is of another capture, or the rig's action cannot be changed now. Nothing is changed then.
    """
    settings = rig.niki_refine
    hint = "choose the file that this armature was captured to"
    if len(motion) != settings.frames:
        raise NikiError(
            f"These readings are of another capture: they have {len(motion)} frames, not {settings.frames}",
            hint,
        )
    if fingerprint_of_readings(motion) != settings.captured:
        raise NikiError("These readings are of another capture: other footage, frames or person", hint)
    data = ensure_animation_data(rig)
    refined, fingerprint = settings.after, settings.fingerprint
    base = settings.before if shown(rig) == AFTER or data.action is None else data.action
    if abs(settings.rate - motion.mocap_framerate) > 1e-3 * motion.mocap_framerate:
        motion = motion.resampled(settings.rate)
    world = np.array(settings.world, float).reshape(4, 4)
    motion = move(motion, np.array(settings.offset, float), world)[0]
    with all_or_nothing(scene, rig):
        action = _add(rig, base, motion, settings.frame_start, contacts)
    settings.slot = slot_handle(rig)
    if settings.before != base and settings.before is not None:
        settings.before.use_fake_user = True  # another action is refined now: it must not be lost
    settings.before, settings.after, settings.fingerprint = base, action, fingerprint_of(action)
    if refined is not None and refined != base:
        now, made, new = (
            text.split() for text in (fingerprint_of(refined), fingerprint, settings.fingerprint)
        )
        # Contacts that the new action has are not lost with the old one.
        if refined.users == 0 and now[1:] == made[1:] and now[:1] in (made[:1], new[:1]):
            bpy.data.actions.remove(refined)
        elif refined.users == 0:
            refined.use_fake_user = True
    return action


def _add(
    rig: bpy.types.Object,
    base: bpy.types.Action | None,
    motion: Motion,
    frame_start: int,
    contacts: dict[str, CurveKeys] | None,
) -> bpy.types.Action:
    name = f"{base.name if base else rig.name} Refined"
    if base is not None:
        assign_action(rig, base, rig.niki_refine.slot)
    if fcurve_owner(rig) is None:
        action = bake_motion(rig, motion, frame_start, name)
        if contacts is not None:
            put_contact_keys(rig, fcurve_owner(rig), contacts)
        return action
    action = copy_action(rig, name)
    action.use_fake_user = False
    bake_motion(rig, motion, frame_start, new=False, root=True)
    frames = (frame_start + np.arange(len(motion))).astype(np.float32)
    key_confidence(rig, fcurve_owner(rig), frames, motion.confidence)
    if contacts is None:
        key_contacts(rig, fcurve_owner(rig), frames, motion.contacts)
    else:
        put_contact_keys(rig, fcurve_owner(rig), contacts)
    return action


def fingerprint_of(action: bpy.types.Action) -> str:
    """Changes with every edit of an action's keys: its first word with those of contacts, its second with all others."""
    contacts, others = hashlib.sha256(), hashlib.sha256()
    for curve in action_fcurves(action):
        digest = contacts if is_contact(curve.data_path) else others
        digest.update(f"{curve.data_path}[{curve.array_index}] {len(curve.modifiers)}".encode())
        for name in ("co", "handle_left", "handle_right", "interpolation"):
            digest.update(np.ascontiguousarray(CurveKeys.of(curve).values[name]).tobytes())
    return f"{contacts.hexdigest()} {others.hexdigest()}"
