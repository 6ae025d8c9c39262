"""Which feet touch the ground: people who walk, jump, lie, sit, climb, or are seen from the waist up."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import ROOT

from niki.body import rotation as rot
from niki.body.kinematics import forward_kinematics
from niki.evaluation.standing import touching
from niki.motion.contacts import CONTACTS, FEET, HANDS, SOLE, find_contacts, foot_points
from niki.motion.floor import (
    camera_height,
    floor_height,
    points_of,
    scaled_to_height,
    stand_on_floor,
    standing_height,
    without_others,
)
from niki.motion.motion import Motion
from niki.motion.settling import settle


def truth(name="sample_tilted"):
    """A rendered clip's true motion, as a perfect estimator would read it."""
    motion = Motion.load(ROOT / f"samples/{name}_truth.npz")
    joints = motion.solved_joints()
    return replace(motion, joints=joints, keypoints=motion.projected(joints))


def true_contacts(motion):
    """(T, 6) what truly touches the floor; no hands."""
    points = points_of(motion)
    return np.pad(touching(points, np.array([0.0, 1, 0]), 0.0, motion.mocap_framerate), ((0, 0), (0, 2)))


def f1(found, true):
    found = found > 0.5
    return 2 * (found & true).sum() / (found.sum() + true.sum())


def read(rotations, translation, like, **changes):
    """A motion of these poses, as a perfect estimator would read it."""
    count = len(rotations)
    motion = replace(
        like, poses=rot.axis_angle_from_matrix(rotations).reshape(count, 72), trans=translation, frames=np.arange(count),
        times=np.arange(count) / 30.0, mocap_framerate=30.0, confidence=np.ones((count, 29)), contacts=None, camera_turns=None,
        joints=None, keypoints=None,
    )  # fmt: skip
    joints = motion.solved_joints()
    return replace(motion, joints=joints, keypoints=motion.projected(joints), **changes)


def standing(count=60):
    like = truth()
    return np.tile(like.rotations[-1], (count, 1, 1, 1)), np.tile(like.trans[-1], (count, 1)), like


def test_the_contacts_of_somebody_who_walks_are_found():
    motion = truth()
    assert CONTACTS[2] == "right_heel"
    assert f1(find_contacts(motion), true_contacts(motion)) > 0.9


@pytest.mark.parametrize("rate", [10.0, 60.0, 120.0])
def test_they_are_found_at_any_frame_rate(rate):
    motion = truth()
    other = motion.resampled(rate)
    joints = other.solved_joints()
    other = replace(other, joints=joints, keypoints=other.projected(joints))
    assert f1(find_contacts(other), true_contacts(other)) > 0.85


def test_with_few_frames_a_second_nothing_is_found():
    """Whole steps are between them."""
    motion = truth("sample_sitting").resampled(5.0)
    assert not find_contacts(motion).any()


def test_jitter_does_not_lift_feet_off():
    motion, rng = truth("sample_sitting"), np.random.default_rng(3)
    pixels = motion.keypoints + rng.normal(size=motion.keypoints.shape)
    joints = motion.joints + 0.05 * rng.normal(size=(29, 3))
    contacts = find_contacts(replace(motion, keypoints=pixels, joints=joints))
    assert contacts[:, FEET].mean() > 0.85
    assert not contacts[:, HANDS].any()


def test_nothing_is_in_contact_in_a_jump():
    rotations, translation, like = standing(90)
    flight = np.clip((np.arange(90) / 30 - 1.2) / 0.6, 0, 1)
    lift = 4 * 0.44 * flight * (1 - flight)
    contacts = find_contacts(read(rotations, translation + lift[:, None] * [0, 1, 0], like))
    assert not contacts[lift > 0.1].any()
    assert contacts[:30, FEET].all()
    assert contacts[-20:, FEET].all()


def test_who_lies_or_has_their_feet_up_touches_nothing():
    rotations, translation, like = standing()
    lying = rotations.copy()
    lying[:, 0] = rot.matrix_from_axis_angle(np.array([-np.pi / 2, 0, 0])) @ lying[:, 0]
    assert not find_contacts(read(lying, translation - [0, 0.8, 0], like)).any()
    sitting = rotations.copy()
    for hip in (1, 2):
        sitting[:, hip] = rot.matrix_from_axis_angle(np.array([-np.pi / 2, 0, 0]))
    assert not find_contacts(read(sitting, translation, like)).any()


def test_who_is_seen_from_the_waist_up_touches_nothing_and_is_left_alone():
    rotations, translation, like = standing()
    motion = read(rotations, translation, like)
    cut = replace(motion, image_size=np.array([640, int(motion.keypoints[:, 1, 1].min())]))
    assert not find_contacts(cut).any()
    np.testing.assert_array_equal(settle(cut, find_contacts(cut)).poses, cut.poses)
    unsure = motion.confidence.copy()
    unsure[:, [7, 8, 10, 11, 27, 28]] = 0.2
    assert not find_contacts(replace(motion, confidence=unsure)).any()


def test_gaps_have_no_contact():
    motion = truth()
    for field in (motion.joints, motion.keypoints):
        field[20:30] = np.nan
    contacts = find_contacts(motion)
    assert not contacts[20:30].any()
    assert contacts.any()


def test_the_floor_is_where_the_feet_are_and_the_camera_above_it():
    motion = truth()
    high = replace(motion, trans=motion.trans + [0, 0.31, 0])
    high.camera_pose[1, 3] += 0.31
    high = replace(high, joints=high.solved_joints())
    placed = stand_on_floor(high, true_contacts(motion).astype(float))
    assert floor_height(points_of(placed), placed.contacts, 24.0) == pytest.approx(0, abs=1e-9)
    assert camera_height(placed) == pytest.approx(camera_height(motion), abs=0.01)
    np.testing.assert_allclose(placed.projected(), motion.projected(), atol=1e-6)


def test_who_climbs_leaves_the_floor_behind():
    points = np.zeros((80, 4, 3))
    points[..., 1] = SOLE + 0.25 * (np.arange(80) // 20)[:, None]  # a rung every 20 frames
    contacts = np.ones((80, 6))
    floor = floor_height(points, contacts, 30.0)
    assert floor == pytest.approx(0, abs=1e-9)
    kept = without_others(points, contacts, floor)
    assert kept[:20].all()
    assert not kept[20:, FEET].any()
    assert kept[:, HANDS].all()
    assert floor_height(points, 0 * contacts, 30.0) is None


@pytest.mark.parametrize("height", [1.0, 1.95])
def test_a_height_scales_the_world_and_the_overlay_fits(height):
    motion = truth()
    scaled = scaled_to_height(motion, height)
    assert standing_height(scaled.body) == pytest.approx(height)
    np.testing.assert_allclose(scaled.projected(), motion.projected(), atol=1e-6)
    np.testing.assert_allclose(scaled.solved_joints(), scaled.joints, atol=1e-9)
    assert scaled.solved_joints()[..., 1].min() == pytest.approx(SOLE, abs=0.01)
    walked = [np.linalg.norm(m.trans[-1] - m.trans[0]) for m in (motion, scaled)]
    assert walked[1] / walked[0] == pytest.approx((height - SOLE) / (standing_height(motion.body) - SOLE))


def test_points_touch_at_rest(body):
    joints, world = forward_kinematics(np.tile(np.eye(3), (1, 24, 1, 1)), body, np.zeros((1, 3)))
    np.testing.assert_allclose(foot_points(joints, world, body)[..., 1], SOLE, atol=1e-9)
