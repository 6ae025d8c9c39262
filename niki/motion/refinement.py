"""How a motion is made of its readings: what can be changed without the footage. numpy only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from ..body.skeleton import BONES
from ..checks import number_between
from ..errors import NikiError
from .feet import MODES

LONGEST = 2.0
"""Seconds of smoothing; more would leave no motion."""

_TRUNK = ("Pelvis", "Spine1", "Spine2", "Spine3", "Neck", "Head")
_SIDED = {
    "legs": ("Hip", "Knee", "Ankle", "Foot"),
    "arms": ("Collar", "Shoulder", "Elbow"),
    "hands": ("Wrist", "Hand"),
}
LIMBS: dict[str, tuple[int, ...]] = {
    "trunk": tuple(map(BONES.index, _TRUNK)),
    **{
        limb: tuple(BONES.index(f"{side}_{name}") for side in "LR" for name in names)
        for limb, names in _SIDED.items()
    },
}
"""Bones that are smoothed together, by the name of the limb. The path of the pelvis goes with the trunk."""


@dataclass(frozen=True)
class Refinement:
    """Settings.

    Attributes:
        smooth_trunk, smooth_legs, smooth_arms, smooth_hands: seconds. What swings to and fro within this time is halved,
            what is faster is smoothed away, what takes twice as long is kept. 0, the default, leaves the limb exactly as
            it was solved: as one clip, which is smooth already.
        feet: of :data:`niki.motion.feet.MODES`: how feet that touch the ground are kept in place.

    Of people without errors (training people set aside) 0.1 keeps 95 % of the peak speed of wrists, and 90 % of that of
    ankles, whose swing is shorter.

    Raises:
        NikiError: a number is out of range, or there is no such mode.
    """

    smooth_trunk: float = 0.0
    smooth_legs: float = 0.0
    smooth_arms: float = 0.0
    smooth_hands: float = 0.0
    feet: str = "automatic"

    def __post_init__(self):
        if self.feet not in MODES:
            raise NikiError(f"There is no mode '{self.feet}' for feet", f"choose from: {', '.join(MODES)}")
        for limb in LIMBS:
            number_between(f"Smoothing of the {limb}", self.smoothing[limb], 0, LONGEST, "seconds")

    @property
    def smoothing(self) -> dict[str, float]:
        """Seconds by the name of the limb, see :data:`LIMBS`."""
        return {limb: getattr(self, f"smooth_{limb}") for limb in LIMBS}

    def as_dict(self) -> dict[str, Any]:
        """All settings, as JSON can carry them; :meth:`from_dict` reads them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Refinement:
        """Settings from values of unknown origin; a missing value, or None, is the default.

        Raises:
            NikiError: a value is wrong, or a name is unknown.
        """
        known = {field.name for field in fields(cls)}
        for name in values:
            if name not in known:
                raise NikiError(f"there is no parameter '{name}'")
        return cls(**{name: value for name, value in values.items() if value is not None})
