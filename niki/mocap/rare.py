"""Which poses are rare in motion capture, where nearly everybody stands or walks."""

from __future__ import annotations

import numpy as np

from ..body.kinematics import forward_kinematics
from ..body.skeleton import JOINTS, Body

_LOW_PELVIS = 0.7  # metres above the lowest joint, of the default body, which stands at 0.93
_LOW_HEAD = 0.15  # metres above the pelvis: bent double, lying or upside down
_BLOCK = 4096


def rare_poses(rotations: np.ndarray) -> np.ndarray:
    """(N,) somebody sits, kneels, lies, gets up, or is bent double or upside down."""
    parts = []
    for start in range(0, len(rotations), _BLOCK):
        height = forward_kinematics(rotations[start : start + _BLOCK].astype(float), Body.default())[0][
            ..., 1
        ]
        above = height[:, JOINTS.index("head")] - height[:, 0]
        parts.append((height[:, 0] - height.min(1) < _LOW_PELVIS) | (above < _LOW_HEAD))
    return np.concatenate(parts)
