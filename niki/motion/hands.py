"""Hands that stay where they are held: on a table, a wall, a bar. numpy only."""

from __future__ import annotations

import numpy as np

from ..body import rotation as rot
from ..body.kinematics import forward_kinematics
from ..body.skeleton import Body
from .blending import faded
from .blocks import split_into_blocks
from .contacts import HANDS, TOUCHES, runs
from .limbs import ARMS, FADE, Limb, place_limb, towards


def lock_hands(
    rotations: np.ndarray, translation: np.ndarray, body: Body, contacts: np.ndarray, rate: float
) -> np.ndarray:
    """A motion whose hands do not move while they are in contact, each at the mean of where it was, and turned as it was in
    the mean. Shoulder and elbow follow, as far as the arm reaches; nothing else does.

    Args:
        rotations: (T, 24, 3, 3) parent-relative. translation: (T, 3) metres.
        contacts: (T, 6) from 0 to 1, as :data:`niki.motion.contacts.CONTACTS` names them.
        rate: frames per second.

    Returns:
        the rotations; the same ones where no hand is in contact.
    """
    on = np.asarray(contacts)[:, HANDS] >= TOUCHES
    if not on.any():
        return rotations
    rotations = rotations.copy()
    for arm, held in zip(ARMS, on.T, strict=True):
        if held.any():
            _hold(rotations, translation, body, arm, held, max(round(FADE * rate), 1))
    return rotations


def _hold(rotations, translation, body, arm: Limb, held, fade) -> None:
    """Change one arm in place."""
    changed = np.flatnonzero(np.convolve(held, np.ones(2 * fade + 1))[fade:-fade] > 0.5)
    wrist, hand, fingers = np.empty((len(changed), 3)), *np.empty((2, len(changed), 3, 3))
    parts = split_into_blocks(len(changed))
    for part in parts:
        at = changed[part]
        joints, world = forward_kinematics(rotations[at], body, translation[at])
        wrist[part], hand[part], fingers[part] = joints[:, arm.end], world[:, arm.end], world[:, arm.tip]
    place, turned, tips = wrist.copy(), hand.copy(), fingers.copy()
    to_palm, held = body.rest_joints[arm.tip] - body.rest_joints[arm.end], held[changed]
    for start, stop in runs(held):
        part = slice(start, stop)
        turned[part], tips[part] = _mean_turn(hand[part]), _mean_turn(fingers[part])
        palm = (wrist[part] + rot.apply(hand[part], to_palm)).mean(0)
        place[part] = palm - turned[start] @ to_palm
    place = wrist + faded(place - wrist, held, fade)
    turned, tips = towards(hand, turned, held, fade), towards(fingers, tips, held, fade)
    for part in parts:
        at = changed[part]
        some = rotations[at]
        place_limb(
            some, *forward_kinematics(some, body, translation[at]), arm, place[part], turned[part], tips[part]
        )
        rotations[at] = some


def _mean_turn(matrices):
    """(3, 3) the rotation nearest the mean of matrices (n, 3, 3)."""
    return rot.kabsch(np.eye(3), matrices.mean(0).T)
