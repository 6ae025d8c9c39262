"""The main job, in reading order: footage -> joints -> pose -> motion. Needs ``niki[capture]``."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from . import __version__
from . import rotation as rot
from .footage.camera import CAMERA_TO_LIBRARY, Camera
from .footage.estimator import Estimate, JointEstimator, make_estimator, metres_from_sigma
from .footage.landmarks import REST_HINTS
from .footage.video import Footage
from .kinematics import analytic_ik, forward_kinematics
from .motion import Motion
from .skeleton import JOINTS, KINDS, MIRROR, NUM_JOINTS, PARENTS, Body

Progress = Callable[[int, int | None], None]
"""Called with frames done and frames expected (None when the footage does not say)."""

REPROJECTED = [
    JOINTS.index(f"{side}_{name}")
    for side in ("left", "right")
    for name in ("shoulder", "elbow", "wrist", "knee", "ankle")
]
"""Joints that the estimator marks in the picture itself: reprojection is measured on these."""

_BUILT = {"head", "head_top", "hand", "middle_finger", "foot", "big_toe"}  # too short to measure
_SOLVER = "analytic"


@dataclass
class Captured:
    """A motion with how it came about; ``warnings`` are for the user to read."""

    motion: Motion
    seen: np.ndarray
    warnings: list[str] = field(default_factory=list)

    @property
    def share_seen(self) -> float:
        return float(self.seen.mean())


def reprojection_error(motion: Motion) -> float:
    """Mean distance in pixels of ``REPROJECTED`` joints from their keypoints; gaps left out."""
    error = np.linalg.norm(motion.projected() - motion.keypoints, axis=-1)[:, REPROJECTED]
    return float(np.nanmean(error))


def capture(
    path: str | os.PathLike,
    start: int | None = None,
    end: int | None = None,
    rate: float | None = None,
    focal: float | None = None,
    estimator: Callable[[], JointEstimator] = make_estimator,
    progress: Progress = lambda done, expected: None,
) -> Captured:
    """Footage of a person -> their motion; frame N of the motion is frame N of the range.

    Args:
        path: a video file, a folder of numbered images, or one image of a sequence.
        start, end: first and last frame, from 0, both included.
        rate: frames per second; default what the footage says.
        focal: focal length in pixels; default assumed from the picture's size, and said so.
        estimator: makes the estimator, once the footage is known to be readable.

    Raises:
        NikiError: unreadable footage, an empty range, nobody in it.
    """
    footage = Footage(path, start, end, rate)
    camera = Camera.of(footage.size, focal)
    joint_estimator = estimator()
    estimate = joint_estimator.estimate(
        iter(footage), camera, footage.rate, lambda done: progress(done, footage.expected)
    )
    motion = motion_from_estimate(estimate, camera, footage.rate)
    motion.footage = os.fspath(footage.file.resolve())
    motion.source = f"niki {__version__}; estimator {joint_estimator.name}; solver {_SOLVER}"
    warnings = list(footage.warnings)
    if camera.assumed:
        warnings.append(
            f"The focal length is assumed to be {camera.focal:.0f} px; give --focal if you know it:"
            " distances to the camera scale with it"
        )
    missing = int((~estimate.seen).sum())
    if missing:
        warnings.append(f"{missing} of {len(estimate.seen)} frames show nobody and are bridged")
    return Captured(motion, estimate.seen, warnings)


def motion_from_estimate(estimate: Estimate, camera: Camera, rate: float) -> Motion:
    """Joints with their uncertainty -> a motion in library space, gaps bridged, feet on y = 0."""
    joints = estimate.joints @ CAMERA_TO_LIBRARY
    body = body_from_joints(joints)
    rotations, trans = solve(joints, estimate.hints @ CAMERA_TO_LIBRARY, estimate.sigma, body)
    rotations, trans = bridge_gaps(rotations, trans, estimate.seen)
    lowest = forward_kinematics(rotations, body, trans)[0][estimate.seen][..., 1].min(-1)
    lift = 0.02 - np.percentile(lowest, 5)  # a stray frame may not set the floor
    pose = np.eye(4)
    pose[:3, :3], pose[1, 3] = CAMERA_TO_LIBRARY, lift
    return Motion(
        poses=rot.axis_angle_from_matrix(rotations).reshape(len(rotations), 72),
        trans=trans + [0, lift, 0],
        mocap_framerate=rate,
        rest_joints=body.rest_joints,
        frames=estimate.frames,
        times=estimate.times,
        confidence=np.where(estimate.seen[:, None], 1 - estimate.sigma.mean(-1), 0),
        joints=joints + [0, lift, 0],
        keypoints=estimate.keypoints,
        camera=camera.matrix,
        camera_pose=pose,
        image_size=np.array(camera.size),
    )


def body_from_joints(joints: np.ndarray) -> Body:
    """Proportions of a person from their joints (T, 29, 3): median bone lengths, left and right
    made equal. Head, hands and feet, too short to measure, are scaled with the rest."""
    vectors = joints - joints[:, list(PARENTS)]
    lengths = np.nanmedian(np.linalg.norm(vectors, axis=-1), axis=0)
    lengths = (lengths + lengths[list(MIRROR)]) / 2
    default = Body.default().bone_lengths
    built = np.array([kind in _BUILT for kind in KINDS])
    measured = ~built & (np.arange(NUM_JOINTS) > 0)
    scale = lengths[measured].sum() / default[measured].sum()
    return Body.from_bone_lengths(np.where(built, default * scale, lengths))


def solve(joints, hints, sigma, body: Body) -> tuple[np.ndarray, np.ndarray]:
    """The analytic solver: rotations (T, 24, 3, 3) and translation (T, 3); NaN frames give rest.

    The body is placed where its joints are, on the whole, nearest the estimated ones, certain
    joints counting more.
    """
    rotations = analytic_ik(joints, body, hints=hints, rest_hints=REST_HINTS)
    solved = forward_kinematics(rotations, body)[0]
    weights = (1 / metres_from_sigma(np.clip(sigma[..., 0], 1e-3, 1 - 1e-6)) ** 2)[..., None]
    return rotations, ((joints - solved) * weights).sum(1) / weights.sum(1)


def bridge_gaps(rotations, trans, seen) -> tuple[np.ndarray, np.ndarray]:
    """Fill frames where nobody was seen: turn and move evenly between their neighbours; before
    the first and after the last, hold."""
    known = np.flatnonzero(seen)
    frames = np.arange(len(seen))
    before = known[np.clip(np.searchsorted(known, frames, side="right") - 1, 0, None)]
    after = known[np.clip(np.searchsorted(known, frames), None, len(known) - 1)]
    span = np.maximum(after - before, 1)
    t = np.clip((frames - before) / span, 0, 1)
    quaternions = rot.quaternion_from_matrix(rotations)
    filled = rot.slerp(quaternions[before], quaternions[after], t[:, None, None])
    bridged = (1 - t)[:, None] * trans[before] + t[:, None] * trans[after]
    keep = np.asarray(seen)
    return (
        np.where(keep[:, None, None, None], rotations, rot.matrix_from_quaternion(filled)),
        np.where(keep[:, None], trans, bridged),
    )
