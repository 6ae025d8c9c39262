"""NIKI over time: the joints of a window of frames <-> their poses. Works on numpy arrays and torch tensors.

Each frame is moved into the body's own frame, as for a single one, but into one that turns smoothly: what is left of a
joint's error from frame to frame is then the joint's own, and frames can be averaged as they are. A flow over time
maps the joints of all frames to rotations, the place of the pelvis, and latents.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import DTypeLike

from ..body import rotation as rot
from ..body.rotation import Array
from ..body.skeleton import NUM_BONES, NUM_JOINTS, Bodies, Body
from ..errors import NikiError
from .model import (
    CONDITION,
    JOINT_SCALE,
    POINTS,
    POSE,
    TWIST,
    Observation,
    condition_of,
    error_head_shapes,
    joint_features,
    observe,
    twist_features,
    zeros_beside,
)
from .stored import load_network, save_network
from .temporal_flow import TemporalFlow, TemporalFlowSpec
from .uncertainty import KNOWN_BELOW

WINDOW = 64
"""Frames that the network sees at once, at most."""
RATE = 30.0
"""Frames per second that it knows."""
HALF = POSE + 3
"""Values of a frame on the side of the pose: 24 rotations in 6D, and the place of the pelvis; as many are latents."""

_SMOOTHED, _FARTHEST = 3.0, 10  # frames: standard deviation of the average of frames, and what it reaches
_ALIKE, _UNLIKE = 0.5, -0.17  # cosines of 60 and 100 degrees: frames that are averaged, and that are not
_TURN_SCALE, _MOVE_SCALE = 10.0, 20.0  # bring radians and metres from frame to frame to about unit size
_TEMPORAL_CONDITION = CONDITION + 7


@dataclass(eq=False)
class WindowObservation:
    """What is known of T frames, in a frame of the body that turns smoothly.

    Attributes:
        frames: (..., T, ...) as of single frames; ``frames.frame`` and ``frames.origin`` are smooth.
        turning, moving: (..., T, 3) how the body's frame turns (radians) and moves (metres) from each frame to the
            next, in itself.
        present: (..., T) bool: frames that are there, rather than fill a batch up.
    """

    frames: Observation
    turning: np.ndarray
    moving: np.ndarray
    present: np.ndarray


def observe_window(
    joints: Array,
    sigma: Array,
    view: Array,
    twist: Array,
    known: Array,
    body: Body | Bodies,
    present: Array | None = None,
) -> WindowObservation:
    """Joints of T frames in any frame of reference -> observation in the body's own.

    Frames of which no joint is known are bridged: the body's frame turns evenly through them.

    Args:
        joints, sigma, view, twist, known: (..., T, ...) as for :func:`niki.network.model.observe`.
        body: the proportions, one for all or batched with one axis for time.
        present: (..., T) bool: frames that are there; default all.
    """
    xp = rot.namespace(joints)
    single = observe(joints, sigma, view, twist, known, body)
    there: Array = xp.ones_like(joints[..., 0, 0]) > 0 if present is None else present
    seen = (sigma < KNOWN_BELOW).any(-1).any(-1) & there
    bridges = _bridges(seen, joints)
    sixd = bridges @ rot.cast_like(rot.sixd_from_matrix(single.frame), joints)
    average = _averages(rot.matrix_from_6d(sixd), there)
    frame = rot.matrix_from_6d(average @ sixd)
    origin = average @ (bridges @ rot.cast_like(single.origin, joints))
    into = rot.transpose(frame)
    frames = replace(
        single, frame=frame, origin=origin, view=rot.apply(into, view),
        joints=rot.apply(into[..., None, :, :], joints - origin[..., None, :]),
    )  # fmt: skip
    last = slice(-1, None)
    turn = into[..., :-1, :, :] @ frame[..., 1:, :, :]
    turning = xp.stack([turn[..., 2, 1] - turn[..., 1, 2], turn[..., 0, 2] - turn[..., 2, 0],
                        turn[..., 1, 0] - turn[..., 0, 1]], -1) / 2  # fmt: skip
    moving = rot.apply(into[..., :-1, :, :], origin[..., 1:, :] - origin[..., :-1, :])
    follows = (there[..., 1:] & there[..., :-1])[..., None]
    turning, moving = (xp.where(follows, part, xp.zeros_like(part)) for part in (turning, moving))
    nothing = xp.zeros_like(origin[..., last, :])
    turning, moving = (xp.concatenate([part, nothing], -2) for part in (turning, moving))
    return WindowObservation(frames, turning, moving, there)


def _averages(frames, present):
    """(..., T, T) rows that average the neighbours of each frame (..., T, 3, 3), but none that are turned far from it: a
    front end sees a person from the other side from one frame to the next."""
    xp, length = rot.namespace(frames), frames.shape[-3]
    apart = np.arange(length)[:, None] - np.arange(length)
    near = np.exp(-0.5 * (apart / _SMOOTHED) ** 2) * (np.abs(apart) <= _FARTHEST)
    flat = frames.reshape(*frames.shape[:-2], 9)
    cosine = (flat @ rot.transpose(flat) - 1) / 2  # of the angle between two frames
    alike = xp.clip((cosine - _UNLIKE) / (_ALIKE - _UNLIKE), 0.0, 1.0)
    weights = rot.cast_like(near, frames) * alike * rot.cast_like(present, frames)[..., None, :]
    return weights / xp.clip(weights.sum(-1), 1e-6, None)[..., None]


def _bridges(seen, like):
    """(..., T, T) rows that take what is known where ``seen``, and evenly bridge it between."""
    xp = rot.namespace(like)
    length = seen.shape[-1]
    time = rot.cast_like(np.arange(length), like)
    anything = xp.zeros_like(like[..., 0, 0])[..., None] + time  # (..., T, T): the frame in each column
    far = length + 1.0
    earlier = (anything <= time[:, None]) & seen[..., None, :]
    later = (anything >= time[:, None]) & seen[..., None, :]
    before = xp.amax(xp.where(earlier, anything, xp.zeros_like(anything) - far), -1)
    after = xp.amin(xp.where(later, anything, xp.zeros_like(anything) + far), -1)
    nobody = (before < 0) & (after > length)
    before, after = (
        xp.where(nobody, time, xp.where(before < 0, after, before)),
        xp.where(nobody, time, xp.where(after > length, before, after)),
    )
    part = xp.clip((time - before) / xp.clip(after - before, 1.0, None), 0.0, 1.0)
    bridge = (anything == before[..., None]) * (1 - part)[..., None]
    return bridge + (anything == after[..., None]) * part[..., None]


@dataclass(eq=False)
class WindowSolution:
    """What the network makes of T frames, in the body's own frame.

    Attributes:
        pose: (..., T, 144) rotations in 6D, not yet orthonormal; the root's relative to the frame.
        place: (..., T, 3) metres: the pelvis in the frame.
        latents: (..., T, HALF) what the observation says beyond the pose: its error.
    """

    pose: np.ndarray
    place: np.ndarray
    latents: np.ndarray


@dataclass(frozen=True)
class TemporalSpec:
    """The size of a network over time.

    Attributes:
        couplings: (hidden width, blocks of attention) of each coupling's network.
        heads: of attention.
        kind: "temporal"; tells its files from those of other networks.
    """

    couplings: tuple[tuple[int, int], ...] = ((256, 2), (256, 1), (256, 1), (256, 1))
    heads: int = 4
    kind: str = "temporal"

    def __post_init__(self):
        if self.kind != "temporal":
            raise NikiError("A network over time is of the kind temporal")
        try:
            object.__setattr__(self, "couplings", tuple(tuple(c) for c in self.couplings))
        except TypeError:
            raise NikiError("'couplings' must be pairs of width and blocks") from None
        if type(self.heads) is not int or not 1 <= self.heads <= 64 or not 1 <= len(self.couplings) <= 64:
            raise NikiError("A network over time has 1 to 64 couplings and 1 to 64 heads")
        for coupling in self.couplings:
            whole = len(coupling) == 2 and all(type(n) is int for n in coupling)
            if not whole or not (0 < coupling[0] <= 4096 and 1 <= coupling[1] <= 16):
                raise NikiError(f"A coupling is a pair of width and blocks, not {coupling!r}"[:120])
            if coupling[0] % self.heads:
                raise NikiError(f"The width {coupling[0]} cannot be shared among {self.heads} heads")

    def as_dict(self) -> dict:
        """A dict to store; ``TemporalSpec(**...)`` restores the spec."""
        return asdict(self)

    @property
    def flow(self) -> TemporalFlowSpec:
        """The shape of its flow."""
        shape = (2 * HALF, HALF, _TEMPORAL_CONDITION, self.couplings)
        return TemporalFlowSpec(*shape, heads=self.heads, reach=WINDOW - 1)


class TemporalNetwork:
    """A network over time with its weights: [0 | joints, twist, 0] <-> [rotations, place | latents] of each frame.

    Args:
        spec: its size.
        weights: flat dict of arrays, among them the mean pose, twist and joints of the training data.
        remarks: notes on its training, stored with it.
    """

    def __init__(self, spec: TemporalSpec, weights: dict, remarks: dict[str, str] | None = None):
        self.spec, self.weights, self.remarks = spec, weights, remarks or {}
        self._flow = TemporalFlow(spec.flow, weights, "flow")

    @classmethod
    def initial(cls, spec: TemporalSpec, means: dict, rng: np.random.Generator) -> TemporalNetwork:
        """Random weights around ``means`` (mean_pose, mean_twist, mean_joints)."""
        weights = {name: np.asarray(value, np.float32) for name, value in means.items()}
        return cls(spec, weights | spec.flow.initial_weights("flow", rng))

    def inverse(self, observation: WindowObservation) -> WindowSolution:
        """Observation of a window -> poses, places and latents."""
        x, condition = self._observed(observation), self._condition(observation)
        y = self._flow.inverse(x, condition)
        pose = y[..., :POSE] + rot.cast_like(self.weights["mean_pose"], y)
        return WindowSolution(pose, y[..., POSE:HALF] / JOINT_SCALE, y[..., HALF:])

    def forward(self, solution: WindowSolution, observation: WindowObservation) -> tuple[Array, Array, Array]:
        """Poses, places and latents -> joints and twists, the inverse of :meth:`inverse`.

        Args:
            observation: only its condition is used.

        Returns:
            joints (..., T, 29, 3), twist (..., T, 23, 2) and padding (..., T, k), zero where an observation leads
            to the solution. Unknown joints and twists are what they would have to be.
        """
        xp = rot.namespace(solution.pose)
        pose = solution.pose - rot.cast_like(self.weights["mean_pose"], solution.pose)
        y = xp.concatenate([pose, solution.place * JOINT_SCALE, solution.latents], -1)
        x = self._flow.forward(y, self._condition(observation))
        joints, twist = x[..., HALF : HALF + POINTS], x[..., HALF + POINTS : HALF + POINTS + TWIST]
        padding = xp.concatenate([x[..., :HALF], x[..., HALF + POINTS + TWIST :]], -1)
        joints = joints.reshape(*joints.shape[:-1], NUM_JOINTS, 3) / JOINT_SCALE
        twist = twist + rot.cast_like(self.weights["mean_twist"], twist)
        return (
            joints + rot.cast_like(self.weights["mean_joints"], joints),
            twist.reshape(*twist.shape[:-1], NUM_BONES - 1, 2),
            padding,
        )

    def log_determinant(self, observation: WindowObservation) -> Array:
        """(...) logarithm of the absolute determinant of the Jacobian of the map from [0 | joints, twist, 0] to
        [rotations, place | latents], all scaled as the network has them, of the whole window."""
        return self._flow.log_determinant(self._observed(observation), self._condition(observation))

    def save(self, path: str | os.PathLike, dtype: DTypeLike = np.float16, **remarks: str) -> None:
        """Write spec, weights (as ``dtype``; the means in single precision) and ``remarks`` as .npz."""
        save_network(path, self.spec.as_dict(), self.weights, dtype, remarks)

    @classmethod
    def load(cls, path: str | os.PathLike) -> TemporalNetwork:
        """Read what :meth:`save` wrote; arithmetic is in float32.

        Raises:
            NikiError: the file is missing or is not a temporal NIKI, or a weight is missing, has the wrong shape or
                is not finite; the message names it.
        """
        hint = 'expected what niki export-weights writes of a run with kind = "temporal"'
        return cls(*load_network(path, TemporalSpec, _weight_shapes, "a temporal NIKI network", hint))

    @property
    def size(self) -> int:
        """Number of trained weights."""
        return sum(w.size if isinstance(w, np.ndarray) else w.numel() for w in self.weights.values())

    def _observed(self, observation: WindowObservation):
        """(..., T, 2 HALF) [0 | joints, twist, 0]."""
        frames = observation.frames
        joints, twist = joint_features(frames, self.weights), twist_features(frames, self.weights)
        parts = [zeros_beside(joints, HALF), joints, twist, zeros_beside(joints, HALF - POINTS - TWIST)]
        return rot.namespace(joints).concatenate(parts, -1)

    def _condition(self, observation: WindowObservation):
        condition = condition_of(observation.frames)
        present = rot.cast_like(observation.present, condition)[..., None]
        turning, moving = observation.turning * _TURN_SCALE, observation.moving * _MOVE_SCALE
        return rot.namespace(condition).concatenate([condition, turning, moving, present], -1)


def _weight_shapes(spec: TemporalSpec, weights: dict) -> dict[str, tuple]:
    shapes = {"mean_pose": (POSE,), "mean_twist": (TWIST,), "mean_joints": (NUM_JOINTS, 3)}
    return shapes | spec.flow.weight_shapes("flow") | error_head_shapes(weights)
