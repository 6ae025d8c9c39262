"""The main job, in reading order: footage -> joints -> pose -> motion. Needs ``niki[capture]``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np

from .. import __version__
from ..body import rotation as rot
from ..body.kinematics import forward_kinematics
from ..body.skeleton import JOINTS, NUM_BONES, NUM_JOINTS
from ..errors import NikiError
from ..motion.blocks import split_into_blocks
from ..motion.camera_tilt import camera_to_library
from ..motion.floor import checked_height, scaled_to_height
from ..motion.motion import Motion
from ..motion.refinement import Refinement
from ..motion.settling import settle
from ..task import Task
from .estimate.estimator import Estimate, JointEstimator
from .estimate.gravity import camera_up
from .estimate.journal import Journal
from .estimators import make_estimator
from .footage.camera import Camera
from .footage.sequence import format_ranges
from .footage.video import Footage, Frame
from .proportions import body_from_joints
from .refining import Progress, solve_in_the_air, solve_readings
from .solving import chosen_solver, solver_name

REPROJECTED = [
    JOINTS.index(f"{side}_{name}")
    for side in ("left", "right")
    for name in ("shoulder", "elbow", "wrist", "knee", "ankle")
]
"""Joints that the estimator marks in the picture itself: reprojection is measured on these."""


@dataclass(eq=False)
class Captured:
    """A motion with how it came about.

    ``warnings`` are for the user to read. ``journal_holds_more``: it has readings of frames after the range,
    or is ``unfinished``: the range has more frames, which a capture could go on to. They would be lost with it.
    ``reprojection_before``: pixels, :func:`reprojection_error` before the feet were put on the floor.
    """

    motion: Motion
    estimate: Estimate
    camera: Camera
    warnings: list[str] = field(default_factory=list)
    journal_holds_more: bool = False
    unfinished: bool = False
    reprojection_before: float = np.nan

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
    refinement: Refinement | None = None,
) -> Captured:
    """Footage of a person -> their motion; frame N of the motion is frame N of the range.

    Args:
        task: what to capture and how; or the footage alone, with defaults for everything else.
        progress: called as the capture goes on.
        estimator: makes an estimator of your own, once the footage is known to be readable; default the
            task's.
        refinement: smoothing, and how feet are held; default :class:`~niki.motion.refinement.Refinement`'s own.

    Raises:
        NikiError: unreadable footage, an empty range, nobody in it; a journal of other footage, another
            ``start``, estimator or clock, or one that another capture is writing; no person is as tall as that.
    """
    if not isinstance(task, Task):
        task = Task(task)
    if task.height is not None:
        checked_height(task.height)
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
        refinement = refinement or Refinement()
        given = readings_of(estimate, camera, footage.rate)
        if task.height is not None:  # before it is solved: solving it again is then the same
            given = scaled_to_height(given, task.height)
        motion = solve_in_the_air(given, task.solver, refinement, progress)
    floating = reprojection_error(motion)
    motion = settle(motion, motion.contacts, refinement.feet)
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
    warnings += camera_warnings(estimate)
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
    return Captured(motion, estimate, camera, warnings, bool(beyond) or unfinished, unfinished, floating)


def camera_warnings(estimate: Estimate) -> list[str]:
    """What is said of a camera that turns or zooms."""
    warnings = []
    if estimate.turns is not None:
        turned = np.degrees(rot.angle_between(estimate.turns, np.eye(3)).max())
        warnings.append(
            f"The camera turns, by up to {turned:.0f}°: it is followed by the background, so check that feet stay in place"
        )
    if estimate.zoom > 1:
        warnings.append(
            f"The camera zooms or moves, which makes the background {estimate.zoom:.1f} times as large: it is taken as one"
            " that does not, so the person seems to come nearer or to go away"
        )
    return warnings


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
    refinement: Refinement | None = None,
) -> Motion:
    """Joints with their uncertainty -> a motion in library space, gaps bridged, the floor at y = 0. The person stands
    upright in it and the camera is tilted, as ``estimate.up`` says.

    Raises:
        NikiError: there is no solver of that name.
    """
    return solve_readings(readings_of(estimate, camera, rate), solver, refinement, progress)


def readings_of(estimate: Estimate, camera: Camera, rate: float) -> Motion:
    """An estimate as a motion that holds its readings and is yet to be solved: in library axes, the camera at the
    origin, all poses at rest."""
    to_library, count = camera_to_library(estimate.up), len(estimate.joints)
    turns = np.tile(np.eye(3), (count, 1, 1)) if estimate.turns is None else estimate.turns
    from_camera = turns @ to_library.T  # of rows: each frame's camera axes -> the first's -> library
    joints = estimate.joints @ from_camera
    pose, jumps = np.eye(4), np.zeros(count, bool)
    pose[:3, :3], jumps[estimate.jumps] = to_library, True
    return Motion(
        poses=np.zeros((count, 3 * NUM_BONES)),
        trans=np.zeros((count, 3)),
        mocap_framerate=rate,
        rest_joints=body_from_joints(joints, estimate.errors_last).rest_joints,
        frames=estimate.frames,
        times=estimate.times,
        confidence=np.zeros((count, NUM_JOINTS)),
        joints=joints,
        keypoints=estimate.keypoints,
        camera=camera.matrix,
        camera_pose=pose,
        camera_turns=turns,
        image_size=np.array(camera.size),
        sigma=np.where(estimate.seen[:, None, None], estimate.sigma, 1),
        hints=estimate.hints @ from_camera,
        errors_last=estimate.errors_last,
        jumps=jumps,
        copy=False,
    )
