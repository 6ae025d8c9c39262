"""The captured and the refined action of an armature: the second is made beside the first, and either can be shown."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Origin:
    """What an armature is refined from.

    Attributes:
        readings: path of the motion file.
        captured: session UID of the captured action; 0 without one.
        base: session UID of the action that the refined one is to be a copy of; 0 without one.
        slot: the slot of the base that animates the armature, see :func:`slot_handle`.
    """

    readings: str
    captured: int
    base: int
    slot: int

    @classmethod
    def of(cls, rig: bpy.types.Object) -> Origin:
        """As it is now: the action that animates the armature, or the captured one if that is the refined one."""
        settings, data = rig.niki_refine, rig.animation_data
        action = data.action if data else None
        if action is None or action == settings.after:
            return cls(settings.readings, _key(settings.before), _key(settings.before), settings.slot)
        return cls(settings.readings, _key(settings.before), _key(action), slot_handle(rig))

    def base_for(self, rig: bpy.types.Object) -> bpy.types.Action | None:
        """The base, if the armature has the same motion still.

        Raises:
            NikiError: it has another one.
        """
        settings = rig.niki_refine
        if (settings.readings, _key(settings.before)) != (self.readings, self.captured):
            raise NikiError(f"{rig.name} has got another motion or other readings meanwhile", "refine again")
        if not self.base:
            return None
        base = next((action for action in bpy.data.actions if _key(action) == self.base), None)
        if base is None:
            raise NikiError("The action that was refined was deleted meanwhile", "refine again")
        return base


def _key(action: bpy.types.Action | None) -> int:
    """Identifies an action in this session, also after undo, when references to it are no longer valid."""
    return 0 if action is None else action.session_uid


def add_refined(
    scene: bpy.types.Scene,
    rig: bpy.types.Object,
    motion: Motion,
    contacts: dict[str, CurveKeys] | None = None,
    origin: Origin | None = None,
) -> bpy.types.Action:
    """Animate the armature with a refined motion, in a new action.

    It is a copy of the action that was refined, in which only the bones of the body and the root are keyed anew, from
    the first to the last frame of the motion. That action stays as it is. Refined actions that came before are replaced, unless
    somebody has edited or used them.

    Args:
        motion: of the same length and person as the captured one.
        contacts: the user's, which it was made with, as :func:`~.rig.contacts.contact_keys` returns them; None if they
            were found: those of the motion are keyed then.
        origin: what the motion was refined from; default: what the armature has now.

    Raises:
        NikiError: it is of another capture, the armature has another motion by now, or the rig's action cannot be changed now. Nothing is changed then.
    """
    settings, origin = rig.niki_refine, origin or Origin.of(rig)
    base = origin.base_for(rig)
    hint = "choose the file that this armature was captured to"
    if len(motion) != settings.frames:
        raise NikiError(
            f"These readings are of another capture: they have {len(motion)} frames, not {settings.frames}",
            hint,
        )
    if fingerprint_of_readings(motion) != settings.captured:
        raise NikiError("These readings are of another capture: other footage, frames or person", hint)
    ensure_animation_data(rig)
    refined, fingerprint = settings.after, settings.fingerprint
    if abs(settings.rate - motion.mocap_framerate) > 1e-3 * motion.mocap_framerate:
        motion = motion.resampled(settings.rate)
    world = np.array(settings.world, float).reshape(4, 4)
    motion = move(motion, np.array(settings.offset, float), world)[0]
    with all_or_nothing(scene, rig):
        action = _add(rig, base, origin.slot, motion, settings.frame_start, contacts)
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
    slot: int,
    motion: Motion,
    frame_start: int,
    contacts: dict[str, CurveKeys] | None,
) -> bpy.types.Action:
    name = f"{base.name if base else rig.name} Refined"
    if base is not None:
        assign_action(rig, base, slot)
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
