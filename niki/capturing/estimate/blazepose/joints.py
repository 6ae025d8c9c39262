"""Points made of the landmarks -> our 29 joints."""

from __future__ import annotations

import numpy as np

from ....body.skeleton import JOINTS, NUM_JOINTS
from . import joint_map, landmarks

_HEAD_FROM_EARS, _TOP_FROM_EARS = np.array([0, -0.062, -0.04]), np.array([0, 0.24, -0.045])
# left, up, ahead; of the torso's length


def torso_lengths(points: np.ndarray) -> np.ndarray:
    """(T,) metres from between the hips to between the shoulders, of points (T, 19, 3)."""
    return np.linalg.norm(landmarks.sides(points, "shoulder").mean(-2) - landmarks.mid_hip(points), axis=-1)


def joints_of(points: np.ndarray, head: np.ndarray, torso: float) -> np.ndarray:
    """Our joints from refined points.

    Args:
        points: (T, 19, 3) as ``landmarks.points_of`` orders them. head: (T, 3, 3) from
            ``landmarks.head_frame``. torso: its length, the median over the clip.

    Returns:
        (T, 29, 3), units and frame of ``points``.
    """
    joints = np.full((len(points), NUM_JOINTS, 3), np.nan)
    joints[:, joint_map.TORSO] = joint_map.torso_joints(points)
    for side in ("left", "right"):
        for name in joint_map.LIMBS:
            joints[:, JOINTS.index(f"{side}_{name}")] = joint_map.limb_joint(points, side, name)
    ears = landmarks.point(points, "ears")
    joints[:, JOINTS.index("head")] = ears + torso * head @ _HEAD_FROM_EARS
    joints[:, JOINTS.index("head_top")] = ears + torso * head @ _TOP_FROM_EARS
    return joints
