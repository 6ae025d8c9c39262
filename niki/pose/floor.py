"""The floor under a pose: what may not go below it, what stands on it, and how far a body can lean. numpy only.

Each gives one-sided measurements for a step of :mod:`niki.pose.effectors`: they act only where a joint is below the floor,
or the center of mass is beyond what bears it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from ..body.skeleton import JOINTS, KINDS, NUM_BONES
from ..solve.balance import MASSES
from .steps import MOVES

_FLESH = {  # metres from the joint to the skin that touches the floor
    "pelvis": 0.1, "hip": 0.09, "knee": 0.05, "ankle": 0.05, "foot": 0.025, "big_toe": 0.015, "spine1": 0.1, "spine2": 0.1,
    "spine3": 0.1, "neck": 0.06, "collar": 0.07, "head": 0.08, "head_top": 0.0, "shoulder": 0.06, "elbow": 0.04,
    "wrist": 0.03, "hand": 0.02, "middle_finger": 0.01,
}  # fmt: skip
FLESH = np.array([_FLESH[kind] for kind in KINDS])
_NEAR = 0.04  # metres above the floor up to which a joint rests on it
_SOLE = 0.07  # the same for ankles, whose heel is below
_HEEL = 0.3  # of the way from the ball of the foot to the ankle: how far the heel is behind it
_EDGE = 0.015  # metres that the center of mass stays within what bears it
_LIFTED = 0.15  # metres by which a foot leaves the floor until the body has shifted its weight off it
_BREADTH = 0.04 * np.array([[1, 0], [0, 1], [-1, 0], [0, -1.0]])  # metres around a joint that bears the body
_ERROR, _LEANING = 1e-3, 5e-3  # metres of standard error, of the floor and of the balance
_DAMPING = 0.1  # what is added to it, as a share of the distance
_FARTHEST = 0.1  # metres a step
_UP = 1
_STILL = np.isin(KINDS[:NUM_BONES], ("neck", "head", "collar", "shoulder", "elbow", "wrist", "hand"))
"""Bones that do not move to keep the balance: nobody pulled them."""


@dataclass(frozen=True)
class Floor:
    """A level floor.

    Attributes:
        height: metres along y, in the space of the pose.
    """

    height: float = 0.0

    def lowest(self, positions: np.ndarray) -> np.ndarray:
        """(29,) metres: how low each joint may go: not below the floor, unless it is there already.

        Args:
            positions: (29, 3) metres, of the pose before.
        """
        return np.minimum(self.height + FLESH, positions[:, _UP])

    def resting(self, positions: np.ndarray) -> np.ndarray:
        """(29,) bool: which joints rest on the floor."""
        reach = np.array([_SOLE if kind == "ankle" else _NEAR for kind in KINDS])
        return positions[:, _UP] < self.height + FLESH + reach


class Ground:
    """What the floor asks of a pose.

    Args:
        floor: the floor. positions: (29, 3) metres, of the pose before.
        lifted: metres, by joint, that resting joints are pulled up: they no longer bear the body.
        support: (n, 2) further points on the floor that bear it.
        leaned: whether the body may lean further than what it stands on can bear.
    """

    def __init__(
        self,
        floor: Floor,
        positions: np.ndarray,
        lifted: dict[int, float],
        support: np.ndarray,
        leaned: bool = False,
    ):
        self._lowest = floor.lowest(positions)
        resting = floor.resting(positions)
        self._hull = None
        bearing = [j for j in np.flatnonzero(resting) if j not in lifted]
        points = np.concatenate([support_points(positions, bearing), support])
        if not len(points) or leaned:
            return
        self._hull = convex_hull((points[:, None] + _BREADTH).reshape(-1, 2))
        outside = self._beyond(positions)[0]
        off = max(lifted.values(), default=0.0) / _LIFTED
        self._allowed = max(outside, 0.0) * (1 - smoothly(off))

    def depth(self, positions: np.ndarray) -> float:
        """Metres: how deep the deepest joint is below where it may be."""
        return float((self._lowest - positions[:, _UP]).max())

    def rows(self, positions: np.ndarray, joint_rows):
        """Measurements as :class:`niki.pose.effectors.Effectors` takes them: residuals (n,), rows (n, 75), errors (n,).

        Args:
            positions: (29, 3) metres. joint_rows: arms (K, 24, 3) from each bone's start -> derivatives (K, 3, 75).
        """
        parts = []
        low = np.flatnonzero(positions[:, _UP] < self._lowest)
        if len(low):
            arms = (positions[low][:, None] - positions[:NUM_BONES]) * MOVES[low][..., None]
            parts.append((self._lowest[low] - positions[low, _UP], joint_rows(arms)[:, _UP], _ERROR))
        if self._hull is not None:
            beyond, outward = self._beyond(positions)
            if beyond > self._allowed:
                arms = _mass_arms(positions)
                arms[_STILL] = 0
                row = np.array([outward[0], 0.0, outward[1]]) @ joint_rows(arms[None])[0]
                parts.append((np.array([self._allowed - beyond]), row[None], _LEANING))
        # Far off, a step is only a direction.
        return [
            (np.clip(r, -_FARTHEST, _FARTHEST), rows, np.sqrt(error**2 + (_DAMPING * r) ** 2))
            for r, rows, error in parts
        ]

    def lean(self, positions: np.ndarray) -> np.ndarray:
        """(3,) metres by which the center of mass is further out than it may be, on the floor."""
        if self._hull is None:
            return np.zeros(3)
        beyond, outward = self._beyond(positions)
        return max(beyond - self._allowed, 0.0) * np.array([outward[0], 0.0, outward[1]])

    def _beyond(self, positions: np.ndarray) -> tuple[float, np.ndarray]:
        """Metres from the edge of what bears the body out to its center of mass, and the direction (2,), on the floor."""
        return distance_beyond(self._hull, (MASSES @ positions)[[0, 2]])


def _mass_arms(positions: np.ndarray) -> np.ndarray:
    """(24, 3) from each bone's start to the mass that it turns, times its share of all."""
    shares = MASSES[:, None] * MOVES
    return shares.T @ positions - shares.sum(0)[:, None] * positions[:NUM_BONES]


def support_points(positions: np.ndarray, joints: Collection[int]) -> np.ndarray:
    """(n, 2) points on the floor, of joints that rest on it; an ankle has its heel behind it."""
    points = [positions[j, [0, 2]] for j in joints]
    for side in ("left", "right"):
        ankle, foot = JOINTS.index(f"{side}_ankle"), JOINTS.index(f"{side}_foot")
        if ankle in joints:
            points.append(positions[ankle, [0, 2]] + _HEEL * (positions[ankle] - positions[foot])[[0, 2]])
    return np.array(points).reshape(-1, 2)


def convex_hull(points: np.ndarray) -> np.ndarray:
    """The corners (m, 2) of the convex hull of points (n, 2), counterclockwise (Andrew's monotone chain, 1979)."""
    ordered = sorted({(float(x), float(y)) for x, y in points})
    if len(ordered) < 3:
        return np.array(ordered)
    halves = []
    for run in (ordered, ordered[::-1]):
        half = []
        for p in run:
            while len(half) > 1 and _turn(half[-2], half[-1], p) <= 0:
                half.pop()
            half.append(p)
        halves += half[:-1]
    return np.array(halves)


def _turn(a, b, c) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def distance_beyond(hull: np.ndarray, point: np.ndarray) -> tuple[float, np.ndarray]:
    """How far a point (2,) is beyond a hull less a margin, negative within; and the direction away from it (2,)."""
    starts, ends = hull, np.roll(hull, -1, 0)
    along = ends - starts
    length = np.maximum((along**2).sum(1), 1e-12)
    share = np.clip(((point - starts) * along).sum(1) / length, 0, 1)
    away = point - (starts + share[:, None] * along)
    distance = np.sqrt((away**2).sum(1))
    nearest = int(distance.argmin())
    outward = away[nearest] / max(distance[nearest], 1e-9)
    inside = len(hull) > 2 and all(_turn(a, b, point) >= 0 for a, b in zip(starts, ends, strict=True))
    if inside:
        return -float(distance[nearest]) + _EDGE, -outward
    return float(distance[nearest]) + _EDGE, outward


def smoothly(share: float) -> float:
    """A share from 0 to 1, clipped, that starts and ends smoothly."""
    share = min(max(share, 0.0), 1.0)
    return share * share * (3 - 2 * share)
