"""A flow over time: its couplings read the half that stays, and the condition, of all frames of a window. Works on
numpy arrays and torch tensors.

Each coupling changes half of each frame's values by a scale and a shift that depend on the other halves of all
frames. The map of the whole window is thus a bijection, with an exact inverse and a triangular Jacobian, as without
time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..body import rotation as rot
from ..body.rotation import Array
from .flow import Flow, FlowSpec
from .layers import attended_mlp, attended_mlp_shapes, initial_attended_mlp


@dataclass(frozen=True)
class TemporalFlowSpec(FlowSpec):
    """The shape of a flow over time. ``subnets`` are (hidden width, blocks of attention).

    Attributes:
        heads: of attention, in each block. reach: frames from which on all distances are alike.
    """

    heads: int = 4
    reach: int = 63

    def initial_weights(self, name: str, rng: np.random.Generator) -> dict:
        return self._gather(name, lambda key, *sizes: initial_attended_mlp(key, *sizes, rng))  # pyright: ignore[reportCallIssue]

    def weight_shapes(self, name: str) -> dict[str, tuple]:
        return self._gather(name, attended_mlp_shapes)

    def _gather(self, name: str, make: Callable[..., dict]) -> dict:
        weights = {}
        for k, (inputs, hidden, blocks, outputs) in enumerate(self._sizes()):
            weights |= make(f"{name}.{k}", inputs, hidden, blocks, self.heads, self.reach, outputs)
        return weights


class TemporalFlow(Flow):
    """A bijection of (..., T, width) for every condition (..., T, condition). The last value of the condition is 1
    in frames that are there, and 0 in those that only fill a batch up: they neither change nor count.

    Args:
        spec: its shape.
        weights: dict of arrays with the flow's weights, whose names start with ``name``.
    """

    spec: TemporalFlowSpec

    def log_determinant(self, x: Array, condition: Array) -> Array:
        """(...) logarithm of the absolute determinant of the Jacobian of :meth:`inverse`, over all frames."""
        parts, total = self._split(x), 0.0
        for k in range(len(self.spec.subnets)):
            changed = self.spec.changed_part(k)
            scale, shift = self._scale_and_shift(k, parts[1 - changed], condition)
            parts[changed] = parts[changed] * rot.namespace(x).exp(scale) + shift
            total = total + scale.sum((-2, -1))
        return total

    def _scale_and_shift(self, k, given, condition):
        xp, present = rot.namespace(given), condition[..., -1] > 0
        values = xp.concatenate([given, condition], -1)
        out = attended_mlp(self.weights, f"{self.name}.{k}", self.spec.heads, values, present)
        out = rot.cast_like(out, given)
        out = xp.where(present[..., None], out, xp.zeros_like(out))
        half = out.shape[-1] // 2
        return xp.tanh(out[..., :half]), out[..., half:]
