"""Pull some joints, the body follows: NIKI as an interactive posing tool. numpy only.

The network sees the pulled and pinned joints as certain and all others where they were, with an
uncertainty that grows with the distance of the pull and with nearness to the pulled joint in the skeleton
(Li et al., NIKI, CVPR 2023, section 3: uncertain joints in, plausible pose out). Its pose is the prior of a
damped least-squares refinement, which meets the targets exactly within the joints' ranges.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from ..body import rotation as rot
from ..body.freedom import Freedom
from ..body.kinematics import forward_kinematics
from ..body.limits import widen_ranges
from ..body.skeleton import ANCESTRY, JOINTS, KINDS, NUM_BONES, NUM_JOINTS, PARENTS, Body
from ..errors import NikiError
from ..network.uncertainty import sigma_from_metres
from ..solve.solver import Solver
from .effectors import Effectors
from .targets import Posture, Target

MODES = ("full", "limb", "hips")
"""What may move: the whole body, only the pulled limb, or everything except the hips."""

_GOALS = {"position": "position", "orientation": "orientation", "look_at": "point to look at"}
_SAME = 1e-6  # metres, or matrix entries, by which two goals may differ and still be the same
_FARTHEST = 1e4  # metres from the pelvis to a target; beyond, even double precision is too coarse
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
"""The standard error that the network sees at the pulled joint, as a multiple of the length of the pull,
and the factor by which it falls with each joint along the skeleton."""
TAKEN_OVER = 0.4
"""The network's share of a bone's prior grows with that error, and is most of it at this many metres; without
error the prior is the pose before the drag."""

_STIFFNESS = {  # degrees by which refinement readily turns a bone away from the prior
    "pelvis": 5, "hip": 8, "knee": 10, "ankle": 5, "foot": 3, "spine1": 3, "spine2": 3, "spine3": 3, "neck": 4,
    "head": 4, "collar": 3, "shoulder": 10, "elbow": 12, "wrist": 5, "hand": 0,
}  # fmt: skip
_STIFF = np.radians([_STIFFNESS[kind] for kind in KINDS[:NUM_BONES]])
_STIFF_TRANSLATION = 0.03  # metres: the whole body


class Poser:
    """Poses one body by targets: pull some joints and the rest of the body follows.

    >>> body = Body.default()
    >>> start = Posture(np.tile(np.eye(3), (24, 1, 1)), np.zeros(3))  # the T-pose
    >>> target = Target("left_wrist", (0.4, 1.5, 0.3))
    >>> posture = Poser(body, Solver()).solve(start, [target])
    >>> posture.error["left_wrist"] < 0.001
    True

    Args:
        body: the proportions.
        solver: the network behind the pose's prior; None to start from the pose before the drag and only
            refine it.
        free: (25, 3, 3) what may move, default everything: for each of the 24 bones and, last, for the
            whole body, the symmetric projection onto its free directions. The identity leaves it free,
            zeros lock it, ``I - a aT`` locks turning about the unit axis ``a``, ``a aT`` leaves only that.

            A bone's projection is in the axes that its parent-relative rotation R acts in: library axes at
            rest, which turn with its parent. With R0 the bone's rotation in the start posture, the rotation
            vector of ``R R0T`` stays within the free directions. The last projection is in library axes:
            the body's translation moves within it.

            To honor a Blender bone's ``lock_rotation``, pass ``free_directions(axes, lock_rotation)`` from
            :mod:`niki.body.freedom`, where the columns of ``axes`` are the axes, in library space, that the
            three channels turn the bone about. In Euler modes these are ``rest @
            niki.body.rotation.euler_axes(rotation_euler, order)``. For quaternions and axis-angles Blender
            locks the Euler angles in the order XYZ. ``rest`` holds the bone's axes at rest
            (``bone.matrix_local`` with its columns turned from Blender's axes to the library's). If two of
            three channels are locked, they stay as they are; if one is, it stays nearly as it is, the
            closer the less the bone turns. For ``lock_rotations_4d`` with ``lock_rotation_w`` pass zeros.
            For the pelvis' ``lock_location`` pass ``free_directions(rest, lock_location)`` as the last.

    Raises:
        NikiError: ``free`` has the wrong shape or a matrix is not a symmetric projection.
    """

    def __init__(self, body: Body, solver: Solver | None = None, free: ArrayLike | None = None):
        self.body, self._solver, self._start = body, solver, None
        self._freedom = None if free is None else Freedom(free)

    def joints(self, posture: Posture) -> np.ndarray:
        """(29, 3) joint positions of a posture, metres in library space."""
        return forward_kinematics(posture.rotations, self.body, posture.translation)[0]

    def solve(
        self,
        start: Posture,
        targets: Iterable[Target],
        mode: str = "full",
        plant_feet: bool = True,
        last: Posture | None = None,
    ) -> Posture:
        """The pose that meets ``targets`` and otherwise stays natural and near ``start``.

        Args:
            start: the pose before the drag. If it meets the targets already, the result equals it.
            targets: at most one exact position, orientation and look-at target for each joint, and any
                number of soft ones.
            mode: what may move, one of ``MODES``. In "limb" only the bones from each pulled joint up to the
                nearest pinned joint, or to the root of its limb, move.
            plant_feet: keep feet that are not pulled where they are; no effect in "limb".
            last: the result of the last call in the same drag, from which the search starts.

        Returns:
            the pose, with the distance to each position target in ``error``. A target out of reach is
            approached as far as the body reaches.

        Raises:
            NikiError: there is no such mode, or two exact targets conflict at a joint; the message names it.
        """
        if mode not in MODES:
            raise NikiError(f"There is no mode '{mode}'", f"choose from: {', '.join(MODES)}")
        targets = _without_repetition(targets)
        positions, world, ranges = self._known_of(start)
        stiffness = self._stiffness(targets, mode)
        if plant_feet and mode != "limb":
            targets += planted_feet(targets, positions, world)
        reachable = _within_reach(targets, positions, self.body, stiffness)
        prior = self._prior(start, positions, reachable, stiffness)
        effectors = Effectors(reachable, self.body, ranges, stiffness, start, self._freedom)
        rotations, translation = effectors.refine(prior, (last or prior))
        if self._freedom is not None:
            rotations, translation = self._freedom.restore_locked(rotations, translation, start)
        return self._with_errors(Posture(rotations, translation), targets)

    def _known_of(self, start: Posture):
        """The start's joint positions, bone orientations and ranges, cached for the length of a drag."""
        if self._start is None or self._start[0] is not start:
            positions, world = forward_kinematics(start.rotations, self.body, start.translation)
            self._start = start, positions, world, widen_ranges(start.rotations)
        return self._start[1:]

    def _stiffness(self, targets: list[Target], mode: str) -> np.ndarray:
        """(25,) how far each bone and, last, the whole body readily moves; 0 if it may not move."""
        stiffness = np.append(_STIFF, _STIFF_TRANSLATION)
        if mode == "hips":
            stiffness[[0, NUM_BONES]] = 0
        elif mode == "limb":
            pinned = {t.index for t in targets if t.pinned}
            moving = {b for t in targets if not t.pinned for b in _chain(t.index, pinned)}
            stiffness[[b for b in range(NUM_BONES + 1) if b not in moving]] = 0
        if self._freedom is not None:
            stiffness[self._freedom.locked] = 0
        return stiffness

    def _prior(self, start: Posture, positions, targets, stiffness) -> Posture:
        """The start blended into the network's pose, near pulled joints and where bones may move."""
        positioned = [t for t in targets if t.position is not None]
        pull = {}
        for t in positioned:
            distance = float(np.linalg.norm(t.position - positions[t.index]))
            pull[t.index] = max(distance, pull.get(t.index, 0.0))
        farthest = max(pull.values(), default=0.0)
        if self._solver is None or farthest < 1e-6:
            return start
        joints, certain = positions.copy(), np.full(NUM_JOINTS, np.inf)
        error = np.max([d * FREEDOM * FADE ** _TREE_DISTANCE[k] for k, d in pull.items()], 0)
        for t in positioned:
            if t.exact:
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
            rotations, translation = self._freedom.restore_locked(rotations, translation, start)
        return Posture(rotations, translation)

    def _with_errors(self, posture: Posture, targets: list[Target]) -> Posture:
        positions, missed = self.joints(posture), {}
        for t in targets:
            if t.position is not None:
                distance = float(np.linalg.norm(positions[t.index] - t.position))
                missed[t.joint] = max(distance, missed.get(t.joint, 0.0))
        return replace(posture, error=missed)


def planted_feet(targets: Iterable[Target], positions: np.ndarray, world: np.ndarray) -> list[Target]:
    """Pins that keep each foot in place, in position and orientation, unless ``targets`` pull it.

    Args:
        targets: the other targets.
        positions: (29, 3) metres of the joints. world: (24, 3, 3) orientations of the bones.
    """
    pulled = {t.index for t in targets}
    pins = []
    for joints in _LEGS.values():
        if not pulled & set(joints):
            pins.append(planted_foot(joints[0], positions, world))
    return pins


def planted_foot(ankle: int, positions: np.ndarray, world: np.ndarray) -> Target:
    """A pin that keeps the foot below ``ankle``, an index into the joints, in place; see :func:`planted_feet`."""
    return Target(JOINTS[ankle], positions[ankle], world[ankle], pinned=True)


def _without_repetition(targets: Iterable[Target]) -> list[Target]:
    """The targets without repeated exact goals; of two equal ones, the pinned target keeps it.

    Raises:
        NikiError: two exact targets conflict.
    """
    targets, first = list(targets), {}
    for k in sorted(range(len(targets)), key=lambda k: not targets[k].pinned):
        for name in _GOALS if targets[k].exact else ():
            value = getattr(targets[k], name)
            if value is None:
                continue
            joint = targets[k].joint
            goal = getattr(targets[first.setdefault((joint, name), k)], name)
            if np.abs(goal - value).max() > _SAME:
                raise NikiError(
                    f"Two targets give {joint} a different {_GOALS[name]}",
                    "give one of them a weight below 1",
                )
    if ("head", "orientation") in first and ("head", "look_at") in first:
        raise NikiError("The head has both an orientation and a look-at target", "leave one of them out")
    for k, target in enumerate(targets):
        repeated = {n: None for n in _GOALS if target.exact and first.get((target.joint, n), k) != k}
        targets[k] = replace(target, **repeated) if repeated else target
    return targets


def _chain(joint: int, pinned: set[int]) -> list[int]:
    """The bones that move ``joint``, up to the nearest pinned joint or the root of its limb."""
    chain = [PARENTS[joint]] if joint else []
    while chain and chain[-1] not in pinned and chain[-1] not in _LIMB_ROOTS and chain[-1]:
        chain.append(PARENTS[chain[-1]])
    return chain


def _within_reach(targets: list[Target], positions, body: Body, stiffness) -> list[Target]:
    """The targets, pulled ones moved within the reach of the bones between them and what stays in place."""
    fixed = {t.index: t.position for t in targets if t.pinned and t.position is not None}
    for j in range(NUM_BONES):  # a joint stays in place where the bones above it do not move
        if stiffness[j] > 0 and (stiffness[NUM_BONES] == 0 if j == 0 else stiffness[PARENTS[j]] == 0):
            fixed[j] = positions[j]
    if stiffness[0] == 0 and stiffness[NUM_BONES] == 0:
        fixed.setdefault(0, positions[0])
    result = []
    for t in targets:
        if t.position is None or t.pinned:
            result.append(t)
            continue
        position = np.asarray(t.position)
        distance = np.linalg.norm(position - positions[0])
        if distance > _FARTHEST:
            position = positions[0] + (position - positions[0]) * (_FARTHEST / distance)
        for _ in range(4 if len(fixed) > 1 else 1):
            for k, anchor in fixed.items():
                length = 0.999 * (_BETWEEN[k, t.index] @ body.bone_lengths)
                length = max(length, np.linalg.norm(positions[t.index] - positions[k]))
                away = position - anchor
                distance = np.linalg.norm(away)
                if k != t.index and distance > length:
                    position = anchor + away * (length / distance)
        result.append(replace(t, position=position))
    return result
