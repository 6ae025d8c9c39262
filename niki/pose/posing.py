"""Pull some joints, the body follows: NIKI as an interactive posing tool. numpy only.

The network is shown the pulled and pinned joints as certain and all others where they were, the less
certain the further and the nearer in the tree something is pulled (Li et al., NIKI, CVPR 2023,
section 3: uncertain joints in, plausible pose out). Its pose is the prior of a damped least-squares
refinement that makes targets exact within the joints' ranges.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from ..body import rotation as rot
from ..body.freedom import Freedom
from ..body.kinematics import forward_kinematics
from ..body.limits import widen_ranges
from ..body.skeleton import ANCESTRY, JOINTS, KINDS, NUM_BONES, NUM_JOINTS, PARENTS, Body
from ..errors import NikiError
from ..network.uncertainty import sigma_from_metres
from ..solve.solver import Solver
from .effectors import Effectors

MODES = ("full", "limb", "hips")
"""What may move: the whole body, only the limb that is pulled, all but the hips."""

ORIENTED = ("pelvis", "spine3", "head", "left_wrist", "right_wrist", "left_ankle", "right_ankle")
"""Joints whose orientation can be asked for: pelvis, chest, head, hands and feet."""

_DEMANDS = {"position": "position", "orientation": "orientation", "look_at": "place to look at"}
_SAME = 1e-6  # metres, or parts of a matrix, by which two demands may differ and be one
_FARTHEST = 1e4  # metres that a target may be away: beyond, even double precision grows coarse
_BETWEEN = np.abs(ANCESTRY[:, None] - ANCESTRY)  # (29, 29, 29): the bones between two joints
_TREE_DISTANCE = _BETWEEN.sum(-1)
_LIMB_ROOTS = [
    JOINTS.index(n) for n in ("left_collar", "right_collar", "left_hip", "right_hip", "neck", "spine1")
]
_LEGS = {
    side: [JOINTS.index(f"{side}_{kind}") for kind in ("ankle", "foot", "big_toe")]
    for side in ("left", "right")
}

FREEDOM, FADE = 3.0, 0.85
"""Standard error, as a share of the pull, that the pulled joint's neighbourhood is shown to the network
with, and its decrease for each joint further in the tree."""
TAKEN_OVER = 0.4
"""Metres of such an error at which most of a bone's prior is the network's; at none it is as it was."""

_STIFFNESS = {  # degrees by which refinement lightly turns a bone away from the prior
    "pelvis": 5, "hip": 8, "knee": 10, "ankle": 5, "foot": 3, "spine1": 3, "spine2": 3, "spine3": 3, "neck": 4,
    "head": 4, "collar": 3, "shoulder": 10, "elbow": 12, "wrist": 5, "hand": 0,
}  # fmt: skip
_STIFF = np.radians([_STIFFNESS[kind] for kind in KINDS[:NUM_BONES]])
_STIFF_PLACE = 0.03  # metres: the body as a whole


@dataclass(frozen=True, eq=False)
class Target:
    """What is wanted of a joint.

    Attributes:
        joint: a name of :data:`niki.body.skeleton.JOINTS`.
        position: (3,) metres, or None. orientation: (3, 3) of its bone in the body's world, for joints in
            ``ORIENTED``. look_at: (3,) a place that the head turns to.
        weight: 1 holds exactly, as far as the body reaches; less, (0, 1), is a wish.
        pinned: holds before all others, where they contradict.
    """

    joint: str
    position: np.ndarray | None = None
    orientation: np.ndarray | None = None
    look_at: np.ndarray | None = None
    weight: float = 1.0
    pinned: bool = False

    def __post_init__(self):
        if self.joint not in JOINTS:
            raise NikiError(f"There is no joint '{self.joint}'", f"choose from: {', '.join(JOINTS)}")
        for name, shape in (("position", (3,)), ("orientation", (3, 3)), ("look_at", (3,))):
            value = getattr(self, name)
            if value is None:
                continue
            value = np.asarray(value, float)
            if value.shape != shape or not np.isfinite(value).all():
                raise NikiError(f"The {name} of {self.joint} must be {shape} finite numbers")
            object.__setattr__(self, name, value)
        if self.orientation is not None and self.joint not in ORIENTED:
            raise NikiError(f"{self.joint} takes no orientation", f"choose from: {', '.join(ORIENTED)}")
        if self.look_at is not None and self.joint != "head":
            raise NikiError(f"{self.joint} cannot look at something", "the head can")
        if not 0 < self.weight <= 1:
            raise NikiError(f"The weight of {self.joint} must be above 0 and at most 1, not {self.weight}")

    @property
    def index(self) -> int:
        """Of the joint."""
        return JOINTS.index(self.joint)

    @property
    def hard(self) -> bool:
        """Whether it is to be met exactly."""
        return self.pinned or self.weight == 1


@dataclass(eq=False)
class Posture:
    """One pose: rotations (24, 3, 3) parent-relative, translation (3,) metres as
    :func:`~niki.body.kinematics.forward_kinematics` takes it. error: metres by which the position asked for is
    missed, by joint; of several targets for one joint, by the one that is missed most."""

    rotations: np.ndarray
    translation: np.ndarray
    error: dict[str, float] = field(default_factory=dict)


class Poser:
    """Poses one body.

    Args:
        body: the proportions. solver: the network; None: refinement alone.
        free: (25, 3, 3) what may move: for each of the 24 bones, and last for the body as a whole, the
            symmetric projection onto the directions that are free; default all. The identity is free,
            zeros are locked, ``I - a aT`` locks turning about the unit axis ``a``, ``a aT`` leaves only that.

            A bone's projection is in the axes that its parent-relative rotation R acts in: library axes at
            rest, which turn with its parent. With R0 its rotation in the posture one starts from, the
            rotation vector of ``R R0T`` stays within the free directions. The last one is in library
            axes: the body's translation moves within it.

            For a bone in Blender whose ``lock_rotation`` is (x, y, z):
            ``free_directions(axes, lock_rotation)`` of :mod:`niki.body.freedom`, where the columns of ``axes``
            are what the three channels turn the bone about, in library axes. In Euler modes these are
            ``rest @ niki.body.rotation.euler_axes(rotation_euler, order)`` and for quaternions and axis-angles,
            of which Blender locks the Euler angles, the same with those in the order XYZ; ``rest`` is the
            bone's axes at rest (``bone.matrix_local``, its columns turned from Blender's axes to the
            library's). With two of three locked the locked channels stay as they are; with one, nearly,
            and the better the less the bone turns. With ``lock_rotations_4d`` and ``lock_rotation_w``:
            zeros. The pelvis' ``lock_location``: ``free_directions(rest, lock_location)``, as the last.

    Raises:
        NikiError: ``free`` has a wrong shape or holds what is no projection.
    """

    def __init__(self, body: Body, solver: Solver | None = None, free: np.ndarray | None = None):
        self.body, self._solver, self._start = body, solver, None
        self._freedom = None if free is None else Freedom(free)

    def joints(self, posture: Posture) -> np.ndarray:
        """(29, 3) metres."""
        return forward_kinematics(posture.rotations, self.body, posture.translation)[0]

    def solve(
        self,
        start: Posture,
        targets: Iterable[Target],
        mode: str = "full",
        plant_feet: bool = True,
        last: Posture | None = None,
    ) -> Posture:
        """The pose that meets ``targets``.

        Args:
            start: the pose before anything was pulled; where targets ask for what is, it is returned.
            mode: of ``MODES``. "limb": only the bones from each pulled joint up to the nearest pinned
                one, or to the root of its limb.
            plant_feet: feet that are not pulled stay where they are.
            last: the solution so far in this drag, to go on from.

        Raises:
            NikiError: names what is wrong with a target or the mode, or the joint of which two targets
                that are no wishes ask different things.
        """
        if mode not in MODES:
            raise NikiError(f"There is no mode '{mode}'", f"choose from: {', '.join(MODES)}")
        targets = _without_repetition(targets)
        places, world, ranges = self._known_of(start)
        stiffness = self._stiffness(targets, mode)
        if plant_feet and mode != "limb":
            targets += planted_feet(targets, places, world)
        reachable = _within_reach(targets, places, self.body, stiffness)
        prior = self._prior(start, places, reachable, stiffness)
        effectors = Effectors(reachable, self.body, ranges, stiffness, start, self._freedom)
        rotations, translation = effectors.refine(prior, (last or prior))
        if self._freedom is not None:
            rotations, translation = self._freedom.kept(rotations, translation, start)
        return self._with_errors(Posture(rotations, translation), targets)

    def _known_of(self, start: Posture):
        """Joints, bones' orientations and ranges; kept, as a drag asks for the same at every move."""
        if self._start is None or self._start[0] is not start:
            places, world = forward_kinematics(start.rotations, self.body, start.translation)
            self._start = start, places, world, widen_ranges(start.rotations)
        return self._start[1:]

    def _stiffness(self, targets: list[Target], mode: str) -> np.ndarray:
        """(25,) how far each bone, then the body as a whole, is lightly moved; 0: not at all."""
        stiffness = np.append(_STIFF, _STIFF_PLACE)
        if mode == "hips":
            stiffness[[0, NUM_BONES]] = 0
        elif mode == "limb":
            pinned = {t.index for t in targets if t.pinned}
            moving = {b for t in targets if not t.pinned for b in _chain(t.index, pinned)}
            stiffness[[b for b in range(NUM_BONES + 1) if b not in moving]] = 0
        if self._freedom is not None:
            stiffness[self._freedom.locked] = 0
        return stiffness

    def _prior(self, start: Posture, places, targets, stiffness) -> Posture:
        """The network's pose, as far as something is pulled and bones may move."""
        positioned = [t for t in targets if t.position is not None]
        pull = {}
        for t in positioned:
            distance = float(np.linalg.norm(t.position - places[t.index]))
            pull[t.index] = max(distance, pull.get(t.index, 0.0))
        farthest = max(pull.values(), default=0.0)
        if self._solver is None or farthest < 1e-6:
            return start
        joints, certain = places.copy(), np.full(NUM_JOINTS, np.inf)
        error = np.max([d * FREEDOM * FADE ** _TREE_DISTANCE[k] for k, d in pull.items()], 0)
        for t in positioned:
            if t.hard:
                joints[t.index], certain[t.index] = t.position, 0.0
        sigma = sigma_from_metres(np.minimum(error, certain))
        rotations, translation = self._solver.guess(joints, np.repeat(sigma[:, None], 2, 1), self.body)
        share = 1 - np.exp(-((error[:NUM_BONES, None] / TAKEN_OVER) ** 2))
        free = stiffness > 0
        turned = share * rot.axis_angle_from_matrix(rot.transpose(start.rotations) @ rotations)
        turned = start.rotations @ rot.matrix_from_axis_angle(turned)
        rotations = np.where(free[:NUM_BONES, None, None], turned, start.rotations)
        if free[NUM_BONES]:
            translation = start.translation + share[0] * (translation - start.translation)
        else:
            translation = start.translation
        if self._freedom is not None:
            rotations, translation = self._freedom.kept(rotations, translation, start)
        return Posture(rotations, translation)

    def _with_errors(self, posture: Posture, targets: list[Target]) -> Posture:
        places, missed = self.joints(posture), {}
        for t in targets:
            if t.position is not None:
                distance = float(np.linalg.norm(places[t.index] - t.position))
                missed[t.joint] = max(distance, missed.get(t.joint, 0.0))
        return replace(posture, error=missed)


def planted_feet(targets: Iterable[Target], places, world) -> list[Target]:
    """Pins that keep each foot, ankle and direction, where it is, but those that ``targets`` pull."""
    asked = {t.index for t in targets}
    pins = []
    for joints in _LEGS.values():
        if not asked & set(joints):
            pins.append(planted_foot(joints[0], places, world))
    return pins


def planted_foot(ankle: int, places, world) -> Target:
    """A pin that keeps the foot of one ankle where it is."""
    return Target(JOINTS[ankle], places[ankle], world[ankle], pinned=True)


def _without_repetition(targets: Iterable[Target]) -> list[Target]:
    """The targets, each hard demand made once, by the pinned one of two.

    Raises:
        NikiError: two hard targets ask different things of one joint.
    """
    targets, first = list(targets), {}
    for k in sorted(range(len(targets)), key=lambda k: not targets[k].pinned):
        for name in _DEMANDS if targets[k].hard else ():
            value = getattr(targets[k], name)
            if value is None:
                continue
            joint = targets[k].joint
            made = getattr(targets[first.setdefault((joint, name), k)], name)
            if np.abs(made - value).max() > _SAME:
                raise NikiError(
                    f"Two targets give {joint} a different {_DEMANDS[name]}", "make one of them a wish"
                )
    if ("head", "orientation") in first and ("head", "look_at") in first:
        raise NikiError("The head is given an orientation and a place to look at", "leave one of them out")
    for k, target in enumerate(targets):
        again = {n: None for n in _DEMANDS if target.hard and first.get((target.joint, n), k) != k}
        targets[k] = replace(target, **again) if again else target
    return targets


def _chain(joint: int, pinned: set[int]) -> list[int]:
    """Bones that move ``joint``, up to the nearest pinned one or the limb's root."""
    chain = [PARENTS[joint]] if joint else []
    while chain and chain[-1] not in pinned and chain[-1] not in _LIMB_ROOTS and chain[-1]:
        chain.append(PARENTS[chain[-1]])
    return chain


def _within_reach(targets: list[Target], places, body: Body, stiffness) -> list[Target]:
    """Targets that are pulled, no further from what holds than the bones between are long."""
    held = {t.index: t.position for t in targets if t.pinned and t.position is not None}
    for j in range(NUM_BONES):  # where bones cease to move, something holds
        if stiffness[j] > 0 and (stiffness[NUM_BONES] == 0 if j == 0 else stiffness[PARENTS[j]] == 0):
            held[j] = places[j]
    if stiffness[0] == 0 and stiffness[NUM_BONES] == 0:
        held.setdefault(0, places[0])
    result = []
    for t in targets:
        if t.position is None or t.pinned:
            result.append(t)
            continue
        position = t.position
        distance = np.linalg.norm(position - places[0])
        if distance > _FARTHEST:
            position = places[0] + (position - places[0]) * (_FARTHEST / distance)
        for _ in range(4 if len(held) > 1 else 1):
            for k, holds in held.items():
                length = 0.999 * (_BETWEEN[k, t.index] @ body.bone_lengths)
                length = max(length, np.linalg.norm(places[t.index] - places[k]))
                away = position - holds
                distance = np.linalg.norm(away)
                if k != t.index and distance > length:
                    position = holds + away * (length / distance)
        result.append(replace(t, position=position))
    return result
