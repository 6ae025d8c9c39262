"""The frames of a clip solved as one: a maximum a posteriori estimate over all of them, in rotations.

Each frame is drawn to where its joints were seen, as certain as these are, and to the pose that a network gave it. What
joins the frames is how bodies move: they seldom change how fast their bones turn. Where errors last, most of a frame's
error is that of the frame before: then what is seen says how joints move more than where they are, and ten frames say
little more than one. Feet that touch the ground stay where they are.

All of it is least squares in how far bones turn, and each frame is joined to the two after it alone, so that Gauss-Newton
steps solve banded equations (:mod:`.banded`, which needs scipy). Long clips are solved in windows that overlap.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from ..body import rotation as rot
from ..body.kinematics import forward_kinematics, joint_jacobian, parent_orientations, turn_bones
from ..body.limits import RANGES, nearest_in_range
from ..body.skeleton import JOINTS, KINDS, NUM_BONES, NUM_JOINTS, Bodies, Body
from ..checks import number_between
from ..errors import NikiError
from ..network.uncertainty import KNOWN_BELOW, metres_from_sigma
from .balance import MASSES, nearest_support
from .banded import BandedNormal
from .solver import EXACT, LEAST_ERROR

SIZE = 3 * NUM_BONES + 3
"""Unknowns of a frame: how far each bone turns about the axes of its parent, the pelvis about its own, and how far the
body moves."""
WINDOW, OVERLAP = 256, 32
"""Frames that are solved at once, and how many on either side of them are solved with them and not kept."""
FEET = [JOINTS.index(f"{side}_{name}") for side in ("left", "right") for name in ("ankle", "foot")]
"""Joints above what touches the ground, in the order of contacts: left heel, left toe, right heel, right toe."""

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
_STANDS, _ON_FLOOR = 0.002, 0.03
"""Metres by which a foot that touches the ground moves from frame to frame, and is off the floor."""
_STEP = 0.5
"""Seconds over which balance is looked at, as the standard deviation of a bell."""
_BESIDE, _OF_PACE, _WALKS = 0.01, 0.08, 0.6
"""Metres by which the center of mass is beside the feet of somebody who stands, and of a second's way of somebody who walks,
up to this speed (recorded people: medians of 1, 5 and 6 cm below 0.15, 0.5 and 1 m/s)."""
_UPRIGHT = 0.8
"""Of the leg's length: how high the pelvis of somebody who stands is over the ankles at least."""
_PAST_LIMITS = np.radians(8.0)
"""Radians by which bones readily go beyond their limits."""


@dataclass(frozen=True)
class Weights:
    """What the terms count for. Tuned on recorded people set aside (``niki eval motion`` measures others).

    Attributes:
        motion: how many times faster than usual motion readily changes; infinite leaves frames to themselves.
        limbs: the same for "trunk", "arms", "legs" or "hands", times ``motion``; default 1 each.
        pose: how many times further from the start than the network's covariance says a pose readily is.
        unseen: the same where nobody is seen and the start is bridged.
        across, along: how many times further off than stated joints readily are, across and along the view.
        distance: metres by which all joints are too near or too far at once.
        memory: seconds after which 1/e of an error is left; 0 for errors of each frame's own.
        tail: degrees of freedom of joints' errors: the fewer, the less counts what does not fit.
        stated: how many times further off than the terms know joints are.
        balance: how many times further beside their feet than usual people who stand are; 0 where nothing is said of it.
        motion_tail: the same of changes of motion: the fewer, the more are sudden ones let be; infinite for none.
    """

    motion: float = 1.2
    limbs: dict[str, float] = field(default_factory=dict)
    pose: float = 1.5
    unseen: float = 3.0
    across: float = 1.0
    along: float = 1.0
    distance: float = 0.0
    memory: float = 0.0
    tail: float = 4.0
    motion_tail: float = np.inf
    balance: float = 1.0
    stated: float = 1.5


OF_EACH_FRAME = Weights()
"""Errors of each frame's own."""
LASTING = Weights(
    motion=0.5,
    pose=0.6,
    across=3.0,
    along=3.0,
    distance=0.03,
    memory=0.7,
    tail=np.inf,
    motion_tail=15.0,
    balance=0.25,
    stated=2.3,
)
"""Errors that go together and last."""


@dataclass(eq=False)
class Clip:
    """A solved clip.

    Attributes:
        rotations: (T, 24, 3, 3) parent-relative. translation: (T, 3) metres, as
            :func:`~niki.body.kinematics.forward_kinematics` takes it.
        error: (T, 29) metres that joints may be wrong by about the pelvis: the longer a gap, the more.
    """

    rotations: np.ndarray
    translation: np.ndarray
    error: np.ndarray

    def __getitem__(self, frames: slice) -> Clip:
        return Clip(self.rotations[frames], self.translation[frames], self.error[frames])


def solve_clip(
    rotations: np.ndarray,
    translation: np.ndarray,
    joints: np.ndarray,
    sigma: np.ndarray,
    view: np.ndarray,
    body: Body | Bodies,
    rate: float,
    covariance: np.ndarray,
    contacts: np.ndarray | None = None,
    floor: float | None = None,
    up: ArrayLike = (0.0, 1.0, 0.0),
    lasting: bool = False,
    weights: Weights | None = None,
) -> Clip:
    """Poses of a clip, frame by frame -> a motion.

    Args:
        rotations: (T, 24, 3, 3) to start from, which is also what is expected. translation: (T, 3) metres of them.
        joints: (T, 29, 3) metres as seen, in axes that stand still. sigma: (T, 29, 2) as stated, across and along the view;
            1 throughout where nobody is seen.
        view: (T, 3) unit direction of view, or zero. body: the proportions. rate: frames per second.
        covariance: (72, 72) radians squared, how bones turn together (:func:`~niki.solve.solver.turns_of`).
        contacts: (T, 4) from 0 to 1, whether ``FEET`` touch the ground. floor: its height along ``up``, metres, or None where
            nobody knows it. up: (3,).
        lasting: errors go together and last, as a front end's do. weights: default by ``lasting``.

    Raises:
        NikiError: there are no frames, an array does not have T of them, or ``rate`` is not above zero.
    """
    rate = number_between("The frame rate", rate, 1e-3, 1e6, "frames per second")
    for name, value in (
        ("translation", translation),
        ("joints", joints),
        ("sigma", sigma),
        ("view", view),
        ("contacts", contacts),
    ):
        if value is not None and len(value) != len(rotations):
            raise NikiError(
                f"{name} has {len(value)} frames and rotations {len(rotations)}",
                "give every frame of the clip",
            )
    if not len(rotations):
        raise NikiError("rotations has no frames")
    weights = weights or (LASTING if lasting else OF_EACH_FRAME)
    parts = [
        solve_window(
            rotations[wider], translation[wider], joints[wider], sigma[wider], view[wider], body, rate, covariance,
            None if contacts is None else contacts[wider], floor, up, weights,
        )[own]
        for wider, own in windows(len(rotations))
    ]  # fmt: skip
    return Clip(*(np.concatenate([getattr(part, name) for part in parts]) for name in vars(parts[0])))


def windows(count: int) -> Iterator[tuple[slice, slice]]:
    """The frames that are solved at once, and which of these are kept, so that all of ``count`` frames are kept once and
    in order."""
    edges = np.linspace(0, count, -(-count // WINDOW) + 1).astype(int)
    for start, stop in pairwise(edges):
        first, last = max(0, start - OVERLAP), min(count, stop + OVERLAP)
        yield slice(int(first), int(last)), slice(int(start - first), int(stop - first))


def solve_window(
    rotations, translation, joints, sigma, view, body, rate, covariance, contacts, floor, up, weights: Weights
) -> Clip:
    """Frames that are few enough to be solved at once; arguments as :func:`solve_clip` has them."""
    problem = _Problem(
        joints, sigma, view, body, rate, covariance, weights, contacts, floor, np.asarray(up, float)
    )
    found, place, error = problem.solve(rotations, translation)
    # Exact joints have been met exactly already, and the motion of all frames is what they say.
    stated = metres_from_sigma(np.minimum(sigma, 0.99)).mean((1, 2))
    share = np.clip(stated / EXACT, 0, 1)[:, None]
    if (share < 1).any():
        given, solved = (rot.sixd_from_matrix(part) for part in (rotations, found))
        found = rot.matrix_from_6d((1 - share[..., None]) * given + share[..., None] * solved)
        place = (1 - share) * translation + share * place
    return Clip(found, place, error)


class _Problem:
    """What is known of T frames; arguments as :func:`solve_clip` has them."""

    def __init__(self, joints, sigma, view, body, rate, covariance, weights: Weights, contacts, floor, up):
        self._weights, self._joints, self._body = weights, joints, body
        self._count, self._rate = len(joints), rate
        count = self._count
        self._bodies = Bodies(np.broadcast_to(body.offsets, (count, NUM_JOINTS, 3)))
        self._axes = _axes_along(view)
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
        self._pose_own, self._pose_carried = trust**2 * own, trust[1:] * trust[:-1] * carried
        self._expected = np.zeros((SIZE, SIZE))
        self._expected[:-3, :-3] = np.linalg.inv(covariance)
        self._expected[range(SIZE - 3, SIZE), range(SIZE - 3, SIZE)] = (
            1e-4  # the body as a whole is free to move
        )
        change = np.append(_readily_turning(weights), np.full(3, weights.motion * _MOVING)) / rate**1.5
        self._steadiness = 1 / change**2
        self._up, self._contacts, self._floor = up, contacts, floor
        if floor is not None:
            height = body.rest_joints[:, 1]
            self._floor = floor + height[FEET] - height.min()

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
            self._add_contacts(normal, positions, slopes)
            self._add_balance(normal, positions, slopes)
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
        count_for = _count_for(rot.dot(off, off), self._weights.tail)
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

    def _add_motion(self, normal, rotations, place):
        """Bones go on turning as they did, and the body moving; where they clearly do not, less is asked."""
        if self._count < 3 or np.isinf(self._weights.motion):
            return
        change = np.diff(_turns_between(rotations, place), axis=0)
        far = (change**2 * self._steadiness).reshape(-1, NUM_BONES + 1, 3).sum(-1)
        tail = self._weights.motion_tail
        let_be = _count_for(far, tail) ** 2
        weight = np.repeat(let_be, 3, 1) * self._steadiness
        normal.add_second_difference(weight, -weight * change)

    def _add_contacts(self, normal, positions, slopes):
        """Feet that touch the ground stay where they are, on the floor."""
        if self._contacts is None:
            return
        feet, rows = positions[:, FEET], slopes[:, FEET]
        stays = np.minimum(self._contacts[1:], self._contacts[:-1])[..., None] / _STANDS**2
        stays = np.repeat(stays, 3, -1).reshape(self._count - 1, 3 * len(FEET))
        step = (feet[1:] - feet[:-1]).reshape(self._count - 1, 3 * len(FEET))
        flat = rows.reshape(self._count, -1, SIZE)
        transposed = np.swapaxes(flat, 1, 2)
        for at, sign in ((slice(1, None), -1), (slice(None, -1), 1)):
            normal.same[at] += transposed[at] @ (stays[..., None] * flat[at])
            normal.gradient[at] += sign * rot.apply(transposed[at], stays * step)
        normal.next -= transposed[1:] @ (stays[..., None] * flat[:-1])
        if self._floor is not None:
            upward = np.einsum("i,tkij->tkj", self._up, rows)
            weight = self._contacts / _ON_FLOOR**2
            normal.same += np.swapaxes(upward, 1, 2) @ (weight[..., None] * upward)
            normal.gradient += np.einsum("tkj,tk->tj", upward, weight * (self._floor - feet @ self._up))

    def _add_balance(self, normal, positions, slopes):
        """The center of mass is over the feet that carry it, on average over a step: forces could not hold it elsewhere."""
        if self._contacts is None or not self._weights.balance:
            return
        stands = self._contacts >= 0.5
        carried = stands.any(1) & self._is_up(positions)
        if not carried.any():
            return
        level = _axes_along(self._up[None])[0, :2]
        center = np.einsum("j,tji->ti", MASSES, positions)
        feet = positions[:, FEET] @ level.T
        along = np.zeros((self._count, NUM_JOINTS))
        along[:, FEET] = -nearest_support(center @ level.T, feet, stands)
        along += MASSES
        beside = np.einsum("tj,tji,ki->tk", along, positions, level)
        width = _STEP * self._rate
        pace = rot.norm(np.gradient(_averaged(center @ level.T, width / 2), 1 / self._rate, axis=0))
        usual = (
            self._weights.balance
            * np.sqrt(2 * np.sqrt(np.pi) * width)
            * (_BESIDE + _OF_PACE * np.minimum(pace, _WALKS))
        )
        weight = carried[:, None] / usual
        weight = weight * _count_for(
            (_averaged(weight * beside, width) ** 2).sum(-1, keepdims=True) * 2 * np.sqrt(np.pi) * width, 4.0
        )
        rows = np.einsum("tj,tjiu,ki->tku", along, slopes, level, optimize=True)
        transposed = np.swapaxes(rows, 1, 2)
        # The curvature is that of frames by themselves, which is more than that of averages: steps never go too far.
        normal.same += transposed @ (weight[..., None] ** 2 * rows)
        normal.gradient -= rot.apply(transposed, weight * _averaged(weight * beside, width))

    def _is_up(self, positions):
        """(T,) whether the legs are long enough under the pelvis for the feet to carry it: nobody is sure of a chair."""
        lengths = self._body.bone_lengths
        leg = sum(lengths[..., JOINTS.index(f"left_{joint}")] for joint in ("knee", "ankle"))
        ankles = positions[:, [FEET[0], FEET[2]]].mean(1)
        return (positions[:, 0] - ankles) @ self._up > _UPRIGHT * leg

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


def _count_for(squared, tail):
    """What of three errors with this sum of squares is left, by Student's distribution; all of it for an infinite tail."""
    return np.ones_like(squared) if np.isinf(tail) else np.sqrt((tail + 3) / (tail + squared))


def _averaged(values, width):
    """(T, C) the mean over time under a bell, in frames; a positive operator that is its own transpose."""
    count = len(values)
    away = np.arange(count)
    bell = np.exp(-0.5 * ((away[:, None] - away) / max(width, 1e-6)) ** 2)
    share = 1 / np.sqrt(bell.sum(1))
    return share[:, None] * (bell @ (share[:, None] * values))


def _lasting(memory):
    """Of a process u_t = memory_t u_{t-1} + what is new, of unit variance, (T - 1, ...): its precision, (T, ...) on the diagonal and
    (T - 1, ...) beside it, with the sign changed."""
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
    """(T, 29) metres: how far joints lie from where they are solved to be about the pelvis, over samples (K, T, 75)."""
    moved = np.einsum("tjiu,ktu->ktji", slopes - slopes[:, :1], samples, optimize=True)
    return np.sqrt((moved**2).sum(-1).mean(0))


def _axes_along(view):
    """(T, 3, 3) rotations that turn ``view`` (T, 3) into the third axis; of any kind where it is zero."""
    third = rot.normalize(view, fallback=[0.0, 0.0, 1.0])
    first = rot.any_perpendicular(third)
    return np.stack([first, rot.cross(third, first), third], -2)
