"""Corrections of a captured motion: carried over neighbouring frames, and joints held in place.

A correction is a layer in rotation space: what a bone was turned by at one frame, faded, is added to what
it does at the others, so that the captured detail stays. numpy only.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..body import rotation as rot
from ..body.kinematics import forward_kinematics
from ..body.skeleton import JOINTS
from ..errors import NikiError
from ..motion.motion import Motion
from .posing import Poser, Posture, Target, planted_foot


def posture_at(motion: Motion, index: int) -> Posture:
    """The motion's pose at frame ``index``, from 0.

    Raises:
        NikiError: the motion has no such frame.
    """
    if not 0 <= index < len(motion):
        raise NikiError(f"There is no frame {index}", f"the motion has frames 0 to {len(motion) - 1}")
    return Posture(rot.matrix_from_axis_angle(motion.poses[index].reshape(-1, 3)), motion.trans[index])


def fade_weights(count: int, index: int, before: int, after: int) -> np.ndarray:
    """(count,) 1 at ``index``, smoothly 0 ``before`` frames before it and ``after`` frames after."""
    away = np.arange(count) - index
    share = np.where(away < 0, -away / (before + 1), away / (after + 1))
    share = np.clip(1 - share, 0, 1)
    return share * share * (3 - 2 * share)


def blend_pose(motion: Motion, index: int, posture: Posture, before: int, after: int) -> Motion:
    """The motion with ``posture`` at frame ``index``, and the change carried over its neighbours.

    Args:
        before, after: frames over which the change fades away; 0: this frame alone.
    """
    was = posture_at(motion, index)
    weight = fade_weights(len(motion), index, before, after)
    changed = weight > 0
    rotations, trans = layer_change(
        motion.rotations[changed], motion.trans[changed], was, posture, weight[changed]
    )
    return _with(motion, changed, rotations, trans)


def layer_change(rotations, translation, was: Posture, now: Posture, weight):
    """Poses (T, 24, 3, 3) and (T, 3) with the change from ``was`` to ``now`` added, by ``weight`` (T,)."""
    turned = rot.axis_angle_from_matrix(rot.transpose(was.rotations) @ now.rotations)
    further = rot.matrix_from_axis_angle(weight[:, None, None] * turned)
    return rotations @ further, translation + weight[:, None] * (now.translation - was.translation)


def pin_joint(
    motion: Motion, joint: str, first: int, last: int, blend: int = 5, free: np.ndarray | None = None
) -> Motion:
    """The motion with a joint that stays from frame ``first`` to ``last`` where it is at ``first``; a
    foot, where ``joint`` is an ankle, keeps its direction too. The change fades in and out over ``blend``
    frames.

    Args:
        free: (25, 3, 3) what may move, as :class:`niki.pose.posing.Poser` takes it; default all.

    Raises:
        NikiError: the frames are not in the motion, or there is no such joint.
    """
    if joint not in JOINTS:
        raise NikiError(f"There is no joint '{joint}'", f"choose from: {', '.join(JOINTS)}")
    if last < first:
        raise NikiError("The range is empty: its last frame is before its first")
    posture_at(motion, last)
    start, poser = posture_at(motion, first), Poser(motion.body, free=free)
    places, world = forward_kinematics(start.rotations, motion.body, start.translation)
    j = JOINTS.index(joint)
    foot = joint.endswith("ankle")
    pin = planted_foot(j, places, world) if foot else Target(joint, places[j], pinned=True)
    inside = np.arange(first, last + 1)
    solved = [poser.solve(posture_at(motion, k), [pin], plant_feet=False) for k in inside]
    result = blend_pose(motion, first, solved[0], blend, 0)
    result = blend_pose(result, last, solved[-1], 0, blend)
    rotations, trans = (np.stack([getattr(p, name) for p in solved]) for name in ("rotations", "translation"))
    return _with(result, np.isin(np.arange(len(motion)), inside), rotations, trans)


def _with(motion: Motion, changed, rotations, translation) -> Motion:
    """The motion with other poses where ``changed`` (T,) is true."""
    poses, trans = motion.poses.copy(), motion.trans.copy()
    poses[changed] = rot.axis_angle_from_matrix(rotations).reshape(-1, 72)
    trans[changed] = translation
    return replace(motion, poses=poses, trans=trans)
