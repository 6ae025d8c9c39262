"""The pose that tests start from."""

import numpy as np

from niki.body import rotation as rot
from niki.body.skeleton import JOINTS, NUM_BONES
from niki.pose.targets import Posture


def standing() -> Posture:
    """Arms down, knees and elbows a little bent."""
    turns = np.zeros((NUM_BONES, 3))
    for side, sign in (("left", 1), ("right", -1)):
        turns[JOINTS.index(f"{side}_shoulder")] = [0.2, 0, -1.1 * sign]
        turns[JOINTS.index(f"{side}_elbow")] = [0, -0.4 * sign, 0]
        turns[JOINTS.index(f"{side}_hip")] = [-0.2, 0, 0.05 * sign]
        turns[JOINTS.index(f"{side}_knee")] = [0.35, 0, 0]
        turns[JOINTS.index(f"{side}_ankle")] = [-0.15, 0, 0]
    return Posture(rot.matrix_from_axis_angle(turns), np.array([0.3, 0.0, -2.0]))
