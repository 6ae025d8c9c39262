"""The posing network: what is known of how bodies move when some of their joints are pulled.

Its metric is the covariance of how bones turn together, learned for two ways of following: "local", in which only
limbs that hold a pulled joint move, and "follow", in which the body moves as bodies do. Works on numpy arrays
and torch tensors.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from ..body import rotation as rot
from ..body.rotation import Array
from ..body.skeleton import MIRROR, NUM_BONES
from ..errors import NikiError
from ..files import read_npz, save_npz

WEIGHTS = Path(__file__).parent / "weights" / "posing-1.npz"
"""The network that comes with the program."""
TURNS = 3 * NUM_BONES
METRICS = ("local", "follow")
KINDS = ("metric",)

_HINT = "expected what niki export-weights writes"


@dataclass(frozen=True)
class PosingSpec:
    """The shape of a posing network.

    Attributes:
        kind: "metric" for the covariances alone.
    """

    kind: str = "metric"

    def __post_init__(self):
        if self.kind not in KINDS:
            raise NikiError(f"A posing network's kind is {' or '.join(KINDS)}, not {self.kind!r}"[:120])


class PosingNetwork:
    """A posing network with its weights.

    Turns are rotation vectors, radians, in the frame of each bone's parent, and of the heading for the pelvis: a
    bone's new rotation is that of its vector times the old one.

    Args:
        spec: its shape.
        weights: flat dict of arrays: ``metric.local`` and ``metric.follow`` (72, 72), square roots of
            covariances.
        remarks: notes on its training, stored with it.
    """

    def __init__(self, spec: PosingSpec, weights: dict, remarks: dict[str, str] | None = None):
        self.spec, self.weights, self.remarks = spec, weights, remarks or {}

    @classmethod
    def default(cls) -> PosingNetwork:
        """The network that comes with the program."""
        return _default_network()

    def covariance(self, follow: float) -> Array:
        """(72, 72) radians squared: how bones turn together, the same for both sides of the body.

        Args:
            follow: 0 for "local" .. 1 for "follow", blended between.
        """
        parts = []
        for name in METRICS:
            root = self.weights[f"metric.{name}"]
            product = root @ rot.transpose(root)
            parts.append((product + mirror_turns(rot.transpose(mirror_turns(product)))) / 2)
        return (1 - follow) * parts[0] + follow * parts[1]

    def save(self, path: str | os.PathLike, dtype: DTypeLike = np.float16, **remarks: str) -> None:
        """Write spec, weights (as ``dtype``; the metric in single precision) and ``remarks`` as .npz.

        The file is replaced in one step.
        """
        kept = {name: np.float32 if name.startswith("metric.") else dtype for name in self.weights}
        values = {name: np.asarray(value, kept[name]) for name, value in self.weights.items()}
        save_npz(path, {"about": json.dumps({"spec": asdict(self.spec), **remarks}), **values})

    @classmethod
    def load(cls, path: str | os.PathLike) -> PosingNetwork:
        """Read what :meth:`save` wrote; arithmetic is in float32.

        Raises:
            NikiError: the file is missing or is not a posing network, or a weight is missing, has the wrong shape
                or is not finite; the message names it.
        """
        weights = read_npz(path, kind="a posing network", hint=_HINT)
        try:
            about = json.loads(weights.pop("about").item())
            spec = PosingSpec(**about.pop("spec"))
        except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
            raise NikiError(f"{path} is not a posing network", _HINT) from None
        except NikiError as error:
            raise NikiError(f"{path}: {error.message}") from None
        _check_weights(weights, spec, path)
        for name, value in weights.items():
            with np.errstate(over="ignore"):
                weights[name] = np.ascontiguousarray(value, np.float32)
            if not np.isfinite(weights[name]).all():
                raise NikiError(f"{path}: the weight {name} has a value that is not finite")
        return cls(spec, weights, about)


def mirror_turns(turns: Array) -> Array:
    """Turns (..., 72) of the bones, with left and right exchanged."""
    return turns[..., _MIRRORED] * rot.cast_like(_SIGNS, turns)


def facing(pelvis: Array) -> Array:
    """(..., 3, 3) the upright frame that a pelvis (..., 3, 3) faces: y up, z ahead; the world's where it faces straight
    up or down."""
    xp = rot.namespace(pelvis)
    ahead = pelvis[..., :, 2] * rot.cast_like([1.0, 0.0, 1.0], pelvis)
    length = rot.norm(ahead)
    ahead = xp.where(
        length > 1e-3,
        ahead / xp.where(length > 1e-3, length, 1 + 0 * length),
        rot.cast_like([0.0, 0, 1], pelvis),
    )
    up = rot.cast_like([0.0, 1.0, 0.0], pelvis) + 0 * ahead
    return xp.stack([rot.cross(up, ahead), up, ahead], -1)


_MIRRORED = [3 * bone + axis for bone in MIRROR[:NUM_BONES] for axis in range(3)]
_SIGNS = np.tile([1.0, -1.0, -1.0], NUM_BONES)


@cache
def _default_network() -> PosingNetwork:
    return PosingNetwork.load(WEIGHTS)


def weight_shapes(spec: PosingSpec) -> dict[str, tuple]:
    """The shape of each weight, by name."""
    return {f"metric.{name}": (TURNS, TURNS) for name in METRICS}


def _check_weights(weights: dict, spec: PosingSpec, path) -> None:
    """Raise NikiError unless the weights are exactly those that ``spec`` needs, in shape and number."""
    shapes = weight_shapes(spec)
    for name in sorted(shapes.keys() | weights.keys()):
        if name not in weights:
            raise NikiError(f"{path} lacks the weight {name}")
        if name not in shapes:
            raise NikiError(f"{path} has a weight {name!r} that does not belong to its network")
        if weights[name].dtype.kind != "f":
            raise NikiError(f"{path}: the weight {name} must hold decimal numbers")
        if weights[name].shape != shapes[name]:
            raise NikiError(
                f"{path}: the weight {name} must have shape {shapes[name]}, not {weights[name].shape}"
            )
