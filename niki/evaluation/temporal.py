"""``niki eval temporal``: one frame at a time against all frames together, on people who are not in the training set,
with errors that last, errors of each frame's own, and frames in which nobody is seen. numpy only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..body import rotation as rot
from ..body.kinematics import forward_kinematics
from ..body.skeleton import NUM_BONES, NUM_JOINTS, Bodies
from ..errors import NikiError
from ..mocap.collection import RATE, Poses
from ..motion.gaps import bridged
from ..solve.solver import Solver, fit_translation
from ..solve.temporal import TemporalSolver
from .front_end import Drawn, FrontEnd
from .independent import USUAL_ERROR, gaps, independent_errors
from .metrics import acceleration_error, procrustes_aligned
from .windows import Clips, Windows, seen_by_cameras

COLUMNS = ("mpjpe", "pa", "along", "rotation", "acceleration", "place")
_GAP = (10, 40)  # frames


@dataclass(eq=False)
class Case:
    """Windows, and what a front end makes of them; scored in the frames ``scored`` (N, T)."""

    windows: Windows
    seen: Drawn
    scored: np.ndarray


Solved = tuple[np.ndarray, np.ndarray]
"""Rotations (N, T, 24, 3, 3) and joints (N, T, 29, 3) in camera space."""


def make_cases(held_out: Poses, count: int, seed: int = 1) -> dict[str, Case]:
    """The cases by name, of ``count`` windows each, spread evenly.

    Raises:
        NikiError: no clip is as long as a window.
    """
    clips = Clips(held_out)
    starts = clips.spread(count)
    if not len(starts):
        raise NikiError(f"There is no clip of {clips.length} frames at {RATE:.0f} per second to measure on")
    windows = seen_by_cameras(np.random.default_rng(seed), clips.rotations(starts), clips.offsets(starts))
    makers: dict[str, Callable[[np.random.Generator], Drawn]] = {
        "independent": lambda rng: independent_errors(rng, windows.joints, windows.offsets, USUAL_ERROR),
        "20 mm noise": lambda rng: independent_errors(
            rng, windows.joints, windows.offsets, np.full((1, 2), 0.02, np.float32)
        ),
        "lasting": lambda rng: FrontEnd(rng)(windows.joints, windows.offsets, windows.pitch),
    }
    cases = {}
    for k, (name, make) in enumerate(makers.items()):
        seen = make(np.random.default_rng([seed, k]))
        cases[name] = Case(windows, seen, np.ones(seen.missing.shape, bool))
    for name in ("independent", "lasting"):
        seen = cases[name].seen
        count, length = seen.missing.shape
        missing = gaps(np.random.default_rng([seed, 9]), count, length, *_GAP)
        cases[f"{name}, nobody seen"] = Case(windows, replace(seen, missing=missing), missing)
    return cases


def one_by_one(case: Case, solver: Solver) -> Solved:
    """Each frame by itself; frames in which nobody is seen are bridged as in a capture."""
    rotations, joints = [], []
    for k in range(len(case.windows)):
        found = np.flatnonzero(~case.seen.missing[k])
        body = Bodies(case.seen.offsets[k])
        seen = case.seen.joints[k].astype(float)
        pose = solver.inverse(
            seen[found], case.seen.sigma[k, found], body=body, view=rot.normalize(seen[found, 0])
        )
        turned, trans = np.zeros((len(seen), NUM_BONES, 3, 3)), np.zeros((len(seen), 3))
        turned[found] = pose.rotations
        trans[found] = fit_translation(pose.rotations, seen[found], case.seen.sigma[k, found], body)
        turned, trans = bridged(turned, trans, ~case.seen.missing[k])
        rotations.append(turned)
        joints.append(forward_kinematics(turned, body, trans)[0])
    return np.stack(rotations), np.stack(joints)


def together(case: Case, solver: TemporalSolver) -> Solved:
    """All frames of a window together."""
    rotations, joints = [], []
    for k in range(len(case.windows)):
        body, missing = Bodies(case.seen.offsets[k]), case.seen.missing[k]
        seen = np.where(missing[:, None, None], 0, case.seen.joints[k]).astype(float)
        sigma = np.where(missing[:, None, None], 1, case.seen.sigma[k])
        pose = solver.inverse(seen, sigma, body=body, view=rot.normalize(seen[:, 0]), rate=RATE)
        rotations.append(pose.rotations)
        joints.append(forward_kinematics(pose.rotations, body, pose.translation)[0])
    return np.stack(rotations), np.stack(joints)


def scores(case: Case, solved: Solved) -> dict[str, float]:
    """Errors of what was solved, on the proportions as measured, by ``COLUMNS``: mm about the pelvis, the same after
    similarity alignment, mm along the view, degrees, m/s^2 about the pelvis, and m/s^2 of the pelvis; the
    accelerations of the whole window."""
    rotations, joints = solved
    truth, scored = case.windows.joints, case.scored
    view = rot.normalize(truth[:, :, :1])
    about, about_truth = joints - joints[:, :, :1], truth - truth[:, :, :1]
    error = about - about_truth
    flat, flat_truth = about[scored], about_truth[scored]
    aligned = procrustes_aligned(flat, flat_truth) - flat_truth
    angles = rot.angle_between(rotations, case.windows.rotations)[scored]
    return {
        "mpjpe": 1000 * np.linalg.norm(error[scored], axis=-1).mean(),
        "pa": 1000 * np.linalg.norm(aligned, axis=-1).mean(),
        "along": 1000 * np.abs(rot.dot(error, view)[scored]).mean(),
        "rotation": float(np.degrees(angles).mean()),
        "acceleration": _mean_acceleration(about, about_truth),
        "place": _mean_acceleration(joints[:, :, :1], truth[:, :, :1]),
    }  # fmt: skip


def _mean_acceleration(joints, truth) -> float:
    return float(np.mean([acceleration_error(a, b, RATE) for a, b in zip(joints, truth, strict=True)]))


def _input(case: Case) -> Solved:
    nothing = np.broadcast_to(np.eye(3), (*case.scored.shape, NUM_BONES, 3, 3))
    joints, missing = case.seen.joints.astype(float), case.seen.missing
    for k in range(len(joints)):
        found, frames = np.flatnonzero(~missing[k]), np.flatnonzero(missing[k])
        for joint in range(NUM_JOINTS):
            for axis in range(3):
                joints[k, frames, joint, axis] = np.interp(frames, found, joints[k, found, joint, axis])
    return nothing, joints


def evaluate(
    cases: dict[str, Case], per_frame: Solver, temporal: TemporalSolver
) -> dict[str, dict[str, dict[str, float]]]:
    """Scores by method, case and column."""
    methods: dict[str, Callable[[Case], Solved]] = {
        "input": _input,
        "NIKI, frame by frame": lambda case: one_by_one(case, per_frame),
        "temporal NIKI": lambda case: together(case, temporal),
    }
    table = {
        name: {title: scores(case, method(case)) for title, case in cases.items()}
        for name, method in methods.items()
    }
    for row in table["input"].values():
        row["rotation"] = float("nan")
    return table


def as_markdown(
    table: dict[str, dict[str, dict[str, float]]], windows: int, who: str = "never trained on"
) -> str:
    """The scores as a Markdown table."""
    cases = list(table["input"])
    lines = [
        f"{windows} windows of two seconds of people {who}. MPJPE / PA-MPJPE / along the view in mm / rotation in degrees /"
        " acceleration error about the pelvis / of the pelvis in m/s^2. Nobody seen: 10 to 40 frames in a row, and only"
        " these are scored; the accelerations are those of the whole window.",
        "", "| | " + " | ".join(cases) + " |", "|---" * (len(cases) + 1) + "|",
    ]  # fmt: skip
    for name, row in table.items():
        cells = []
        for case in cases:
            values = [row[case][column] for column in COLUMNS]
            cells.append(" / ".join(f"{v:.1f}" if np.isfinite(v) else "-" for v in values))
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
