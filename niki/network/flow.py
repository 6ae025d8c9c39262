"""Normalizing flow of affine couplings (Dinh et al., Real NVP, ICLR 2017), the core of NIKI.

Any array namespace. As in NIKI (Li et al., CVPR 2023, section 3.2) ``inverse`` is the direction of
inverse kinematics, observation -> pose, and ``forward`` that of kinematics, pose -> observation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..body import rotation as rot
from .layers import initial_plain_mlp, initial_residual_mlp, mlp_shapes, plain_mlp, residual_mlp


@dataclass(frozen=True)
class FlowSpec:
    """The shape of a flow.

    Attributes:
        width: number of values that it maps to as many.
        split: the first ``split`` of them are part A, the others part B.
        condition: number of values that steer it in both directions and stay as they are.
        subnets: (hidden width, residual blocks) of each coupling's network, in the order of
            ``inverse``; no blocks: the published NIKI's plain network.
        first: the part that the first coupling changes, "A" or "B"; the next changes the other.
        alternating: values of even place are part A and of odd place part B (the published
            NIKI's masks) instead of the first and the rest.
    """

    width: int
    split: int
    condition: int
    subnets: tuple[tuple[int, int], ...]
    first: str = "A"
    alternating: bool = False

    @property
    def order(self) -> np.ndarray:
        """(width,) which value comes where, for the parts to be contiguous."""
        places = np.arange(self.width)
        return np.concatenate([places[::2], places[1::2]]) if self.alternating else places

    def changes_a(self, coupling: int) -> bool:
        """Whether this coupling changes part A, given part B."""
        return (coupling % 2 == 0) == (self.first == "A")

    def initial_weights(self, name: str, rng: np.random.Generator) -> dict:
        """Random weights; with them the flow is the identity."""
        weights = {}
        for k, (inputs, hidden, blocks, outputs) in enumerate(self._sizes()):
            if blocks:
                weights |= initial_residual_mlp(f"{name}.{k}", inputs, hidden, blocks, outputs, rng)
            else:
                weights |= initial_plain_mlp(f"{name}.{k}", inputs, hidden, outputs, rng)
        return weights

    def weight_shapes(self, name: str) -> dict[str, tuple]:
        """The shape of each weight."""
        shapes = {}
        for k, sizes in enumerate(self._sizes()):
            shapes |= mlp_shapes(f"{name}.{k}", *sizes)
        return shapes

    def _sizes(self) -> list[tuple[int, int, int, int]]:
        """Inputs, hidden width, residual blocks and outputs of each coupling's network."""
        sizes = []
        for k, (hidden, blocks) in enumerate(self.subnets):
            changed = self.split if self.changes_a(k) else self.width - self.split
            sizes.append((self.width - changed + self.condition, hidden, blocks, 2 * changed))
        return sizes


class Flow:
    """A bijection of (..., width) for every condition (..., condition).

    Args:
        spec: its shape. weights: dict of arrays that holds its weights under ``name``.
    """

    def __init__(self, spec: FlowSpec, weights: dict, name: str):
        self.spec, self.weights, self.name = spec, weights, name
        self._order = spec.order.tolist()
        self._restore = np.argsort(spec.order).tolist()

    def inverse(self, x, condition):
        """Observation -> pose: (..., width), (..., condition) -> (..., width)."""
        return self.inverse_with_log_det(x, condition)[0]

    def inverse_with_log_det(self, x, condition):
        """As :meth:`inverse`, with the logarithm of the Jacobian's determinant (...)."""
        a, b = self._parts(x)
        log_det = 0
        for k in range(len(self.spec.subnets)):
            given, changed = (b, a) if self.spec.changes_a(k) else (a, b)
            scale, shift = self._scale_and_shift(k, given, condition)
            changed = changed * rot.namespace(x).exp(scale) + shift
            log_det = log_det + scale.sum(-1)
            a, b = (changed, b) if self.spec.changes_a(k) else (a, changed)
        return self._whole(a, b), log_det

    def forward(self, y, condition):
        """Pose -> observation, the exact inverse of :meth:`inverse`."""
        a, b = self._parts(y)
        for k in reversed(range(len(self.spec.subnets))):
            given, changed = (b, a) if self.spec.changes_a(k) else (a, b)
            scale, shift = self._scale_and_shift(k, given, condition)
            changed = (changed - shift) * rot.namespace(y).exp(-scale)
            a, b = (changed, b) if self.spec.changes_a(k) else (a, changed)
        return self._whole(a, b)

    def _scale_and_shift(self, k, given, condition):
        """The logarithm of the scale, within (-1, 1), and the shift of coupling ``k``."""
        xp = rot.namespace(given)
        network = residual_mlp if self.spec.subnets[k][1] else plain_mlp
        out = network(self.weights, f"{self.name}.{k}", xp.concatenate([given, condition], -1))
        out = rot.cast_like(out, given)  # mixed precision ends here: the bijection itself is exact
        half = out.shape[-1] // 2
        return xp.tanh(out[..., :half]), out[..., half:]

    def _parts(self, x):
        if self.spec.alternating:
            x = x[..., self._order]
        return x[..., : self.spec.split], x[..., self.spec.split :]

    def _whole(self, a, b):
        x = rot.namespace(a).concatenate([a, b], -1)
        return x[..., self._restore] if self.spec.alternating else x
