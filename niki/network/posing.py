"""The posing network: a pose and the joints that are pulled -> the change of every bone. numpy arrays or torch tensors.

It is told the pose that is there (:class:`Pull`) and predicts the change, so that it can keep what nobody pulled.
As "mlp" it is one plain network; as "flow" one bijection, displacements of joints <-> turns of bones, under the
same condition. Its metric is the covariance of how bones turn about that prediction, for two ways of following:
"local", in which only limbs that hold a pulled joint move, and "follow", in which the body moves as bodies do.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from ..body import rotation as rot
from ..body.rotation import Array
from ..body.skeleton import MIRROR, NUM_BONES, NUM_JOINTS, Body
from ..errors import NikiError
from .flow import Flow, FlowSpec
from .layers import initial_mlp, mlp, mlp_shapes
from .stored import load_network, save_network
from .uncertainty import sigma_from_metres

WEIGHTS = Path(__file__).parent / "weights" / "posing-1.npz"
"""The network that comes with the program."""
METRICS = ("local", "follow")
KINDS = ("metric", "mlp", "flow")
CHANGE, POINTS = 3 * NUM_BONES + 3, 3 * NUM_JOINTS
"""Values of a change: 24 turns, radians, and a move of the whole body, metres; and of all joints' displacements."""
CONDITION = 6 * NUM_BONES + POINTS + 3 * NUM_JOINTS + 1

_JOINT_SCALE, _DISPLACEMENT_SCALE, _LENGTH_SCALE = 2.0, 3.0, 4.0  # bring inputs to about unit size
_HALF = 0.05  # metres of pull at which half of what is predicted is given
_USUAL_LENGTH = float(Body.default().bone_lengths.sum())
_WIDEST, _DEEPEST = 4096, 64
_HINT = "expected what niki export-weights writes"


@dataclass(eq=False)
class Pull:
    """A pose and what is pulled, in the frame that the pose faces (:func:`facing`), the pelvis at the origin.

    Attributes:
        rotations: (..., 24, 3, 3) parent-relative.
        joints: (..., 29, 3) metres.
        displacement: (..., 29, 3) metres by which joints are pulled, zero where they are not. If the pelvis is
            pulled, it is relative to the pelvis.
        pulled: (..., 29) 1 where a joint is pulled or held in place, else 0.
        lengths: (..., 29) bone lengths, metres.
        follow: (...) how much the rest of the body follows, from 0 to 1.
    """

    rotations: Array
    joints: Array
    displacement: Array
    pulled: Array
    lengths: Array
    follow: Array

    def astype(self, dtype: DTypeLike) -> Pull:
        """The same in numpy arrays of another type."""
        return Pull(*(getattr(self, field.name).astype(dtype) for field in fields(self)))


@dataclass(frozen=True)
class PosingSpec:
    """The shape of a posing network.

    Attributes:
        kind: "mlp", "flow", or "metric" for the covariances alone.
        subnets: (width, residual blocks) of the network, or of each coupling of the flow.
    """

    kind: str = "mlp"
    subnets: tuple[tuple[int, int], ...] = ((384, 3),)

    def __post_init__(self):
        if self.kind not in KINDS:
            raise NikiError(f"A posing network's kind is {' or '.join(KINDS)}, not {self.kind!r}"[:120])
        try:
            object.__setattr__(self, "subnets", tuple(tuple(subnet) for subnet in self.subnets))
        except TypeError:
            raise NikiError("'subnets' must list pairs of width and blocks") from None
        for subnet in self.subnets:
            whole = len(subnet) == 2 and all(type(n) is int for n in subnet)
            if not whole or not (0 < subnet[0] <= _WIDEST and 0 < subnet[1] <= _DEEPEST):
                raise NikiError(f"A subnet is a pair of width and blocks, not {subnet!r}"[:120])
        most = {"metric": 0, "mlp": 1, "flow": _DEEPEST}[self.kind]
        if not min(most, 1) <= len(self.subnets) <= most:
            raise NikiError(
                f"A posing network of the kind {self.kind} cannot have {len(self.subnets)} subnets"
            )

    @property
    def flow(self) -> FlowSpec:
        """[0 | displacements] -> [change | latents]: the first coupling is a full regression of the change, the next
        compares it with the displacements, and so on."""
        return FlowSpec(CHANGE + POINTS, CHANGE, CONDITION, self.subnets)


class PosingNetwork:
    """A posing network with its weights.

    Turns are rotation vectors, radians, in the frame of each bone's parent, and for the pelvis in that of the
    heading: a bone's new rotation is that of its vector times the old one.

    Args:
        spec: its shape.
        weights: flat dict of arrays, among them ``metric.local`` and ``metric.follow`` (75, 75), square roots of the
            covariances, and ``spread`` (29, 29): metres of standard error per axis of each joint, given a metre of
            pull of another.
        remarks: notes on its training, stored with it.
    """

    def __init__(self, spec: PosingSpec, weights: dict, remarks: dict[str, str] | None = None):
        self.spec, self.weights, self.remarks = spec, weights, remarks or {}
        self._flow = Flow(spec.flow, weights, "flow") if spec.kind == "flow" else None

    @classmethod
    def initial(
        cls, spec: PosingSpec, metric: np.ndarray, spread: np.ndarray, rng: np.random.Generator
    ) -> PosingNetwork:
        """A network that predicts no change. ``metric`` (75, 75), the root of both covariances; ``spread`` (29, 29)."""
        weights = {f"metric.{name}": np.asarray(metric, np.float32) for name in METRICS}
        if spec.kind != "metric":
            weights["spread"] = np.asarray(spread, np.float32)
        if spec.kind == "mlp":
            weights |= initial_mlp("change", CONDITION + POINTS, *spec.subnets[0], CHANGE, rng)
        elif spec.kind == "flow":
            weights |= spec.flow.initial_weights("flow", rng)
        return cls(spec, weights)

    @classmethod
    def default(cls) -> PosingNetwork:
        """The network that comes with the program."""
        return _default_network()

    def predict(self, pull: Pull) -> tuple[Array, Array]:
        """The change to expect: turns (..., 24, 3) and the move of the whole body (..., 3), metres.

        It is exactly zero where nothing is pulled away. Where the pelvis is pulled, the body moves with it, and the move
        means nothing.
        """
        if self._flow is not None:
            return self.change_and_latents(pull)[:2]
        known = self._known(pull)
        xp = rot.namespace(known.condition)
        if self.spec.kind == "mlp":
            blocks = self.spec.subnets[0][1]
            inputs = xp.concatenate([known.condition, known.displacement], -1)
            change = rot.cast_like(
                mlp(self.weights, "change", blocks, inputs), inputs
            )  # mixed precision ends here
        else:
            change = xp.zeros_like(known.condition[..., :CHANGE])
        return known.parts(change)

    def change_and_latents(self, pull: Pull) -> tuple[Array, Array, Array]:
        """What a flow maps displacements to: turns and move as :meth:`predict`, and latents (..., 87).

        Raises:
            NikiError: the network is not a flow.
        """
        flow, known = self._bijection(), self._known(pull)
        xp = rot.namespace(known.condition)
        room = xp.zeros_like(known.condition[..., :CHANGE])
        y = flow.inverse(xp.concatenate([room, known.displacement], -1), known.condition)
        return *known.parts(y[..., :CHANGE]), y[..., CHANGE:]

    def forward(
        self, turns: Array, move: Array, pull: Pull, latents: Array | None = None
    ) -> tuple[Array, Array]:
        """A change -> displacements of joints, the inverse of :meth:`predict` of a flow.

        Args:
            turns: (..., 24, 3). move: (..., 3). pull: what is pulled by how much, of which only the condition is used;
                something has to be.
            latents: (..., 87), default zero.

        Returns:
            displacements (..., 29, 3), metres, and padding (..., 75), zero where displacements lead to the change.

        Raises:
            NikiError: the network is not a flow.
        """
        flow, known = self._bijection(), self._known(pull)
        xp = rot.namespace(turns)
        gate = xp.where(known.gate > 0, known.gate, 1 + 0 * known.gate)
        change = [turns.reshape(*turns.shape[:-2], CHANGE - 3), move / known.size]
        change = xp.concatenate(change, -1) / gate
        latents = xp.zeros_like(known.displacement) if latents is None else latents
        x = flow.forward(xp.concatenate([change, latents], -1), known.condition)
        displacement = x[..., CHANGE:] / _DISPLACEMENT_SCALE * known.size
        return displacement.reshape(*displacement.shape[:-1], NUM_JOINTS, 3), x[..., :CHANGE]

    def _bijection(self) -> Flow:
        if self._flow is None:
            raise NikiError(f"A posing network of the kind {self.spec.kind} has no inverse", "use a flow")
        return self._flow

    def covariance(self, follow: float) -> Array:
        """(75, 75) of a change about the predicted one, the same for both sides of the body.

        Args:
            follow: 0 for "local" .. 1 for "follow", blended between.
        """
        parts = []
        for name in METRICS:
            root = self.weights[f"metric.{name}"]
            product = root @ rot.transpose(root)
            parts.append((product + mirror_change(rot.transpose(mirror_change(product)))) / 2)
        return (1 - follow) * parts[0] + follow * parts[1]

    @property
    def size(self) -> int:
        """Number of trained weights."""
        return sum(w.size if isinstance(w, np.ndarray) else w.numel() for w in self.weights.values())

    def save(self, path: str | os.PathLike, dtype: DTypeLike = np.float16, **remarks: str) -> None:
        """Write spec, weights (as ``dtype``; the metric in single precision) and ``remarks`` as .npz.

        The file is replaced in one step.
        """
        save_network(path, asdict(self.spec), self.weights, dtype, remarks)

    @classmethod
    def load(cls, path: str | os.PathLike) -> PosingNetwork:
        """Read what :meth:`save` wrote; arithmetic is in float32.

        Raises:
            NikiError: the file is missing or is not a posing network, or a weight is missing, has the wrong shape
                or is not finite; the message names it.
        """
        return cls(*load_network(path, PosingSpec, weight_shapes, "a posing network", _HINT))

    def _known(self, pull: Pull) -> _Known:
        """What the network sees of a pull, as of a body of the usual size: what is twice as large moves alike."""
        xp = rot.namespace(pull.joints)
        batch = pull.joints.shape[:-2]
        size = pull.lengths.sum(-1)[..., None] / _USUAL_LENGTH
        displacement = pull.displacement / size[..., None]
        distance = xp.sqrt((displacement * displacement).sum(-1)) * pull.pulled
        if "spread" in self.weights:
            spread = xp.amax(distance[..., None] * rot.cast_like(self.weights["spread"], distance), -2)
        else:
            spread = xp.zeros_like(distance)
        parts = [
            rot.sixd_from_matrix(pull.rotations).reshape(*batch, 6 * NUM_BONES),
            (pull.joints * (_JOINT_SCALE / size[..., None])).reshape(*batch, POINTS),
            pull.pulled,
            rot.cast_like(sigma_from_metres(spread * (1 - pull.pulled)), pull.joints),
            pull.lengths * (_LENGTH_SCALE / size),
            pull.follow[..., None],
        ]
        farthest = xp.sqrt((distance * distance).sum(-1))[..., None]
        displacement = (displacement * _DISPLACEMENT_SCALE).reshape(*batch, POINTS)
        return _Known(xp.concatenate(parts, -1), displacement, farthest / (farthest + _HALF), size)


@dataclass(eq=False)
class _Known:
    """What a network sees of a pull.

    Attributes:
        condition: (..., CONDITION) all but the displacements: the pose, the body, what is pulled, and how uncertain
            the place of each other joint becomes by it.
        displacement: (..., 87) scaled to about unit size.
        gate: (..., 1) from 0 where nothing is pulled away towards 1.
        size: (..., 1) of the body, against the default body's.
    """

    condition: Array
    displacement: Array
    gate: Array
    size: Array

    def parts(self, change: Array) -> tuple[Array, Array]:
        """Turns (..., 24, 3) and the move (..., 3), metres, in the network's change (..., 75)."""
        change = change * self.gate
        return change[..., :-3].reshape(*change.shape[:-1], NUM_BONES, 3), change[..., -3:] * self.size


def facing(pelvis: Array) -> Array:
    """(..., 3, 3) the upright frame that a pelvis (..., 3, 3) faces: y up, z ahead; the world's where it faces
    straight up or down."""
    xp = rot.namespace(pelvis)
    ahead = pelvis[..., :, 2] * rot.cast_like([1.0, 0.0, 1.0], pelvis)
    length = rot.norm(ahead)
    level = length > 1e-3
    ahead = xp.where(
        level, ahead / xp.where(level, length, 1 + 0 * length), rot.cast_like([0.0, 0, 1], pelvis)
    )
    up = rot.cast_like([0.0, 1.0, 0.0], pelvis) + 0 * ahead
    return xp.stack([rot.cross(up, ahead), up, ahead], -1)


def mirror_change(change: Array) -> Array:
    """Changes (..., 75), with left and right exchanged."""
    return change[..., _MIRRORED] * rot.cast_like(_SIGNS, change)


_MIRRORED = [3 * bone + axis for bone in MIRROR[:NUM_BONES] for axis in range(3)] + [
    CHANGE - 3,
    CHANGE - 2,
    CHANGE - 1,
]
_SIGNS = np.append(np.tile([1.0, -1.0, -1.0], NUM_BONES), [-1.0, 1.0, 1.0])


@cache
def _default_network() -> PosingNetwork:
    network = PosingNetwork.load(WEIGHTS)
    if network.spec.kind != "metric":  # once, so that the first tick of a drag does not wait for the weights
        body = Body.default()
        rest = (
            np.tile(np.eye(3), (NUM_BONES, 1, 1)),
            body.rest_joints,
            0 * body.rest_joints,
            np.zeros(NUM_JOINTS),
        )
        network.predict(Pull(*rest, body.bone_lengths, np.zeros(())).astype(np.float32))
    return network


def weight_shapes(spec: PosingSpec, weights: dict | None = None) -> dict[str, tuple]:
    """The shape of each weight, by name, whichever ``weights`` there are."""
    shapes: dict[str, tuple] = {f"metric.{name}": (CHANGE, CHANGE) for name in METRICS}
    if spec.kind != "metric":
        shapes["spread"] = (NUM_JOINTS, NUM_JOINTS)
    if spec.kind == "mlp":
        shapes |= mlp_shapes("change", CONDITION + POINTS, *spec.subnets[0], CHANGE)
    elif spec.kind == "flow":
        shapes |= spec.flow.weight_shapes("flow")
    return shapes
