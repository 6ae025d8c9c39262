"""A capture's motion, solved frame by frame -> the same solved as one clip. numpy, and scipy to solve."""

from __future__ import annotations

import numpy as np

from ..body import rotation as rot
from ..body.skeleton import NUM_BONES, Body
from ..solve.clip import solve_window, windows
from ..solve.clip_weights import LASTING, OF_EACH_FRAME
from ..solve.solver import Solver, turns_of
from .proportions import rearrange_trunk

UP = (0.0, 1.0, 0.0)


def solve_whole_clip(
    poses: np.ndarray,
    trans: np.ndarray,
    joints: np.ndarray,
    sigma: np.ndarray,
    seen: np.ndarray,
    body: Body,
    rate: float,
    lasting: bool,
    contacts: np.ndarray | None = None,
    floor: float | None = None,
) -> np.ndarray:
    """Change poses (T, 72), axis-angle, and trans (T, 3) in place, window by window.

    Args:
        joints: (T, 29, 3) metres as estimated, in axes that stand still, the camera at the origin and Y up; anything where
            nobody is seen. sigma: (T, 29, 2). seen: (T,) bool.
        body: the person's proportions. rate: frames per second. lasting: errors go together and last.
        contacts: (T, 4) from 0 to 1, which feet touch the ground. floor: its height, if known.

    Returns:
        (T, 29) metres that joints may be wrong by, about the pelvis.
    """
    usual = Body.from_bone_lengths(body.bone_lengths)
    aside = body.pelvis - usual.pelvis

    covariance, weights = turns_of(Solver().network), LASTING if lasting else OF_EACH_FRAME
    last, errors = None, []
    for wider, own in windows(len(poses)):
        rotations = rot.matrix_from_axis_angle(poses[wider].reshape(-1, NUM_BONES, 3))
        place, found = trans[wider] + aside, seen[wider, None, None]
        if last:  # only now: this window has looked at the frames before it as they were
            _keep(*last, poses, trans)
        shown = rearrange_trunk(np.where(found, joints[wider], 0), body, usual)
        solved = solve_window(
            rotations, place, shown, np.where(found, sigma[wider], 1.0), rot.normalize(place + usual.pelvis), usual, rate,
            covariance, None if contacts is None else contacts[wider], floor, UP, weights,
        )[own]  # fmt: skip
        errors.append(solved.error)
        first = wider.start + own.start
        last = slice(first, first + len(solved.rotations)), solved.rotations, solved.translation - aside
    if last:
        _keep(*last, poses, trans)
    return np.concatenate(errors)


def _keep(at: slice, rotations, place, poses, trans) -> None:
    poses[at] = rot.axis_angle_from_matrix(rotations).reshape(-1, 3 * NUM_BONES)
    trans[at] = place
