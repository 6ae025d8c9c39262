"""Statistics of a front end's errors, by which drawn errors are compared with measured ones. numpy only."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..body import rotation as rot
from ..body.skeleton import JOINTS
from .metrics import about_root

LIMBS = [
    f"{side}_{name}"
    for name in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
    for side in ("left", "right")
]
"""The joints that are compared, about the middle of the hips."""
_BONES = {
    "thigh": ("hip", "knee"),
    "shin": ("knee", "ankle"),
    "upper arm": ("shoulder", "elbow"),
    "forearm": ("elbow", "wrist"),
}
_AT = {
    name: [LIMBS.index(f"{side}_{name}") for side in ("left", "right")]
    for name in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
}
_LAGS = (0.1, 0.2, 0.4)  # seconds
_FAR = 0.05  # metres of depth from which on a bone points somewhere


def limb_joints(joints: np.ndarray) -> np.ndarray:
    """The joints (..., 29, 3) of ``LIMBS``."""
    return joints[..., [JOINTS.index(name) for name in LIMBS], :]


def view_axes(view: np.ndarray, up: np.ndarray) -> np.ndarray:
    """(..., 3, 3) turns into axes along the view: its right, up, and along it."""
    along = rot.normalize(view)
    right = rot.normalize(rot.cross(along, np.broadcast_to(up, along.shape)))
    return np.stack([right, rot.cross(right, along), along], -2)


def error_statistics(clips: Iterable[tuple[np.ndarray, np.ndarray, float]]) -> dict[str, float]:
    """Means over clips.

    Args:
        clips: of each, joints of ``LIMBS`` as estimated and as they are, (T, 12, 3) metres in axes along the view,
            and frames per second.

    Returns:
        by name: millimetres for errors, shares and correlations from 0 to 1, and ratios.
    """
    rows = [_of_clip(about_root(e, [0, 1]), about_root(t, [0, 1]), rate) for e, t, rate in clips]
    return {name: float(np.nanmean([row[name] for row in rows])) for name in rows[0]}


def _of_clip(estimated: np.ndarray, truth: np.ndarray, rate: float) -> dict[str, float]:
    error = estimated - truth
    depth = error[..., 2]
    row = {
        "MPJPE": 1000 * np.linalg.norm(error, axis=-1).mean(),
        "across, rms per axis": 1000 * np.sqrt((error[..., :2] ** 2).mean()),
        "along, rms": 1000 * np.sqrt((depth**2).mean()),
        "constant share along": (depth.mean(0) ** 2).mean() / (depth**2).mean(),
    }
    varying = depth - depth.mean(0)
    for seconds in _LAGS:
        lag = max(1, round(seconds * rate))
        row[f"still alike after {seconds} s"] = (varying[:-lag] * varying[lag:]).mean() / (varying**2).mean()
    bones = {
        name: (estimated[:, _AT[end]] - estimated[:, _AT[start]], truth[:, _AT[end]] - truth[:, _AT[start]])
        for name, (start, end) in _BONES.items()
    }
    for name, (ours, true) in bones.items():
        row[f"depth of the {name}, rms"] = 1000 * np.sqrt(((ours - true)[..., 2] ** 2).mean())
    row["depth of the shoulders, rms"] = 1000 * np.sqrt((depth[:, _AT["shoulder"]].mean(1) ** 2).mean())
    ours, true = (np.concatenate([bone[k] for bone in bones.values()], 1) for k in (0, 1))
    row["flattening"] = np.polyfit(true[..., 2].ravel(), (ours - true)[..., 2].ravel(), 1)[0]
    apart = (ours[..., 2] * true[..., 2] < 0) & (np.minimum(*np.abs([ours[..., 2], true[..., 2]])) > _FAR)
    row["bones the wrong way round"] = apart.mean()
    for name in ("shin", "upper arm", "forearm"):
        ours, true = (np.median(np.linalg.norm(bone, axis=-1)) for bone in bones[name])
        row[f"length of the {name}"] = ours / true
    return row


def correlations(clips: Iterable[tuple[np.ndarray, np.ndarray, float]]) -> dict[str, float]:
    """How far depth errors of joints go together over all clips, from -1 to 1; clips as in :func:`error_statistics`."""
    depth = np.concatenate([(about_root(e, [0, 1]) - about_root(t, [0, 1]))[..., 2] for e, t, _ in clips])
    pairs = {
        "knee and ankle": [(k, a) for k, a in zip(_AT["knee"], _AT["ankle"], strict=True)],
        "elbow and wrist": [(k, a) for k, a in zip(_AT["elbow"], _AT["wrist"], strict=True)],
        "left and right shoulder": [tuple(_AT["shoulder"])],
        "left and right knee": [tuple(_AT["knee"])],
    }
    return {
        name: float(np.mean([np.corrcoef(depth[:, a], depth[:, b])[0, 1] for a, b in both]))
        for name, both in pairs.items()
    }
