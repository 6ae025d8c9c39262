"""Where our joints are, given the landmarks' points, and where those points lie on our body.

Landmarks lie on the body where a human annotator sees them: hips lower and further forward than our joints,
ankles higher, shoulders higher. Each point is taken as fixed to a bone. The joints of hips, shoulders and all
between them are a linear map of the torso's points, in the torso's own frame and in units of its length; those
of the limbs are the landmark with a share of the way to its neighbours. ``scripts/fit_joint_map`` fits all of it
on rendered people and prints the residuals.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from ....body.rotation import cross, normalize, transpose
from ....body.skeleton import JOINTS, Body
from ....files import read_npz
from . import landmarks

TORSO = [
    JOINTS.index(name)
    for name in (
        "pelvis", "spine1", "spine2", "spine3", "neck", "left_collar", "right_collar",
        "left_hip", "right_hip", "left_shoulder", "right_shoulder",
    )
]  # fmt: skip
"""The joints that come from the torso's points."""

LIMBS = {  # joint: the point it is near, and points that it lies towards or away from
    "knee": ("knee", "hip", "ankle"), "ankle": ("ankle", "knee", "heel", "toe"),
    "elbow": ("elbow", "shoulder", "wrist"), "wrist": ("wrist", "elbow", "knuckles"),
    "foot": ("toe", "heel", "ankle"), "big_toe": ("toe", "heel", "ankle"),
    "hand": ("knuckles", "wrist", "elbow"), "middle_finger": ("knuckles", "wrist", "elbow"),
}  # fmt: skip

_FIXED_TO = {  # point: the bone it is fixed to, and the joint from which its offset is measured
    "shoulder": ("spine3", "shoulder"), "elbow": ("shoulder", "elbow"), "wrist": ("elbow", "wrist"),
    "hip": ("pelvis", "hip"), "knee": ("hip", "knee"), "ankle": ("knee", "ankle"), "heel": ("ankle", "ankle"),
    "toe": ("ankle", "foot"), "knuckles": ("wrist", "hand"), "ears": ("head", "head"),
}  # fmt: skip
_SIDELESS = ("pelvis", "spine3", "head")
_FILE = Path(__file__).with_name("joint_map.npz")


def _bone_and_joint(point: str) -> tuple[int, int]:
    side, _, kind = point.rpartition("_")
    bone, joint = (
        JOINTS.index(name if name in _SIDELESS or not side else f"{side}_{name}") for name in _FIXED_TO[kind]
    )
    return bone, joint


FIXED_BONES, FIXED_JOINTS = np.array([_bone_and_joint(point) for point in landmarks.POINTS]).T
"""(19,) each: the bone that a point is fixed to, and the joint from which its offset is measured."""

_LIMB_BONES = np.array(
    [
        (JOINTS.index(f"{side}_{a}"), JOINTS.index(f"{side}_{b}"))
        for side in ("left", "right")
        for a, b in (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"))
    ]
)


def limb_size(joints: np.ndarray) -> np.ndarray:
    """(...) how long the limbs of joints (..., 29, 3) are, compared with the default body's."""
    return _mean_limb(joints) / _mean_limb(Body.default().rest_joints)


def _mean_limb(joints):
    ends = joints[..., _LIMB_BONES, :]
    return np.linalg.norm(ends[..., 0, :] - ends[..., 1, :], axis=-1).mean(-1)


def points_on(joints: np.ndarray, orientations: np.ndarray, offsets: np.ndarray | None = None) -> np.ndarray:
    """Where the detector marks a body.

    Args:
        joints: (..., 29, 3) metres. orientations: (..., 24, 3, 3) of the bones, from the rest pose.
        offsets: (19, 3) metres on the default body, in the axes of the bones at rest; default those fitted.

    Returns:
        (..., 19, 3) the points of ``landmarks.POINTS``.
    """
    offsets = joint_map()["offsets"] if offsets is None else offsets
    turned = (orientations[..., FIXED_BONES, :, :] @ offsets[..., None])[..., 0]
    return joints[..., FIXED_JOINTS, :] + turned * limb_size(joints)[..., None, None]


def torso_features(points: np.ndarray):
    """What the torso's joints are a linear map of, and how to come back.

    Args:
        points: (..., 19, 3).

    Returns:
        features (..., 16), and the torso's origin (..., 3), frame (..., 3, 3, columns left, up, forward) and
        length (..., 1).
    """
    hips, shoulders = landmarks.sides(points, "hip"), landmarks.sides(points, "shoulder")
    origin = hips.mean(-2)
    up = shoulders.mean(-2) - origin
    length = np.linalg.norm(up, axis=-1, keepdims=True)
    up = normalize(up)
    left = sum(normalize(pair[..., 0, :] - pair[..., 1, :]) for pair in (hips, shoulders))
    forward = normalize(cross(left, up))
    frame = np.stack([cross(up, forward), up, forward], -1)
    ears = landmarks.point(points, "ears")[..., None, :]
    local = (np.concatenate([hips, shoulders, ears], -2) - origin[..., None, :]) @ frame / length[..., None]
    features = np.concatenate([local.reshape(*local.shape[:-2], 15), np.ones_like(length)], -1)
    return features, origin, frame, length


def torso_joints(points: np.ndarray) -> np.ndarray:
    """(..., 11, 3): the joints of :data:`TORSO`, in the units and frame of the points (..., 19, 3)."""
    features, origin, frame, length = torso_features(points)
    local = (features @ joint_map()["torso"]).reshape(*features.shape[:-1], len(TORSO), 3)
    return (local * length[..., None]) @ transpose(frame) + origin[..., None, :]


def limb_ways(points: np.ndarray, side: str, joint: str) -> tuple[np.ndarray, np.ndarray]:
    """The point (..., 3) that a joint of :data:`LIMBS` is near, and the ways (..., 3, n) from there to the others."""
    near, *others = (landmarks.point(points, f"{side}_{name}") for name in LIMBS[joint])
    return near, np.stack([other - near for other in others], -1)


def limb_joint(points: np.ndarray, side: str, joint: str) -> np.ndarray:
    """(..., 3) one of the joints of :data:`LIMBS`, in the units and frame of the points (..., 19, 3)."""
    near, ways = limb_ways(points, side, joint)
    return near + ways @ joint_map()[joint]


@cache
def joint_map() -> dict[str, np.ndarray]:
    """What was fitted: ``offsets`` (19, 3), ``torso`` (16, 33), and for each of :data:`LIMBS` its shares."""
    return {name: values.astype(np.float64) for name, values in read_npz(_FILE).items()}
