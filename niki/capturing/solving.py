"""The solvers by name, and what they make of an estimate: joints and their uncertainty -> rotations. numpy only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..body import rotation as rot
from ..body.kinematics import analytic_ik, forward_kinematics, swing_and_twist
from ..body.skeleton import Body
from ..errors import NikiError
from ..motion.blocks import split_into_blocks
from ..motion.motion import Motion
from ..network.uncertainty import metres_from_sigma
from ..solve.solver import WEIGHTS, Solver, weights_hash
from ..solve.temporal import WEIGHTS as TEMPORAL_WEIGHTS
from ..solve.temporal import Observed, TemporalSolver
from .estimate.blazepose.landmarks import REST_HINTS
from .estimate.estimator import Estimate
from .proportions import rearrange_trunk

SOLVERS = ("auto", "niki", "niki-temporal", "hybrik")
"""The better of the next two for the estimator; the network that solves each frame by itself, the one that solves all
frames together, and the analytic twist-and-swing solution that they are measured against."""


Solved = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Frames (N,), and of these rotations (N, 24, 3, 3), translation (N, 3) and confidence (N, 29)."""


def solve(readings: Motion, solver: str) -> Iterator[Solved]:
    """The frames in which the person is seen, block by block, in the axes of the readings, the camera at the origin.

    Args:
        readings: a motion that has them. solver: one of ``SOLVERS`` but "auto".
    """
    return _solve_together(readings) if solver == "niki-temporal" else _solve_one_by_one(readings, solver)


def frames_seen(readings: Motion) -> np.ndarray:
    """(T,) bool: frames in which there is something to solve from."""
    return np.isfinite(readings.joints).all((1, 2))


def _solve_one_by_one(readings: Motion, solver) -> Iterator[Solved]:
    frames, camera, body = np.flatnonzero(frames_seen(readings)), readings.camera_pose[:3, 3], readings.body
    assert readings.hints is not None
    assert readings.sigma is not None
    for part in split_into_blocks(len(frames)):
        at = frames[part]
        joints, sigma = readings.joints[at] - camera, readings.sigma[at].astype(float)
        if solver == "niki":
            yield at, *solve_by_network(joints, sigma, body, bool(readings.errors_last))
        else:
            yield at, *solve_analytically(joints, readings.hints[at].astype(float), sigma, body)


def _solve_together(readings: Motion) -> Iterator[Solved]:
    """The frames in which the person is seen, by the network over time."""
    present, camera, body = frames_seen(readings), readings.camera_pose[:3, 3], readings.body
    first, last = np.flatnonzero(present)[[0, -1]]
    usual = Body.from_bone_lengths(body.bone_lengths)
    assert readings.sigma is not None
    sigma = readings.sigma

    def read(frames: np.ndarray) -> Observed:
        at = first + frames
        seen = present[at, None, None]
        shown = seen_by_network(np.where(seen, readings.joints[at] - camera, 0), body)
        return Observed.checked(shown.joints, np.where(seen, sigma[at], 1.0), view=shown.view)

    for block, pose in TemporalSolver().solve(last + 1 - first, readings.mocap_framerate, read, usual):
        at = first + np.arange(block.start, block.stop)
        wanted = present[at]
        place = pose.translation + usual.pelvis - body.pelvis
        yield at[wanted], pose.rotations[wanted], place[wanted], pose.confidence[wanted]


def solve_by_network(joints, sigma, body: Body, together: bool):
    """NIKI: rotations (T, 24, 3, 3), translation (T, 3) and confidence (T, 29). ``together``: as for the solver.

    It is given no hints of twist: they come and go, poses would go with them, and results are no better
    (``scripts/compare_hints``).
    """
    seen = seen_by_network(joints, body)
    pose = Solver().inverse(seen.joints, sigma, None, seen.body, seen.view, together)
    return pose.rotations, _translation(pose.rotations, joints, sigma, body), pose.confidence


@dataclass(eq=False)
class SeenByNetwork:
    """What the network is given beside sigma, as :meth:`niki.solve.solver.Solver.inverse` takes it.

    It knows bodies with the usual arrangement of hips and collars, so the joints are rearranged for it; the pose is
    then put on the person's.
    """

    joints: np.ndarray
    body: Body
    view: np.ndarray


def seen_by_network(joints: np.ndarray, body: Body) -> SeenByNetwork:
    """What the network is given of joints (T, 29, 3), the camera at the origin."""
    usual = Body.from_bone_lengths(body.bone_lengths)
    return SeenByNetwork(rearrange_trunk(joints, body, usual), usual, rot.normalize(joints[:, 0]))


def hinted_twist(seen: SeenByNetwork, hints: np.ndarray) -> np.ndarray:
    """(T, 23, 2) cosine and sine of the twist that hints (T, 24, 3) lead to; NaN without one."""
    with_hints = analytic_ik(seen.joints, seen.body, hints=hints, rest_hints=REST_HINTS)
    twist = swing_and_twist(with_hints, seen.body)[1]
    twist[~np.isfinite(hints).all(-1)[:, 1:]] = np.nan
    return twist


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


def chosen_solver(solver: str, estimate: Estimate | Motion) -> str:
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
