"""``niki bench posing``: our posing against classical inverse kinematics, on people not in the training set."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from ..body import rotation as rot
from ..body.kinematics import forward_kinematics
from ..body.limits import exceeds_limits
from ..body.skeleton import JOINTS, NUM_BONES, PARENTS, Body
from ..errors import NikiError
from ..mocap.collection import Poses
from ..network.model import Network
from ..network.posing import PosingNetwork
from ..pose.posing import Poser
from ..pose.targets import Posture, Target
from ..solve.solver import Solver
from .cases import EFFECTORS

_WRISTS = [JOINTS.index("left_wrist"), JOINTS.index("right_wrist")]
_LAGS = {"pelvis + 5 effectors": (20, 60), "1 dragged wrist": (5, 30), "3 random joints": (10, 40)}
"""Frames, at 30 per second, from the start pose to the true pose, by case."""
_LEAST_PULL = 0.03  # metres
_CCD_ROUNDS = 15
_CCD_ROOTS = [JOINTS.index(n) for n in ("left_shoulder", "right_shoulder", "left_hip", "right_hip", "spine1")]
_MOST_PATHS, _MILLIMETRES = 24, 300


@dataclass(eq=False)
class Problem:
    """Reach a pose, from another one of the same clip, given some of its joints."""

    body: Body
    start: Posture
    truth: Posture
    targets: list[Target]


Method = Callable[[Problem], Posture]


def evaluate(held_out: Poses, count: int, runs: dict[str, Network]) -> tuple[dict, dict]:
    """Measure all methods on all cases.

    Returns:
        the columns by case and method (see :func:`_scores`), and by method the (median, largest) turn of a
        bone in degrees per millimetre of target movement.
    """
    methods = _methods(runs)
    table = {}
    for k, case in enumerate(_LAGS):
        problems = make_problems(held_out, case, count, np.random.default_rng(k))
        table[case] = {name: _measure(method, problems) for name, method in methods.items()}
    paths = max(1, min(_MOST_PATHS, count // 4))
    problems = make_problems(held_out, "1 dragged wrist", paths, np.random.default_rng(9))
    return table, {
        "NIKI + refinement": _jumps(problems, PosingNetwork.default()),
        "refinement alone": _jumps(problems, None),
    }


def make_problems(poses: Poses, case: str, count: int, rng: np.random.Generator) -> list[Problem]:
    """``count`` problems spread evenly over the clips; pelvis at the origin in both poses.

    Raises:
        NikiError: the clips are too short.
    """
    default, problems = Body.default(), []
    for i in np.linspace(0, len(poses) - 1, 4 * count).astype(int):
        before = i - int(rng.integers(*_LAGS[case], endpoint=True))
        if len(problems) == count or before < 0 or poses.clip[before] != poses.clip[i]:
            continue
        lengths = poses.lengths[poses.clip[i]]
        body = Body.from_bone_lengths(np.where(lengths > 0, lengths, default.bone_lengths))
        start, truth = (Posture(poses.rotations[k].astype(float), -body.pelvis) for k in (before, i))
        positions, before_positions = (
            forward_kinematics(p.rotations, body, p.translation)[0] for p in (truth, start)
        )
        if case == "pelvis + 5 effectors":
            joints = EFFECTORS
        elif case == "1 dragged wrist":
            joints = [int(rng.choice(_WRISTS))]
            if np.linalg.norm(positions[joints] - before_positions[joints]) < _LEAST_PULL:
                continue
        else:
            joints = rng.choice(len(JOINTS), 3, replace=False)
        targets = [Target(JOINTS[j], positions[j]) for j in joints]
        problems.append(Problem(body, start, truth, targets))
    if not problems:
        raise NikiError(f"No clip has two poses for the case '{case}'", "give clips of two seconds or more")
    return problems


def _methods(runs: dict[str, Network]) -> dict[str, Method]:
    def refined(network: PosingNetwork | None, from_rest: bool = False) -> Method:
        def solve(p: Problem) -> Posture:
            start = _rest(p.start) if from_rest else p.start
            return Poser(p.body, network).solve(start, p.targets, plant_feet=False)

        return solve

    methods = {
        "the true pose": lambda p: p.truth,
        "NIKI + refinement": refined(PosingNetwork.default()),
        "NIKI, network alone": partial(_network_alone, solver=Solver()),
        "refinement from the previous pose": refined(None),
        "refinement from the rest pose": refined(None, from_rest=True),
        "CCD for each limb": _ccd,
    }
    for name, network in runs.items():
        methods[f"{name} alone"] = partial(_network_alone, solver=Solver(network))
    return methods


def _network_alone(problem: Problem, solver: Solver) -> Posture:
    """The network sees only the targets and nothing of the start pose."""
    joints, sigma = np.zeros((len(JOINTS), 3)), np.ones((len(JOINTS), 2))
    for target in problem.targets:
        joints[target.index], sigma[target.index] = target.position, 0
    return Posture(*solver.guess(joints, sigma, problem.body))


def _rest(start: Posture) -> Posture:
    """The T-pose at the position and in the direction of ``start``."""
    rotations = np.tile(np.eye(3), (NUM_BONES, 1, 1))
    facing = start.rotations[0][:, 2]
    rotations[0] = rot.about_axis(
        np.array([0.0, 1.0, 0.0]), rot.normalize(np.array([facing[2], facing[0]]), fallback=[1.0, 0.0])
    )
    return Posture(rotations, start.translation)


def _ccd(problem: Problem) -> Posture:
    """Cyclic coordinate descent (Wang and Chen, 1991) up each target's limb, the pelvis moved first."""
    rotations, translation = problem.start.rotations.copy(), problem.start.translation.copy()
    for target in problem.targets:
        if target.index == 0:
            translation += target.position - problem.body.pelvis - translation
    for _ in range(_CCD_ROUNDS):
        for target in problem.targets:
            bone = PARENTS[target.index]
            while bone > 0:
                positions, world = forward_kinematics(rotations, problem.body, translation)
                arm, wanted = positions[target.index] - positions[bone], target.position - positions[bone]
                swing = rot.swing_between(rot.normalize(arm), rot.normalize(wanted))
                above = world[PARENTS[bone]]
                rotations[bone] = above.T @ swing @ above @ rotations[bone]
                if bone in _CCD_ROOTS:
                    break
                bone = PARENTS[bone]
    return Posture(rotations, translation)


def _measure(method: Method, problems: list[Problem]) -> dict[str, float]:
    method(problems[0])
    solved, times = [], []
    for problem in problems:
        started = time.perf_counter()
        solved.append(method(problem))
        times.append(1000 * (time.perf_counter() - started))
    return _scores(problems, solved) | {f"p{k}": float(np.percentile(times, k)) for k in (50, 99)}


def _scores(problems: list[Problem], solved: list[Posture]) -> dict[str, float]:
    """Mean scores.

    effector: mm. missed: share of problems with an effector off by more than 1 mm. mpjpe: mm, pelvis on
    pelvis. rotation: degrees. beyond: share of poses with a joint beyond its limits.
    """
    rows = []
    for problem, posture in zip(problems, solved, strict=True):
        positions, truth = (
            forward_kinematics(p.rotations, problem.body, p.translation)[0] for p in (posture, problem.truth)
        )
        off = [np.linalg.norm(positions[t.index] - t.position) * 1000 for t in problem.targets]
        apart = positions - positions[0] - (truth - truth[0])
        turned = rot.angle_between(posture.rotations, problem.truth.rotations)
        rows.append(
            (np.mean(off), max(off) > 1, np.linalg.norm(apart, axis=-1).mean() * 1000,
             np.degrees(turned.mean()), exceeds_limits(posture.rotations))
        )  # fmt: skip
    names = ("effector", "missed", "mpjpe", "rotation", "beyond")
    return dict(zip(names, np.mean(rows, 0), strict=True))


def _jumps(problems: list[Problem], network: PosingNetwork | None) -> tuple[float, float]:
    """Largest turn of a bone in degrees while a wrist is pulled along random smooth paths, one millimetre at a
    time: median and maximum over all steps."""
    rng, steps = np.random.default_rng(3), []
    for problem in problems:
        poser, joint = Poser(problem.body, network), problem.targets[0].index
        place, heading = poser.joints(problem.start)[joint], rng.normal(size=3)
        last = None
        for _ in range(_MILLIMETRES):
            heading = rot.normalize(heading + 0.1 * rng.normal(size=3))
            place = place + 0.001 * heading
            posture = poser.solve(problem.start, [Target(JOINTS[joint], place)])
            if last is not None:
                steps.append(np.degrees(rot.angle_between(posture.rotations, last.rotations).max()))
            last = posture
    return float(np.median(steps)), float(np.max(steps))


def as_markdown(table: dict, jumps: dict) -> str:
    """The results as Markdown tables."""
    lines = []
    for case, rows in table.items():
        lines += ["", f"{case}:", "", "| | effector mm | off > 1 mm | MPJPE mm | rotation | beyond limits "
                  "| p50 ms | p99 ms |", "|---|---|---|---|---|---|---|---|"]  # fmt: skip
        for name, s in rows.items():
            lines.append(
                f"| {name} | {s['effector']:.2f} | {s['missed']:.0%} | {s['mpjpe']:.1f} | {s['rotation']:.1f} "
                f"| {s['beyond']:.0%} | {s['p50']:.1f} | {s['p99']:.1f} |"
            )
    lines += ["", "Turn of a bone per millimetre of a dragged wrist, degrees, median and greatest: "
              + ", ".join(f"{name} {a:.2f} and {b:.2f}" for name, (a, b) in jumps.items()) + "."]  # fmt: skip
    return "\n".join(lines[1:]) + "\n"
