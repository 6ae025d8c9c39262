"""Normalizing flow of affine couplings (Dinh et al., Real NVP, ICLR 2017), the core of NIKI.

Works on numpy arrays and torch tensors. As in NIKI (Li et al., CVPR 2023, section 3.2), ``inverse`` is the
direction of inverse kinematics, observation -> pose, and ``forward`` that of kinematics, pose -> observation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..body import rotation as rot
from ..body.rotation import Array
from .layers import initial_mlp, mlp, mlp_shapes


@dataclass(frozen=True)
class FlowSpec:
    """The shape of a flow.

    Attributes:
        width: number of values, the same on both sides.
        split: the first ``split`` values are part A, the others part B.
        condition: number of values that condition the flow, the same in both directions.
        subnets: (hidden width, residual blocks) of each coupling's network, in the order of
            ``inverse``. Without blocks it is the plain network of the published NIKI.
        first: the part that the first coupling changes, "A" or "B"; the couplings take turns.
        alternating: values with an even index are part A and the others part B, as in the published
            NIKI's masks.
    """

    width: int
    split: int
    condition: int
    subnets: tuple[tuple[int, int], ...]
    first: str = "A"
    alternating: bool = False

    @property
    def order(self) -> np.ndarray:
        """(width,) indices of the values, part A before part B."""
        indices = np.arange(self.width)
        return np.concatenate([indices[::2], indices[1::2]]) if self.alternating else indices

    def changed_part(self, coupling: int) -> int:
        """The part that a coupling changes, given the other: 0 for A, 1 for B."""
        return (coupling + "AB".index(self.first)) % 2

    def initial_weights(self, name: str, rng: np.random.Generator) -> dict:
        """Random weights, with which the flow is the identity."""
        weights = {}
        for k, sizes in enumerate(self._sizes()):
            weights |= initial_mlp(f"{name}.{k}", *sizes, rng)
        return weights

    def weight_shapes(self, name: str) -> dict[str, tuple]:
        """The shape of each weight, by name."""
        shapes = {}
        for k, sizes in enumerate(self._sizes()):
            shapes |= mlp_shapes(f"{name}.{k}", *sizes)
        return shapes

    def _sizes(self) -> list[tuple[int, int, int, int]]:
        """Inputs, hidden width, residual blocks and outputs of each coupling's network."""
        sizes = []
        for k, (hidden, blocks) in enumerate(self.subnets):
            changed = (self.split, self.width - self.split)[self.changed_part(k)]
            sizes.append((self.width - changed + self.condition, hidden, blocks, 2 * changed))
        return sizes


class Flow:
    """A bijection of (..., width) for every condition (..., condition).

    Args:
        spec: its shape.
        weights: dict of arrays with the flow's weights, whose names start with ``name``.
    """

    def __init__(self, spec: FlowSpec, weights: dict, name: str):
        self.spec, self.weights, self.name = spec, weights, name
        self._order = spec.order.tolist()
        self._restore = np.argsort(spec.order).tolist()

    def inverse(self, x: Array, condition: Array) -> Array:
        """Observation -> pose: (..., width), (..., condition) -> (..., width)."""
        parts = self._split(x)
        for k in range(len(self.spec.subnets)):
            changed = self.spec.changed_part(k)
            scale, shift = self._scale_and_shift(k, parts[1 - changed], condition)
            parts[changed] = parts[changed] * rot.namespace(x).exp(scale) + shift
        return self._join(parts)

    def forward(self, y: Array, condition: Array) -> Array:
        """Pose -> observation, the exact inverse of :meth:`inverse`."""
        parts = self._split(y)
        for k in reversed(range(len(self.spec.subnets))):
            changed = self.spec.changed_part(k)
            scale, shift = self._scale_and_shift(k, parts[1 - changed], condition)
            parts[changed] = (parts[changed] - shift) * rot.namespace(y).exp(-scale)
        return self._join(parts)

    def _scale_and_shift(self, k, given, condition):
        """The logarithm of the scale, within (-1, 1), and the shift of coupling ``k``."""
        xp = rot.namespace(given)
        blocks = self.spec.subnets[k][1]
        out = mlp(self.weights, f"{self.name}.{k}", blocks, xp.concatenate([given, condition], -1))
        out = rot.cast_like(out, given)  # mixed precision ends here: the bijection itself is exact
        half = out.shape[-1] // 2
        return xp.tanh(out[..., :half]), out[..., half:]

    def _split(self, x):
        """Part A and part B."""
        if self.spec.alternating:
            x = x[..., self._order]
        return [x[..., : self.spec.split], x[..., self.spec.split :]]

    def _join(self, parts):
        x = rot.namespace(parts[0]).concatenate(parts, -1)
        return x[..., self._restore] if self.spec.alternating else x
