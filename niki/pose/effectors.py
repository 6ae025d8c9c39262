"""Damped least squares from a prior onto targets, within the joints' ranges. numpy, one pose at a time.

Each step is that of an iterated extended Kalman filter: bones turn as their covariance has it, and targets
are measurements. In this form the linear system is as small as the number of targets. Where a target
cannot be met, damping grows with the remaining distance (Sugihara, Solvability-unconcerned inverse kinematics by
the Levenberg-Marquardt method, IEEE Transactions on Robotics 27, 2011).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..body import rotation as rot
from ..body.freedom import Freedom
from ..body.kinematics import forward_kinematics
from ..body.limits import nearest_in_range, rotation_vectors
from ..body.skeleton import ANCESTRY, NUM_BONES, PARENTS, Body
from .floor import Ground
from .steps import MOVES, bounded_step, step_towards, turn_derivatives, turn_matrices
from .targets import Posture, Target

_PINNED, _EXACT, _SOFT = 5e-5, 3e-4, 0.02  # metres of standard error: pins, exact targets, soft constraints
_RADIANS = 3.0  # per metre: the weight of an orientation against a position
_LIMIT = np.radians(0.5)
_LEAST_VARIANCE = 1e-12  # where a locked direction belongs to a bone that cannot turn anyway
_DAMPING, _PINNED_DAMPING = 0.1, 0.02  # added standard error, as a share of the distance to the target
_NEAR = 0.1  # metres from which on targets should be coming nearer
_PROGRESS = 0.75  # of the distance: what should at most be left after a step
_FAR = 2.3  # radians beyond which a rotation vector no longer changes roughly as its bone turns
_FARTHEST_STEP = 0.35  # radians
_FARTHEST_PULL = 0.25  # metres
_STEPS, _SETTLING = 16, 12
_SOFT_STEPS = (
    3  # that go onto soft targets: a fixed number, so that the pose does not jump where one less would do
)
_SHALLOW = 3e-4  # metres below the floor that do not matter
_CLOSE = 2e-4  # metres at which the search stops
_BONE_PARENTS = list(PARENTS[1:NUM_BONES])
_TURNS = ANCESTRY[:NUM_BONES, None, :NUM_BONES, None]  # bones that turn a bone: itself and those above
_SIZE = 3 * NUM_BONES + 3  # of a step: turns, and a move of the whole body


class Effectors:
    """The targets of one pose, and the search for a pose that meets them.

    Args:
        targets: what to meet.
        body: the proportions.
        ranges: (24, 3, 2) radians, as in :mod:`niki.body.limits`.
        covariance: (75, 75) of a step: turns as :mod:`niki.pose.steps` has them, radians, and a move of the whole
            body in the heading, metres. It is zero for bones that may not turn.
        heading: (3, 3) the frame in which the pelvis turns and the body moves.
        start: the pose before the drag, to which locked directions are restored.
        freedom: what is locked; None for nothing.
        ground: what the floor asks for; None without one.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        body: Body,
        ranges: np.ndarray,
        covariance: np.ndarray,
        heading: np.ndarray,
        start: Posture | None = None,
        freedom: Freedom | None = None,
        ground: Ground | None = None,
    ):
        self._body, self._ranges, self._start, self._freedom = body, ranges, start, freedom
        self._covariance, self._heading, self._caution = covariance, heading, 1.0
        self._ground = ground
        self._limited = [b for b in range(NUM_BONES) if covariance[3 * b, 3 * b] > 0]
        positioned = [t for t in targets if t.position is not None]
        self._joints = [t.index for t in positioned]
        self._moves = MOVES[self._joints][..., None]
        self._positions = np.array([t.position for t in positioned]).reshape(-1, 3)
        self._errors = np.array([_standard_error(t) for t in positioned])
        oriented = [t for t in targets if t.orientation is not None]
        self._bones = [t.index for t in oriented]
        self._turns = np.array([t.orientation for t in oriented]).reshape(-1, 3, 3)
        self._turn_errors = np.array([_standard_error(t) * _RADIANS for t in oriented])
        looking = [t for t in targets if t.look_at is not None]
        self._looking = [t.index for t in looking]
        self._looked_at = np.array([t.look_at for t in looking]).reshape(-1, 3)
        self._look_errors = np.array([_standard_error(t) * _RADIANS for t in looking])
        self._any_soft = not all(t.exact for t in targets)
        self._firm = [
            np.array([[float(t.exact)] for t in group]).reshape(-1, 1)
            for group in (positioned, oriented, looking)
        ]

    def refine(self, prior: Posture, back: int) -> tuple[np.ndarray, np.ndarray]:
        """The pose nearest to ``prior`` that meets the targets.

        Args:
            back: number of steps that also pull back to the prior; the others only go onto the targets.

        Returns:
            rotations (24, 3, 3) and translation (3,), finite for finite targets.
        """
        state, before = (prior.rotations, prior.translation, np.zeros(_SIZE)), np.inf
        least = max(back, _SOFT_STEPS) if self._any_soft else back
        for k in range(_STEPS):
            state, left = self._step(*state, pulled=k < back, soft=k < _SOFT_STEPS)
            if left < _CLOSE:
                if k >= least:
                    break
            elif k > 1:
                self._slow_down(left, left / before)
            before = max(left, 1e-12)
        else:  # out of reach: pulled joints stop here, and pinned ones return to their positions
            self._yield(state)
            for _ in range(_SETTLING):
                state, left = self._step(*state, pulled=False, soft=False)
                if left < _CLOSE:
                    break
        return rot.matrix_from_6d(rot.sixd_from_matrix(state[0])), state[1]

    def _slow_down(self, left: float, share: float) -> None:
        """More caution where steps do not bring the targets nearer: limbs that are almost straight would swing to and
        fro, and the pose would jump from one target to the next.

        Args:
            left: metres to the targets. share: of those before the step.
        """
        # Far away, steps are cut short: there it is no sign of swinging.
        near = min(1.0, max(0.0, 2 - left / _NEAR))
        self._caution *= min(max(1 + 4 * (share - _PROGRESS), 1.0), 1 + near)

    def _step(self, rotations, translation, moved, pulled: bool, soft: bool):
        """One step onto the targets, and back to the prior if ``pulled``; unless ``soft``, soft targets only keep what they
        have reached.

        Returns:
            the new state, and metres by which exact targets were missed before the step.
        """
        positions, world = forward_kinematics(rotations, self._body, translation)
        missed = self._positions - positions[self._joints]
        distance = np.sqrt((missed * missed).sum(-1))
        left = float(distance[self._errors < _SOFT].max(initial=0.0))
        if self._ground is not None:
            left = max(left, self._ground.depth(positions) - _SHALLOW)
        if not pulled and left < _CLOSE and not (soft and self._any_soft):
            return (rotations, translation, moved), left
        frames = np.concatenate([self._heading[None], world[_BONE_PARENTS]])
        residual, rows, errors = self._rows(positions, world, frames, rotations, missed, distance, soft)
        back = moved if pulled else None
        if self._ground is not None:
            bounds = self._ground.bounds(positions, frames, self._heading)
            step = bounded_step(residual, rows, errors, lambda r: self._spread(r, rotations), bounds, back)
        elif len(residual):
            step = step_towards(residual, rows, errors, self._spread(rows, rotations), back)
        else:
            return (rotations, translation, moved), left
        turns = step[:-3].reshape(NUM_BONES, 3)
        step *= min(1.0, _FARTHEST_STEP / max(np.sqrt((turns**2).sum(-1).max()), 1e-12))
        rotations = self._turned(rotations, turns)
        translation = translation + self._heading @ step[-3:]
        if self._freedom is not None:
            rotations, translation = self._freedom.restore_locked(rotations, translation, self._start)  # pyright: ignore[reportArgumentType]
        return (rotations, translation, moved + step), left

    def _turned(self, rotations, turns):
        """Rotations after turns (24, 3) in the bones' frames."""
        matrices = turn_matrices(turns)
        matrices[0] = self._heading @ matrices[0] @ self._heading.T
        return matrices @ rotations

    def _spread(self, rows, rotations):
        """Rows times the covariance of the step, which does not go in locked directions."""
        spread = rows @ self._covariance
        if self._freedom is None:
            return spread
        locked = self._freedom.locked_directions(rotations, self._start)  # pyright: ignore[reportArgumentType]
        if not len(locked):
            return spread
        locked[:, :3] = locked[:, :3] @ self._heading
        locked[:, -3:] = locked[:, -3:] @ self._heading
        taken = locked @ self._covariance
        system = taken @ locked.T + _LEAST_VARIANCE * np.eye(len(locked))
        return spread - (spread @ locked.T) @ np.linalg.solve(system, taken)

    def _yield(self, state):
        """Turn exact targets that are not pinned into soft ones at the positions that their joints have reached."""
        positions = forward_kinematics(state[0], self._body, state[1])[0][self._joints]
        self._caution = 1.0
        yielding = self._errors == _EXACT
        self._positions[yielding], self._errors[yielding] = positions[yielding], _SOFT

    def _rows(self, positions, world, frames, rotations, missed, distance, soft):
        """The residuals, their derivatives with respect to a step, and their standard errors; ``missed`` (n, 3) and
        ``distance`` (n,) are those of the joints. For ``soft`` see :meth:`_step`."""
        if not soft:
            missed = missed * self._firm[0]
        missed = missed * np.minimum(1, _FARTHEST_PULL / np.maximum(distance, 1e-12))[:, None]
        parts = [
            (
                missed.ravel(),
                self._joint_rows(positions, frames),
                self._damped(self._errors, distance),
            )
        ]
        if self._bones:
            turn = rotation_vectors(self._turns @ rot.transpose(world[self._bones]))
            rows = _turn_rows(self._bones, frames)
            if not soft:
                turn = turn * self._firm[1]
            angle = np.sqrt((turn**2).sum(-1))
            parts.append((turn.ravel(), rows, self._damped(self._turn_errors, angle / _RADIANS)))
        if self._looking:
            turn = self._look(positions, world)
            if not soft:
                turn = turn * self._firm[2]
            angle = np.sqrt((turn**2).sum(-1))
            parts.append(
                (
                    turn.ravel(),
                    _turn_rows(self._looking, frames),
                    self._damped(self._look_errors, angle / _RADIANS),
                )
            )
        parts += self._limits(rotations)
        if len(parts) == 1:
            return parts[0]
        return tuple(np.concatenate(part) for part in zip(*parts, strict=True))

    def _joint_rows(self, positions, frames):
        """(3 n, 75) derivatives of the joints' positions with respect to a step."""
        joints = self._joints
        arms = (positions[joints][:, None] - positions[:NUM_BONES]) * self._moves
        return self._moved_by(arms, frames).reshape(-1, _SIZE)

    def _moved_by(self, arms, frames):
        """(n, 3, 75) derivatives of points with respect to a step, from their arms (n, 24, 3) to the bones."""
        rows = np.empty((len(arms), 3, _SIZE))
        rows[..., :-3] = turn_derivatives(arms, frames).reshape(len(arms), 3, 3 * NUM_BONES)
        rows[..., -3:] = self._heading
        return rows

    def _damped(self, errors, left):
        damping = self._caution * np.where(errors < _EXACT, _PINNED_DAMPING, _DAMPING)
        return np.repeat(np.sqrt(errors**2 + (damping * left) ** 2), 3)

    def _look(self, positions, world):
        """(n, 3) rotation vectors that turn the gaze onto the look-at targets, the short way."""
        gaze = world[self._looking][..., 2]
        direction = rot.normalize(self._looked_at - positions[self._looking], fallback=[0.0, 0.0, 1.0])
        return rotation_vectors(rot.swing_between(gaze, direction))

    def _limits(self, rotations):
        """Residuals that bring bones back into their ranges."""
        vectors, over = nearest_in_range(rotations[self._limited], self._ranges[self._limited], fade=True)
        outside = np.argwhere(over != 0)
        if not len(outside):
            return []
        rows = np.zeros((len(outside), NUM_BONES + 1, 3))
        for row, (k, component) in enumerate(outside):
            bone = self._limited[k]
            if vectors[k] @ vectors[k] > _FAR**2:
                rows[row, bone] = rot.rotation_vector_jacobian(vectors[k])[component]
            else:
                rows[row, bone, component] = 1
        return [
            (-over[over != 0], rows.reshape(len(outside), -1), np.full(len(outside), _LIMIT * self._caution))
        ]


def _turn_rows(bones, frames):
    """(3 n, 75) derivatives of bones' orientations with respect to a step."""
    rows = np.zeros((len(bones), 3, _SIZE))
    rows[..., :-3] = (_TURNS[bones] * frames.swapaxes(0, 1)).reshape(len(bones), 3, 3 * NUM_BONES)
    return rows.reshape(-1, _SIZE)


def _standard_error(target) -> float:
    if target.pinned:
        return _PINNED
    return _EXACT if target.weight == 1 else _SOFT / target.weight
