"""``niki eval motion``: solvers of motion on people who are not in the training set, with errors that last, errors of each
frame's own, hidden joints, and frames in which nobody is seen. numpy and scipy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ..body import rotation as rot
from ..body.kinematics import forward_kinematics
from ..body.skeleton import NUM_BONES, NUM_JOINTS, Bodies
from ..capturing.refining import solve_in_the_air
from ..mocap.collection import RATE
from ..motion.contacts import find_contacts
from ..motion.gaps import bridged
from ..motion.motion import Motion
from ..motion.refinement import LIMBS, Refinement
from ..motion.settling import settle
from ..motion.smoothing import smooth_limbs
from ..solve.clip import solve_clip
from ..solve.solver import Solver, fit_translation, turns_of
from ..solve.temporal import TemporalSolver
from .motion_cases import Case
from .motion_scores import COLUMNS, scores, standing
from .motion_windows import Solved, as_motions, as_solved, measured_offsets, readings

Table = dict[str, dict[str, dict[str, float]]]
"""Scores by case, method and column."""

_SMOOTHED = 0.1  # seconds, of every limb, in the rows that are smoothed
_SHARES = ("contacts", "peak")


def one_by_one(case: Case, solver: Solver) -> Solved:
    """Each frame by itself; frames in which nobody is seen are bridged as in a capture."""
    rotations, joints, confidence = [], [], np.zeros((*case.scored.shape, NUM_JOINTS))
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
        confidence[k, found] = pose.confidence
    return Solved(np.stack(rotations), np.stack(joints), case.seen.offsets, confidence)


def together(case: Case, solver: TemporalSolver) -> Solved:
    """All frames of a window together, by the network over time."""
    rotations, joints, confidence = [], [], []
    for k in range(len(case.windows)):
        body, missing = Bodies(case.seen.offsets[k]), case.seen.missing[k]
        seen = np.where(missing[:, None, None], 0, case.seen.joints[k]).astype(float)
        sigma = np.where(missing[:, None, None], 1, case.seen.sigma[k])
        pose = solver.inverse(seen, sigma, body=body, view=rot.normalize(seen[:, 0]), rate=RATE)
        rotations.append(pose.rotations)
        joints.append(forward_kinematics(pose.rotations, body, pose.translation)[0])
        confidence.append(np.where(missing[:, None], 0, pose.confidence))
    return Solved(np.stack(rotations), np.stack(joints), case.seen.offsets, np.stack(confidence))


def as_one(case: Case, start: Solved, covariance: np.ndarray, known_contacts: bool = False) -> Solved:
    """All frames of a window as one, by the clip solver, from where another method left them; ``known_contacts``: it is told which
    feet stand."""
    rotations, joints = [], []
    stand = standing(case).astype(float) if known_contacts else None
    offsets = measured_offsets(case)
    for k in range(len(case.windows)):
        body = Bodies(offsets[k])
        seen = case.seen.joints[k].astype(float)
        sigma = np.where(case.seen.missing[k][:, None, None], 1, case.seen.sigma[k])
        contacts = None if stand is None else stand[k]
        found = solve_clip(
            start.rotations[k], start.joints[k, :, 0], seen, sigma, rot.normalize(start.joints[k, :, 0]), body, RATE,
            covariance, contacts, up=case.windows.up[k], lasting=case.lasting,
        )  # fmt: skip
        rotations.append(found.rotations)
        joints.append(forward_kinematics(found.rotations, body, found.translation)[0])
    return Solved(np.stack(rotations), np.stack(joints), offsets)


def as_seen(case: Case) -> Solved:
    """What the solvers are given; rotations are unknown, and joints move evenly where nobody is seen."""
    unknown = np.full((*case.scored.shape, NUM_BONES, 3, 3), np.nan)
    joints, missing = case.seen.joints.astype(float), case.seen.missing
    for k in range(len(joints)):
        found, frames = np.flatnonzero(~missing[k]), np.flatnonzero(missing[k])
        for joint in range(NUM_JOINTS):
            for axis in range(3):
                joints[k, frames, joint, axis] = np.interp(frames, found, joints[k, found, joint, axis])
    return Solved(unknown, joints, case.seen.offsets)


def evaluate(cases: dict[str, Case], per_frame: Solver, temporal: TemporalSolver) -> Table:
    """Scores of every method."""
    return {
        title: {name: scores(case, solved) for name, solved in _methods(case, per_frame, temporal)}
        for title, case in cases.items()
    }


def _methods(case: Case, per_frame: Solver, temporal: TemporalSolver) -> Iterator[tuple[str, Solved]]:
    windows, given = case.windows, readings(case)
    yield "the truth", Solved(windows.rotations, windows.joints, windows.offsets)
    yield "input", as_seen(case)
    for name, solved in (
        ("NIKI, frame by frame", start := one_by_one(case, per_frame)),
        ("temporal NIKI", together(case, temporal)),
    ):
        yield name, solved
        motions = as_motions(solved, given)
        yield from _refined(name, [replace(motion, contacts=find_contacts(motion)) for motion in motions])
    covariance = turns_of(per_frame.network)
    yield "clip solver", as_one(case, start, covariance)
    captured = [solve_in_the_air(window, "niki", Refinement()) for window in given]
    yield "clip solver, contacts found", as_solved(captured)
    yield from _refined("clip solver, contacts found", captured)
    yield "clip solver, told which feet stand", as_one(case, start, covariance, known_contacts=True)


def _refined(name: str, motions: list[Motion]) -> Iterator[tuple[str, Solved]]:
    """What a capture does to motions that are solved and have contacts: smooths them, locks feet where they stand, and both."""
    smooth = [_smoothed(motion) for motion in motions]
    yield f"{name}, smoothed", as_solved(smooth)
    yield f"{name}, feet locked", as_solved([settle(motion, motion.contacts) for motion in motions])
    both = [settle(motion, motion.contacts) for motion in smooth]
    yield f"{name}, smoothed, feet locked", as_solved(both)


def _smoothed(motion: Motion) -> Motion:
    poses, trans = motion.poses.copy(), motion.trans.copy()
    smooth_limbs(poses, trans, motion.mocap_framerate, dict.fromkeys(LIMBS, _SMOOTHED))
    return replace(motion, poses=poses, trans=trans)


def as_markdown(table: Table, windows: int, who: str = "never trained on") -> str:
    """The scores as Markdown: a table for each case."""
    lines = [
        f"{windows} windows of two seconds of people {who}. MPJPE, PA-MPJPE, across and along the view in mm; rotation in"
        " degrees; errors of acceleration about the pelvis and of the pelvis in m/s^2; jitter, the mean third difference about"
        " the pelvis, in mm per frame^3; of heels and toes that truly touch the ground, slide in mm per frame, penetration and float in mm;"
        " F1 of the contacts that were found, in %; the share of wrists' peak speed kept in %; hidden joints in mm. Nobody seen: 10 to 60"
        " frames in a row; positions and rotations are scored in these alone, and contacts in the others. Smoothed: by 0.1 s.",
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
            values = [100 * row[column] if column in _SHARES else row[column] for column in COLUMNS]
            cells = [f"{value:.1f}" if np.isfinite(value) else "-" for value in values]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
