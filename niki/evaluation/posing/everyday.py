"""Twelve everyday poses, pulled from a standing body as an animator would."""

from __future__ import annotations

from dataclasses import dataclass, field

Place = tuple[float, float, float]

LEG = ("left_ankle", "left_foot", "left_big_toe")
OTHER_LEG = ("right_ankle", "right_foot", "right_big_toe")
_FEET = (*LEG, *OTHER_LEG)


@dataclass(frozen=True)
class Drag:
    """One drag of the mouse, from press to release.

    Attributes:
        to: where joints are dragged to, metres: x to the left, y up, z ahead; the floor is at 0.
        pins: joints pinned before.
        plant_feet, step: the tool's settings.
        still: joints that an animator expects to stay where they are.
    """

    to: dict[str, Place]
    pins: tuple[str, ...] = ()
    plant_feet: bool = True
    step: bool = False
    still: tuple[str, ...] = ()


@dataclass(frozen=True)
class Everyday:
    """A pose, the drags that lead to it from a relaxed body of 1.75 m, and boxes that it stands or sits on.

    Attributes:
        boxes: lowest and highest corner of each, metres.
    """

    name: str
    drags: tuple[Drag, ...]
    boxes: tuple[tuple[Place, Place], ...] = field(default=())


def _both(kind: str, x: float, y: float, z: float) -> dict[str, Place]:
    return {f"left_{kind}": (x, y, z), f"right_{kind}": (-x, y, z)}


_KNEES_DOWN = Drag(_both("knee", 0.12, 0.06, 0.12))
_UPRIGHT = Drag({"pelvis": (0.0, 0.52, 0.08)}, pins=("left_knee", "right_knee"))

POSES = (
    Everyday("squat", (Drag({"pelvis": (0.0, 0.5, -0.12)}, still=_FEET),)),
    Everyday(
        "sit on a chair",
        (Drag({"pelvis": (0.0, 0.58, -0.38)}, still=_FEET),),
        (((-0.23, 0.0, -0.62), (0.23, 0.45, -0.18)),),
    ),
    Everyday(
        "sit on the floor",
        (
            Drag({"pelvis": (0.0, 0.13, -0.4)}, still=_FEET),
            Drag(_both("ankle", 0.13, 0.09, 0.25), still=("pelvis",)),
        ),
    ),
    Everyday("kneel", (_KNEES_DOWN, _UPRIGHT)),
    Everyday(
        "all fours",
        (
            _KNEES_DOWN,
            _UPRIGHT,
            Drag(
                _both("wrist", 0.2, 0.07, 0.65),
                pins=("left_knee", "right_knee"),
                still=("left_knee", "right_knee"),
            ),
        ),
    ),
    Everyday("hand to mouth", (Drag({"right_wrist": (-0.12, 1.5, 0.2)}, still=(*_FEET, "left_wrist")),)),
    Everyday(
        "arms crossed",
        (
            Drag({"left_wrist": (-0.12, 1.2, 0.2)}, still=(*_FEET, "right_wrist")),
            Drag({"right_wrist": (0.12, 1.25, 0.26)}, still=(*_FEET, "left_wrist")),
        ),
    ),
    Everyday("reach up", (Drag({"left_wrist": (0.2, 1.93, 0.05)}, still=(*_FEET, "right_wrist")),)),
    Everyday("touch the floor", (Drag(_both("wrist", 0.15, 0.18, 0.3), still=_FEET),)),
    Everyday(
        "foot on a box",
        (Drag({"left_ankle": (0.12, 0.45, 0.38)}, still=OTHER_LEG),),
        (((-0.08, 0.0, 0.28), (0.32, 0.35, 0.68)),),
    ),
    Everyday("kick", (Drag({"right_ankle": (-0.1, 0.8, 0.65)}, still=LEG),)),
    Everyday(
        "lie down",
        (
            Drag({"pelvis": (0.0, 0.12, -0.4)}, plant_feet=False),
            Drag({"head": (0.0, 0.12, -1.0), **_both("ankle", 0.12, 0.1, 0.45)}, plant_feet=False),
        ),
    ),
)
"""All twelve."""
