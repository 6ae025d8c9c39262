"""Whole solutions of people unlike the usual: tall, small, cut off, lying, jumping, climbing, sitting."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("scipy", reason="niki[capture] is not installed here")
pytest.importorskip("av", reason="niki[capture] is not installed here")

from acted import FOOT_JOINTS, RATE, grounded, jumping, lying, motion_of, person, read, relaxed, stepping_up
from sample_motions import sit_and_rise, stroll_and_point

from niki.body.rotation import angle_between
from niki.body.skeleton import JOINTS
from niki.capturing.refining import solve_readings
from niki.evaluation.grounding import path_length, slide
from niki.evaluation.metrics import about_root, mpjpe
from niki.evaluation.standing import touching
from niki.motion.contacts import FEET, SOLE, TOUCHES, find_contacts
from niki.motion.floor import camera_height, points_of, scaled_to_height, standing_height
from niki.motion.refinement import Refinement

UP = np.array([0.0, 1.0, 0.0])
LEGS = [JOINTS.index(f"{s}_{n}") for s in ("left", "right") for n in ("knee", "ankle", "foot", "big_toe")]


def soles(motion):
    """(T, 4) metres of heels and toes above the floor."""
    return points_of(motion)[..., 1] - SOLE


def off(motion, truth):
    return mpjpe(about_root(motion.solved_joints(), [0]), about_root(truth.solved_joints(), [0]))


def f1(motion, truth):
    found, true = motion.contacts[:, FEET] >= TOUCHES, touching(points_of(truth), UP, 0.0, RATE)
    return 2 * (found & true).sum() / (found.sum() + true.sum())


@pytest.mark.parametrize(
    ("height", "distance", "pace"), [(2.05, 4.5, 1.0), (1.1, 3.0, 0.7)], ids=["tall", "child"]
)
def test_tall_people_and_children_walk_on_the_floor(height, distance, pace):
    body = person(height)
    truth = motion_of(*stroll_and_point(np.arange(96) / RATE * pace, body), body)
    motion = scaled_to_height(solve_readings(read(truth, distance=distance), "niki"), height)
    assert standing_height(motion.body) == pytest.approx(height)
    assert f1(motion, truth) > 0.85
    assert slide(points_of(motion), motion.contacts[:, FEET] >= TOUCHES) < 0.1
    assert soles(motion).min() > -0.005
    assert off(motion, truth) < 0.05 * height
    paths = [path_length(m.solved_joints()[:, 0], RATE) for m in (motion, truth)]
    assert paths[0] == pytest.approx(paths[1], rel=0.1)
    true_height = distance * np.sin(np.radians(10)) + truth.solved_joints()[:, 0, 1].mean()
    # A child's head, too short to be measured, is taken for an adult's: the world comes out larger.
    assert camera_height(motion) == pytest.approx(true_height, rel=0.12)


@pytest.mark.parametrize("way", ["cut off", "behind a table"])
def test_who_is_seen_from_the_waist_up_is_not_pulled_to_a_floor(way):
    readings = read(grounded(relaxed(60), person(1.75)), tilt=0.0, hidden=LEGS if way != "cut off" else ())
    if way == "cut off":
        assert find_contacts(solve_readings(readings, "niki"))[:, FEET].all()
        hips = readings.keypoints[:, LEGS, 1].min()
        readings = replace(readings, image_size=np.array([1280, int(hips)]))
    motion = solve_readings(readings, "niki")
    free = solve_readings(readings, "niki", Refinement(feet="off"))
    assert not motion.contacts.any()
    np.testing.assert_array_equal(motion.poses, free.poses)
    np.testing.assert_array_equal(motion.trans, free.trans)


def test_who_lies_stays_lying():
    truth = lying(person(1.75))
    motion = solve_readings(read(truth), "niki")
    assert not motion.contacts.any()
    assert off(motion, truth) < 0.04
    leaning = np.degrees(angle_between(motion.rotations[:, 0], truth.rotations[:, 0]))
    assert leaning.max() < 8
    joints = motion.solved_joints()
    assert joints[..., 1].min() == pytest.approx(SOLE, abs=0.01)
    assert joints[..., 1].max() < 0.35


@pytest.mark.parametrize("height", [0.15, 0.45])
def test_a_jump_keeps_its_height(height):
    """A dancer's jump, and a hop: in the air no foot touches, before and after both stand on the floor."""
    truth, lift = jumping(person(1.75), height)
    motion = solve_readings(read(truth), "niki")
    assert not motion.contacts[lift > 0.05].any()
    top = lift.argmax()
    # The clip solver takes up to a quarter off a hop.
    assert soles(motion)[top].min() == pytest.approx(lift[top], rel=0.25)
    rise = [m.solved_joints()[:, 0, 1] for m in (motion, truth)]
    rise = [pelvis[top] - pelvis[:15].mean() for pelvis in rise]
    assert rise[0] == pytest.approx(rise[1], rel=0.3)
    stands = np.r_[:15, 80:90]
    assert (motion.contacts[stands][:, FEET] >= TOUCHES).mean() > 0.9
    assert np.abs(soles(motion)[stands]).max() < 0.005


@pytest.mark.parametrize("rise", [0.3, 0.45])
def test_who_climbs_a_box_stays_on_it(rise):
    truth = stepping_up(person(1.75), rise)
    motion = solve_readings(read(truth), "niki")
    assert np.abs(soles(motion)[:20]).max() < 0.005
    assert not motion.contacts[-20:].any()  # of the floor
    assert soles(motion)[-20:].mean() == pytest.approx(rise, abs=0.03)
    pelvis = motion.solved_joints()[:, 0, 1]
    assert pelvis[-20:].mean() - pelvis[:20].mean() == pytest.approx(rise, abs=0.03)


def test_who_sits_down_keeps_their_feet_and_is_not_lifted():
    body = person(1.75)
    truth = motion_of(*sit_and_rise(np.arange(96) / RATE, body, 0.43), body)
    motion = solve_readings(read(truth), "niki")
    assert f1(motion, truth) > 0.9
    pelvis, true = (m.solved_joints()[:, 0, 1] for m in (motion, truth))
    assert true.min() < 0.65 < 0.85 < true.max()
    np.testing.assert_allclose(pelvis, true, atol=0.05)
    assert slide(points_of(motion), motion.contacts[:, FEET] >= TOUCHES) < 0.1


def test_feet_in_plain_sight_count_however_unsure_the_pose_is():
    readings = read(grounded(relaxed(45), person(1.75)))
    motion = solve_readings(readings, "niki")
    assert find_contacts(replace(motion, confidence=0.1 * motion.confidence))[:, FEET].all()
    sigma = motion.sigma.copy()
    sigma[:, FOOT_JOINTS] = 0.6
    assert not find_contacts(replace(motion, sigma=sigma)).any()


def test_where_each_frame_errs_by_itself_the_body_tells_which_feet_stand(rng):
    truth = grounded(relaxed(60), person(1.75))
    readings = replace(read(truth), errors_last=False)
    joints = readings.joints + 0.02 * rng.normal(size=readings.joints.shape)
    readings = replace(readings, joints=joints, keypoints=readings.projected(joints))
    motion = solve_readings(readings, "niki-temporal")
    assert motion.contacts[:, FEET].mean() > 0.8
    assert (
        find_contacts(replace(motion, errors_last=True))[:, FEET].mean() < 0.5
    )  # joints as they were seen never stand still
