"""Small networks: training runs them in torch, Blender in numpy.

Weights live in one flat dict of arrays. A network is a function of that dict and a prefix of names in it.
"""

from __future__ import annotations

import numpy as np

from ..body import rotation as rot
from ..body.rotation import Array

_EPSILON = 1e-5


def linear(weights: dict, name: str, x: Array) -> Array:
    """``W x + b``: (..., in) -> (..., out)."""
    matrix, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    if rot.namespace(x) is np:
        return (np.dot(matrix, x) if x.ndim == 1 else x @ matrix.T) + bias
    import torch

    return torch.nn.functional.linear(x, matrix, bias)


def silu(x: Array) -> Array:
    """``x sigmoid(x)``."""
    if rot.namespace(x) is np:
        half = 0.5 * x
        return half + half * np.tanh(half)
    import torch

    return torch.nn.functional.silu(x)


def leaky_relu(x: Array) -> Array:
    """``x`` above zero, a hundredth of it below."""
    return rot.namespace(x).where(x > 0, x, 0.01 * x)


def layer_norm(weights: dict, name: str, x: Array) -> Array:
    """Zero mean and unit variance over the last axis, then scale and shift."""
    scale, shift = weights[f"{name}.weight"], weights[f"{name}.bias"]
    if rot.namespace(x) is np:
        centered = x - x.sum(-1, keepdims=True) / x.shape[-1]
        variance = np.einsum("...i,...i->...", centered, centered)[..., None] / x.shape[-1]
        return centered * (1 / np.sqrt(variance + _EPSILON)) * scale + shift
    import torch

    return torch.nn.functional.layer_norm(x, scale.shape, scale, shift, _EPSILON)


def residual_mlp(weights: dict, name: str, x: Array) -> Array:
    """Linear, SiLU, residual blocks of LayerNorm, Linear, SiLU and Linear, then SiLU and Linear."""
    x = silu(linear(weights, f"{name}.first", x))
    block = 0
    while f"{name}.{block}.norm.weight" in weights:
        inner = layer_norm(weights, f"{name}.{block}.norm", x)
        inner = silu(linear(weights, f"{name}.{block}.up", inner))
        x = x + linear(weights, f"{name}.{block}.down", inner)
        block += 1
    return linear(weights, f"{name}.last", silu(x))


def plain_mlp(weights: dict, name: str, x: Array) -> Array:
    """Linear, LeakyReLU, Linear, LeakyReLU, Linear: the subnets of the published NIKI."""
    x = leaky_relu(linear(weights, f"{name}.first", x))
    x = leaky_relu(linear(weights, f"{name}.second", x))
    return linear(weights, f"{name}.last", x)


def mlp(weights: dict, name: str, blocks: int, x: Array) -> Array:
    """:func:`residual_mlp`, or :func:`plain_mlp` where there are no ``blocks``."""
    return residual_mlp(weights, name, x) if blocks else plain_mlp(weights, name, x)


def mlp_shapes(name: str, inputs: int, hidden: int, blocks: int, outputs: int) -> dict[str, tuple]:
    """Shapes of the weights of :func:`mlp`, by name."""
    sizes = {"first": (hidden, inputs), "last": (outputs, hidden)}
    if not blocks:
        sizes["second"] = (hidden, hidden)
    shapes = {}
    for block in range(blocks):
        sizes |= {f"{block}.{part}": (hidden, hidden) for part in ("up", "down")}
        shapes |= {f"{name}.{block}.norm.{part}": (hidden,) for part in ("weight", "bias")}
    for part, size in sizes.items():
        shapes |= {f"{name}.{part}.weight": size, f"{name}.{part}.bias": size[:1]}
    return shapes


def initial_mlp(
    name: str, inputs: int, hidden: int, blocks: int, outputs: int, rng: np.random.Generator
) -> dict:
    """Random weights for :func:`mlp`; it returns zero to begin with."""
    if blocks:
        return initial_residual_mlp(name, inputs, hidden, blocks, outputs, rng)
    return initial_plain_mlp(name, inputs, hidden, outputs, rng)


def initial_residual_mlp(
    name: str, inputs: int, hidden: int, blocks: int, outputs: int, rng: np.random.Generator
) -> dict:
    """Random weights for :func:`residual_mlp`; to begin with it returns zero and its blocks change nothing."""
    weights = _initial_linear(f"{name}.first", inputs, hidden, rng)
    for block in range(blocks):
        weights[f"{name}.{block}.norm.weight"] = np.ones(hidden, np.float32)
        weights[f"{name}.{block}.norm.bias"] = np.zeros(hidden, np.float32)
        weights |= _initial_linear(f"{name}.{block}.up", hidden, hidden, rng)
        weights |= _initial_linear(f"{name}.{block}.down", hidden, hidden, rng, zero=True)
    return weights | _initial_linear(f"{name}.last", hidden, outputs, rng, zero=True)


def initial_plain_mlp(name: str, inputs: int, hidden: int, outputs: int, rng: np.random.Generator) -> dict:
    """Random weights for :func:`plain_mlp`; it returns zero to begin with."""
    return (
        _initial_linear(f"{name}.first", inputs, hidden, rng)
        | _initial_linear(f"{name}.second", hidden, hidden, rng)
        | _initial_linear(f"{name}.last", hidden, outputs, rng, zero=True)
    )


def _initial_linear(name: str, inputs: int, outputs: int, rng, zero: bool = False) -> dict:
    bound = 0.0 if zero else inputs**-0.5
    return {
        f"{name}.weight": rng.uniform(-bound, bound, (outputs, inputs)).astype(np.float32),
        f"{name}.bias": rng.uniform(-bound, bound, outputs).astype(np.float32),
    }
