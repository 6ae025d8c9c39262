"""Readings -> motion: what a capture ends with, and what can be done again without the footage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from .. import __version__
from ..body import rotation as rot
from ..body.skeleton import NUM_BONES, NUM_JOINTS
from ..errors import NikiError
from ..motion.contacts import FEET, find_contacts
from ..motion.floor import floor_height, points_of, without_others
from ..motion.gaps import Gaps
from ..motion.motion import Motion
from ..motion.refinement import Refinement
from ..motion.settling import settle
from ..motion.smoothing import smooth_limbs
from ..network.uncertainty import sigma_from_metres
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
    contacts: np.ndarray | None = None,
) -> Motion:
    """A motion, solved from its readings; what it holds of poses, places and confidence is not looked at.

    Args:
        readings: a motion with :attr:`~niki.motion.motion.Motion.has_readings`; not changed.
        solver: of :data:`~niki.capturing.solving.SOLVERS`. refinement: default :class:`Refinement`'s own.
        contacts: (T, 6) from 0 to 1, as a user has them; by default those of the feet are found in the readings.

    Returns:
        the motion: gaps bridged, the floor at y = 0, the readings as they were but for its height.

    Raises:
        NikiError: it has no readings, nobody is seen in them, there is no solver of that name, or contacts are of another
            motion.
    """
    refinement = refinement or Refinement()
    motion = solve_in_the_air(readings, solver, refinement, progress, contacts)
    return settle(motion, motion.contacts, refinement.feet, told=contacts is not None)


def solve_in_the_air(
    readings: Motion,
    solver: str,
    refinement: Refinement,
    progress: Progress = lambda stage, done, expected: None,
    contacts: np.ndarray | None = None,
) -> Motion:
    """As :func:`solve_readings`, with the contacts, but before the body is put on the floor."""
    check_readings(readings)
    assert readings.sigma is not None
    assert readings.jumps is not None
    if contacts is not None:
        contacts = replace(readings, contacts=contacts, copy=False).contacts  # checked
    solver, camera = chosen_solver(solver, readings), readings.camera_pose[:3, 3]
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
    given = readings.joints - camera, readings.sigma, present, body, rate, bool(readings.errors_last)
    from_network = poses.copy(), trans.copy()
    if solver == "niki":
        error = solve_whole_clip(poses, trans, *given)
        confidence[~present] = 1 - sigma_from_metres(error[~present])
    confidence *= _trust(count, np.flatnonzero(readings.jumps))[:, None]
    told = readings.source.partition("; solver ")[0] or f"niki {__version__}"

    def as_motion() -> Motion:
        return replace(
            readings, poses=poses, trans=trans + camera, confidence=confidence, copy=False,
            source=f"{told}; solver {solver_name(solver)}",
        )  # fmt: skip

    if contacts is None:
        contacts = find_contacts(as_motion())
    if solver == "niki" and contacts[:, FEET].any() and refinement.feet != "off":
        points = points_of(as_motion())
        floor = floor_height(points, contacts, rate)
        if floor is not None:
            standing = without_others(points, contacts, floor)[:, FEET]
            poses[:], trans[:] = (
                from_network  # what was seen would count twice from where it led the first time
            )
            solve_whole_clip(poses, trans, *given, standing, floor - camera[1])
    if any(refinement.smoothing.values()):
        smooth_limbs(poses, trans, rate, refinement.smoothing)
    return replace(as_motion(), contacts=contacts, copy=False)


def check_readings(motion: Motion) -> None:
    """Raise NikiError if a motion cannot be solved again: it has no readings, or nobody is seen in them."""
    if not motion.has_readings:
        raise NikiError(
            "This motion has no readings to solve it from",
            "captures keep them in the file that they write: give that file, or capture the footage again",
        )
    if not frames_seen(motion).any():
        raise NikiError("Nobody is seen in the readings of this motion")


def _trust(count: int, jumps: np.ndarray) -> np.ndarray:
    """(count,) what confidence is multiplied with: little where the person may have changed."""
    trust = np.ones(count)
    for away, share in _NEAR_A_JUMP:
        for frame in (jumps - 1 - away, jumps + away):  # the frames before the step and after it
            inside = frame[(frame >= 0) & (frame < count)]
            trust[inside] = np.minimum(trust[inside], share)
    return trust
