"""A knee that is dragged in a view from the front comes forward."""

import numpy as np
import pytest

from niki.body.kinematics import forward_kinematics
from niki.body.skeleton import JOINTS, Body
from niki.pose.knees import KNEES, swing_knee_forward
from niki.pose.posing import Poser
from niki.pose.stances import relaxed_rotations
from niki.pose.targets import Posture, Target

BODY = Body.default()
START = Posture(relaxed_rotations(), np.zeros(3))
STANDING, _ = forward_kinematics(START.rotations, BODY, START.translation)
FRONT, SIDE = np.array([0.0, 0, 1]), np.array([1.0, 0, 0])


def joint(name, joints=STANDING):
    return joints[JOINTS.index(name)]


@pytest.mark.parametrize("knee", KNEES)
@pytest.mark.parametrize("sight", [FRONT, -FRONT])
def test_dragged_up_in_front_view_the_knee_keeps_to_its_thighs_length(knee, sight):
    hip = joint(knee.replace("knee", "hip"))
    for up in np.linspace(0, 0.5, 11):
        dragged = joint(knee) + [0, up, 0]
        place = swing_knee_forward(knee, dragged, STANDING, sight)
        np.testing.assert_allclose((place - dragged)[:2], 0, atol=1e-12)
        if up:
            assert place[2] > dragged[2]
        thigh = np.linalg.norm(joint(knee) - hip)
        np.testing.assert_allclose(np.linalg.norm(place - hip), thigh, atol=1e-9)


def test_in_a_view_from_the_side_the_knee_is_where_the_mouse_is():
    dragged = joint("left_knee") + [0, 0.3, 0.05]
    np.testing.assert_array_equal(swing_knee_forward("left_knee", dragged, STANDING, SIDE), dragged)


def test_the_body_keeps_facing_the_viewer():
    place = swing_knee_forward("left_knee", joint("left_knee") + [0, 0.35, 0], STANDING, FRONT)
    posture = Poser(BODY).solve(START, [Target("left_knee", place)])
    joints, _ = forward_kinematics(posture.rotations, BODY, posture.translation)
    across = joint("left_hip", joints) - joint("right_hip", joints)
    assert abs(np.degrees(np.arctan2(across[2], across[0]))) < 12
