"""How posing feels in the hand: how far the rest of the body goes, whether the way back leads back, what a drag costs."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from ...body import rotation as rot
from ...body.kinematics import forward_kinematics
from ...body.skeleton import JOINTS, PARENTS
from ...network.posing import WEIGHTS, PosingNetwork
from ...pose.targets import Posture, Target
from ..cases import EFFECTORS
from .methods import Pulling
from .problems import WRISTS, Problem
from .scores import timed_drag

_PULL, _REACH, _TRIES = 0.2, 0.97, 50
_MILLIMETRES, _STRIDE = 300, 10
_REPEATS = 3
_HEAD = JOINTS.index("head")


@dataclass(frozen=True)
class FarPull:
    """Millimetres that the other wrist and the head go, median and 90th percentile, when one wrist is pulled by 20 cm
    within the arm's reach, and by which the pulled wrist misses its target at most."""

    other_wrist: tuple[float, float]
    head: tuple[float, float]
    missed: float


@dataclass(frozen=True)
class Return:
    """A wrist is pulled along smooth random paths of 30 cm, a millimetre at a time, and back along them, ten at a time;
    feet are planted.

    Attributes:
        turns: degrees that the bone which turns furthest turns in a millimetre, median and greatest.
        turns_back: the greatest on the way back.
        home: mm by which the joint that is furthest off is off the start pose at the end, median and greatest.
        apart: mm by which a joint is off where it was on the way there, the greatest.
    """

    turns: tuple[float, float]
    turns_back: float
    home: tuple[float, float]
    apart: float


@dataclass(frozen=True)
class Ticks:
    """Milliseconds of processor time that updates of drags with planted feet take: median and 99th percentile of all, and
    the median of the first of each drag, with all that is set up for it. Each drag is done three times and the fastest
    counts, as other programs share the caches."""

    p50: float
    p99: float
    first: float


def pull_far(method: Pulling, problems: list[Problem]) -> FarPull:
    """Pull the wrist of each problem in a random direction."""
    rng, moved, missed = np.random.default_rng(5), [], [0.0]
    for problem in problems:
        joint = problem.targets[0].index
        positions = _joints(problem, problem.start)
        target = _within_reach(problem, positions, joint, rng)
        if target is None:
            continue
        (posture,) = method.drag(problem.body, problem.start, [[target]])
        after = _joints(problem, posture)
        missed.append(1000 * float(np.linalg.norm(after[joint] - target.position)))
        other = WRISTS[1 - WRISTS.index(joint)]
        moved.append(1000 * np.linalg.norm(after[[other, _HEAD]] - positions[[other, _HEAD]], axis=-1))
    (wrist, head), (far_wrist, far_head) = (
        np.percentile(moved, (50, 90), axis=0) if moved else np.full((2, 2), np.nan)
    )
    return FarPull((float(wrist), float(far_wrist)), (float(head), float(far_head)), max(missed))


def _within_reach(problem: Problem, positions, wrist: int, rng) -> Target | None:
    """A place 20 cm from a wrist and no further from the shoulder than the arm is long; None if none is found."""
    elbow = PARENTS[wrist]
    lengths = problem.body.bone_lengths
    reach = _REACH * (lengths[wrist] + lengths[elbow])
    for _ in range(_TRIES):
        place = positions[wrist] + _PULL * rot.normalize(rng.normal(size=3))
        if np.linalg.norm(place - positions[PARENTS[elbow]]) < reach:
            return Target(JOINTS[wrist], place)
    return None


def go_and_return(method: Pulling, problems: list[Problem]) -> Return:
    """Pull the wrist of each problem there and back."""
    rng = np.random.default_rng(3)
    turns, turns_back, home, apart = [], [], [], []
    for problem in problems:
        joint = problem.targets[0].index
        place, heading = _joints(problem, problem.start)[joint], rng.normal(size=3)
        places = []
        for _ in range(_MILLIMETRES):
            heading = rot.normalize(heading + 0.1 * rng.normal(size=3))
            place = place + 0.001 * heading
            places.append(place)
        stations = list(range(_MILLIMETRES - 1, -1, -_STRIDE))
        start = _joints(problem, problem.start)[joint]
        path = [*places, *(places[k] for k in stations[1:]), start]
        poses = list(method.drag(problem.body, problem.start, [[Target(JOINTS[joint], p)] for p in path]))
        there, back = poses[:_MILLIMETRES], poses[_MILLIMETRES - 1 :]
        turns += _turns(there)
        turns_back += [turn / _STRIDE for turn in _turns(back[:-1])]
        home.append(_farthest_apart(problem, back[-1], problem.start))
        apart += [_farthest_apart(problem, a, there[k]) for a, k in zip(back[:-1], stations, strict=True)]
    return Return(
        (float(np.median(turns)), max(turns)),
        max(turns_back),
        (float(np.median(home)), max(home)),
        max(apart),
    )


def move_without_pull(method: Pulling, problems: list[Problem]) -> tuple[float, float]:
    """The furthest that a joint goes, mm, and a bone turns, degrees, when effectors are told to stay where they are, one
    by one and all together."""
    moved, turned = 0.0, 0.0
    for problem in problems:
        positions = _joints(problem, problem.start)
        targets = [Target(JOINTS[j], positions[j]) for j in EFFECTORS]
        for path in ([targets], *([[target]] for target in targets)):
            (posture,) = method.drag(problem.body, problem.start, path)
            moved = max(moved, _farthest_apart(problem, posture, problem.start))
            turned = max(turned, *_turns([problem.start, posture]))
    return moved, turned


def time_drags(methods: dict[str, Pulling], problems: list[Problem]) -> dict[str, Ticks]:
    """Time all methods on the same drags, in turns."""
    methods = {name: method.planting(True) for name, method in methods.items()}
    times: dict[str, list] = {name: [] for name in methods}
    for problem in problems:
        repeats = [{n: timed_drag(m, problem)[1] for n, m in methods.items()} for _ in range(_REPEATS)]
        for name in methods:
            times[name].append(np.min([repeat[name] for repeat in repeats], 0))
    found = {}
    for name, drags in times.items():
        p50, p99 = np.percentile(np.concatenate(drags), (50, 99))
        found[name] = Ticks(float(p50), float(p99), float(np.median([ticks[0] for ticks in drags])))
    return found


def time_loading() -> float:
    """Milliseconds of processor time that the network's weights take to load, once in a session."""
    started = time.thread_time()
    PosingNetwork.load(WEIGHTS)
    return 1000 * (time.thread_time() - started)


def _joints(problem: Problem, posture: Posture) -> np.ndarray:
    return forward_kinematics(posture.rotations, problem.body, posture.translation)[0]


def _turns(poses: list[Posture]) -> list[float]:
    """Degrees from each pose to the next, of the bone that turns furthest."""
    rotations = np.stack([posture.rotations for posture in poses])
    return np.degrees(rot.angle_between(rotations[1:], rotations[:-1]).max(1)).tolist()


def _farthest_apart(problem: Problem, posture: Posture, other: Posture) -> float:
    """mm between the two poses at the joint where they are furthest apart."""
    apart = _joints(problem, posture) - _joints(problem, other)
    return 1000 * float(np.linalg.norm(apart, axis=-1).max())
