"""NIKI: uncertain joints <-> pose through invertible networks. Works on numpy arrays and torch tensors.

An observation is first moved into the body's own frame (:func:`observe`), so that accuracy does not
depend on which way a person faces or lies. The flow then maps it to rotations and latents
(Li et al., NIKI, CVPR 2023, section 3): in one stage, or in two, joints -> swing, then swing and
twist -> rotation. The uncertainty of each joint and the bones' lengths
condition the flow, the same in both directions.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import DTypeLike

from ..body import rotation as rot
from ..body.rotation import Array
from ..body.skeleton import JOINTS, KINDS, NUM_BONES, NUM_JOINTS, Bodies, Body
from ..errors import NikiError
from .flow import Flow, FlowSpec
from .layers import initial_mlp, mlp, mlp_shapes, residual_mlp
from .stored import load_network, save_network
from .uncertainty import KNOWN_BELOW, metres_from_sigma

POSE, TWIST, POINTS = 6 * NUM_BONES, 2 * (NUM_BONES - 1), 3 * NUM_JOINTS

_GROUPS = [
    [i for i in range(1, NUM_JOINTS) if KINDS[i] in kinds]
    for kinds in (
        ("hip",), ("knee",), ("ankle",), ("foot", "big_toe"), ("spine1", "spine2", "spine3"), ("neck",),
        ("collar",), ("head", "head_top"), ("shoulder",), ("elbow",), ("wrist",), ("hand", "middle_finger"),
    )
]  # fmt: skip
_RELATIVE_LENGTHS = np.array([[float(i in group) for group in _GROUPS] for i in range(NUM_JOINTS)])
_RELATIVE_LENGTHS /= Body.default().bone_lengths @ _RELATIVE_LENGTHS  # (29, 12): lengths -> 1 where usual
CONDITION = 2 * NUM_JOINTS + 3 + (NUM_BONES - 1) + len(_GROUPS)
ERROR_INPUTS = CONDITION + 2 * POINTS
_REGRESSED = POINTS + TWIST + CONDITION  # a regressor's inputs
JOINT_SCALE, _LENGTH_SCALE, _RESIDUAL_SCALE = 3.0, 5.0, 5.0  # bring inputs to about unit size
_MOST_LENGTH = 0.5  # log: people from 0.6 to 1.65 times as large; bones seen end-on may be measured a tenth
_USUAL_LOG_ERROR = -3.5  # 3 cm

_USUAL = {  # mean offset of a joint from the rest pose, pelvis fixed, and rms distance from there
    "pelvis": (0, 0, 0, 0.003), "hip": (0, 0, 0, 0.003), "spine1": (0, 0, 0, 0.003),
    "spine2": (0, -0.01, 0.02, 0.035), "spine3": (0, -0.01, 0.02, 0.05), "neck": (0, -0.02, 0.04, 0.11),
    "collar": (0, -0.02, 0.03, 0.09), "shoulder": (-0.01, -0.01, 0.04, 0.11),
    "head": (0, -0.03, 0.04, 0.14), "head_top": (0, -0.05, 0.09, 0.20), "knee": (-0.02, 0.07, 0.14, 0.18),
    "ankle": (-0.01, 0.12, 0.05, 0.28), "foot": (0, 0.13, 0.03, 0.30), "big_toe": (0, 0.13, 0.02, 0.32),
    "elbow": (-0.21, -0.20, 0.08, 0.21), "wrist": (-0.47, -0.29, 0.20, 0.36),
    "hand": (-0.54, -0.30, 0.23, 0.42), "middle_finger": (-0.62, -0.33, 0.27, 0.48),
}  # fmt: skip
_LEFT = np.array([[-1.0 if "right_" in joint else 1.0, 1.0, 1.0] for joint in JOINTS])
USUAL_OFFSET = np.array([_USUAL[kind][:3] for kind in KINDS]) * _LEFT
USUAL_SPREAD = np.array([_USUAL[kind][3] for kind in KINDS]) / np.sqrt(3)


@dataclass(eq=False)
class Observation:
    """What is known of a pose, in the body's own frame.

    Attributes:
        joints: (..., 29, 3) metres, pelvis near the origin.
        sigma: (..., 29, 2) uncertainty across and along the view, 0 exact .. 1 unknown.
        view: (..., 3) unit direction of view, or zero where there is none.
        twist: (..., 23, 2) cosine and sine. known: (..., 23) 1 where the twist is known, else 0.
        lengths: (..., 29) bone lengths, metres.
        frame: (..., 3, 3) rotation from the body's frame to the frame of the input joints.
        origin: (..., 3) metres: the origin of the body's frame in the frame of the input joints.
    """

    joints: np.ndarray
    sigma: np.ndarray
    view: np.ndarray
    twist: np.ndarray
    known: np.ndarray
    lengths: np.ndarray
    frame: np.ndarray
    origin: np.ndarray


def observe(
    joints: Array,
    sigma: Array,
    view: Array,
    twist: Array,
    known: Array,
    body: Body | Bodies,
) -> Observation:
    """Joints in any frame -> observation in the body's own.

    The frame is that of the average pose fitted to the joints by weighted least squares (Kabsch). A
    joint's weight falls with its uncertainty and with how far it usually strays from the average pose.
    Where the pelvis, hips and lowest spine are certain, the frame is exactly the pelvis's own.

    Args:
        joints, sigma, view, twist, known: as in :class:`Observation`, view in the joints' frame.
        body: the proportions.
    """
    rest = rot.cast_like(body.rest_joints - body.pelvis[..., None, :], joints) + rot.cast_like(
        USUAL_OFFSET, joints
    )
    # Cast to single precision: in double the network runs at half speed, for a single pose even slower.
    error = rot.cast_like(metres_from_sigma(rot.namespace(joints).clip(sigma, 0, 1 - 1e-6)), joints)
    variance = (2 * error[..., 0] ** 2 + error[..., 1] ** 2) / 3 + rot.cast_like(USUAL_SPREAD**2, joints)
    weights = (1 / variance) / (1 / variance).sum(-1)[..., None]
    middle = (weights[..., None] * joints).sum(-2)
    rest_middle = (weights[..., None] * rest).sum(-2)
    centered, rest_centered = joints - middle[..., None, :], rest - rest_middle[..., None, :]
    frame = rot.kabsch(rest_centered, centered, weights)
    into_body = rot.cast_like(rot.transpose(frame), joints)
    return Observation(
        rot.apply(into_body[..., None, :, :], centered) + rest_middle[..., None, :],
        sigma,
        rot.apply(into_body, view),
        twist,
        known,
        rot.cast_like(body.bone_lengths, joints) + 0 * joints[..., 0],
        frame,
        middle - rot.apply(rot.cast_like(frame, joints), rest_middle),
    )


def condition_of(observation: Observation) -> Array:
    """(..., CONDITION) values that condition the flow in both directions."""
    xp = rot.namespace(observation.joints)
    groups = xp.log(observation.lengths @ rot.cast_like(_RELATIVE_LENGTHS, observation.lengths))
    groups = xp.clip(groups, -_MOST_LENGTH, _MOST_LENGTH)
    sigma = observation.sigma
    return xp.concatenate(
        [
            sigma.reshape(*sigma.shape[:-2], 2 * NUM_JOINTS),
            observation.view,
            observation.known,
            _LENGTH_SCALE * groups,
        ],
        -1,
    )


def error_features(observation: Observation, solved: Array) -> Array:
    """(..., ERROR_INPUTS) values from which the error of a solved pose is predicted.

    Args:
        solved: (..., 29, 3) metres: the solved joints in the body's frame, pelvis at the origin.
    """
    xp = rot.namespace(solved)
    known = (observation.sigma < KNOWN_BELOW).any(-1)[..., None]
    residual = xp.where(known, observation.joints - solved, xp.zeros_like(solved)) * _RESIDUAL_SCALE
    parts = [part.reshape(*part.shape[:-2], POINTS) for part in (solved, residual)]
    return xp.concatenate([condition_of(observation), *parts], -1)


def joint_features(observation: Observation, weights: dict) -> Array:
    """(..., 87) joint positions about the weights' mean, scaled to about unit size; zero where unknown."""
    xp = rot.namespace(observation.joints)
    mean = rot.cast_like(weights["mean_joints"], observation.joints)
    features = (observation.joints - mean) * JOINT_SCALE
    unknown = (observation.sigma >= KNOWN_BELOW).all(-1)[..., None]
    features = xp.where(unknown, xp.zeros_like(features), features)
    return features.reshape(*features.shape[:-2], POINTS)


def twist_features(observation: Observation, weights: dict) -> Array:
    """(..., 46) twists about the weights' mean; zero where unknown."""
    mean = rot.cast_like(weights["mean_twist"], observation.joints).reshape(NUM_BONES - 1, 2)
    features = (observation.twist - mean) * observation.known[..., None]
    return features.reshape(*features.shape[:-2], TWIST)


def log_error(weights: dict, features: Array) -> Array:
    """(..., 29) logarithm of the expected error of each solved joint in metres, from :func:`error_features`, by the
    error head in ``weights``."""
    return residual_mlp(weights, "error", features) + _USUAL_LOG_ERROR


@dataclass(eq=False)
class Solution:
    """What a network makes of an observation, in the body's own frame.

    Attributes:
        pose: (..., 144) rotations in 6D, not yet orthonormal; the root's relative to the frame.
        swing: (..., 144) the swings in 6D; None in one stage.
        latents: (..., n) what the observation says beyond the pose: its error; None for a regressor.
    """

    pose: Array
    swing: np.ndarray | None = None
    latents: np.ndarray | None = None


_WIDEST, _DEEPEST = 16384, 64  # of any network that there will be


@dataclass(frozen=True)
class NetworkSpec:
    """The kind and size of a network.

    Attributes:
        kind: "flow", or "regressor", the baseline, which has no inverse.
        first: (hidden width, residual blocks) of each subnet of the flow's only or first stage, or of
            the regressor. Without blocks they are the plain subnets of the published NIKI.
        second: the same for the second stage, (swing, twist) -> rotation; empty for one stage.
        reference: use the published layout, in which joints, sigma and padding are mixed by alternating
            masks in the frame of the input, without a condition.
    """

    kind: str = "flow"
    first: tuple[tuple[int, int], ...] = ((384, 3), (384, 1), (384, 1), (384, 1))
    second: tuple[tuple[int, int], ...] = ((384, 1), (384, 1), (384, 1))
    reference: bool = False

    def __post_init__(self):
        for name in ("first", "second"):
            try:
                object.__setattr__(self, name, tuple(tuple(subnet) for subnet in getattr(self, name)))
            except TypeError:
                raise NikiError(f"'{name}' must list subnets as pairs of width and blocks") from None
            for subnet in getattr(self, name):
                whole = len(subnet) == 2 and all(type(n) is int for n in subnet)
                if not whole or not (0 < subnet[0] <= _WIDEST and 0 <= subnet[1] <= _DEEPEST):
                    raise NikiError(f"A subnet is a pair of width and blocks, not {subnet!r}"[:120])
        if self.kind not in ("flow", "regressor") or not 0 < len(self.first) + len(self.second) <= _DEEPEST:
            raise NikiError("A network is a flow or a regressor of 1 to 64 subnets")
        if not self.first or type(self.reference) is not bool or (self.reference and self.kind != "flow"):
            raise NikiError(
                "A network needs a subnet in its first stage, and only a flow can have the published layout"
            )

    def as_dict(self) -> dict:
        """A dict to store; ``NetworkSpec(**...)`` restores the spec."""
        return asdict(self)


class Network:
    """A network with its weights.

    The first stage maps [0 | joints, 0] to [swing | latents], the second [swing | twist, 0] to
    [rotations | latents]; in one stage [0 | joints, twist, 0] to [rotations | latents]. The zeros
    make room: the first coupling is then a full regression of the pose, the next compares it with
    the observation, and so on.

    Args:
        spec: its shape.
        weights: flat dict of arrays, among them the mean pose, swing, twist and joints of the
            training data, around which the network works. Trained ones may have ``turns`` (72, 72), the root of the
            covariance of how bones turn together about the network's pose, of unit mean variance.
        remarks: notes on its training, stored with it.
    """

    def __init__(self, spec: NetworkSpec, weights: dict, remarks: dict[str, str] | None = None):
        self.spec, self.weights, self.remarks = spec, weights, remarks or {}
        flows = _flow_specs(spec)
        self._first: Flow = Flow(flows[0], weights, "first") if flows else None  # pyright: ignore[reportAttributeAccessIssue]
        self._second = Flow(flows[1], weights, "second") if len(flows) > 1 else None

    @classmethod
    def initial(cls, spec: NetworkSpec, means: dict, rng: np.random.Generator) -> Network:
        """Random weights around ``means`` (mean_pose, mean_swing, mean_twist, mean_joints)."""
        weights = {name: np.asarray(value, np.float32) for name, value in means.items()}
        for name, flow in zip(("first", "second"), _flow_specs(spec), strict=False):
            weights |= flow.initial_weights(name, rng)
        if spec.kind == "regressor":
            hidden, blocks = spec.first[0]
            weights |= initial_mlp("regressor", _REGRESSED, hidden, blocks, POSE, rng)
        return cls(spec, weights)

    def inverse(self, observation: Observation) -> Solution:
        """Observation -> pose and latents."""
        xp = rot.namespace(observation.joints)
        joints, twist = joint_features(observation, self.weights), twist_features(observation, self.weights)
        mean_pose = rot.cast_like(self.weights["mean_pose"], joints)
        condition = self._condition(observation)
        if self.spec.kind == "regressor":
            blocks = self.spec.first[0][1]
            out = mlp(self.weights, "regressor", blocks, xp.concatenate([joints, twist, condition], -1))
            return Solution(rot.cast_like(out, joints) + mean_pose)
        if self._second is None:
            y = self._first.inverse(self._padded(joints, twist), condition)
            return Solution(y[..., :POSE] + mean_pose, latents=y[..., POSE:])
        if self.spec.reference:
            joints = xp.concatenate([joints, observation.sigma.mean(-1)], -1)
        y = self._first.inverse(self._padded(joints), condition)
        swing, first = y[..., :POSE], y[..., POSE:]
        y = self._second.inverse(self._with_twist(swing, twist), condition)
        return Solution(
            y[..., :POSE] + mean_pose,
            swing + rot.cast_like(self.weights["mean_swing"], joints),
            xp.concatenate([first, y[..., POSE:]], -1),
        )

    def forward(self, pose: Array, observation: Observation, latents: Array = None) -> Array:
        """Pose and latents -> joints and twist, the inverse of :meth:`inverse`.

        Args:
            pose: (..., 144) rotations in 6D. observation: only its condition is used.
            latents: (..., n); default zero, no error.

        Returns:
            joints (..., 29, 3), twist (..., 23, 2), swing (..., 144) or None, and padding (..., k),
            zero where an observation leads to the pose.
        """
        xp = rot.namespace(pose)
        if latents is None:
            latents = zeros_beside(pose, self.latents)
        condition = self._condition(observation)
        y = pose - rot.cast_like(self.weights["mean_pose"], pose)
        swing = None
        if self._second is not None:
            kept = self._first.spec.width - POSE
            second = self._second.forward(xp.concatenate([y, latents[..., kept:]], -1), condition)
            swing, latents = second[..., :POSE], latents[..., :kept]
            twist, spare = second[..., POSE : POSE + TWIST], second[..., POSE + TWIST :]
            x = self._first.forward(xp.concatenate([swing, latents], -1), condition)
            joints, padding = self._unpadded(x, spare)
            swing = swing + rot.cast_like(self.weights["mean_swing"], pose)
        else:
            x = self._first.forward(xp.concatenate([y, latents], -1), condition)
            joints, padding = self._unpadded(x, x[..., :0])
            twist, padding = padding[..., -TWIST:], padding[..., :-TWIST]
        joints = joints.reshape(*joints.shape[:-1], NUM_JOINTS, 3) / JOINT_SCALE
        twist = twist + rot.cast_like(self.weights["mean_twist"], pose).reshape(TWIST)
        return (
            joints + rot.cast_like(self.weights["mean_joints"], pose),
            twist.reshape(*twist.shape[:-1], NUM_BONES - 1, 2),
            swing,
            padding,
        )

    def save(self, path: str | os.PathLike, dtype: DTypeLike = np.float16, **remarks: str) -> None:
        """Write spec, weights (as ``dtype``; the means in single precision) and ``remarks`` as .npz.

        The file is replaced in one step.
        """
        save_network(path, self.spec.as_dict(), self.weights, dtype, remarks)

    @classmethod
    def load(cls, path: str | os.PathLike) -> Network:
        """Read what :meth:`save` wrote; arithmetic is in float32.

        Raises:
            NikiError: the file is missing or is not a NIKI network, or a weight is missing, has the wrong
                shape or is not finite; the message names it.
        """
        hint = "expected what niki export-weights writes"
        spec, weights, about = load_network(path, NetworkSpec, _weight_shapes, "a NIKI network", hint)
        return cls(spec, weights, about)

    @property
    def latents(self) -> int:
        """Number of latents."""
        widths = [flow.spec.width - POSE for flow in (self._first, self._second) if flow is not None]
        return sum(widths)

    @property
    def size(self) -> int:
        """Number of trained weights."""
        return sum(w.size if isinstance(w, np.ndarray) else w.numel() for w in self.weights.values())

    def _condition(self, observation):
        return observation.joints[..., 0, :0] if self.spec.reference else condition_of(observation)

    def _padded(self, *features):
        """[0 | features, 0], or as published [features, 0], to the first stage's width."""
        xp = rot.namespace(*features)
        width = self._first.spec.width
        given = xp.concatenate(features, -1)
        missing = width - given.shape[-1]
        before = 0 if self.spec.reference else POSE
        return xp.concatenate([zeros_beside(given, before), given, zeros_beside(given, missing - before)], -1)

    def _unpadded(self, x, spare):
        """Inverse of :meth:`_padded`: joints, and the rest (sigma as published counts with it)."""
        start = 0 if self.spec.reference else POSE
        xp = rot.namespace(x)
        joints, after = x[..., start : start + POINTS], x[..., start + POINTS :]
        if self._second is None:
            twist, after = after[..., :TWIST], after[..., TWIST:]
            return joints, xp.concatenate([x[..., :start], after, twist], -1)
        if self.spec.reference:
            after = after[..., NUM_JOINTS:]
        return joints, xp.concatenate([x[..., :start], after, spare], -1)

    def _with_twist(self, swing, twist):
        xp = rot.namespace(swing)
        missing = self._second.spec.width - POSE - TWIST  # pyright: ignore[reportOptionalMemberAccess]
        return xp.concatenate([swing, twist, zeros_beside(swing, missing)], -1)


def zeros_beside(reference: Array, count: int) -> Array:
    """(..., count) zeros for ``reference`` (..., n)."""
    return rot.cast_like(np.zeros(count), reference) + rot.namespace(reference).zeros_like(reference[..., :1])


def _flow_specs(spec: NetworkSpec) -> list[FlowSpec]:
    if spec.kind == "regressor":
        return []
    if spec.reference:  # NIKI's released code: 144 + 32 and 144 + 46 values
        first = FlowSpec(POSE + 32, (POSE + 32) // 2, 0, spec.first, alternating=True)
        return [first, FlowSpec(POSE + TWIST, (POSE + TWIST) // 2, 0, spec.second, alternating=True)]
    first = FlowSpec(2 * POSE, POSE, CONDITION, spec.first)
    if not spec.second:
        return [first]
    return [first, replace(first, subnets=spec.second, first="B")]


def _weight_shapes(spec: NetworkSpec, weights: dict) -> dict[str, tuple]:
    """The shapes of the weights that ``spec`` needs; an error head may have any width and depth."""
    shapes = {"mean_pose": (POSE,), "mean_twist": (TWIST,), "mean_joints": (NUM_JOINTS, 3)}
    flows = _flow_specs(spec)
    if len(flows) > 1 or "mean_swing" in weights:
        shapes["mean_swing"] = (POSE,)
    for name, flow in zip(("first", "second"), flows, strict=False):
        shapes |= flow.weight_shapes(name)
    if spec.kind == "regressor":
        shapes |= mlp_shapes("regressor", _REGRESSED, *spec.first[0], POSE)
    if "turns" in weights:
        shapes["turns"] = (3 * NUM_BONES, 3 * NUM_BONES)
    return shapes | error_head_shapes(weights)


def error_head_shapes(weights: dict) -> dict[str, tuple]:
    """The shapes of the error head's weights, if ``weights`` have one, of its own width and depth."""
    if not any(name.startswith("error.") for name in weights):
        return {}
    blocks = sum(name.startswith("error.") and name.endswith(".norm.weight") for name in weights)
    hidden = len(np.atleast_1d(weights.get("error.first.bias", 0)))
    return mlp_shapes("error", ERROR_INPUTS, hidden, max(blocks, 1), NUM_JOINTS)
