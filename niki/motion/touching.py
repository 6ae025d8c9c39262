"""How likely heel and toes touch the ground, from how the legs move in the picture. numpy only.

A small network over a quarter of a second to each side. It is given where the legs' joints are and how fast they go
across the view, which a picture shows well, and their depth and height, which it shows badly.
``scripts/train_contacts`` trains it on motion capture with a front end's errors.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from ..body.skeleton import JOINTS
from ..files import read_npz

RATE = 30.0
"""Frames per second that the network is given."""
WEIGHTS = Path(__file__).with_name("touching.npz")

_FOOT = ("ankle", "big_toe", "knee")
_LEGS = [[JOINTS.index(f"{side}_{name}") for name in _FOOT] for side in ("left", "right")]
_DILATIONS = (1, 2, 2)
_HINT = "install NIKI again"


def likely_contacts(seen: np.ndarray, up: np.ndarray) -> np.ndarray:
    """(T, 4) from 0 to 1, in the order of :data:`niki.motion.contacts.CONTACTS`.

    Args:
        seen: (T, 29, 3) metres in the axes of a camera that does not turn (x right, y down, z forward), ``RATE``
            frames a second. up: (3,) unit, in these axes.
    """
    weights = _weights()
    x = (features(seen[None], up[None])[0] - weights["mean"]) / weights["spread"]
    for k, dilation in enumerate(_DILATIONS):
        x = np.maximum(_convolved(x, weights[f"kernel{k}"], dilation) + weights[f"bias{k}"], 0)
    x = x @ weights["out"].T + weights["out_bias"]  # (2, T, 2)
    return np.concatenate(list(1 / (1 + np.exp(-x))), -1)


def features(seen: np.ndarray, up: np.ndarray) -> np.ndarray:
    """(N, 2, T, C) what the network is given of N clips: for each foot its own leg, then the other one, right feet
    mirrored, so that it need know left feet only.

    Args:
        seen: (N, T, 29, 3) as for :func:`likely_contacts`. up: (N, 3).
    """
    count, length = seen.shape[:2]
    far = np.median(seen[:, :, 0, 2], 1)[:, None, None, None]
    slopes = seen[..., :2] / seen[..., 2:]
    upright = (up[:, :2] / np.linalg.norm(up[:, :2], axis=-1, keepdims=True))[:, None, None]
    right = np.stack([-upright[..., 1], upright[..., 0]], -1)
    place = far * np.stack([(slopes * right).sum(-1), (slopes * upright).sum(-1)], -1)
    speed = np.gradient(place, 1 / RATE, axis=1) if length > 1 else np.zeros_like(place)
    depth = seen[..., 2] - seen[:, :, :1, 2]
    height = np.einsum("ntki,ni->ntk", seen - seen[:, :, :1], up)
    tilt = np.broadcast_to(2 * up[:, None, 1:], (count, length, 2))
    result = []
    for side, mirrored in ((0, np.array([1.0, 1.0])), (1, np.array([-1.0, 1.0]))):
        legs = _LEGS[side] + _LEGS[1 - side]
        about, going = (place[:, :, legs] - place[:, :, :1]) * mirrored, speed[:, :, [*legs, 0]] * mirrored
        parts = (
            2 * about, 2 * np.tanh(going), np.tanh(going[:, :, :2] / 0.25), depth[:, :, legs], 2 * height[:, :, legs],
            np.log((going[:, :, :2] ** 2).sum(-1) + 1e-4) / 4, tilt,
        )  # fmt: skip
        result.append(np.concatenate([part.reshape(count, length, -1) for part in parts], -1))
    return np.stack(result, 1)


@cache
def _weights() -> dict[str, np.ndarray]:
    weights = read_npz(WEIGHTS, kind="the network for contacts", hint=_HINT)
    return {name: value.astype(np.float32) for name, value in weights.items()}


def _convolved(x: np.ndarray, kernel: np.ndarray, dilation: int) -> np.ndarray:
    """x (2, T, C) with a kernel (width, C, D), zeros beyond the ends -> (2, T, D)."""
    width, length = len(kernel), x.shape[1]
    reach = dilation * (width // 2)
    padded = np.pad(x, ((0, 0), (reach, reach), (0, 0)))
    result = np.zeros((len(x), length, kernel.shape[-1]), np.float32)
    for k in range(width):
        result += padded[:, k * dilation : k * dilation + length] @ kernel[k]
    return result
