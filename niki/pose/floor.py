"""The floor under a pose, and what touches it. numpy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..body.skeleton import JOINTS, KINDS
from ..motion.contacts import SOLE

_THICKNESS = {  # metres from a joint to the skin below it, where it is not that of a fingertip
    "pelvis": 0.1, "hip": 0.1, "spine1": 0.1, "spine2": 0.1, "spine3": 0.1, "neck": 0.06, "head": 0.08,
    "collar": 0.06, "shoulder": 0.06, "elbow": 0.04, "wrist": 0.03, "knee": 0.05, "ankle": 0.05, "foot": SOLE,
}  # fmt: skip
_FINGERTIP = 0.01
_TOUCH = 0.04  # metres above its lowest place, within which a hand touches the floor
_HANDS = {
    side: [
        k
        for k, name in enumerate(JOINTS)
        if name.startswith(side) and KINDS[k] in ("wrist", "hand", "middle_finger")
    ]
    for side in ("left", "right")
}


def _thickness(joint: int) -> float:
    if "toe" in JOINTS[joint] or "heel" in JOINTS[joint]:
        return SOLE
    return _THICKNESS.get(KINDS[joint], _FINGERTIP)


THICKNESS = np.array([_thickness(joint) for joint in range(len(JOINTS))])
"""(29,) metres from each joint to the floor when it lies on it."""


@dataclass(frozen=True)
class Floor:
    """A level floor.

    Attributes:
        height: metres, along Y of library space.
    """

    height: float = 0.0

    def lowest(self, positions: np.ndarray) -> np.ndarray:
        """(29,) metres: how low each joint may be. What starts lower may stay as low.

        Args:
            positions: (29, 3) metres of the joints before the pull.
        """
        return np.minimum(self.height + THICKNESS, positions[:, 1])

    def touching_hands(self, positions: np.ndarray) -> list[str]:
        """The sides, "left" and "right", whose hands touch the floor; ``positions`` (29, 3) metres."""
        above = positions[:, 1] - self.height - THICKNESS
        return [side for side, joints in _HANDS.items() if above[joints].min() < _TOUCH]
