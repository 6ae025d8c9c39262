"""Small networks: training runs them in torch, Blender in numpy.

Weights live in one flat dict of arrays. A network is a function of that dict and a prefix of names in it.
"""

from __future__ import annotations

import numpy as np

from ..body import rotation as rot
from ..body.rotation import Array

_EPSILON = 1e-5
_NEVER = -1e9  # what the attention to a frame that is not there counts for


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


def attention(weights: dict, name: str, heads: int, x: Array, present: Array) -> Array:
    """Each frame gathers from all frames that are present: (..., T, n) -> (..., T, n).

    How much depends on what the frames hold and, by a learned bias, on how far apart they are.

    Args:
        present: (..., T) bool: frames that are there; the others fill a batch up.
    """
    xp = rot.namespace(x)
    length, width = x.shape[-2:]
    together = linear(weights, f"{name}.in", x).reshape(*x.shape[:-1], 3, heads, width // heads)
    query, key, value = xp.moveaxis(xp.swapaxes(together, -4, -2), -3, 0)  # of each head (..., T, n / heads)
    bias = weights[f"{name}.distance"]
    reach = bias.shape[-1] // 2
    frames = np.arange(length)
    apart = np.clip(frames[:, None] - frames, -reach, reach) + reach
    bias = bias[:, apart] + xp.where(present, 0.0, _NEVER)[..., None, None, :]
    if xp is np:
        score = query @ rot.transpose(key) * np.float32((width // heads) ** -0.5) + bias.astype(x.dtype)
        share = np.exp(score - score.max(-1, keepdims=True))
        gathered = (share / share.sum(-1, keepdims=True)) @ value
    else:
        import torch

        gathered = torch.nn.functional.scaled_dot_product_attention(query, key, value, bias.to(query.dtype))
    return linear(weights, f"{name}.out", xp.swapaxes(gathered, -3, -2).reshape(x.shape))


def attended_mlp(weights: dict, name: str, heads: int, x: Array, present: Array) -> Array:
    """Linear and SiLU, then blocks that add attention over time and a small MLP of each frame, then LayerNorm and
    Linear: (..., T, in) -> (..., T, out). ``present`` as for :func:`attention`."""
    x = silu(linear(weights, f"{name}.first", x))
    block = 0
    while f"{name}.{block}.time.distance" in weights:
        inner = layer_norm(weights, f"{name}.{block}.before", x)
        x = x + attention(weights, f"{name}.{block}.time", heads, inner, present)
        inner = silu(linear(weights, f"{name}.{block}.up", layer_norm(weights, f"{name}.{block}.norm", x)))
        x = x + linear(weights, f"{name}.{block}.down", inner)
        block += 1
    return linear(weights, f"{name}.last", layer_norm(weights, f"{name}.norm", x))


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


def attended_mlp_shapes(
    name: str, inputs: int, hidden: int, blocks: int, heads: int, reach: int, outputs: int
) -> dict[str, tuple]:
    """Shapes of the weights of :func:`attended_mlp`, by name.

    Args:
        reach: frames from which on all distances are alike.
    """
    sizes, norms, shapes = {"first": (hidden, inputs), "last": (outputs, hidden)}, ["norm"], {}
    for block in range(blocks):
        sizes |= {f"{block}.time.in": (3 * hidden, hidden), f"{block}.time.out": (hidden, hidden)}
        sizes |= {f"{block}.up": (2 * hidden, hidden), f"{block}.down": (hidden, 2 * hidden)}
        norms += [f"{block}.before", f"{block}.norm"]
        shapes[f"{name}.{block}.time.distance"] = (heads, 2 * reach + 1)
    for part, size in sizes.items():
        shapes |= {f"{name}.{part}.weight": size, f"{name}.{part}.bias": size[:1]}
    for part in norms:
        shapes |= {f"{name}.{part}.weight": (hidden,), f"{name}.{part}.bias": (hidden,)}
    return shapes


def initial_attended_mlp(
    name: str,
    inputs: int,
    hidden: int,
    blocks: int,
    heads: int,
    reach: int,
    outputs: int,
    rng: np.random.Generator,
) -> dict:
    """Random weights for :func:`attended_mlp`; to begin with it returns zero and its blocks change nothing."""
    weights = {}
    for key, shape in attended_mlp_shapes(name, inputs, hidden, blocks, heads, reach, outputs).items():
        unmoved = any(f".{part}." in key for part in ("last", "time.out", "down")) or len(shape) == 1
        bound = 0.0 if unmoved or "distance" in key else shape[-1] ** -0.5
        weights[key] = rng.uniform(-bound, bound, shape).astype(np.float32)
        if key.endswith(("norm.weight", "before.weight")):
            weights[key] = np.ones(shape, np.float32)
    return weights


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
