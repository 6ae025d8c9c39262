"""Pull some joints, the body follows. numpy only.

The network knows how bodies move when some of their joints are pulled: what it expects is the prior of a damped
least-squares refinement, which meets the targets exactly within the joints' ranges.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from ..body.freedom import Freedom
from ..body.kinematics import forward_kinematics
from ..body.limits import widen_ranges
from ..body.skeleton import ANCESTRY, JOINTS, KINDS, NUM_BONES, NUM_JOINTS, PARENTS, Body
from ..errors import NikiError
from ..network.posing import PosingNetwork, facing
from .arms import ARM_TURNS, idle_arms, keep_arms, other_hands
from .effectors import Effectors
from .expectation import expected_change
from .floor import Floor
from .habits import fold_shins, kneeling_feet, resting_feet, sitting_feet, stepped, upright_trunk
from .planting import above_floor, both_legs_pulled, ground_of, planted_limbs, planted_toes
from .steps import conditional_covariance, less_coupled, turn_matrices, usual_covariance
from .targets import Posture, Target

MODES = ("full", "limb", "hips")
"""What may move: the whole body, only the pulled limb, or everything except the hips."""

_GOALS = {"position": "position", "orientation": "orientation", "look_at": "point to look at"}
_SAME = 1e-6  # metres, or matrix entries, by which two goals may differ and still be the same
_FARTHEST = 1e4  # metres from the pelvis to a target; beyond, even double precision is too coarse
_BETWEEN = np.abs(ANCESTRY[:, None] - ANCESTRY)  # (29, 29, 29): the bones between two joints
_LIMB_ROOTS = [
    JOINTS.index(n) for n in ("left_collar", "right_collar", "left_hip", "right_hip", "neck", "spine1")
]
FOLLOW = 0.4
"""How much the body follows a pulled joint unless told otherwise."""


class Poser:
    """Poses one body by targets: pull some joints and the rest of the body follows.

    >>> body = Body.default()
    >>> start = Posture(np.tile(np.eye(3), (24, 1, 1)), np.zeros(3))  # the T-pose
    >>> target = Target("left_wrist", (0.4, 1.5, 0.3))
    >>> posture = Poser(body, PosingNetwork.default()).solve(start, [target])
    >>> posture.error["left_wrist"] < 0.001
    True

    Args:
        body: the proportions.
        network: what it knows of how bodies move; None for damped least squares alone.
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

    def __init__(self, body: Body, network: PosingNetwork | None = None, free: ArrayLike | None = None):
        self.body, self._network, self._start = body, network, None
        self._freedom = None if free is None else Freedom(free)
        self._covariance = lru_cache(8)(self._make_covariance)
        self._steps_back = 2 if network is None else 1  # the network's change is near the targets already
        if network is None:
            self._metrics = (usual_covariance(),) * 2
        else:
            self._metrics = tuple(network.covariance(follow).astype(float) for follow in (0.0, 1.0))

    def joints(self, posture: Posture) -> np.ndarray:
        """(29, 3) joint positions of a posture, metres in library space."""
        return forward_kinematics(posture.rotations, self.body, posture.translation)[0]

    def solve(
        self,
        start: Posture,
        targets: Iterable[Target],
        mode: str = "full",
        plant_feet: bool = True,
        follow: float = FOLLOW,
        floor: Floor | None = None,
        step: bool = False,
        keep_hands: bool = False,
    ) -> Posture:
        """The pose that meets ``targets`` and otherwise stays natural and near ``start``.

        Args:
            start: the pose before the drag. If it meets the targets already, the result equals it.
            targets: at most one exact position, orientation and look-at target for each joint, and any
                number of soft ones.
            mode: what may move, one of ``MODES``. In "limb" only the bones from each pulled joint up to the
                nearest pinned joint, or to the root of its limb, move.
            plant_feet: keep feet where they are, and hands that rest on the floor, unless a joint of that limb is
                pulled; no effect in "limb".
            follow: how much the rest of the body follows, from 0, where only limbs that hold a pulled joint
                readily move, to 1, as bodies do. Without a network it changes nothing.
            floor: what the body stays above, and leans over only as far as what stands on it can bear; None for no floor.
            step: take a step where the body would have to stop leaning.
            keep_hands: keep a hand where it is while only the other arm is pulled, the less the more the body follows.

        Returns:
            the pose, with the distance to each position target in ``error``. A target out of reach is
            approached as far as the body reaches.

        Raises:
            NikiError: there is no such mode, follow is not in [0, 1], or two exact targets conflict at a joint; the
                message names it.
        """
        if not 0 <= follow <= 1:
            raise NikiError(f"follow must be from 0 to 1, not {follow}")
        if mode not in MODES:
            raise NikiError(f"There is no mode '{mode}'", f"choose from: {', '.join(MODES)}")
        targets = _without_repetition(targets)
        positions, world, ranges, heading = self._known_of(start)
        moving = self._moving(targets, mode)
        asked = targets
        if plant_feet and mode != "limb":
            targets = targets + planted_limbs(targets, positions, world, floor)
            moving[planted_toes(targets[len(asked) :])] = False
        feet: list[Target] = []
        reachable, ground = _within_reach(targets, positions, self.body, moving), None
        if floor is not None:
            feet = kneeling_feet(floor, asked, positions, world, heading, self.body)
            reachable = self._on_floor(floor, asked, reachable + feet)
            ground = ground_of(floor, asked, feet, positions, mode)
        if keep_hands:
            reachable = reachable + other_hands(asked, positions, follow)
        kept = idle_arms(asked) if keep_hands else ()
        covariance = self._covariance(float(follow), moving.tobytes(), kept)
        prior = self._prior(start, positions, reachable, moving, heading, follow, keep_hands)
        if moving[NUM_BONES] and both_legs_pulled(reachable):
            shift = self._shift_onto(reachable, prior, start)
            prior = self._moved(start, fold_shins(prior, asked, feet, self.body).rotations, shift, moving)
        if ground is not None and moving[NUM_BONES] and (lean := ground.lean(self.joints(prior))).any():
            if floor is not None and step:
                reachable = stepped(reachable, lean, positions, self.body)
                ground = ground_of(floor, asked, [], positions, mode, leaned=True)
            else:  # the hips shift first
                shifted = prior.translation - start.translation - lean
                prior = self._moved(start, prior.rotations, shifted, moving)
        effectors = Effectors(reachable, self.body, ranges, covariance, heading, start, self._freedom, ground)
        rotations, translation = effectors.refine(prior, self._steps_back)
        if self._freedom is not None:
            rotations, translation = self._freedom.restore_locked(rotations, translation, start)
        held = [t for t in reachable if t.pinned]  # where feet were set down
        return self._with_errors(Posture(rotations, translation), asked + held)

    def _on_floor(self, floor: Floor, asked: list[Target], targets: list[Target]) -> list[Target]:
        """The targets above the floor, and what people do besides when they kneel and sit down."""
        positions, world, _, heading = self._start[1:]  # pyright: ignore[reportOptionalSubscript]
        targets = above_floor(floor, targets, positions)
        targets += resting_feet(floor, asked, targets, positions)
        targets += upright_trunk(asked, positions, world)
        hips = next((t for t in asked if t.index == 0 and t.position is not None and not t.pinned), None)
        if hips is None:
            return targets
        return sitting_feet(floor, targets, hips, positions, heading, self.body)

    def _known_of(self, start: Posture):
        """The start's joint positions, bone orientations, ranges and heading, cached for the length of a drag, as is
        what the network sees of it."""
        if self._start is None or self._start[0] is not start:
            positions, world = forward_kinematics(start.rotations, self.body, start.translation)
            heading = facing(start.rotations[0])
            self._start = start, positions, world, widen_ranges(start.rotations), heading
            seen = start.rotations.copy()
            seen[0] = heading.T @ seen[0]
            parts = seen, (positions - positions[0]) @ heading, self.body.bone_lengths
            self._seen = tuple(part.astype(np.float32) for part in parts)
        return self._start[1:]

    def _moving(self, targets: list[Target], mode: str) -> np.ndarray:
        """(25,) bool: whether each bone and, last, the whole body may move."""
        moving = np.append([kind != "hand" for kind in KINDS[:NUM_BONES]], True)
        if mode == "hips":
            moving[[0, NUM_BONES]] = False
        elif mode == "limb":
            pinned = {t.index for t in targets if t.pinned}
            chains = {b for t in targets if not t.pinned for b in _chain(t.index, pinned)}
            moving &= np.isin(np.arange(NUM_BONES + 1), list(chains))
        if self._freedom is not None:
            moving &= ~self._freedom.locked
        return moving

    def _make_covariance(self, follow: float, moving: bytes, kept: tuple[int, ...]) -> np.ndarray:
        """(75, 75) of a step, if only what is ``moving``, from :meth:`_moving`, moves, and of the
        ``kept`` arms, by index, less goes along with the rest."""
        local, following = self._metrics
        covariance = (1 - follow) * local + follow * following
        for arm in kept:
            covariance = less_coupled(covariance, ARM_TURNS[arm], follow * follow)
        free = np.repeat(np.frombuffer(moving, bool), 3)
        return conditional_covariance(covariance, free)

    def _prior(self, start: Posture, positions, targets, moving, heading, follow, keep_hands) -> Posture:
        """The start after the change that the network expects, where bones may move. It depends on the start and the
        targets alone, not on the way there."""
        if self._network is None or self._network.spec.kind == "metric":
            return start
        displacement, pulled = np.zeros((NUM_JOINTS, 3)), np.zeros(NUM_JOINTS)
        for t in targets:
            weight = 1.0 if t.exact else t.weight
            if t.position is not None and weight > pulled[t.index]:
                pulled[t.index] = weight
                displacement[t.index] = weight * (t.position - positions[t.index])
        pelvis = displacement[0].copy()
        if pulled[0]:
            displacement -= pulled[:, None] * pelvis
        if np.abs(displacement).max() < _SAME:
            return self._moved(start, start.rotations, pelvis, moving)
        displacement = displacement @ heading
        seen, joints, lengths = self._seen
        turns, move = expected_change(self._network, seen, joints, lengths, displacement, pulled, follow)
        if keep_hands:
            turns = keep_arms(turns, targets, follow)
        turns = turn_matrices(turns)
        turns[0] = heading @ turns[0] @ heading.T
        turns[~moving[:NUM_BONES]] = np.eye(3)
        return self._moved(
            start, turns @ start.rotations, pelvis + (1 - pulled[0]) * (heading @ move), moving
        )

    def _shift_onto(self, targets: list[Target], prior: Posture, start: Posture) -> np.ndarray:
        """(3,) metres from the start: where the prior moves the body, and on to where its exact targets are nearest."""
        positions = self.joints(prior)
        missed = [t.position - positions[t.index] for t in targets if t.exact and t.position is not None]
        return prior.translation - start.translation + np.mean(missed, 0)

    def _moved(self, start: Posture, rotations, move, moving) -> Posture:
        """A pose with the start's place moved by ``move`` if the body may, and what is locked put back."""
        translation = start.translation + move if moving[NUM_BONES] else start.translation
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


def _within_reach(targets: list[Target], positions, body: Body, moving) -> list[Target]:
    """The targets, pulled ones moved within the reach of the bones between them and what stays in place."""
    fixed = {t.index: t.position for t in targets if t.pinned and t.position is not None}
    for j in range(NUM_BONES):  # a joint stays in place where the bones above it do not move
        if moving[j] and not moving[NUM_BONES if j == 0 else PARENTS[j]]:
            fixed[j] = positions[j]
    if not moving[0] and not moving[NUM_BONES]:
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
        reaches = []
        for k, anchor in fixed.items():
            if k != t.index:
                length = 0.999 * (_BETWEEN[k, t.index] @ body.bone_lengths)
                reaches.append((anchor, max(length, np.linalg.norm(positions[t.index] - positions[k]))))
        for _ in range(4 if len(fixed) > 1 else 1):
            for anchor, length in reaches:
                away = position - anchor
                distance = np.sqrt(away @ away)
                if distance > length:
                    position = anchor + away * (length / distance)
        result.append(replace(t, position=position))
    return result
