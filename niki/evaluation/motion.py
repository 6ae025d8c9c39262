"""``niki eval motion``: solvers of motion on people who are not in the training set, with errors that last, errors of each
frame's own, hidden joints, and frames in which nobody is seen. numpy and scipy."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..body import rotation as rot
from ..body.kinematics import forward_kinematics
from ..body.skeleton import NUM_BONES, NUM_JOINTS, Bodies
from ..capturing.proportions import FLATTENED
from ..mocap.collection import RATE
from ..motion.gaps import bridged
from ..solve.clip import solve_clip
from ..solve.solver import Solver, fit_translation, turns_of
from ..solve.temporal import TemporalSolver
from .motion_cases import Case
from .motion_scores import COLUMNS, Solved, scores, standing

Table = dict[str, dict[str, dict[str, float]]]
"""Scores by case, method and column."""


def one_by_one(case: Case, solver: Solver) -> Solved:
    """Each frame by itself; frames in which nobody is seen are bridged as in a capture."""
    rotations, joints = [], []
    for k in range(len(case.windows)):
        found = np.flatnonzero(~case.seen.missing[k])
        body = Bodies(case.seen.offsets[k])
        seen, sigma = case.seen.joints[k, found].astype(float), case.seen.sigma[k, found]
        pose = solver.inverse(seen, sigma, body=body, view=rot.normalize(seen[:, 0]), together=case.lasting)
        length = len(case.seen.missing[k])
        turned, trans = np.zeros((length, NUM_BONES, 3, 3)), np.zeros((length, 3))
        turned[found] = pose.rotations
        trans[found] = fit_translation(pose.rotations, seen, sigma, body)
        turned, trans = bridged(turned, trans, ~case.seen.missing[k])
        rotations.append(turned)
        joints.append(forward_kinematics(turned, body, trans)[0])
    return Solved(np.stack(rotations), np.stack(joints), case.seen.offsets)


def together(case: Case, solver: TemporalSolver) -> Solved:
    """All frames of a window together, by the network over time."""
    rotations, joints = [], []
    for k in range(len(case.windows)):
        body, missing = Bodies(case.seen.offsets[k]), case.seen.missing[k]
        seen = np.where(missing[:, None, None], 0, case.seen.joints[k]).astype(float)
        sigma = np.where(missing[:, None, None], 1, case.seen.sigma[k])
        pose = solver.inverse(seen, sigma, body=body, view=rot.normalize(seen[:, 0]), rate=RATE)
        rotations.append(pose.rotations)
        joints.append(forward_kinematics(pose.rotations, body, pose.translation)[0])
    return Solved(np.stack(rotations), np.stack(joints), case.seen.offsets)


def as_one(case: Case, start: Solved, covariance: np.ndarray, known_contacts: bool = False) -> Solved:
    """All frames of a window as one, by the clip solver, from where another method left them; ``known_contacts``: it is told which
    feet stand."""
    rotations, joints = [], []
    stand = standing(case).astype(float) if known_contacts else None
    # As in a capture, arms that a front end measured are made longer.
    offsets = case.seen.offsets / FLATTENED[:, None] if case.lasting else case.seen.offsets
    for k in range(len(case.windows)):
        body = Bodies(offsets[k])
        seen = case.seen.joints[k].astype(float)
        sigma = np.where(case.seen.missing[k][:, None, None], 1, case.seen.sigma[k])
        contacts = None if stand is None else stand[k]
        found = solve_clip(
            start.rotations[k], start.joints[k, :, 0], seen, sigma, rot.normalize(start.joints[k, :, 0]), body, RATE,
            covariance, contacts, lasting=case.lasting,
        )  # fmt: skip
        rotations.append(found.rotations)
        joints.append(forward_kinematics(found.rotations, body, found.translation)[0])
    return Solved(np.stack(rotations), np.stack(joints), offsets)


def as_seen(case: Case) -> Solved:
    """What the solvers are given, without rotations; joints move evenly where nobody is seen."""
    nothing = np.broadcast_to(np.eye(3), (*case.scored.shape, NUM_BONES, 3, 3))
    joints, missing = case.seen.joints.astype(float), case.seen.missing
    for k in range(len(joints)):
        found, frames = np.flatnonzero(~missing[k]), np.flatnonzero(missing[k])
        for joint in range(NUM_JOINTS):
            for axis in range(3):
                joints[k, frames, joint, axis] = np.interp(frames, found, joints[k, found, joint, axis])
    return Solved(nothing, joints, case.seen.offsets)


def evaluate(cases: dict[str, Case], per_frame: Solver, temporal: TemporalSolver) -> Table:
    """Scores of every method."""
    return {
        title: {name: scores(case, solved) for name, solved in _methods(case, per_frame, temporal)}
        for title, case in cases.items()
    }


def _methods(case: Case, per_frame: Solver, temporal: TemporalSolver) -> Iterator[tuple[str, Solved]]:
    windows = case.windows
    yield "the truth", Solved(windows.rotations, windows.joints, windows.offsets)
    yield "input", as_seen(case)
    start = one_by_one(case, per_frame)
    yield "NIKI, frame by frame", start
    yield "temporal NIKI", together(case, temporal)
    covariance = turns_of(per_frame.network)
    yield "clip solver", as_one(case, start, covariance)
    yield "clip solver, told which feet stand", as_one(case, start, covariance, known_contacts=True)


def as_markdown(table: Table, windows: int, who: str = "never trained on") -> str:
    """The scores as Markdown: a table for each case."""
    lines = [
        f"{windows} windows of two seconds of people {who}. MPJPE, PA-MPJPE, across and along the view in mm; rotation in"
        " degrees; errors of acceleration about the pelvis and of the pelvis in m/s^2; jitter, the mean third difference about"
        " the pelvis, in mm per frame^3; of feet that truly stand, slide in mm per frame, penetration and float in mm; the share of wrists'"
        " peak speed kept in %; hidden joints in mm. Nobody seen: 10 to 60 frames in a row; positions and rotations are"
        " scored in these alone.",
    ]  # fmt: skip
    for case, rows in table.items():
        lines += [
            "",
            f"**{case}**",
            "",
            "| | " + " | ".join(COLUMNS.values()) + " |",
            "|---" * (len(COLUMNS) + 1) + "|",
        ]
        for name, row in rows.items():
            values = [100 * row[column] if column == "peak" else row[column] for column in COLUMNS]
            if name == "input":
                values[list(COLUMNS).index("rotation")] = float("nan")
            cells = [f"{value:.1f}" if np.isfinite(value) else "-" for value in values]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
