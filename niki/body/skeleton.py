"""The skeleton: SMPL's 24 rotating joints and five leaf tips, and one person's proportions.

Library space is SMPL's: metres, right-handed, Y up; the body faces +Z and its left is +X. The
rest pose is a T-pose with all rotations identity.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import ArrayLike

from ..errors import NikiError
from . import rotation as rot

JOINTS = (
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2",
    "left_ankle", "right_ankle", "spine3", "left_foot", "right_foot", "neck", "left_collar",
    "right_collar", "head", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow",
    "left_wrist", "right_wrist", "left_hand", "right_hand",
    "head_top", "left_middle_finger", "right_middle_finger", "left_big_toe", "right_big_toe",
)  # fmt: skip
"""All 29 joints in NIKI's and HybrIK's order; the first 24 carry rotations."""

PARENTS = (
    -1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21,
    15, 22, 23, 10, 11,
)  # fmt: skip
"""Parent of each of the 29 joints; the pelvis has -1."""

BONES = (
    "Pelvis", "L_Hip", "R_Hip", "Spine1", "L_Knee", "R_Knee", "Spine2", "L_Ankle", "R_Ankle",
    "Spine3", "L_Foot", "R_Foot", "Neck", "L_Collar", "R_Collar", "Head", "L_Shoulder",
    "R_Shoulder", "L_Elbow", "R_Elbow", "L_Wrist", "R_Wrist", "L_Hand", "R_Hand",
)  # fmt: skip
"""Blender's bone for each of the 24 rotating joints, named as the SMPL add-on names them."""

BONE_CHILD = (
    3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 27, 28, 15, 16, 17, 24, 18, 19, 20, 21, 22, 23, 25, 26,
)  # fmt: skip
"""The joint that each bone points at: its swing and twist are about that direction."""

MIRROR = tuple(
    JOINTS.index(name.replace("left_", "right_") if "left_" in name else name.replace("right_", "left_"))
    for name in JOINTS
)
"""Index of each joint's counterpart on the other side (itself on the midline)."""

KINDS = tuple(name.removeprefix("left_").removeprefix("right_") for name in JOINTS)
"""What each joint is, left and right alike: "knee" for both knees."""

NUM_JOINTS, NUM_BONES = len(JOINTS), len(BONES)

_DEFAULT_OFFSETS = {  # metres from the parent; an adult of 1.75 m in SMPL's layout; our own figures
    "spine1": (0, 0.115, -0.020), "spine2": (0, 0.135, 0.015), "spine3": (0, 0.055, 0.003),
    "neck": (0, 0.210, -0.030), "head": (0, 0.085, 0.045), "head_top": (0, 0.190, 0),
    "left_hip": (0.065, -0.085, -0.005), "left_knee": (0.035, -0.390, 0),
    "left_ankle": (-0.012, -0.410, -0.035), "left_foot": (0.025, -0.060, 0.125),
    "left_big_toe": (0, -0.012, 0.070), "left_collar": (0.075, 0.115, -0.020),
    "left_shoulder": (0.110, 0.038, -0.012), "left_elbow": (0.262, 0, -0.018),
    "left_wrist": (0.252, 0, 0), "left_hand": (0.085, 0, 0), "left_middle_finger": (0.095, 0, 0),
}  # fmt: skip
_SOLE_BELOW_TOE = 0.02


def _default_rest_joints() -> np.ndarray:
    joints = np.zeros((NUM_JOINTS, 3))
    for i, name in enumerate(JOINTS):
        if i == 0:
            continue
        x, y, z = _DEFAULT_OFFSETS[name.replace("right_", "left_")]
        joints[i] = joints[PARENTS[i]] + ((-x if "right_" in name else x), y, z)
    return joints


@dataclass(frozen=True, eq=False)
class Body:
    """One person's proportions: the positions of the 29 joints in the rest pose.

    >>> body = Body.default()
    >>> body.rest_joints.shape
    (29, 3)

    Args:
        rest_joints: (29, 3) metres in library space: T-pose, Y up, facing +Z.

    Raises:
        NikiError: the shape is wrong, a value is not finite, or a bone has no length.
    """

    rest_joints: np.ndarray

    def __post_init__(self):
        try:
            joints = np.array(self.rest_joints, dtype=np.float64)
        except (TypeError, ValueError):
            raise NikiError("rest_joints must be numbers of shape (29, 3)") from None
        if joints.shape != (NUM_JOINTS, 3):
            raise NikiError(f"rest_joints must have shape (29, 3), not {joints.shape}")
        if not np.isfinite(joints).all():
            bad = JOINTS[int(np.argwhere(~np.isfinite(joints))[0, 0])]
            raise NikiError(f"rest_joints has a value that is not finite at {bad}")
        object.__setattr__(self, "rest_joints", _read_only(joints))
        short = np.flatnonzero(self.bone_lengths[1:] < 1e-4) + 1
        if len(short):
            raise NikiError(f"rest_joints has a bone of zero length at {JOINTS[short[0]]}")

    @classmethod
    @cache
    def default(cls) -> Body:
        """An adult of average build, 1.75 m tall, soles on the ground (y = 0)."""
        return cls(_on_the_ground(_default_rest_joints()))

    @classmethod
    def from_bone_lengths(cls, lengths: ArrayLike) -> Body:
        """The default body with each bone stretched to ``lengths`` (29,), metres; [0] is unused.

        Where a length is NaN, the default body's is kept.
        """
        default = cls.default()
        offsets, usual = default.offsets, default.bone_lengths
        lengths = np.where(np.isfinite(lengths), lengths, usual)
        joints = np.zeros((NUM_JOINTS, 3))
        for i in TREE_ORDER:
            joints[i] = joints[PARENTS[i]] + offsets[i] * (lengths[i] / usual[i])
        return cls(_on_the_ground(joints))

    @property
    def pelvis(self) -> np.ndarray:
        """(3,) metres: position of the pelvis in the rest pose."""
        return self.rest_joints[0]

    @cached_property
    def offsets(self) -> np.ndarray:
        """(29, 3) metres: each joint relative to its parent in the rest pose; zero for the pelvis."""
        offsets = self.rest_joints - self.rest_joints[list(PARENTS)]
        offsets[0] = 0
        return _read_only(offsets)

    @cached_property
    def bone_lengths(self) -> np.ndarray:
        """(29,) metres from each joint to its parent; zero for the pelvis."""
        return _read_only(np.linalg.norm(self.offsets, axis=-1))

    @cached_property
    def bone_axes(self) -> np.ndarray:
        """(24, 3): unit direction of each bone at rest; twist is measured about it."""
        return _read_only(self.offsets[list(BONE_CHILD)] / self.bone_lengths[list(BONE_CHILD), None])


@dataclass(frozen=True, eq=False)
class Bodies:
    """The proportions of a batch of people, not checked.

    Args:
        offsets: (..., 29, 3) metres, numpy or torch: each joint relative to its parent in the rest
            pose. The pelvis is at the origin.
    """

    offsets: np.ndarray

    @classmethod
    def from_bone_lengths(cls, lengths: np.ndarray) -> Bodies:
        """The default body with bones stretched to ``lengths`` (..., 29), metres; [..., 0] is unused."""
        return cls(Body.default().offsets).stretched(lengths)

    def stretched(self, lengths: rot.Array) -> Bodies:
        """The same bodies with bones of these ``lengths`` (..., 29), metres."""
        usual = self.bone_lengths
        xp = rot.namespace(usual)
        return Bodies(self.offsets * (lengths / xp.where(usual > 0, usual, xp.ones_like(usual)))[..., None])

    @property
    def rest_joints(self) -> rot.Array:
        """(..., 29, 3) metres."""
        return rot.cast_like(ANCESTRY, self.offsets) @ self.offsets

    @property
    def pelvis(self) -> rot.Array:
        """(..., 3): the origin."""
        return self.offsets[..., 0, :]

    @property
    def bone_lengths(self) -> rot.Array:
        """(..., 29) metres from each joint to its parent; zero for the pelvis."""
        return rot.norm(self.offsets)[..., 0]

    @property
    def bone_axes(self) -> rot.Array:
        """(..., 24, 3): unit direction of each bone at rest."""
        return rot.normalize(self.offsets[..., list(BONE_CHILD), :])


def _read_only(array: np.ndarray) -> np.ndarray:
    array.setflags(write=False)
    return array


def _on_the_ground(joints: np.ndarray) -> np.ndarray:
    return joints - [0, joints[:, 1].min() - _SOLE_BELOW_TOE, 0]


def _tree_order() -> tuple[int, ...]:
    order = [0]
    for parent in order:
        order += [i for i, p in enumerate(PARENTS) if p == parent]
    return tuple(order[1:])


TREE_ORDER = _tree_order()
"""Joints 1..28, every parent before its children."""

ANCESTRY = np.eye(NUM_JOINTS)
"""(29, 29): row i is 1 at joint i and at every joint above it."""
for _i in TREE_ORDER:
    ANCESTRY[_i] += ANCESTRY[PARENTS[_i]]
