"""Ways to solve the problems: ours, and classical inverse kinematics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from ...body import rotation as rot
from ...body.kinematics import forward_kinematics
from ...body.skeleton import JOINTS, NUM_BONES, PARENTS, Body
from ...network.posing import METRICS, PosingNetwork, PosingSpec
from ...pose.posing import FOLLOW, Poser
from ...pose.targets import Posture, Target
from .problems import Problem

NIKI, CLASSICAL, CCD = "NIKI + refinement", "refinement from the previous pose", "CCD for each limb"
_CCD_ROUNDS = 15
_CCD_ROOTS = [JOINTS.index(n) for n in ("left_shoulder", "right_shoulder", "left_hip", "right_hip", "spine1")]

Method = Callable[[Problem], Iterator[Posture]]
"""A function that gives a pose for each moment of a drag."""


@dataclass(frozen=True)
class Pulling:
    """Our posing tool, as a method.

    Attributes:
        network: None for damped least squares alone.
        follow, plant_feet: as :meth:`niki.pose.posing.Poser.solve` takes them.
        from_rest: forget the start pose, and start from the T-pose.
    """

    network: PosingNetwork | None
    follow: float = FOLLOW
    plant_feet: bool = False
    from_rest: bool = False

    def __call__(self, problem: Problem) -> Iterator[Posture]:
        start = _rest(problem.start) if self.from_rest else problem.start
        return self.drag(problem.body, start, problem.path)

    def drag(self, body: Body, start: Posture, path: list[list[Target]]) -> Iterator[Posture]:
        """The pose at each moment of a drag from ``start``."""
        poser = Poser(body, self.network)
        for targets in path:
            yield poser.solve(start, targets, plant_feet=self.plant_feet, follow=self.follow)

    def planting(self, plant_feet: bool) -> Pulling:
        """The same with feet planted, or free."""
        return replace(self, plant_feet=plant_feet)


def our_methods(runs: dict[str, PosingNetwork]) -> dict[str, Pulling]:
    """The posing tool with the network that ships and with those in ``runs``, and the classical solver."""
    network = PosingNetwork.default()
    metric = {f"metric.{name}": network.weights[f"metric.{name}"] for name in METRICS}
    methods = {
        NIKI: Pulling(network),
        f"{NIKI}, follow 0": Pulling(network, 0.0),
        f"{NIKI}, follow 1": Pulling(network, 1.0),
        "NIKI's metric alone": Pulling(PosingNetwork(PosingSpec("metric", ()), metric)),
        CLASSICAL: Pulling(None),
    }
    return methods | {f"{name} + refinement": Pulling(run) for name, run in runs.items()}


def all_methods(runs: dict[str, PosingNetwork]) -> dict[str, Method]:
    """Those of :func:`our_methods`, and what they are compared with."""
    return {
        "the true pose": lambda p: iter([p.truth]),
        "the start pose": lambda p: iter([p.start]),
        **our_methods(runs),
        "refinement from the rest pose": Pulling(None, from_rest=True),
        CCD: _ccd,
    }


def _rest(start: Posture) -> Posture:
    """The T-pose at the position and in the direction of ``start``."""
    rotations = np.tile(np.eye(3), (NUM_BONES, 1, 1))
    facing = start.rotations[0][:, 2]
    rotations[0] = rot.about_axis(
        np.array([0.0, 1.0, 0.0]), rot.normalize(np.array([facing[2], facing[0]]), fallback=[1.0, 0.0])
    )
    return Posture(rotations, start.translation)


def _ccd(problem: Problem) -> Iterator[Posture]:
    """Cyclic coordinate descent (Wang and Chen, 1991) up each target's limb, the pelvis moved first."""
    rotations, translation = problem.start.rotations.copy(), problem.start.translation.copy()
    for targets in problem.path:
        for target in targets:
            if target.index == 0:
                translation += target.position - problem.body.pelvis - translation
        for _ in range(_CCD_ROUNDS):
            for target in targets:
                _swing_onto(target, rotations, translation, problem.body)
        rotations = rot.matrix_from_6d(rot.sixd_from_matrix(rotations))  # or rounding errors would grow
        yield Posture(rotations.copy(), translation.copy())


def _swing_onto(target: Target, rotations: np.ndarray, translation: np.ndarray, body: Body) -> None:
    """Swing each bone above a target's joint, up to the root of its limb, towards the target; changes ``rotations``."""
    bone = PARENTS[target.index]
    while bone > 0:
        positions, world = forward_kinematics(rotations, body, translation)
        arm, wanted = positions[target.index] - positions[bone], target.position - positions[bone]
        swing = rot.swing_between(rot.normalize(arm), rot.normalize(wanted))
        above = world[PARENTS[bone]]
        rotations[bone] = above.T @ swing @ above @ rotations[bone]
        if bone in _CCD_ROOTS:
            return
        bone = PARENTS[bone]
