"""Feet that stand still where they touch the ground. numpy only.

A foot in contact is put where it stands, and the leg follows: hip and knee turn in the knee's own plane, and the
pelvis goes down where a leg would be too short. Before and after a contact what was changed fades, with the foot's
own speed at its edge, so that nothing pops.
"""

from __future__ import annotations

import numpy as np

from ..body import rotation as rot
from ..body.kinematics import forward_kinematics
from ..body.skeleton import NUM_JOINTS, Body
from ..errors import NikiError
from .blending import eased, faded, spread_over
from .blocks import split_into_blocks
from .contacts import ANKLES, BALLS, FEET, SOLE, TOES, TOUCHES, foot_points, heel_offsets, runs
from .floor import OFF
from .limbs import FADE, LEGS, place_limb, reach, towards

MODES = ("off", "automatic", "always", "grounded")
"""off: as they are. automatic: still during contact. always: both feet stand all the time. grounded: as automatic,
and the lowest point of the feet is on the floor in every frame."""

_SETTLE = 0.5  # seconds: how quickly the whole body follows its feet up and down
_MOST_AWAY = 4.0  # metres along the view for one up or down
_PELVIS = 0.2  # seconds in which the pelvis goes down for a leg that is too short
_SOFT = 0.002  # metres of the floor's give outside contacts
_UP = np.array([0.0, 1.0, 0.0])


def lock_feet(
    rotations: np.ndarray,
    translation: np.ndarray,
    body: Body,
    contacts: np.ndarray,
    floor: float | None,
    rate: float,
    mode: str = "automatic",
    camera: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """A motion whose feet do not move while they are in contact.

    Args:
        rotations: (T, 24, 3, 3) parent-relative. translation: (T, 3) metres. Library space: Y up.
        contacts: (T, 6) from 0 to 1, as :data:`niki.motion.contacts.CONTACTS` names them.
        floor: metres: the height of the floor; None if there is none, and feet stay at their own height, as do those that
            touch something clearly above or below it.
        rate: frames per second.
        mode: of :data:`MODES`.
        camera: (3,) metres, where the camera is. The body goes up and down to the floor along its view, so that it stays
            where the camera sees it.

    Returns:
        rotations and translation, the same where no foot is in contact for longer than a fading takes and none is below the
        floor; and throughout, unless "grounded", where none is ever in contact.

    Raises:
        NikiError: there is no such mode, or it needs a floor and there is none.
    """
    if mode not in MODES:
        raise NikiError(f"There is no mode '{mode}' for feet", f"choose from: {', '.join(MODES)}")
    if mode == "grounded" and floor is None:
        raise NikiError("Feet can only be grounded on a floor", "give the floor's height")
    on = np.asarray(contacts)[:, FEET] >= TOUCHES
    if mode == "always":
        on = np.ones_like(on)
    if mode == "off" or (not on.any() and mode != "grounded"):
        return rotations, translation
    joints, feet, toes, points = _feet_of(rotations, translation, body)
    low = on.copy() if floor is not None else np.zeros_like(on)
    if floor is not None and mode != "always":
        low &= np.abs(points[..., 1] - SOLE - floor) < OFF
    moved = _follow_the_floor(points, low, floor, rate, mode)
    if camera is not None:
        moved = _along_the_view(moved[:, 1], joints, camera)
    translation, joints, points = translation + moved, joints + moved[:, None], points + moved[:, None]
    stands, lowered = [], np.zeros(len(joints))
    for side, leg in enumerate(LEGS):
        mine = slice(2 * side, 2 * side + 2)
        given = joints[:, leg.end], feet[:, side], toes[:, side]
        stands.append(_stand(*given, points[:, mine], body, on[:, mine], low[:, mine], side, floor, rate))
        ankle = stands[side][0]
        lowered = np.maximum(lowered, _too_short(joints[:, leg.upper], ankle, reach(joints, leg)))
    translation = translation - eased(lowered, round(_PELVIS * rate))[:, None] * _UP
    rotations = rotations.copy()
    for part in split_into_blocks(len(rotations)):
        posed = forward_kinematics(rotations[part], body, translation[part])
        for leg, stand in zip(LEGS, stands, strict=True):
            place_limb(rotations[part], *posed, leg, *(wanted[part] for wanted in stand))
    return rotations, translation


def _feet_of(rotations, translation, body):
    """Joints (T, 29, 3), how feet and toes are turned, (T, 2, 3, 3) each, and the points of the feet, (T, 4, 3)."""
    count = len(rotations)
    joints, points = np.empty((count, NUM_JOINTS, 3)), np.empty((count, 4, 3))
    feet, toes = np.empty((2, count, 2, 3, 3))
    for part in split_into_blocks(count):
        joints[part], world = forward_kinematics(rotations[part], body, translation[part])
        feet[part], toes[part] = world[:, list(ANKLES)], world[:, list(BALLS)]
        points[part] = foot_points(joints[part], world, body)
    return joints, feet, toes, points


def _follow_the_floor(points, low, floor, rate, mode):
    """(T, 3) metres by which the whole body moves up or down, smoothly, to where its feet stand."""
    moved = np.zeros((len(points), 3))
    if floor is None:
        return moved
    heights = points[..., 1] - SOLE - floor
    if mode == "grounded":
        moved[:, 1] = -heights.min(1)
        return moved
    lowest = np.where(low, heights, np.inf).min(1)
    touching = np.isfinite(lowest)
    moved[:, 1] = spread_over(-np.where(touching, lowest, 0), touching, _SETTLE * rate)
    return moved


def _along_the_view(high, joints, camera):
    """(T, 3) a move that goes up by ``high`` (T,), and so far away or nearer that joints (T, 29, 3) change their directions
    from the camera least."""
    moved = np.empty((len(high), 3))
    for part in split_into_blocks(len(high)):
        moved[part] = _moved_in_view(high[part], joints[part] - camera)
    return moved


def _moved_in_view(high, seen):
    far = np.linalg.norm(seen, axis=-1)
    ahead = rot.normalize(seen[:, 0] * [1, 0, 1], fallback=[0.0, 0.0, 1.0])
    weight = 1 / np.maximum(far, 0.1) ** 4
    level = (seen * ahead[:, None]).sum(-1)
    share = (weight * level * seen[..., 1]).sum(1) / (weight * (far**2 - level**2) + 1e-9).sum(1)
    return high[:, None] * (_UP + np.clip(share, -_MOST_AWAY, _MOST_AWAY)[:, None] * ahead)


# --- Where a foot stands --------------------------------------------------------------------------------------


def _stand(ankle, foot, toes, points, body, on, low, side, floor, rate):
    """Where the ankle of one side is to be (T, 3), and how foot and toes are turned (T, 3, 3) each, in the world.

    Args:
        ankle, foot, toes: the same as they are. points: (T, 2, 3) heel and toes. on, low: (T, 2) whether they touch something,
            and the floor.
    """
    heel, toe = on.T
    either, flat = heel | toe, heel & toe
    rest = body.rest_joints
    to_heel, to_ball = heel_offsets(body)[side], rest[BALLS[side]] - rest[ANKLES[side]]
    to_toe = rest[TOES[side]] - rest[BALLS[side]]
    yaw, pitch = _heading(foot)
    fade = max(round(FADE * rate), 1)

    wanted_yaw, tips = yaw.copy(), np.zeros((len(ankle), 3))
    heels = tips.copy()
    for start, stop in runs(either):
        part = slice(start, stop)
        inside = flat[part] if flat[part].any() else np.ones(stop - start, bool)
        mean = np.arctan2(np.sin(yaw[part])[inside].mean(), np.cos(yaw[part])[inside].mean())
        if flat[part].any():
            wanted_yaw[part] = yaw[part] + faded(
                (mean - yaw[part] + np.pi) % (2 * np.pi) - np.pi, flat[part], fade
            )
        ground = floor if low[part].any() else None
        tips[part], heels[part] = _pins(
            points[part], heel[part], toe[part], mean, to_ball + to_toe - to_heel, ground
        )
    wanted_pitch = pitch + faded(-pitch, flat, fade)
    wanted_pitch = np.where(toe & ~heel, np.maximum(wanted_pitch, 0), wanted_pitch)
    wanted_pitch = np.where(heel & ~toe, np.minimum(wanted_pitch, 0), wanted_pitch)
    level = _turned_about_y(wanted_yaw)
    turned = level @ _turned_about_x(wanted_pitch)

    foot_wanted = towards(foot, turned, either, fade)
    # While the toes touch, they lie on the ground.
    toes_wanted = foot_wanted @ towards(
        rot.transpose(foot) @ toes, rot.transpose(foot_wanted) @ level, toe, fade
    )
    from_toe = tips - rot.apply(toes_wanted, to_toe) - rot.apply(foot_wanted, to_ball)
    from_heel = heels - rot.apply(foot_wanted, to_heel)
    wanted = np.where(toe[:, None], from_toe, from_heel)
    wanted = ankle + faded(wanted - ankle, either, fade)
    if floor is not None:
        under = _under(wanted, foot_wanted, toes_wanted, (to_heel, to_ball, to_toe), floor)
        wanted = wanted + np.where(either, 0, under)[:, None] * _UP
    return wanted, foot_wanted, toes_wanted


def _pins(points, heel, toe, yaw, along, ground):
    """Where the toes (3,) and the heel (3,) of one stand stay: the mean of where they were, on the ground if there is one."""
    ahead = _turned_about_y(np.array([yaw]))[0] @ along
    tip = np.concatenate([points[toe, 1], points[heel, 0] + ahead]).mean(0)
    if ground is not None:
        tip[1] = ground + SOLE
    return tip, tip - ahead


def _under(ankle, foot, toes, offsets, floor):
    """(T,) metres by which the foot has to rise so that no point of it is in the floor."""
    to_heel, to_ball, to_toe = offsets
    ball = rot.apply(foot, to_ball)
    lowest = np.minimum(rot.apply(foot, to_heel)[:, 1], (ball + rot.apply(toes, to_toe))[:, 1])
    deep = floor + SOLE - (ankle[:, 1] + lowest)
    return np.where(deep < _SOFT, np.maximum(deep, 0) ** 2 / (2 * _SOFT), deep - _SOFT / 2)


def _heading(foot):
    """Radians (T,) each of feet turned by (T, 3, 3): about the vertical, and heels up."""
    ahead = foot[..., 2]
    return np.arctan2(ahead[:, 0], ahead[:, 2]), np.arcsin(np.clip(-ahead[:, 1], -1, 1))


def _turned_about_y(angle):
    return rot.matrix_from_axis_angle(angle[:, None] * _UP)


def _turned_about_x(angle):
    return rot.matrix_from_axis_angle(angle[:, None] * np.array([1.0, 0, 0]))


def _too_short(hip, ankle, reach):
    """(T,) metres by which the hip has to go down for the leg to reach the ankle."""
    aside = np.hypot(hip[:, 0] - ankle[:, 0], hip[:, 2] - ankle[:, 2])
    high = np.sqrt(np.maximum(reach**2 - aside**2, 0))
    return np.where(aside < reach, np.maximum(hip[:, 1] - ankle[:, 1] - high, 0), 0)
