"""The joints inside the torso, which no detector marks: a linear map of those it does.

Pelvis, spine, neck and collars from hips, shoulders and the point between the ears, all in the
frame of the torso and in units of its length. The coefficients are fitted on our own skeleton
posed by mocap (``scripts/fit_torso_map``), which prints the residual.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from ...body.rotation import cross, normalize
from ...body.skeleton import JOINTS
from ...files import read_npz

INSIDE = [
    JOINTS.index(name)
    for name in ("pelvis", "spine1", "spine2", "spine3", "neck", "left_collar", "right_collar")
]
_FILE = Path(__file__).with_name("torso_map.npz")


def torso_features(hips: np.ndarray, shoulders: np.ndarray, between_ears: np.ndarray):
    """Features of the map, and how to come back.

    Args:
        hips, shoulders: (..., 2, 3) left then right. between_ears: (..., 3).

    Returns:
        features (..., 16), and the torso's origin (..., 3), frame (..., 3, 3, columns left, up,
        forward) and length (..., 1).
    """
    origin, top = hips.mean(-2), shoulders.mean(-2)
    up = top - origin
    length = np.linalg.norm(up, axis=-1, keepdims=True)
    up = normalize(up)
    forward = normalize(
        cross(
            normalize(hips[..., 0, :] - hips[..., 1, :])
            + normalize(shoulders[..., 0, :] - shoulders[..., 1, :]),
            up,
        )
    )
    frame = np.stack([cross(up, forward), up, forward], -1)
    points = np.concatenate([hips, shoulders, between_ears[..., None, :]], -2)
    local = (points - origin[..., None, :]) @ frame / length[..., None]
    features = np.concatenate([local.reshape(*local.shape[:-2], 15), np.ones_like(length)], -1)
    return features, origin, frame, length


def torso_joints(hips, shoulders, between_ears) -> np.ndarray:
    """(..., 7, 3): the joints of :data:`INSIDE`, in the units and frame of the arguments."""
    features, origin, frame, length = torso_features(hips, shoulders, between_ears)
    local = (features @ _coefficients()).reshape(*features.shape[:-1], len(INSIDE), 3)
    return (local * length[..., None]) @ np.swapaxes(frame, -1, -2) + origin[..., None, :]


@cache
def _coefficients() -> np.ndarray:
    return read_npz(_FILE)["coefficients"].astype(np.float64)
