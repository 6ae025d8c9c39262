"""Corrections carried over time, and joints held: on the sample's motion."""

import numpy as np
import pytest
from conftest import ROOT

from niki.body import rotation as rot
from niki.body.skeleton import JOINTS
from niki.errors import NikiError
from niki.motion.motion import Motion
from niki.pose.corrections import (
    CATCH_UP,
    blend_pose,
    fade_weights,
    hold_joints,
    pin_joint,
    posture_at,
    spread_change,
)
from niki.pose.posing import Poser
from niki.pose.targets import Target

SAMPLE = Motion.load(ROOT / "samples/sample_truth.npz")
ANKLE = JOINTS.index("left_ankle")


def corrected(motion, index):
    poser, was = Poser(motion.body), posture_at(motion, index)
    wanted = poser.joints(was)[20] + [0.05, 0.1, 0.0]
    return poser.solve(was, [Target("left_wrist", wanted)]), wanted


def test_a_correction_is_met_at_its_frame_and_fades_both_ways():
    motion = SAMPLE
    posture, wanted = corrected(motion, 20)
    result = blend_pose(motion, 20, posture, before=6, after=10)
    np.testing.assert_allclose(result.solved_joints()[20, 20], wanted, atol=2e-3)
    change = np.linalg.norm(result.solved_joints() - motion.solved_joints(), axis=-1)[:, 20]
    assert (change[:14] == 0).all()
    assert (change[31:] == 0).all()
    assert (change[14:31] > 0).all()
    assert (np.diff(change[13:20]) > 0).all()


def test_captured_detail_stays():
    motion = SAMPLE
    result = blend_pose(motion, 20, corrected(motion, 20)[0], 8, 8)

    def steps(m):
        return rot.angle_between(m.rotations[1:], m.rotations[:-1])

    np.testing.assert_allclose(steps(result), steps(motion), atol=np.radians(6))


def test_falloff_is_one_at_the_frame_and_zero_beyond():
    weight = fade_weights(11, 5, 2, 3)
    assert weight[5] == 1
    np.testing.assert_array_equal(np.flatnonzero(weight), [3, 4, 5, 6, 7, 8])
    np.testing.assert_array_equal(np.flatnonzero(fade_weights(5, 2, 0, 0)), [2])


def test_a_foot_that_is_held_stays_and_the_rest_moves():
    motion = SAMPLE
    result = pin_joint(motion, "left_ankle", 8, 20, blend=4)
    foot = result.solved_joints()[8:21, ANKLE]
    assert np.linalg.norm(foot - motion.solved_joints()[8, ANKLE], axis=-1).max() < 1e-3
    turned = rot.angle_between(result.rotations, motion.rotations).max(1)
    assert (turned[:4] == 0).all()
    assert (turned[25:] == 0).all()
    wrist = result.solved_joints()[8:21, 20]
    assert np.linalg.norm(np.diff(wrist, axis=0), axis=-1).min() > 1e-4


def steps(motion, joint):
    return np.linalg.norm(np.diff(motion.solved_joints()[:, JOINTS.index(joint)], axis=0), axis=-1)


@pytest.mark.parametrize(
    ("joint", "first", "last"),
    [("left_ankle", 20, 40), ("right_ankle", 40, 60), ("right_ankle", 60, 80), ("left_wrist", 30, 50)],
)
def test_a_joint_that_is_let_go_catches_up_no_faster_than_the_motion_itself(joint, first, last):
    result = pin_joint(SAMPLE, joint, first, last, blend=5)
    bound = CATCH_UP / SAMPLE.mocap_framerate
    assert steps(result, joint).max() <= steps(SAMPLE, joint).max() + bound + 1e-9
    jerks, own = (np.abs(np.diff(steps(m, joint))).max() for m in (result, SAMPLE))
    assert jerks < own + 0.025


def test_a_foot_that_is_not_held_keeps_to_its_path():
    held = hold_joints(SAMPLE, ["left_ankle"], 20, 40)
    other = JOINTS.index("right_ankle")
    away = np.linalg.norm((held.solved_joints() - SAMPLE.solved_joints())[:, other], axis=-1)
    assert away.max() < 2e-3


FEET = [
    [JOINTS.index(f"{side}_{part}") for part in ("ankle", "foot", "big_toe")] for side in ("left", "right")
]


@pytest.mark.parametrize(("joint", "first", "last"), [("right_ankle", 60, 80), ("left_ankle", 20, 40)])
def test_while_it_fades_the_other_foot_keeps_to_its_path_and_none_goes_lower_than_before(joint, first, last):
    result, own = (m.solved_joints() for m in (pin_joint(SAMPLE, joint, first, last), SAMPLE))
    other = FEET[0] if joint.startswith("right") else FEET[1]
    assert np.abs(result - own)[:, other].max() < 2e-3
    lowest = own[:, FEET, 1].min((0, 1))
    assert (result[:, FEET, 1].min((0, 1)) > lowest - 2e-3).all()


def test_no_joint_pops_when_a_foot_is_let_go():
    result, own = (m.solved_joints() for m in (pin_joint(SAMPLE, "right_ankle", 60, 80), SAMPLE))
    pops, usual = (np.linalg.norm(np.diff(x, 2, axis=0), axis=-1).max() for x in (result, own))
    assert pops < usual + 0.01


def test_a_change_fades_in_and_out_over_its_own_frames():
    change = spread_change(np.ones((3, 2)), before=6, after=8, fade_in=2, fade_out=5)
    np.testing.assert_array_equal(np.flatnonzero(change[:, 0]), np.arange(4, 14))
    np.testing.assert_array_equal(change[6:9], 1)
    alone = spread_change(np.ones((1, 1)), 4, 5, 4, 5)[:, 0]
    np.testing.assert_allclose(alone, fade_weights(10, 4, 4, 5), atol=1e-12)


def test_frames_and_joints_that_are_not_there_are_said():
    motion = SAMPLE
    with pytest.raises(NikiError, match="no frame 999"):
        posture_at(motion, 999)
    with pytest.raises(NikiError, match="no joint 'tail'"):
        pin_joint(motion, "tail", 0, 2)
    with pytest.raises(NikiError, match="last frame is before"):
        pin_joint(motion, "left_ankle", 3, 2)
