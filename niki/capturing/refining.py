"""Readings -> motion: what a capture ends with, and what can be done again without the footage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from .. import __version__
from ..body import rotation as rot
from ..body.kinematics import forward_kinematics
from ..body.skeleton import NUM_BONES, NUM_JOINTS
from ..errors import NikiError
from ..motion.blocks import split_into_blocks
from ..motion.gaps import Gaps
from ..motion.motion import Motion
from ..motion.refinement import Refinement
from ..motion.smoothing import smooth_limbs
from .solving import chosen_solver, frames_seen, solve, solver_name
from .whole_clip import solve_whole_clip

Progress = Callable[[str, int, int | None], None]
"""Called with the stage, "reading" or "solving", frames done in it, and frames expected (None when the
footage does not say)."""

_NEAR_A_JUMP = ((0, 0.3), (1, 0.45), (2, 0.65), (3, 0.85))
"""Frames away from where the person may have changed, and what is left of the confidence."""


def solve_readings(
    readings: Motion,
    solver: str = "auto",
    refinement: Refinement | None = None,
    progress: Progress = lambda stage, done, expected: None,
) -> Motion:
    """A motion, solved from its readings; what it holds of poses, places and confidence is not looked at.

    Args:
        readings: a motion with :attr:`~niki.motion.motion.Motion.has_readings`; not changed.
        solver: of :data:`~niki.capturing.solving.SOLVERS`. refinement: default :class:`Refinement`'s own.

    Returns:
        the motion: gaps bridged, feet on y = 0, the readings as they were but for the height of the floor.

    Raises:
        NikiError: it has no readings, nobody is seen in them, or there is no solver of that name.
    """
    check_readings(readings)
    solver, refinement = chosen_solver(solver, readings), refinement or Refinement()
    body, rate, count = readings.body, readings.mocap_framerate, len(readings)
    poses, trans = np.zeros((count, 3 * NUM_BONES)), np.zeros((count, 3))
    confidence, present = np.zeros((count, NUM_JOINTS)), frames_seen(readings)
    gaps, done, expected = Gaps(present), 0, int(present.sum())
    progress("solving", 0, expected)
    for at, rotations, place, trusted in solve(readings, solver):
        trans[at], confidence[at] = place, trusted
        poses[at] = rot.axis_angle_from_matrix(rotations).reshape(-1, 3 * NUM_BONES)
        gaps.remember(at, rotations)
        done += len(at)
        progress("solving", done, expected)
    gaps.bridge(poses, trans)
    if solver == "niki":
        joints = readings.joints - readings.camera_pose[:3, 3]
        solve_whole_clip(
            poses, trans, joints, readings.sigma, present, body, rate, bool(readings.errors_last)
        )
    if any(refinement.smoothing.values()):
        smooth_limbs(poses, trans, rate, refinement.smoothing)
        gaps.remember(gaps.edges, rot.matrix_from_axis_angle(poses[gaps.edges].reshape(-1, NUM_BONES, 3)))
        gaps.bridge(poses, trans)
    confidence *= _trust(count, np.flatnonzero(readings.jumps))[:, None]
    height = 0.02 - np.nanpercentile(
        _lowest(poses, trans, body, present), 5
    )  # a stray frame may not set the floor
    camera = readings.camera_pose[:3, 3]
    pose = readings.camera_pose.copy()
    pose[1, 3] = height
    return replace(
        readings,
        poses=poses,
        trans=trans + [camera[0], height, camera[2]],
        confidence=confidence,
        joints=readings.joints + [0, height - camera[1], 0],
        camera_pose=pose,
        source=f"{readings.source.partition('; solver ')[0] or f'niki {__version__}'}; solver {solver_name(solver)}",
        copy=False,
    )


def check_readings(motion: Motion) -> None:
    """Raise NikiError if a motion cannot be solved again: it has no readings, or nobody is seen in them."""
    if not motion.has_readings:
        raise NikiError(
            "This motion has no readings to solve it from",
            "captures keep them in the file that they write: give that file, or capture the footage again",
        )
    if not frames_seen(motion).any():
        raise NikiError("Nobody is seen in the readings of this motion")


def _lowest(poses: np.ndarray, trans: np.ndarray, body, present: np.ndarray) -> np.ndarray:
    """(T,) the height of the lowest joint; NaN where nobody is seen."""
    lowest = np.full(len(poses), np.nan)
    for part in split_into_blocks(len(poses)):
        rotations = rot.matrix_from_axis_angle(poses[part].reshape(-1, NUM_BONES, 3))
        lowest[part] = forward_kinematics(rotations, body, trans[part])[0][..., 1].min(-1)
    lowest[~present] = np.nan
    return lowest


def _trust(count: int, jumps: np.ndarray) -> np.ndarray:
    """(count,) what confidence is multiplied with: little where the person may have changed."""
    trust = np.ones(count)
    for away, share in _NEAR_A_JUMP:
        for frame in (jumps - 1 - away, jumps + away):  # the frames before the step and after it
            inside = frame[(frame >= 0) & (frame < count)]
            trust[inside] = np.minimum(trust[inside], share)
    return trust
