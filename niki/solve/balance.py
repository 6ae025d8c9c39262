"""Balance: the masses of a body, and over which point of its feet they are carried. numpy only."""

from __future__ import annotations

from itertools import combinations, combinations_with_replacement

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


def nearest_support(point: np.ndarray, feet: np.ndarray, stands: np.ndarray) -> np.ndarray:
    """(T, K) weights, with a sum of 1, of the mean of ``feet`` that is nearest ``point``: of the points in their hull.

    Args:
        point: (T, 2) metres on the ground. feet: (T, K, 2), K at least 2. stands: (T, K) bool, those that carry; at
            least one.
    """
    each, shares = np.arange(len(feet)), np.eye(feet.shape[1])
    best, weights = np.full(len(feet), np.inf), np.zeros(stands.shape)

    def try_out(tried, allowed):
        off = point - np.einsum("tk,tki->ti", tried, feet)
        distance = np.where(allowed, (off**2).sum(1), np.inf)
        nearer = distance < best
        best[nearer], weights[nearer] = distance[nearer], tried[nearer]

    for a, b in combinations_with_replacement(range(len(shares)), 2):
        towards = feet[each, b] - feet[each, a]
        share = ((point - feet[each, a]) * towards).sum(1) / np.maximum((towards**2).sum(1), 1e-12)
        share = np.clip(share, 0, 1)[:, None]
        try_out((1 - share) * shares[a] + share * shares[b], stands[:, a] & stands[:, b])
    for corners in combinations(range(len(shares)), 3):  # within a triangle, the point itself
        edges = np.swapaxes(feet[:, corners[1:]] - feet[:, corners[:1]], 1, 2)
        wide = np.abs(np.linalg.det(edges)) > 1e-9
        inside = np.zeros((len(feet), 3))
        inside[wide, 1:] = np.linalg.solve(edges[wide], (point - feet[:, corners[0]])[wide, :, None])[..., 0]
        inside[:, 0] = 1 - inside.sum(1)
        try_out(inside @ shares[list(corners)], wide & (inside >= 0).all(1) & stands[:, corners].all(1))
    return weights
