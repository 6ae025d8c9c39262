"""Poses to start from. numpy only."""

from __future__ import annotations

import numpy as np

from ..body import rotation as rot
from ..body.skeleton import JOINTS, KINDS, NUM_BONES

_RELAXED = {"shoulder": (0.1, 0.0, -1.15), "elbow": (0.0, -0.3, 0.0), "hip": (-0.06, 0.0, 0.05), "knee": (0.1, 0.0, 0.0),
            "ankle": (-0.04, 0.0, 0.0)}  # fmt: skip


def relaxed_rotations() -> np.ndarray:
    """(24, 3, 3) standing, arms down."""
    turns = np.zeros((NUM_BONES, 3))
    for j in range(NUM_BONES):
        turn = np.array(_RELAXED.get(KINDS[j], (0, 0, 0)))
        turns[j] = turn * (1, -1, -1) if "right_" in JOINTS[j] else turn
    return rot.matrix_from_axis_angle(turns)
