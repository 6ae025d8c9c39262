"""What rendered people teach about a reading: which way is up, and how far each point really is.

The detector's depth is wrong in the same way for rendered people as for real ones, and its landmarks lie upright
people down a little. Two small networks, trained by ``niki train --config configs/depth-1.toml`` on
``niki render-corpus``'s people, see one frame each (``inputs.py``): one tells gravity, the other corrects the
depth of the points. What is read across the view stays as it is.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from ....body.rotation import Array, apply, cast_like, normalize, transpose
from ....files import read_npz
from ....network.layers import residual_mlp
from . import landmarks
from .inputs import mirrored, mirrored_points, mirrored_vectors, points_among, points_in_view

WEIGHTS = Path(__file__).with_name("depth-1.npz")
_LARGEST = 8.0  # standard deviations: the networks have seen no larger input
_NEAREST = 0.1  # metres
UP_OUTPUTS, DEPTH_OUTPUTS = 4, 3 * len(landmarks.POINTS)


def members(weights: dict, kind: str) -> list[str]:
    """The names of the networks of a kind, "up" or "depth", whose answers are averaged: "up0", "up1" ..."""
    names: list[str] = []
    while f"{kind}{len(names)}.first.weight" in weights:
        names.append(f"{kind}{len(names)}")
    return names


def predict_up(weights: dict, name: str, inputs: Array) -> tuple[Array, Array]:
    """Inputs (T, INPUTS), normalized -> up (T, 3) in view axes, unit, and the logarithm (T,) of its
    expected squared error."""
    out = residual_mlp(weights, name, inputs)
    return normalize(out[..., :3] + cast_like([0.0, -1.0, 0.0], out)), out[..., 3]


def predict_points(weights: dict, name: str, inputs: Array) -> Array:
    """Inputs (T, INPUTS + 3), normalized, the last three the direction of up -> by how much the points (T, 19, 3)
    are off, in units of the person and view axes."""
    return residual_mlp(weights, name, inputs).reshape(-1, len(landmarks.POINTS), 3)


def normalized(weights: dict, name: str, inputs: np.ndarray) -> np.ndarray:
    """Inputs of the network ``name`` as it takes them: zero mean and unit variance over its training set."""
    inputs = (inputs - weights[f"{name}.mean"]) / weights[f"{name}.spread"]
    return inputs.clip(-_LARGEST, _LARGEST).astype(np.float32)


def frame_up(inputs: np.ndarray, weights: dict | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Up in each frame: the mean over the networks, of a reading and its mirror image.

    Args:
        inputs: (T, INPUTS).

    Returns:
        (T, 3) unit, view axes, and (T,) its standard error in degrees.
    """
    weights = weights or load_weights()
    ups, log_variances = [], []
    for name in members(weights, "up"):
        up, log_variance = predict_up(weights, name, normalized(weights, name, inputs))
        other, other_variance = predict_up(weights, name, normalized(weights, name, mirrored(inputs)))
        ups += [up, mirrored_vectors(other)]
        log_variances += [log_variance, other_variance]
    return normalize(np.mean(ups, 0)), np.degrees(np.sqrt(np.exp(np.mean(log_variances, 0))))


def correct_points(
    inputs: np.ndarray, up: np.ndarray, size: float, weights: dict | None = None
) -> np.ndarray:
    """Where the points are by what the networks have learnt.

    Args:
        inputs: (T, INPUTS). up: (T, 3) unit, view axes. size: of the person, as the points were placed, metres.

    Returns:
        (T, 19, 3) metres about the middle of the hips, view axes.
    """
    weights = weights or load_weights()

    def moved(inputs, up):
        shown, names = np.concatenate([inputs, up], 1), members(weights, "depth")
        return np.mean([predict_points(weights, n, normalized(weights, n, shown)) for n in names], 0)

    shift = (moved(inputs, up) + mirrored_points(moved(mirrored(inputs), mirrored_vectors(up)))) / 2
    return (points_among(inputs) + shift) * size


def with_depth(points: np.ndarray, view: np.ndarray, corrected: np.ndarray, scale: float) -> np.ndarray:
    """Camera-space points (T, 19, 3), each slid along its ray to the depth of ``corrected`` (T, 19, 3), view
    axes about the middle of the hips, times ``scale``."""
    seen = points @ transpose(view)
    wanted = landmarks.mid_hip(seen)[:, None, 2] + scale * corrected[..., 2]
    return points * (np.maximum(wanted, _NEAREST) / np.maximum(seen[..., 2], _NEAREST))[..., None]


def scale_across(points: np.ndarray, view: np.ndarray, corrected: np.ndarray) -> tuple[float, float]:
    """Two sums over frames whose quotient scales ``corrected`` to the size that ``points`` have across the view."""
    flat = points_in_view(points, view)[..., :2]
    return float((flat * corrected[..., :2]).sum()), float((corrected[..., :2] ** 2).sum())


@cache
def load_weights() -> dict:
    """The weights that come with NIKI."""
    return {name: values.astype(np.float32) for name, values in read_npz(WEIGHTS).items()}


def up_in_camera(up: np.ndarray, view: np.ndarray) -> np.ndarray:
    """Directions (T, 3) in view axes -> camera axes."""
    return apply(transpose(view), up)
