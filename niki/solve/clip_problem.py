"""A few frames of a clip as one least-squares problem, for :mod:`.clip`. numpy, and scipy to solve it."""

from __future__ import annotations

import numpy as np

from ..body import rotation as rot
from ..body.kinematics import forward_kinematics, joint_jacobian, parent_orientations, turn_bones
from ..body.limits import RANGES, nearest_in_range
from ..body.skeleton import KINDS, NUM_BONES, NUM_JOINTS, Bodies
from ..network.uncertainty import KNOWN_BELOW, metres_from_sigma
from .banded import BandedNormal
from .clip_weights import Weights, share_counted
from .ground import Ground
from .solver import LEAST_ERROR

SIZE = 3 * NUM_BONES + 3
"""Unknowns of a frame: how far each bone turns about the axes of its parent, the pelvis about its own, and how far the
body moves."""
_STEPS = 3
_SAMPLES = 12
"""Draws from which the error of joints is told."""
_FARTHEST_TURN = 0.7  # radians in one step, beyond which the linear model is wrong
_TURNING = {  # degrees that a bone's turn from frame to frame readily changes by, at 30 frames per second (recorded people)
    "pelvis": 1.2, "hip": 1.6, "spine1": 0.7, "knee": 1.2, "spine2": 0.5, "ankle": 1.8, "spine3": 0.6, "foot": 1.8,
    "neck": 0.8, "collar": 0.5, "head": 1.0, "shoulder": 1.7, "elbow": 1.6, "wrist": 2.2, "hand": 0.3,
}  # fmt: skip
_MOVING = 1.0  # metres per second^1.5: the same of the body as a whole
_LIMBS = {
    "trunk": ("pelvis", "spine1", "spine2", "spine3", "neck", "head"),
    "arms": ("collar", "shoulder", "elbow", "wrist"),
    "legs": ("hip", "knee", "ankle", "foot"),
    "hands": ("hand",),
}
_ADRIFT = 0.3
"""Metres by which the body is beside where it starts while nobody is seen: motion alone would carry it away."""
_PAST_LIMITS = np.radians(8.0)
"""Radians by which bones readily go beyond their limits."""


class ClipProblem:
    """What is known of T frames; arguments as :func:`solve_clip` has them."""

    def __init__(self, joints, sigma, view, body, rate, covariance, weights: Weights, contacts, floor, up):
        self._weights, self._joints, self._body = weights, joints, body
        self._count = count = len(joints)
        self._bodies = Bodies(np.broadcast_to(body.offsets, (count, NUM_JOINTS, 3)))
        self._axes = rot.axes_along(view)
        error = metres_from_sigma(np.where(sigma < KNOWN_BELOW, sigma, 1.0)) + LEAST_ERROR
        error = error * [weights.across, weights.along]
        self._certainty = np.where(np.isinf(error), 0, 1 / error)[..., [0, 0, 1]]
        known = self._certainty > 0
        memory = np.exp(-1 / (rate * weights.memory)) if weights.memory > 0 else 0.0
        # An error that lasts: u_t = memory u_{t-1} + what is new, which is known sqrt(1 - memory^2) better.
        self._own, self._carried = _lasting(memory * (known[1:] & known[:-1]))
        seen = known.any((1, 2))
        trust = np.where(seen, 1 / weights.pose, 1 / weights.unseen)
        own, carried = _lasting(memory * (seen[1:] & seen[:-1]))
        self._adrift = np.where(seen, 0, 1 / _ADRIFT**2)[:, None]
        self._pose_own, self._pose_carried = trust**2 * own, trust[1:] * trust[:-1] * carried
        self._expected = np.zeros((SIZE, SIZE))
        self._expected[:-3, :-3] = np.linalg.inv(covariance)
        whole = range(SIZE - 3, SIZE)
        self._expected[whole, whole] = 1e-4  # the body as a whole is free to move
        change = np.append(_readily_turning(weights), np.full(3, weights.motion * _MOVING)) / rate**1.5
        self._steadiness = 1 / change**2
        self._ground = None if contacts is None else Ground(body, rate, contacts, floor, up, weights.balance)

    def solve(self, rotations, translation):
        """Rotations (T, 24, 3, 3), translation (T, 3) and error (T, 29), from where they start."""
        rotations, place = np.asarray(rotations, float), translation + self._body.pelvis
        moved = np.zeros((self._count, SIZE))
        for step in range(_STEPS):
            positions, world = forward_kinematics(rotations, self._bodies, place)
            parents = parent_orientations(world)
            axes = np.broadcast_to(np.eye(3), (self._count, 1, 3, 3))
            frames = np.concatenate([rotations[:, :1], parents[:, 1:], axes], 1)  # what steps are in
            slopes = _slopes(positions, frames)
            normal = BandedNormal(self._count, SIZE)
            self._add_joints(normal, positions, slopes)
            self._add_pose(normal, moved)
            self._add_motion(normal, rotations, place)
            if self._ground:
                self._ground.add(normal, positions, slopes)
            self._add_limits(normal, rotations)
            found, samples = normal.solve(samples=_SAMPLES if step == _STEPS - 1 else 0)
            moved = moved + found
            turns = rot.apply(frames, found.reshape(self._count, NUM_BONES + 1, 3))
            place = place + turns[:, -1]
            turns = turns[:, :-1] * np.minimum(1, _FARTHEST_TURN / np.maximum(rot.norm(turns[:, :-1]), 1e-9))
            turned = turn_bones(rotations, parents, rot.matrix_from_axis_angle(turns))
            rotations = rot.matrix_from_6d(rot.sixd_from_matrix(turned))
        return rotations, place - self._body.pelvis, self._weights.stated * _spread(slopes, samples)

    def _add_joints(self, normal, positions, slopes):
        """Joints are where they were seen, in units of their standard errors; those that do not fit count for less."""
        off = self._certainty * rot.apply(self._axes[:, None], self._joints - positions)
        count_for = share_counted(rot.dot(off, off), self._weights.tail)
        off = off * count_for
        rows = (count_for * self._certainty)[..., None] * (self._axes[:, None] @ slopes)
        if self._weights.distance:
            self._let_be_at_once(rows, off, (count_for * self._certainty)[..., 2])
        rows, off = rows.reshape(self._count, -1, SIZE), off.reshape(self._count, -1)
        own, carried = (
            self._own.reshape(self._count, -1),
            self._carried.reshape(self._count - 1, 3 * NUM_JOINTS),
        )
        gradient = own * off
        gradient[1:] -= carried * off[:-1]
        gradient[:-1] -= carried * off[1:]
        transposed = np.swapaxes(rows, 1, 2)
        normal.same += transposed @ (own[..., None] * rows)
        normal.gradient += rot.apply(transposed, gradient)
        if self._weights.memory > 0:
            normal.next -= transposed[1:] @ (carried[..., None] * rows[:-1])

    def _let_be_at_once(self, rows, off, certainty):
        """Joints (T, 29) that err in depth at once and each by itself: by the root of what that leaves of the information."""
        together = (certainty**2).sum(1)
        left = 1 / np.sqrt(1 + self._weights.distance**2 * together)
        share = (1 - left) / np.maximum(together, 1e-9)
        taken = share[:, None] * certainty
        off[..., 2] -= taken * (certainty * off[..., 2]).sum(1)[:, None]
        rows[..., 2, :] -= taken[..., None] * np.einsum("tj,tju->tu", certainty, rows[..., 2, :])[:, None]

    def _add_pose(self, normal, moved):
        """The pose is as the network gave it, as far as its covariance says."""
        pull = moved @ self._expected
        normal.same += self._pose_own[:, None, None] * self._expected
        normal.next -= self._pose_carried[:, None, None] * self._expected
        normal.gradient -= self._pose_own[:, None] * pull
        normal.gradient[1:] += self._pose_carried[:, None] * pull[:-1]
        normal.gradient[:-1] += self._pose_carried[:, None] * pull[1:]
        place = np.arange(SIZE - 3, SIZE)
        normal.same[:, place, place] += self._adrift
        normal.gradient[:, place] -= self._adrift * moved[:, place]

    def _add_motion(self, normal, rotations, place):
        """Bones go on turning as they did, and the body moving; where they clearly do not, less is asked."""
        if self._count < 3 or np.isinf(self._weights.motion):
            return
        change = np.diff(_turns_between(rotations, place), axis=0)
        far = (change**2 * self._steadiness).reshape(-1, NUM_BONES + 1, 3).sum(-1)
        tail = self._weights.motion_tail
        let_be = share_counted(far, tail) ** 2
        weight = np.repeat(let_be, 3, 1) * self._steadiness
        normal.add_second_difference(weight, -weight * change)

    def _add_limits(self, normal, rotations):
        """Bones that are turned past their limits go back."""
        vectors, over = nearest_in_range(rotations, RANGES, fade=True)
        frames, bones = np.nonzero((over != 0).any(-1))
        if not len(frames):
            return
        excess = over[frames, bones]
        past = (excess != 0) / _PAST_LIMITS**2
        rows = rot.rotation_vector_jacobian(vectors[frames, bones])
        transposed = np.swapaxes(rows, 1, 2)
        at = 3 * bones[:, None] + np.arange(3)
        normal.same[frames[:, None, None], at[:, :, None], at[:, None, :]] += transposed @ (
            past[..., None] * rows
        )
        normal.gradient[frames[:, None], at] -= rot.apply(transposed, past * excess)


def _lasting(memory):
    """The precision of u_t = memory_t u_{t-1} + noise, with unit variance, memory (T - 1, ...): its diagonal (T, ...), and minus
    what is beside it (T - 1, ...)."""
    fresh = 1 / (1 - memory**2)
    own = np.concatenate([np.ones_like(fresh[:1]) if len(fresh) else np.ones((1, *fresh.shape[1:])), fresh])
    own[:-1] += memory**2 * fresh
    return own, memory * fresh


def _readily_turning(weights: Weights):
    """(72,) radians per second^1.5."""
    share = {kind: weights.limbs.get(limb, 1.0) for limb, kinds in _LIMBS.items() for kind in kinds}
    turning = [np.radians(_TURNING[kind]) * share[kind] for kind in KINDS[:NUM_BONES]]
    return np.repeat(turning, 3) * weights.motion * 30**1.5


def _turns_between(rotations, place):
    """(T - 1, 75) from each frame to the next, in the axes of :data:`SIZE`."""
    pelvis = rot.axis_angle_from_matrix(rot.transpose(rotations[:-1, :1]) @ rotations[1:, :1])
    others = rot.axis_angle_from_matrix(rotations[1:, 1:] @ rot.transpose(rotations[:-1, 1:]))
    return np.concatenate([pelvis, others, np.diff(place, axis=0)[:, None]], 1).reshape(-1, SIZE)


def _slopes(positions, frames):
    """(T, 29, 3, 75) derivatives of joints with respect to the unknowns, which are in the axes ``frames``."""
    rows = joint_jacobian(positions).reshape(len(positions), 3 * NUM_JOINTS, NUM_BONES + 1, 3)
    return np.swapaxes(np.swapaxes(rows, 1, 2) @ frames, 1, 2).reshape(len(positions), NUM_JOINTS, 3, SIZE)


def _spread(slopes, samples):
    """(T, 29) metres: how far joints lie from where they are solved to be about the pelvis, over samples (K, T, 75); and of the
    pelvis, how far it lies itself."""
    about = slopes - slopes[:, :1]
    about[:, 0] = slopes[:, 0]
    moved = np.einsum("tjiu,ktu->ktji", about, samples, optimize=True)
    return np.sqrt((moved**2).sum(-1).mean(0))
