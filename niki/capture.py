"""The main job, in reading order: footage -> joints -> pose -> motion. Needs ``niki[capture]``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from . import __version__
from . import rotation as rot
from .errors import NikiError
from .footage.camera import CAMERA_TO_LIBRARY, Camera
from .footage.estimator import Estimate, JointEstimator, make_estimator
from .footage.journal import Journal
from .footage.landmarks import REST_HINTS
from .footage.video import Footage, Frame
from .kinematics import analytic_ik, forward_kinematics, swing_and_twist
from .motion import Motion
from .skeleton import JOINTS, KINDS, MIRROR, NUM_BONES, NUM_JOINTS, PARENTS, Body
from .solver import WEIGHTS, Solver, weights_hash
from .uncertainty import metres_from_sigma

Progress = Callable[[str, int, int | None], None]
"""Called with the stage, "reading" or "solving", frames done in it, and frames expected (None when the
footage does not say)."""

REPROJECTED = [
    JOINTS.index(f"{side}_{name}")
    for side in ("left", "right")
    for name in ("shoulder", "elbow", "wrist", "knee", "ankle")
]
"""Joints that the estimator marks in the picture itself: reprojection is measured on these."""

SOLVERS = ("niki", "hybrik")
"""The network, and the analytic twist-and-swing solution that it is measured against."""

_BUILT = {"head", "head_top", "hand", "middle_finger", "foot", "big_toe"}  # too short to measure


@dataclass(eq=False)
class Captured:
    """A motion with how it came about; ``warnings`` are for the user to read."""

    motion: Motion
    estimate: Estimate
    camera: Camera
    warnings: list[str] = field(default_factory=list)

    @property
    def seen(self) -> np.ndarray:
        """(T,) bool: frames where the person was found."""
        return self.estimate.seen

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
    progress: Progress = lambda stage, done, expected: None,
    solver: str = "niki",
    journal: str | os.PathLike | None = None,
    finish: bool = False,
) -> Captured:
    """Footage of a person -> their motion; frame N of the motion is frame N of the range.

    Args:
        path: a video file, a folder of numbered images, or one image of a sequence.
        start, end: first and last frame, from 0, both included.
        rate: frames per second; default what the footage says.
        focal: focal length in pixels; default assumed from the picture's size, and said so.
        estimator: makes the estimator, once the footage is known to be readable.
        solver: of ``SOLVERS``.
        journal: a file to keep what is read of each frame in. Where an earlier capture of the same
            left one, this one goes on where that was. It stays: delete it when the motion is safe.
        finish: read no more frames, make do with those in the journal.

    Raises:
        NikiError: unreadable footage, an empty range, nobody in it.
    """
    footage = Footage(path, start, end, rate)
    camera = Camera.of(footage.size, focal)
    joint_estimator = estimator()
    readings = Journal(journal, _settings(footage, joint_estimator), joint_estimator.width)
    first = readings.numbers[-1] + 1 if readings.numbers else footage.start
    if finish and not len(readings):
        raise NikiError(f"No frame of {path} has been read yet: there is nothing to make a motion of")
    with readings:
        frames = () if finish else footage.read(first)
        watched = _watched(frames, readings, footage.expected, progress)
        try:
            estimate = joint_estimator.estimate(watched, readings, camera, footage.rate)
        except NikiError:
            if not any(reading is not None for reading in readings.readings):
                readings.delete()  # nothing to go on from
            raise
    motion = motion_from_estimate(estimate, camera, footage.rate, solver)
    motion.footage = os.fspath(footage.file.resolve())
    motion.source = f"niki {__version__}; estimator {joint_estimator.name}; solver {solver_name(solver)}"
    warnings = list(footage.warnings)
    if camera.assumed:
        warnings.append(
            f"The focal length is assumed to be {camera.focal:.0f} px; give it if you know it:"
            " distances to the camera scale with it"
        )
    missing = int((~estimate.seen).sum())
    if missing:
        warnings.append(f"{missing} of {len(estimate.seen)} frames show nobody and are bridged")
    return Captured(motion, estimate, camera, warnings)


def _watched(frames: Iterable[Frame], readings: Journal, expected: int | None, progress: Progress):
    """``frames``, with progress: each is read when the next is asked for."""
    progress("reading", len(readings), expected)
    for frame in frames:
        yield frame
        progress("reading", len(readings), expected)
    progress("solving", 0, len(readings))


def _settings(footage: Footage, estimator: JointEstimator) -> dict:
    """What readings depend on: with other settings they are no use."""
    stat = footage.file.stat()
    return {
        "footage": os.fspath(footage.file.resolve()), "bytes": stat.st_size, "changed": stat.st_mtime_ns,
        "start": footage.start, "estimator": estimator.name,
    }  # fmt: skip


def motion_from_estimate(estimate: Estimate, camera: Camera, rate: float, solver: str = "niki") -> Motion:
    """Joints with their uncertainty -> a motion in library space, gaps bridged, feet on y = 0.

    Raises:
        NikiError: there is no solver of that name.
    """
    if solver not in SOLVERS:
        raise NikiError(f"There is no solver '{solver}'", f"choose from: {', '.join(SOLVERS)}")
    joints = estimate.joints @ CAMERA_TO_LIBRARY
    hints = estimate.hints @ CAMERA_TO_LIBRARY
    body, seen = body_from_joints(joints), estimate.seen
    solve = solve_by_network if solver == "niki" else solve_analytically
    rotations, trans = np.tile(np.eye(3), (len(seen), NUM_BONES, 1, 1)), np.zeros((len(seen), 3))
    confidence = np.zeros((len(seen), NUM_JOINTS))
    rotations[seen], trans[seen], confidence[seen] = solve(
        joints[seen], hints[seen], estimate.sigma[seen], body
    )
    rotations, trans = bridge_gaps(rotations, trans, seen)
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
        confidence=confidence,
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


def solve_by_network(joints, hints, sigma, body: Body):
    """NIKI: rotations (T, 24, 3, 3), translation (T, 3) and confidence (T, 29)."""
    view = rot.normalize(joints[:, 0])  # from the camera, which is at the origin
    with_hints = analytic_ik(joints, body, hints=hints, rest_hints=REST_HINTS)
    twist = swing_and_twist(with_hints, body)[1]
    twist[~np.isfinite(hints).all(-1)[:, 1:]] = np.nan
    pose = Solver().inverse(joints, sigma, twist, body, view)
    return pose.rotations, pose.translation, pose.confidence


def solve_analytically(joints, hints, sigma, body: Body):
    """Swing and twist alone, the baseline: as :func:`solve_by_network`; the confidence is the
    estimate's. The body is placed where its joints are, on the whole, nearest the estimated ones."""
    rotations = analytic_ik(joints, body, hints=hints, rest_hints=REST_HINTS)
    solved = forward_kinematics(rotations, body)[0]
    weights = (1 / metres_from_sigma(np.clip(sigma[..., 0], 1e-3, 1 - 1e-6)) ** 2)[..., None]
    trans = ((joints - solved) * weights).sum(1) / weights.sum(1)
    return rotations, trans, 1 - sigma.mean(-1)


def solver_name(solver: str) -> str:
    """What the motion file calls it: the network with its weights' hash."""
    return f"niki:{WEIGHTS.stem}:{weights_hash()}" if solver == "niki" else solver


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
