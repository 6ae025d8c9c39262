"""Corrections of a captured motion: blend a pose into neighboring frames, and pin joints in place.

A correction is a layer in rotation space: the turn of a bone at one frame, faded out, is added to its
rotations at the other frames, so that the captured detail stays. numpy only.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..body import rotation as rot
from ..body.kinematics import forward_kinematics
from ..body.skeleton import JOINTS
from ..errors import NikiError
from ..motion.blending import smoothly
from ..motion.motion import Motion
from .planting import planted_foot
from .posing import Poser
from .targets import Posture, Target


def posture_at(motion: Motion, index: int) -> Posture:
    """The motion's pose at frame ``index``, from 0.

    Raises:
        NikiError: the motion has no such frame.
    """
    if not 0 <= index < len(motion):
        raise NikiError(f"There is no frame {index}", f"the motion has frames 0 to {len(motion) - 1}")
    return Posture(rot.matrix_from_axis_angle(motion.poses[index].reshape(-1, 3)), motion.trans[index])


def fade_weights(count: int, index: int, before: int, after: int) -> np.ndarray:
    """(count,) weights from 1 at frame ``index`` down to 0 more than ``before`` frames before and ``after`` after it."""
    away = np.arange(count) - index
    share = np.where(away < 0, -away / (before + 1), away / (after + 1))
    return smoothly(1 - share)


def blend_pose(motion: Motion, index: int, posture: Posture, before: int, after: int) -> Motion:
    """The motion with ``posture`` at frame ``index`` and the change blended into the neighboring frames.

    Args:
        index: the frame, from 0.
        before, after: number of frames over which the change fades out; 0 for none.

    Raises:
        NikiError: the motion has no such frame.
    """
    was = posture_at(motion, index)
    weight = fade_weights(len(motion), index, before, after)
    changed = weight > 0
    rotations, trans = layer_change(
        motion.rotations[changed], motion.trans[changed], was, posture, weight[changed]
    )
    return _with_poses(motion, changed, rotations, trans)


def layer_change(
    rotations: np.ndarray, translation: np.ndarray, was: Posture, now: Posture, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rotations (T, 24, 3, 3) and translations (T, 3) plus the change from ``was`` to ``now`` times ``weight`` (T,)."""
    turns = rot.axis_angle_from_matrix(rot.transpose(was.rotations) @ now.rotations)
    layer = rot.matrix_from_axis_angle(weight[:, None, None] * turns)
    return rotations @ layer, translation + weight[:, None] * (now.translation - was.translation)


def pin_joint(
    motion: Motion, joint: str, first: int, last: int, blend: int = 5, free: np.ndarray | None = None
) -> Motion:
    """The motion with a joint fixed from frame ``first`` to ``last`` at its position at ``first``.

    If ``joint`` is an ankle, the foot's orientation is fixed too.

    Args:
        joint: a name from :data:`niki.body.skeleton.JOINTS`.
        first, last: frames from 0, both included.
        blend: number of frames over which the change fades in and out.
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
    positions, world = forward_kinematics(start.rotations, motion.body, start.translation)
    j = JOINTS.index(joint)
    foot = joint.endswith("ankle")
    pin = planted_foot(j, positions, world) if foot else Target(joint, positions[j], pinned=True)
    inside = np.arange(first, last + 1)
    solved = [poser.solve(posture_at(motion, k), [pin], plant_feet=False) for k in inside]
    result = blend_pose(motion, first, solved[0], blend, 0)
    result = blend_pose(result, last, solved[-1], 0, blend)
    rotations, trans = (np.stack([getattr(p, name) for p in solved]) for name in ("rotations", "translation"))
    return _with_poses(result, np.isin(np.arange(len(motion)), inside), rotations, trans)


def _with_poses(motion: Motion, changed, rotations, translation) -> Motion:
    """The motion with the given poses at the frames where ``changed`` (T,) is true."""
    poses, trans = motion.poses.copy(), motion.trans.copy()
    poses[changed] = rot.axis_angle_from_matrix(rotations).reshape(-1, 72)
    trans[changed] = translation
    return replace(motion, poses=poses, trans=trans)
