"""The floor under a pose: what may not go below it, what stands on it, and how far a body can lean. numpy only.

Each gives bounds for a step of :mod:`niki.pose.effectors`: they act only where it would take a joint below the floor, or
the center of mass beyond what bears it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from ..body.skeleton import JOINTS, KINDS, NUM_BONES
from ..motion.blending import smoothly
from ..solve.balance import MASSES
from .hull import convex_hull, distance_beyond, edges_of
from .steps import MOVES, turn_derivatives

_FLESH = {  # metres from the joint to the skin that touches the floor
    "pelvis": 0.1, "hip": 0.09, "knee": 0.05, "ankle": 0.05, "foot": 0.025, "big_toe": 0.015, "spine1": 0.1, "spine2": 0.1,
    "spine3": 0.1, "neck": 0.06, "collar": 0.07, "head": 0.1, "head_top": 0.1, "shoulder": 0.06, "elbow": 0.04,
    "wrist": 0.03, "hand": 0.03, "middle_finger": 0.015,
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
_REACH = 0.5  # metres that no joint goes down in a step
_UP, _SIZE = 1, 3 * NUM_BONES + 3
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
        self._edges = edges_of(self._hull)
        outside = self._beyond(positions)[0]
        off = max(lifted.values(), default=0.0) / _LIFTED
        self._allowed = max(outside, 0.0) * (1 - smoothly(off))

    def depth(self, positions: np.ndarray) -> float:
        """Metres: how deep the deepest joint is below where it may be."""
        return float((self._lowest - positions[:, _UP]).max())

    def bounds(self, positions: np.ndarray, frames: np.ndarray, heading: np.ndarray):
        """What a step may not go beyond, as :func:`.steps.bounded_step` takes it: residuals (n,), rows (n, 75), errors (n,).

        Args:
            positions: (29, 3) metres.
            frames: (24, 3, 3) in which bones turn. heading: (3, 3) in which the body moves.
        """
        missing = self._lowest - positions[:, _UP]
        low = np.flatnonzero(missing > -_REACH)
        down = len(low)
        edges = () if self._hull is None else self._edges[0]
        residual, rows = np.empty(down + len(edges)), np.zeros((down + len(edges), _SIZE))
        errors = np.full(len(residual), _LEANING)
        residual[:down], errors[:down] = missing[low], _ERROR
        arms = (positions[low][:, None] - positions[:NUM_BONES]) * MOVES[low][..., None]
        turns = arms[..., :1] * frames[:, 2] - arms[..., 2:] * frames[:, 0]  # how far they lift the joints
        rows[:down, :-3], rows[:down, -2] = turns.reshape(down, _SIZE - 3), 1
        if len(edges):
            starts, outward = self._edges
            residual[down:] = (
                (((MASSES @ positions)[[0, 2]] - starts) * outward).sum(1) + _EDGE - self._allowed
            )
            arms = _mass_arms(positions)
            arms[_STILL] = 0
            turns = turn_derivatives(arms, frames).reshape(3, _SIZE - 3)
            rows[down:, :-3], rows[down:, -3:] = -outward @ turns[[0, 2]], -outward @ heading[[0, 2]]
        residual = np.minimum(residual, _FARTHEST)  # far off, a step is only a direction
        return residual, rows, np.sqrt(errors**2 + (_DAMPING * np.maximum(residual, 0)) ** 2)

    def lean(self, positions: np.ndarray) -> np.ndarray:
        """(3,) metres by which the center of mass is further out than it may be, on the floor."""
        if self._hull is None:
            return np.zeros(3)
        beyond, outward = self._beyond(positions)
        return max(beyond - self._allowed, 0.0) * np.array([outward[0], 0.0, outward[1]])

    def _beyond(self, positions: np.ndarray) -> tuple[float, np.ndarray]:
        """Metres from within the edge of what bears the body out to its center of mass, and the direction (2,), on the floor."""
        assert self._hull is not None
        distance, outward = distance_beyond(self._hull, (MASSES @ positions)[[0, 2]])
        return distance + _EDGE, outward


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
