"""What touches something: heels and toes, which are found, and hands, which a user marks. numpy only."""

from __future__ import annotations

import os

import numpy as np

from ..body.skeleton import JOINTS, NUM_JOINTS, PARENTS, Body
from ..errors import NikiError
from ..files import read_npz, save_npz
from .blocks import split_into_blocks
from .motion import Motion
from .touching import RATE, likely_contacts

CONTACTS = ("left_heel", "left_toe", "right_heel", "right_toe", "left_hand", "right_hand")
"""What can touch something, in the order of a motion's ``contacts``: points of the feet, and palms, which nothing finds."""
FEET, HANDS = slice(0, 4), slice(4, 6)
"""Their places among the contacts."""

TOUCHES = 0.5
"""From this value on, a point is in contact."""

ANKLES = (JOINTS.index("left_ankle"), JOINTS.index("right_ankle"))
BALLS = (JOINTS.index("left_foot"), JOINTS.index("right_foot"))
TOES = (JOINTS.index("left_big_toe"), JOINTS.index("right_big_toe"))
SOLE = 0.02
"""Metres from the sole up to the points of the foot, as :meth:`niki.body.skeleton.Body.default` has them."""

_ENTER, _LEAVE = 0.6, 0.4  # of likelihood: a contact begins at the one and lasts down to the other
_COARSEST = 10.0  # frames per second: with fewer, whole steps are between frames
_SHORTEST = 0.1  # seconds that a contact, or a pause in one, lasts
_SURE = 0.4  # of confidence: feet that are less sure are hidden
_HIDDEN = 0.4  # of an estimator's uncertainty: what is less certain is hidden
_BELOW = 0.3  # of the leg's length: so far the foot of somebody who stands or sits is below the pelvis
_NEAREST = 3.0  # metres to the nearest joint of a person without a camera
_MARGIN = 2.0  # seconds on each side of a block that are looked at with it
_HEEL_BEHIND = 0.25  # of the distance from the ankle to the ball: the heel is behind the ankle


def heel_offsets(body: Body) -> np.ndarray:
    """(2, 3) metres: the point of each heel from its ankle, in the rest pose; it is as high as the toes."""
    rest = body.rest_joints
    offsets = np.zeros((2, 3))
    for side in (0, 1):
        ahead = rest[BALLS[side]] - rest[ANKLES[side]]
        offsets[side, 1] = rest[TOES[side], 1] - rest[ANKLES[side], 1]
        offsets[side, 2] = -_HEEL_BEHIND * np.hypot(ahead[0], ahead[2])
    return offsets


def foot_points(joints: np.ndarray, world: np.ndarray, body: Body) -> np.ndarray:
    """(T, 4, 3) metres: the points of the feet among :data:`CONTACTS`, ``SOLE`` above the ground when they touch it.

    Args:
        joints: (T, 29, 3) metres. world: (T, 24, 3, 3) the bones' orientations, both from
            :func:`niki.body.kinematics.forward_kinematics`.
    """
    points = np.empty((len(joints), 4, 3))
    for side, offset in enumerate(heel_offsets(body)):
        ankle = ANKLES[side]
        points[:, 2 * side] = joints[:, ankle] + world[:, ankle] @ offset
        points[:, 2 * side + 1] = joints[:, TOES[side]]
    return points


def runs(on: np.ndarray) -> list[tuple[int, int]]:
    """First and one past the last frame of each stretch where ``on`` (T,) is true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(on, int), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def save_contacts(path: str | os.PathLike, contacts: np.ndarray) -> None:
    """Write contacts (T, 6) alone, for :func:`load_contacts`.

    Raises:
        NikiError: the path cannot be written.
    """
    save_npz(path, {"contacts": contacts})


def load_contacts(path: str | os.PathLike) -> np.ndarray:
    """Contacts as :func:`save_contacts` or a motion file has them.

    Raises:
        NikiError: the file cannot be read, or holds none.
    """
    found = read_npz(path, ["contacts"], "a file of contacts")
    if "contacts" not in found:
        raise NikiError(f"{path} holds no contacts")
    return found["contacts"]


def find_contacts(motion: Motion) -> np.ndarray:
    """(T, 6) 1 where a point of the feet among :data:`CONTACTS` touches what it stands on, else 0; 0 for hands.

    How the legs move in the picture decides, the camera's turns taken out; where there is no picture, the animated
    body does. Feet out of the picture, or hidden, touch nothing, nor do those of people who lie, or who sit with their
    feet up. With fewer than ten frames per second nothing is found.
    """
    count, rate = len(motion), motion.mocap_framerate
    if rate < _COARSEST:
        return np.zeros((count, len(CONTACTS)))
    solved = motion.solved_joints()
    estimated = np.isfinite(motion.joints).all((1, 2))
    likely, margin = np.empty((count, 4)), round(_MARGIN * rate)
    for part in split_into_blocks(count):
        first = max(0, part.start - margin)
        around = slice(first, part.stop + margin)
        found = _likely(motion, around, solved[around], estimated)
        likely[part] = found[part.start - first : part.stop - first]
    on = np.stack([_with_hysteresis(column) for column in likely.T], -1)
    for column in on.T:
        _without_flicker(column, round(_SHORTEST * rate))
    return np.pad(on.astype(float), ((0, 0), (0, len(CONTACTS) - on.shape[1])))


def _likely(motion: Motion, part: slice, solved: np.ndarray, estimated: np.ndarray) -> np.ndarray:
    """(n, 4) from 0 to 1 how likely points of the feet are in contact in a part; 0 where they are not seen, or not below
    the body.

    Args:
        solved: (n, 29, 3) joints of the animated body in this part. estimated: (T,) bool, frames that have estimates.
    """
    seen, shown = _seen(motion, part, solved, estimated)
    present = np.flatnonzero(np.isfinite(seen).all((1, 2)))
    if shown.sum() < 2:
        return np.zeros((len(seen), 4))
    frames = np.arange(len(seen))
    # Between frames, and through gaps, evenly.
    steps = max(2, round(frames[-1] * RATE / motion.mocap_framerate) + 1)
    wanted = np.linspace(0, frames[-1], steps)
    flat = seen.reshape(len(seen), -1)[present]
    even = np.stack([np.interp(wanted, present, column) for column in flat.T], -1).reshape(-1, NUM_JOINTS, 3)
    likely = likely_contacts(even, motion.camera_pose[1, :3])
    likely = np.stack([np.interp(frames, wanted, column) for column in likely.T], -1)
    return np.where(shown & _below_the_body(solved, motion.body), likely, 0.0)


def _seen(motion: Motion, part: slice, solved, estimated) -> tuple[np.ndarray, np.ndarray]:
    """Joints (n, 29, 3) in the axes of the first frame's camera, on their rays in the picture; and (n, 4) which points
    of the feet are seen. Arguments as of :func:`_likely`."""
    pose, pixels = motion.camera_pose, motion.keypoints[part]
    any_estimated, here = estimated.any(), estimated[part]
    # What is solved shakes less, where each frame errs by itself.
    as_seen = any_estimated and motion.errors_last is not False
    seen = ((motion.joints[part] if as_seen else solved) - pose[:3, 3]) @ pose[:3, :3]
    if not any_estimated:
        seen[..., 2] += max(0.0, _NEAREST - seen[..., 2].min())  # any camera will do
        return seen, np.ones((len(seen), 4), bool)
    rays = np.concatenate([pixels, np.ones_like(pixels[..., :1])], -1) @ np.linalg.inv(motion.camera).T
    rays = rays @ motion.camera_turns[part]
    ahead = rays[..., 2:]
    on_rays = rays / np.where(np.abs(ahead) > 1e-6, ahead, 1) * seen[..., 2:]
    known = np.isfinite(pixels).all((1, 2)) & here
    seen = np.where((known & as_seen)[:, None, None], on_rays, seen)
    seen[~here] = np.nan
    points = [ANKLES[0], TOES[0], ANKLES[1], TOES[1]]
    inside = ((pixels >= 0) & (pixels < motion.image_size)).all(-1)[:, points] | ~known[:, None]
    if motion.sigma is None:
        sure = motion.confidence[part][:, points] >= _SURE
    else:  # how well they were seen, not how sure the pose is
        sure = motion.sigma[part][:, points, 0] < _HIDDEN
    return seen, here[:, None] & inside & sure


def _below_the_body(joints: np.ndarray, body: Body) -> np.ndarray:
    """(n, 4) whether the pelvis is well above the ankle, as of people who stand, walk or sit on a chair."""
    lengths = body.bone_lengths
    leg = lengths[ANKLES[0]] + lengths[PARENTS[ANKLES[0]]]
    above = joints[:, :1, 1] - joints[:, ANKLES, 1]
    return np.repeat(above > _BELOW * leg, 2, 1)


def _with_hysteresis(likely: np.ndarray) -> np.ndarray:
    """(T,) bool: on from where it is likely, until it is unlikely."""
    on = likely > _LEAVE
    for start, stop in runs(on):
        if likely[start:stop].max() < _ENTER:
            on[start:stop] = False
    return on


def _without_flicker(on: np.ndarray, shortest: int) -> None:
    """Close gaps of ``on`` (T,) and drop stretches that are shorter than ``shortest`` frames, in place."""
    for start, stop in runs(~on):
        if stop - start < shortest and start > 0 and stop < len(on):
            on[start:stop] = True
    for start, stop in runs(on):
        if stop - start < shortest:
            on[start:stop] = False
