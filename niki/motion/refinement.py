"""How a motion is made of its readings: what can be changed without the footage. numpy only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from ..body.skeleton import BONES
from ..checks import number_between
from ..errors import NikiError

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
            what is faster is smoothed away, what takes twice as long is kept. 0 leaves the limb exactly as it was
            solved.

    The defaults keep 95 % of the peak speed of wrists that people have without errors (training people set aside), and
    92 % of that of ankles, whose swing is shorter; of joints that err in each frame by itself they leave two thirds of
    the error of acceleration.

    Raises:
        NikiError: a number is out of range.
    """

    smooth_trunk: float = 0.1
    smooth_legs: float = 0.08
    smooth_arms: float = 0.1
    smooth_hands: float = 0.1

    def __post_init__(self):
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
