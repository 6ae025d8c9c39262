"""Where a knee goes that is dragged in a view from the front: forward, as far as its thigh is long. numpy only."""

from __future__ import annotations

import numpy as np

from ..body.skeleton import JOINTS
from ..motion.blending import smoothly

KNEES = ("left_knee", "right_knee")
_FACING = (0.5, 0.9)
"""Cosines between the line of sight and the body's front: beyond the second, depth is all ours; below the first, all the
user's, who sees it."""


def swing_knee_forward(knee: str, place: np.ndarray, joints: np.ndarray, sight: np.ndarray) -> np.ndarray:
    """(3,) the place of a dragged knee with depth, so that a knee dragged up comes forward and its hip stays.

    A drag in the plane of a view from the front tells no depth. Straight up, the knee would come nearer to its hip than
    the thigh is long, and the whole body would have to turn.

    Args:
        knee: "left_knee" or "right_knee". place: (3,) where the mouse drags it.
        joints: (29, 3) before the drag; any axes and unit, the same for all.
        sight: (3,) unit vector along the line of sight, in either direction.
    """
    hip, start, pelvis = (
        joints[JOINTS.index(name)] for name in (knee.replace("knee", "hip"), knee, "pelvis")
    )
    left, right, spine = (joints[JOINTS.index(name)] for name in ("left_hip", "right_hip", "spine1"))
    front = np.cross(left - right, spine - pelvis)
    front /= np.linalg.norm(front)
    facing = float(sight @ front)
    forward = sight * np.sign(facing)
    depth = float((place - hip) @ forward)
    across = np.sum((place - hip) ** 2) - depth**2
    wanted = np.sqrt(max(np.sum((start - hip) ** 2) - across, 0.0))
    share = smoothly((abs(facing) - _FACING[0]) / (_FACING[1] - _FACING[0]))
    return place + share * max(wanted - depth, 0.0) * forward
