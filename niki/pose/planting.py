"""Limbs that stand on the floor: which stay in place, and what they bear. numpy only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from ..body.skeleton import JOINTS, KINDS, NUM_JOINTS
from .floor import Floor, Ground
from .habits import kneeling_support
from .targets import Target

LIMBS = [
    [JOINTS.index(f"{side}_{kind}") for kind in kinds]
    for side in ("left", "right")
    for kinds in (
        ("ankle", "foot", "big_toe", "knee", "hip"),
        ("wrist", "hand", "middle_finger", "elbow", "shoulder", "collar"),
    )
]
"""Leg and arm of the left side, then of the right one: the joint that is held in place, and all whose pull frees it."""

_FOOT = "ankle"


def pulled_joints(targets: Iterable[Target]) -> set[int]:
    """The joints, by index, that somebody pulls or turns."""
    goals = ((t.index, (t.position, t.orientation, t.look_at)) for t in targets if not t.pinned)
    return {index for index, goal in goals if any(value is not None for value in goal)}


def both_legs_pulled(targets: list[Target]) -> bool:
    """Whether both legs are pulled and nothing else holds the body: then it goes where they go."""
    exact = [t for t in targets if t.exact and t.position is not None]
    held = any(t.pinned or t.index == 0 for t in exact)
    return not held and all(any(t.index in leg for t in exact) for leg in LIMBS[::2])


def planted_toes(pins: Iterable[Target]) -> list[int]:
    """The bones of the toes of planted feet, which stay too."""
    ankles = {t.index for t in pins}
    return [leg[1] for leg in LIMBS[::2] if leg[0] in ankles]


def planted_limbs(
    targets: Iterable[Target], positions: np.ndarray, world: np.ndarray, floor: Floor | None = None
) -> list[Target]:
    """Pins that keep feet, and hands that rest on the floor, in position and orientation, unless ``targets`` pull their
    limbs.

    Args:
        targets: the other targets.
        positions: (29, 3) metres of the joints. world: (24, 3, 3) orientations of the bones.
    """
    pulled, pinned = pulled_joints(targets), {t.index for t in targets if t.pinned}
    resting = np.zeros(NUM_JOINTS, bool) if floor is None else floor.resting(positions)
    pins = []
    hips = 0 in pulled
    for joints in LIMBS:
        stands = KINDS[joints[0]] == _FOOT or resting[joints[:3]].all()
        if stands and not pulled & set(joints) and joints[0] not in pinned:
            pins.append(planted_foot(joints[0], positions, world))
            knee = joints[3]
            if KINDS[knee] == "knee" and resting[knee] and not hips and knee not in pinned:
                pins.append(Target(JOINTS[knee], positions[knee], pinned=True))
    return pins


def above_floor(floor: Floor, targets: list[Target], positions: np.ndarray) -> list[Target]:
    """The targets, with pulled joints no lower than the floor lets them."""
    lowest, raised = floor.lowest(positions), []
    for t in targets:
        low = t.position is not None and not t.pinned and t.place[1] < lowest[t.index]
        raised.append(replace(t, position=[t.place[0], lowest[t.index], t.place[2]]) if low else t)
    return raised


def ground_of(
    floor: Floor,
    asked: list[Target],
    feet: list[Target],
    positions: np.ndarray,
    mode: str,
    leaned: bool = False,
) -> Ground:
    """What the floor asks for, with the limbs that the targets lift off it, and the ``feet`` of kneeling legs; see
    :class:`.floor.Ground`."""
    lifted, pulled = {}, [t for t in asked if t.position is not None and not t.pinned]
    for joints in LIMBS:
        ups = [t.place[1] - positions[t.index, 1] for t in pulled if t.index in joints]
        if ups:
            lifted |= dict.fromkeys(joints, max(0.0, *ups))
    hips = any(t.index == 0 for t in pulled)  # the user decides what carries them
    support = kneeling_support(floor, asked, feet)
    return Ground(floor, positions, lifted, support, leaned=leaned or hips or mode != "full")


def planted_foot(ankle: int, positions: np.ndarray, world: np.ndarray) -> Target:
    """A pin that keeps the foot below ``ankle``, an index into the joints, in place; see :func:`planted_limbs`."""
    return Target(JOINTS[ankle], positions[ankle], world[ankle], pinned=True)
