"""What a pose should meet, a target for each joint, and the pose itself. numpy only."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from ..body.skeleton import JOINTS
from ..errors import NikiError

ORIENTED = ("pelvis", "spine3", "head", "left_wrist", "right_wrist", "left_ankle", "right_ankle")
"""Joints that take an orientation: pelvis, chest, head, hands and feet."""


@dataclass(frozen=True, eq=False)
class Target:
    """Where a joint should be, how its bone should be turned, or what the head should look at.

    >>> Target("left_wrist", position=(0.4, 1.5, 0.3)).exact
    True
    >>> Target("head", look_at=(0, 1, 2), weight=0.3).exact
    False

    Attributes:
        joint: a name from :data:`niki.body.skeleton.JOINTS`.
        position: (3,) metres in library space, or None.
        orientation: (3, 3) world rotation of the joint's bone, or None; only for joints in ``ORIENTED``.
        look_at: (3,) metres: the point that the head should face, or None; only for the head.
        weight: 1 makes the target exact: it is met as far as the body reaches. Below 1, down to but not
            including 0, it is a soft constraint that pulls more gently the lower the weight is.
        pinned: the target takes precedence over all others where they conflict; it is exact, whatever its
            weight.

    Raises:
        NikiError: there is no such joint, an array has the wrong shape or a value that is not finite, the
            joint takes no orientation or look-at target, or the weight is not in (0, 1].
    """

    joint: str
    position: ArrayLike | None = None
    orientation: ArrayLike | None = None
    look_at: ArrayLike | None = None
    weight: float = 1.0
    pinned: bool = False

    def __post_init__(self):
        if self.joint not in JOINTS:
            raise NikiError(f"There is no joint '{self.joint}'", f"choose from: {', '.join(JOINTS)}")
        for name, shape in (("position", (3,)), ("orientation", (3, 3)), ("look_at", (3,))):
            value = getattr(self, name)
            if value is None:
                continue
            value = np.asarray(value, float)
            if value.shape != shape or not np.isfinite(value).all():
                raise NikiError(f"The {name} of {self.joint} must be {shape} finite numbers")
            object.__setattr__(self, name, value)
        if self.orientation is not None and self.joint not in ORIENTED:
            raise NikiError(f"{self.joint} takes no orientation", f"choose from: {', '.join(ORIENTED)}")
        if self.look_at is not None and self.joint != "head":
            raise NikiError(f"{self.joint} cannot look at something", "the head can")
        if not 0 < self.weight <= 1:
            raise NikiError(f"The weight of {self.joint} must be above 0 and at most 1, not {self.weight}")

    @property
    def index(self) -> int:
        """Index of the joint in :data:`niki.body.skeleton.JOINTS`."""
        return JOINTS.index(self.joint)

    @property
    def place(self) -> np.ndarray:
        """(3,) the position, of a target that has one."""
        return np.asarray(self.position)

    @property
    def exact(self) -> bool:
        """Whether the target is to be met exactly, rather than being a soft constraint."""
        return self.pinned or self.weight == 1


@dataclass(eq=False)
class Posture:
    """One pose of a body.

    Attributes:
        rotations: (24, 3, 3) parent-relative matrices.
        translation: (3,) metres, as :func:`niki.body.kinematics.forward_kinematics` takes it.
        error: metres by which each joint with a position target misses it, by the joint's name. If a
            joint has several targets, the largest miss counts.
    """

    rotations: np.ndarray
    translation: np.ndarray
    error: dict[str, float] = field(default_factory=dict)
