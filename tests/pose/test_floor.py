"""Feet that carry, and the floor that nothing goes below unasked."""

import numpy as np
import pytest
from standing import standing

from niki.body.kinematics import forward_kinematics
from niki.body.limits import exceeds_limits
from niki.body.skeleton import JOINTS, Body
from niki.network.posing import PosingNetwork
from niki.pose.floor import Floor
from niki.pose.posing import Poser
from niki.pose.targets import Posture, Target

BODY = Body.default()


START = standing()
POSER = Poser(BODY, PosingNetwork.default())
PLACES, _ = forward_kinematics(START.rotations, BODY, START.translation)
FLOOR = Floor(float(PLACES[:, 1].min()) - 0.02)


def at(posture, joint):
    return POSER.joints(posture)[JOINTS.index(joint)]


def pull(joint, by, **options) -> Posture:
    return POSER.solve(START, [Target(joint, at(START, joint) + by)], **options)


def test_a_raised_knee_leaves_the_other_foot_standing():
    posture = pull("left_knee", [0.0, 0.45, 0.3], floor=FLOOR)
    assert posture.error["left_knee"] < 0.001
    assert np.linalg.norm(at(posture, "right_ankle") - at(START, "right_ankle")) < 0.001
    assert at(posture, "left_ankle")[1] > at(START, "left_ankle")[1] + 0.1


def test_a_pinned_ankle_stays_when_its_knee_is_pulled():
    pin = Target("left_ankle", at(START, "left_ankle"), pinned=True)
    pulled = Target("left_knee", at(START, "left_knee") + [0, 0.4, 0.3])
    posture = POSER.solve(START, [pin, pulled], floor=FLOOR)
    assert np.linalg.norm(at(posture, "left_ankle") - at(START, "left_ankle")) < 0.001


def test_a_target_below_the_floor_stops_at_it_and_tells_what_is_missing():
    posture = POSER.solve(
        START,
        [Target("left_wrist", at(START, "left_wrist") * [1, 0, 1] + [0, FLOOR.height - 0.3, 0.2])],
        floor=FLOOR,
    )
    assert posture.error["left_wrist"] > 0.25
    assert (POSER.joints(posture)[:, 1] >= FLOOR.lowest(PLACES) - 0.001).all()


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_pulled_nothing_goes_below_the_floor(seed):
    rng = np.random.default_rng(seed)
    joint = rng.choice(["pelvis", "left_wrist", "right_wrist", "head", "left_knee", "right_ankle"])
    posture = pull(joint, rng.normal(0, 0.3, 3) - [0, 0.3, 0], floor=FLOOR)
    assert np.isfinite(posture.rotations).all()
    assert (POSER.joints(posture)[:, 1] >= FLOOR.lowest(PLACES) - 0.001).all()
    assert not exceeds_limits(posture.rotations)
