"""How far a method's poses are from the true ones, and how much nearer than another method's."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from ...body import rotation as rot
from ...body.kinematics import forward_kinematics
from ...body.limits import exceeds_limits
from ...body.skeleton import JOINTS
from ...pose.targets import Posture
from .methods import Method
from .problems import WRISTS, Problem

COLUMNS = ("effector", "missed", "mpjpe", "rotation", "unpulled", "beyond", "newly_beyond")
LOOKED_AT = (*WRISTS, JOINTS.index("head"))
_SAMPLES = 1000


@dataclass(eq=False)
class Scores:
    """What a method scored in a case.

    Attributes:
        rows: (N, 7) a problem's scores in the order of ``COLUMNS``, at the end of its drag. effector: mm. missed:
            whether an effector is off by more than 1 mm. mpjpe: mm, pelvis on pelvis. rotation: degrees. unpulled: the
            same as mpjpe, for the hands and the head, where they are not pulled; NaN if all are. beyond: whether a
            joint is beyond its limits. newly_beyond: whether it is, and none was in the start pose.
        milliseconds: of each solution, all moments of all drags.
    """

    rows: np.ndarray
    milliseconds: np.ndarray

    def mean(self, column: str) -> float:
        """The mean of one of ``COLUMNS``; NaN if there is nothing to score."""
        values = self.rows[:, COLUMNS.index(column)]
        return float(np.nanmean(values)) if np.isfinite(values).any() else np.nan

    def percentile(self, share: float) -> float:
        """Milliseconds within which ``share`` percent of the solutions were found."""
        return float(np.percentile(self.milliseconds, share))


def measure(methods: dict[str, Method], problems: list[Problem]) -> dict[str, Scores]:
    """Solve all problems with all methods, which take turns, so that whatever else the machine does meets all alike."""
    rows: dict[str, list] = {name: [] for name in methods}
    milliseconds: dict[str, list] = {name: [] for name in methods}
    for method in methods.values():
        list(method(problems[0]))
    for problem in problems:
        for name, method in methods.items():
            solved, times = timed_drag(method, problem)
            rows[name].append(score(problem, solved[-1]))
            milliseconds[name] += times
    return {name: Scores(np.array(rows[name], float), np.array(milliseconds[name])) for name in methods}


def timed_drag(method: Method, problem: Problem) -> tuple[list[Posture], list[float]]:
    """The pose at each moment of a drag, and the milliseconds of processor time that each took: what other programs take
    does not count."""
    solved, times, started = [], [], time.thread_time()
    for posture in method(problem):
        times.append(1000 * (time.thread_time() - started))
        solved.append(posture)
        started = time.thread_time()
    return solved, times


def score(problem: Problem, posture: Posture) -> tuple[float, ...]:
    """The scores of a pose, as in :class:`Scores`."""
    positions, truth = (
        forward_kinematics(p.rotations, problem.body, p.translation)[0] for p in (posture, problem.truth)
    )
    off = [np.linalg.norm(positions[t.index] - t.position) * 1000 for t in problem.targets]
    apart = np.linalg.norm(positions - positions[0] - (truth - truth[0]), axis=-1) * 1000
    pulled = {t.index for t in problem.targets}
    unpulled = [apart[j] for j in LOOKED_AT if j not in pulled]
    turned = np.degrees(rot.angle_between(posture.rotations, problem.truth.rotations))
    beyond = bool(exceeds_limits(posture.rotations))
    return (
        float(np.mean(off)), bool(max(off) > 1), float(apart.mean()), float(turned.mean()),
        float(np.mean(unpulled)) if unpulled else np.nan, beyond,
        beyond and not exceeds_limits(problem.start.rotations),
    )  # fmt: skip


def compare(ours: Scores, other: Scores, column: str, clips: np.ndarray) -> tuple[float, float, float]:
    """By how many percent a method's mean is above another's on the same problems, and the interval of 95 percent about
    it: of drawing the clips again, as poses of one clip are alike.

    Args:
        clips: (N,) the problems' clips.
    """
    k, counted = COLUMNS.index(column), np.unique(clips, return_inverse=True)[1]
    sums = np.stack([np.bincount(counted, np.nan_to_num(s.rows[:, k])) for s in (ours, other)])
    clips_drawn = np.random.default_rng(0).multinomial(
        sums.shape[1], np.full(sums.shape[1], 1 / sums.shape[1]), _SAMPLES
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = np.divide(*(clips_drawn @ sums.T).T)
        change = 100 * (np.append(drawn[np.isfinite(drawn)], np.divide(*sums.sum(1))) - 1)
    low, high = np.percentile(change[:-1], (2.5, 97.5))
    return float(change[-1]), float(low), float(high)
