"""Balance: the masses of a body, and over which point of its feet they are carried. numpy only."""

from __future__ import annotations

import numpy as np

from ..body.skeleton import JOINTS, NUM_JOINTS

_SEGMENTS = (  # from, to, share of the mass, how far along its center is (de Leva, 1996, mean of women and men)
    ("neck", "head_top", 0.0681, 0.50),
    ("spine3", "neck", 0.1569, 0.40),
    ("spine1", "spine3", 0.1556, 0.50),
    ("pelvis", "spine1", 0.1182, 0.30),
    ("left_shoulder", "left_elbow", 0.0263, 0.576), ("right_shoulder", "right_elbow", 0.0263, 0.576),
    ("left_elbow", "left_wrist", 0.0150, 0.457), ("right_elbow", "right_wrist", 0.0150, 0.457),
    ("left_wrist", "left_middle_finger", 0.0058, 0.40), ("right_wrist", "right_middle_finger", 0.0058, 0.40),
    ("left_hip", "left_knee", 0.1447, 0.385), ("right_hip", "right_knee", 0.1447, 0.385),
    ("left_knee", "left_ankle", 0.0457, 0.444), ("right_knee", "right_ankle", 0.0457, 0.444),
    ("left_ankle", "left_big_toe", 0.0133, 0.30), ("right_ankle", "right_big_toe", 0.0133, 0.30),
)  # fmt: skip


def _mass_shares() -> np.ndarray:
    shares = np.zeros(NUM_JOINTS)
    for start, end, mass, along in _SEGMENTS:
        shares[JOINTS.index(start)] += mass * (1 - along)
        shares[JOINTS.index(end)] += mass * along
    return shares / shares.sum()


MASSES = _mass_shares()
"""(29,) shares of the body's mass: the center of mass is the mean of the joints with these weights."""


_AHEAD = 0.77
"""Of the way from the ankle to the ball of the foot: where people who stand carry their mass (recorded people; three in four
within 3 cm)."""


def nearest_support(point: np.ndarray, feet: np.ndarray, touches: np.ndarray) -> np.ndarray:
    """(T, 4) weights, with a sum of 1, of the mean of ``feet`` that carries a body: of one foot, or of the points between both
    the one nearest ``point``.

    Args:
        point: (T, 2) metres on the ground. feet: (T, 4, 2) ankle and ball of the left foot, then of the right one.
        touches: (T, 4) bool, which of heels and toes touch the ground; at least one.
    """
    heels, toes = touches[:, ::2], touches[:, 1::2]
    ahead = np.where(heels & toes, _AHEAD, toes)
    carry = np.zeros((len(feet), 2, 4))
    for side in (0, 1):
        carry[:, side, 2 * side] = 1 - ahead[:, side]
        carry[:, side, 2 * side + 1] = ahead[:, side]
    left, right = (np.einsum("tk,tki->ti", carry[:, side], feet) for side in (0, 1))
    between = ((point - left) * (right - left)).sum(1) / np.maximum(((right - left) ** 2).sum(1), 1e-12)
    carries = touches.reshape(-1, 2, 2).any(2)
    share = np.where(carries.all(1), np.clip(between, 0, 1), carries[:, 1])[:, None]
    return (1 - share) * carry[:, 0] + share * carry[:, 1]
