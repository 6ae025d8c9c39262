"""The floor under a motion, and the size of its world. numpy only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..body.kinematics import forward_kinematics
from ..body.skeleton import JOINTS, Body
from ..checks import number_between
from .blocks import split_into_blocks
from .contacts import FEET, SOLE, TOUCHES, foot_points
from .motion import Motion

OFF = 0.2
"""Metres: feet that touch something further from the floor stand on something else."""
_FEW = 0.15  # seconds of contact from which on there is a floor
_LOW = 0.1  # of the contacts: where feet stand at several heights, the floor is at the lower ones
_STRAY = 5  # per cent of the frames that may be lower than the floor where no foot is seen to touch it
LEAST_HEIGHT, LARGEST_HEIGHT = 0.3, 3.0  # metres: of people


def floor_height(points: np.ndarray, contacts: np.ndarray, rate: float) -> float | None:
    """Metres: how high the floor is along the vertical; None where the feet hardly touch anything.

    Args:
        points: (T, 4, 3) metres, of :func:`niki.motion.contacts.foot_points`. contacts: (T, 6). rate: frames a second.
    """
    heights = points[..., 1][np.asarray(contacts)[:, FEET] >= TOUCHES] - SOLE
    if len(heights) < max(2, _FEW * rate):
        return None
    # Somebody may climb, or stand on a box now and then.
    return float(np.median(heights[heights <= np.quantile(heights, _LOW) + OFF]))


def without_others(points: np.ndarray, contacts: np.ndarray, floor: float) -> np.ndarray:
    """(T, 6) the contacts without those of feet that are not on the floor, but on a step, a rung or a table."""
    kept = np.array(contacts, float)
    kept[:, FEET][np.abs(points[..., 1] - SOLE - floor) >= OFF] = 0
    return kept


def stand_on_floor(motion: Motion, contacts: np.ndarray, told: bool = False) -> Motion:
    """The motion with its floor at y = 0; where no foot touches a floor, its lowest joint is there. The camera and what was
    estimated move with the body. Of the contacts it has those that are on the floor, or all if a user has ``told`` them."""
    points = points_of(motion)
    floor = floor_height(points, contacts, motion.mocap_framerate)
    if floor is None:
        if not told:
            contacts = np.array(contacts, float)
            contacts[:, FEET] = 0
        return moved_up(replace(motion, contacts=contacts, copy=False), -lowest_sole(motion))
    contacts = contacts if told else without_others(points, contacts, floor)
    return moved_up(replace(motion, contacts=contacts, copy=False), -floor)


def points_of(motion: Motion) -> np.ndarray:
    """(T, 4, 3) metres: the points of the feet, of the animated body."""
    points, rotations, body = np.empty((len(motion), 4, 3)), motion.rotations, motion.body
    for part in split_into_blocks(len(motion)):
        points[part] = foot_points(*forward_kinematics(rotations[part], body, motion.trans[part]), body)
    return points


def lowest_sole(motion: Motion) -> float:
    """Metres: how high the sole under the lowest joint is; a stray frame does not count."""
    seen = motion.seen if motion.seen.any() else np.ones(len(motion), bool)
    return float(np.percentile(motion.solved_joints()[seen][..., 1].min(1), _STRAY)) - SOLE


def moved_up(motion: Motion, by: float) -> Motion:
    """The motion, its camera and its estimates higher by ``by`` metres."""
    up = np.array([0.0, by, 0.0])
    pose = motion.camera_pose.copy()
    pose[:3, 3] += up
    return replace(motion, trans=motion.trans + up, joints=motion.joints + up, camera_pose=pose, copy=False)


def camera_height(motion: Motion) -> float:
    """Metres from the floor up to the camera."""
    return float(motion.camera_pose[1, 3])


def standing_height(body: Body) -> float:
    """Metres from the soles to the crown."""
    rest = body.rest_joints
    return float(rest[JOINTS.index("head_top"), 1] - rest[:, 1].min() + SOLE)


def checked_height(height) -> float:
    """A person's height in metres, as a user gives it.

    Raises:
        NikiError: it is no number, or no person is that tall.
    """
    return number_between("The person's height", height, LEAST_HEIGHT, LARGEST_HEIGHT, "meters")


def scaled_to_height(motion: Motion, height: float) -> Motion:
    """The motion of a person who is ``height`` metres tall: the world about them grows with them, the camera's
    distance too, so that they fit the footage as before.

    Raises:
        NikiError: no person is that tall.
    """
    height = checked_height(height)
    # Soles are as thick as before: the points of the feet stay where they are above the floor.
    size = (height - SOLE) / (standing_height(motion.body) - SOLE)
    rest = motion.rest_joints
    ground = rest[:, 1].min()
    low = np.array([0.0, ground, 0.0])
    grown = low + size * (rest - low)
    above = np.array([0.0, SOLE, 0.0])
    place = above + size * (rest[0] + motion.trans - above)
    pose = motion.camera_pose.copy()
    pose[:3, 3] = above + size * (pose[:3, 3] - above)
    return replace(
        motion,
        rest_joints=grown,
        trans=place - grown[0],
        joints=above + size * (motion.joints - above),
        camera_pose=pose,
    )
