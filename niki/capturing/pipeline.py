"""The main job, in reading order: footage -> joints -> pose -> motion. Needs ``niki[capture]``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np

from .. import __version__
from ..body import rotation as rot
from ..body.kinematics import analytic_ik, forward_kinematics, swing_and_twist
from ..body.skeleton import JOINTS, NUM_BONES, NUM_JOINTS, Body
from ..errors import NikiError
from ..motion.blocks import split_into_blocks
from ..motion.camera_tilt import camera_to_library
from ..motion.gaps import Gaps
from ..motion.motion import Motion
from ..network.uncertainty import metres_from_sigma
from ..solve.solver import WEIGHTS, Solver, weights_hash
from ..solve.temporal import WEIGHTS as TEMPORAL_WEIGHTS
from ..solve.temporal import Observed, TemporalSolver
from ..task import Task
from .estimate.blazepose.landmarks import REST_HINTS
from .estimate.estimator import Estimate, JointEstimator
from .estimate.gravity import camera_up
from .estimate.journal import Journal
from .estimators import make_estimator
from .footage.camera import Camera
from .footage.sequence import format_ranges
from .footage.video import Footage, Frame
from .proportions import body_from_joints, rearrange_trunk

Progress = Callable[[str, int, int | None], None]
"""Called with the stage, "reading" or "solving", frames done in it, and frames expected (None when the
footage does not say)."""

REPROJECTED = [
    JOINTS.index(f"{side}_{name}")
    for side in ("left", "right")
    for name in ("shoulder", "elbow", "wrist", "knee", "ankle")
]
"""Joints that the estimator marks in the picture itself: reprojection is measured on these."""

SOLVERS = ("auto", "niki", "niki-temporal", "hybrik")
"""The better of the next two for the estimator; the network that solves each frame by itself, the one that solves all
frames together, and the analytic twist-and-swing solution that they are measured against."""
_FILLED = 1.5
"""Seconds of the longest gap that the network over time fills in; longer ones are bridged evenly."""

_NEAR_A_JUMP = ((0, 0.3), (1, 0.45), (2, 0.65), (3, 0.85))
"""Frames away from where the person may have changed, and what is left of the confidence."""


@dataclass(eq=False)
class Captured:
    """A motion with how it came about.

    ``warnings`` are for the user to read. ``journal_holds_more``: it has readings of frames after the range,
    or is ``unfinished``: the range has more frames, which a capture could go on to. They would be lost with it.
    """

    motion: Motion
    estimate: Estimate
    camera: Camera
    warnings: list[str] = field(default_factory=list)
    journal_holds_more: bool = False
    unfinished: bool = False

    @property
    def seen(self) -> np.ndarray:
        """(T,) bool: frames where the person was found."""
        return self.estimate.seen

    @property
    def share_seen(self) -> float:
        return float(self.seen.mean())


def reprojection_error(motion: Motion) -> float:
    """Mean distance in pixels of ``REPROJECTED`` joints from their keypoints; gaps left out."""
    error = np.empty((len(motion), NUM_JOINTS))
    for part in split_into_blocks(len(motion)):
        rotations = rot.matrix_from_axis_angle(motion.poses[part].reshape(-1, NUM_BONES, 3))
        joints = forward_kinematics(rotations, motion.body, motion.trans[part])[0]
        error[part] = np.linalg.norm(motion.projected(joints, part) - motion.keypoints[part], axis=-1)
    return float(np.nanmean(error[:, REPROJECTED]))


def capture(
    task: Task | str | os.PathLike[str],
    progress: Progress = lambda stage, done, expected: None,
    estimator: Callable[[], JointEstimator] | None = None,
) -> Captured:
    """Footage of a person -> their motion; frame N of the motion is frame N of the range.

    Args:
        task: what to capture and how; or the footage alone, with defaults for everything else.
        progress: called as the capture goes on.
        estimator: makes an estimator of your own, once the footage is known to be readable; default the
            task's.

    Raises:
        NikiError: unreadable footage, an empty range, nobody in it; a journal of other footage, another
            ``start``, estimator or clock, or one that another capture is writing.
    """
    if not isinstance(task, Task):
        task = Task(task)
    footage = Footage(task.footage, task.start, task.end, task.fps)
    camera = Camera.of(footage.size, task.focal, task.tilt, task.roll)
    if estimator is None:
        joint_estimator = make_estimator(task.estimator, task.quality, task.subject, task.device)
    else:
        joint_estimator = estimator()
    settings = _settings(footage, joint_estimator)
    with Journal(task.journal, settings, joint_estimator.width, footage.end, footage.source) as readings:
        if task.finish and not len(readings):
            raise NikiError(
                f"No frame of {task.footage} has been read yet: there is no motion to make",
                "capture it without finishing first",
            )
        first = footage.start if readings.last is None else readings.last + 1
        frames = () if task.finish or readings.complete else footage.read(first)
        watched = _watched(frames, readings, footage.expected, progress)
        try:
            estimate = joint_estimator.estimate(watched, readings, camera, footage.rate)
        except NikiError:
            if not (task.finish or readings.beyond or readings.found.any()):
                readings.delete()  # nothing to go on from
            raise
        # What the user says goes first, also before an estimator that knows nothing of cameras.
        estimate.up, estimate.up_error = camera_up(camera, estimate.up, estimate.up_error)
        beyond = readings.beyond
        unfinished = task.finish and not readings.complete
        if footage.expected is not None:
            unfinished = unfinished and len(readings) < footage.expected
        motion = motion_from_estimate(estimate, camera, footage.rate, task.solver, progress)
    motion.footage = os.fspath(footage.file.resolve())
    solver = solver_name(chosen_solver(task.solver, estimate))
    motion.source = f"niki {__version__}; estimator {joint_estimator.name}; solver {solver}"
    warnings = list(footage.warnings)
    if camera.assumed:
        warnings.append(
            f"The focal length is assumed to be {camera.focal:.0f} px; set it if you know it:"
            " the distance to the camera depends on it"
        )
    if np.isnan(estimate.up_error):
        warnings.append(_assumption(camera))
    missing = int((~estimate.seen).sum())
    if missing:
        warnings.append(f"{missing} of {len(estimate.seen)} frames show nobody and are bridged")
    if len(estimate.jumps):
        warnings.append(
            f"The person followed may have changed at frame{'s' * (len(estimate.jumps) > 1)}"
            f" {format_ranges(list(estimate.frames[estimate.jumps]))}:"
            " check there, and choose the person if it is someone else"
        )
    if beyond:
        warnings.append(f"{task.journal} is kept: it holds {beyond} frames after frame {task.end}")
    return Captured(motion, estimate, camera, warnings, bool(beyond) or unfinished, unfinished)


def _assumption(camera: Camera) -> str:
    """What is said of a camera about which the footage does not tell all."""
    if camera.tilt is None and camera.roll is None:
        return "The camera is taken as level: the footage does not show how it is tilted; set its tilt if you know it"
    lacking = "roll" if camera.roll is None else "tilt"
    return f"The camera's {lacking} is taken as 0: the footage does not show it; set it if you know it"


def _watched(frames: Iterable[Frame], readings: Journal, expected: int | None, progress: Progress):
    """``frames``, with progress: each is read when the next is asked for."""
    progress("reading", len(readings), expected)
    for frame in frames:
        yield frame
        progress("reading", len(readings), expected)


def _settings(footage: Footage, estimator: JointEstimator) -> dict:
    """What readings depend on: with other settings they are no use. Named for people to read."""
    stat = footage.file.stat()
    changed = f"{datetime.fromtimestamp(stat.st_mtime, UTC):%Y-%m-%d %H:%M:%S}"
    settings = {
        "footage": os.fspath(footage.file.resolve()), "size of the footage": stat.st_size,
        "date of the footage": f"{changed}.{stat.st_mtime_ns % 10**9:09d} UTC",
        "first frame": footage.start, "estimator": estimator.name,
    }  # fmt: skip
    if footage.timed_by_rate:
        settings["frame rate"] = footage.rate
    return settings


def motion_from_estimate(
    estimate: Estimate,
    camera: Camera,
    rate: float,
    solver: str = "auto",
    progress: Progress = lambda stage, done, expected: None,
) -> Motion:
    """Joints with their uncertainty -> a motion in library space, gaps bridged, feet on y = 0. The person stands
    upright in it and the camera is tilted, as ``estimate.up`` says.

    Raises:
        NikiError: there is no solver of that name.
    """
    solver = chosen_solver(solver, estimate)
    to_library = camera_to_library(estimate.up)
    turns = np.tile(np.eye(3), (len(estimate.joints), 1, 1)) if estimate.turns is None else estimate.turns
    from_camera = turns @ to_library.T  # of rows: each frame's camera axes -> the first's -> library
    joints = estimate.joints @ from_camera
    body, count = body_from_joints(joints), len(joints)
    poses, trans, lowest = np.zeros((count, 3 * NUM_BONES)), np.zeros((count, 3)), np.full(count, np.nan)
    confidence = np.zeros((count, NUM_JOINTS))
    solved = estimate.seen | _short_gaps(estimate.seen, rate) if solver == "niki-temporal" else estimate.seen
    gaps, done, seen = Gaps(solved), 0, int(estimate.seen.sum())
    solve = _solve_together if solver == "niki-temporal" else _solve_one_by_one
    progress("solving", 0, seen)
    for at, rotations, place, trusted in solve(estimate, joints, from_camera, solved, body, rate, solver):
        trans[at], confidence[at] = place, np.where(estimate.seen[at, None], trusted, 0)
        lowest[at] = forward_kinematics(rotations, body, trans[at])[0][..., 1].min(-1)
        poses[at] = rot.axis_angle_from_matrix(rotations).reshape(-1, 3 * NUM_BONES)
        gaps.remember(at, rotations)
        done += int(estimate.seen[at].sum())
        progress("solving", done, seen)
    gaps.bridge(poses, trans)
    confidence *= _trust(count, estimate.jumps)[:, None]
    lift = 0.02 - np.nanpercentile(lowest, 5)  # a stray frame may not set the floor
    pose = np.eye(4)
    pose[:3, :3], pose[1, 3] = to_library, lift
    joints += [0, lift, 0]
    return Motion(
        poses=poses,
        trans=trans + np.array([0, lift, 0]),
        mocap_framerate=rate,
        rest_joints=body.rest_joints,
        frames=estimate.frames,
        times=estimate.times,
        confidence=confidence,
        joints=joints,
        keypoints=estimate.keypoints,
        camera=camera.matrix,
        camera_pose=pose,
        camera_turns=turns,
        image_size=np.array(camera.size),
    )


def _trust(count: int, jumps: np.ndarray) -> np.ndarray:
    """(count,) what confidence is multiplied with: little where the person may have changed."""
    trust = np.ones(count)
    for away, share in _NEAR_A_JUMP:
        for frame in (jumps - 1 - away, jumps + away):  # the frames before the step and after it
            inside = frame[(frame >= 0) & (frame < count)]
            trust[inside] = np.minimum(trust[inside], share)
    return trust


_Solved = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Frames (N,), and of these rotations (N, 24, 3, 3), translation (N, 3) and confidence (N, 29)."""


def _solve_one_by_one(estimate, joints, from_camera, solved, body: Body, rate, solver) -> Iterator[_Solved]:
    frames, solve = np.flatnonzero(solved), solve_by_network if solver == "niki" else solve_analytically
    for part in split_into_blocks(len(frames)):
        at = frames[part]
        yield at, *solve(joints[at], estimate.hints[at] @ from_camera[at], estimate.sigma[at], body)


def _solve_together(estimate, joints, from_camera, solved, body: Body, rate, solver) -> Iterator[_Solved]:
    """The frames from the first to the last in which the person is seen, by the network over time."""
    first, last = np.flatnonzero(estimate.seen)[[0, -1]]
    usual = Body.from_bone_lengths(body.bone_lengths)

    def read(frames: np.ndarray) -> Observed:
        at = first + frames
        seen = estimate.seen[at]
        shown = np.where(seen[:, None, None], joints[at], 0)
        given = seen_by_network(
            shown, np.where(seen[:, None, None], estimate.hints[at] @ from_camera[at], np.nan), body
        )
        sigma = np.where(seen[:, None, None], estimate.sigma[at], 1)
        return Observed.checked(given.joints, sigma, given.twist, given.view)

    for block, pose in TemporalSolver().solve(last + 1 - first, rate, read, usual):
        at = first + np.arange(block.start, block.stop)
        wanted = solved[at]
        place = pose.translation + usual.pelvis - body.pelvis
        yield at[wanted], pose.rotations[wanted], place[wanted], pose.confidence[wanted]


def _short_gaps(seen: np.ndarray, rate: float) -> np.ndarray:
    """(T,) bool: frames between seen ones, ``_FILLED`` seconds apart at most."""
    known, frames = np.flatnonzero(seen), np.arange(len(seen))
    after = np.searchsorted(known, frames)
    inside = (after > 0) & (after < len(known))
    span = known[np.minimum(after, len(known) - 1)] - known[np.maximum(after - 1, 0)] - 1
    return ~seen & inside & (span <= _FILLED * rate)


def solve_by_network(joints, hints, sigma, body: Body):
    """NIKI: rotations (T, 24, 3, 3), translation (T, 3) and confidence (T, 29)."""
    seen = seen_by_network(joints, hints, body)
    pose = Solver().inverse(seen.joints, sigma, seen.twist, seen.body, seen.view)
    return pose.rotations, _translation(pose.rotations, joints, sigma, body), pose.confidence


@dataclass(eq=False)
class SeenByNetwork:
    """What the network is given beside sigma, as :meth:`niki.solve.solver.Solver.inverse` takes it.

    It knows bodies with the usual arrangement of hips and collars, so the joints are rearranged for it; the pose is
    then put on the person's.
    """

    joints: np.ndarray
    twist: np.ndarray
    body: Body
    view: np.ndarray


def seen_by_network(joints: np.ndarray, hints: np.ndarray, body: Body) -> SeenByNetwork:
    """What the network is given of joints (T, 29, 3), the camera at the origin, and of hints (T, 24, 3)."""
    usual = Body.from_bone_lengths(body.bone_lengths)
    shown = rearrange_trunk(joints, body, usual)
    with_hints = analytic_ik(shown, usual, hints=hints, rest_hints=REST_HINTS)
    twist = swing_and_twist(with_hints, usual)[1]
    twist[~np.isfinite(hints).all(-1)[:, 1:]] = np.nan
    return SeenByNetwork(shown, twist, usual, rot.normalize(joints[:, 0]))


def solve_analytically(joints, hints, sigma, body: Body):
    """Swing and twist alone, the baseline: as :func:`solve_by_network`; the confidence is the
    estimate's. The body is placed where its joints are, on the whole, nearest the estimated ones."""
    rotations = analytic_ik(joints, body, hints=hints, rest_hints=REST_HINTS)
    return rotations, _translation(rotations, joints, sigma, body), 1 - sigma.mean(-1)


def _translation(rotations, joints, sigma, body: Body) -> np.ndarray:
    """(T, 3) puts the body where its joints are nearest the estimated ones, the certain ones above all."""
    solved = forward_kinematics(rotations, body)[0]
    weights = (1 / metres_from_sigma(np.clip(sigma[..., 0], 1e-3, 1 - 1e-6)) ** 2)[..., None]
    return ((joints - solved) * weights).sum(1) / weights.sum(1)


def chosen_solver(solver: str, estimate: Estimate) -> str:
    """One of ``SOLVERS`` but "auto".

    Raises:
        NikiError: there is no solver of that name.
    """
    if solver not in SOLVERS:
        raise NikiError(f"There is no solver '{solver}'", f"choose from: {', '.join(SOLVERS)}")
    if solver != "auto":
        return solver
    return "niki" if estimate.errors_last else "niki-temporal"


def solver_name(solver: str) -> str:
    """What the motion file calls it: the network with its weights' hash."""
    weights = {"niki": WEIGHTS, "niki-temporal": TEMPORAL_WEIGHTS}.get(solver)
    return f"{solver}:{weights.stem}:{weights_hash(weights)}" if weights else solver
