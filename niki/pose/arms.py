"""Arms that nobody pulls keep to themselves: a hand has its own place. numpy only."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..body.skeleton import JOINTS, NUM_BONES
from ..motion.blending import smoothly
from .planting import LIMBS, pulled_joints
from .targets import Target

_HELD = 0.6  # weight of a hand that nobody pulls
_TRUNK_GOES = 0.3  # metres beyond the pulled arm's reach at which the other hand is free to go along
_LEAST_WEIGHT = 1e-3
_ARMS = LIMBS[1::2]
ARM_TURNS = [np.isin(np.arange(3 * NUM_BONES + 3) // 3, arm) for arm in _ARMS]
"""For each arm, (75,) bool: the values of a step that turn it."""


def idle_arms(asked: Iterable[Target]) -> tuple[int, ...]:
    """The arms, by index, that nobody pulls."""
    pulled = pulled_joints(asked)
    return tuple(k for k, arm in enumerate(_ARMS) if not pulled & set(arm))


def keep_arms(turns: np.ndarray, idle: tuple[int, ...], follow: float) -> np.ndarray:
    """Turns (24, 3) of which the one ``idle`` arm makes less while the other is pulled: that hand has its own place."""
    if follow < 1 and len(idle) == 1:
        turns = turns.copy()
        turns[[b for b in _ARMS[idle[0]] if b < NUM_BONES]] *= follow * follow
    return turns


def other_hands(asked: list[Target], positions: np.ndarray, follow: float) -> list[Target]:
    """Soft targets that keep a hand in its place while only the other arm is pulled, the less the more the body follows, and
    the further the trunk has to go along."""
    pulled = [[t for t in asked if t.index in arm and t.position is not None] for arm in _ARMS]
    taken = {t.index for t in asked}
    if follow == 1 or bool(pulled[0]) == bool(pulled[1]):
        return []
    side = 0 if pulled[0] else 1
    shoulder, wrist, other = _ARMS[side][4], _ARMS[side][0], _ARMS[1 - side]
    arm = np.linalg.norm(positions[wrist] - positions[_ARMS[side][3]]) + np.linalg.norm(
        positions[shoulder] - positions[_ARMS[side][3]]
    )
    beyond = max(np.linalg.norm(t.position - positions[shoulder]) for t in pulled[side]) - arm
    weight = _HELD * (1 - follow) * (1 - smoothly(float(beyond) / _TRUNK_GOES))
    if weight < _LEAST_WEIGHT or taken & set(other):
        return []
    return [Target(JOINTS[other[0]], positions[other[0]], weight=weight)]
