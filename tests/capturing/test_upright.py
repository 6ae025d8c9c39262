"""What puts a reading right: exchanged sides, outliers, where landmarks lie, gravity and depth."""

import numpy as np
import pytest
from conftest import random_rotations

pytest.importorskip("scipy", reason="niki[capture] is not installed here")

from niki.body.kinematics import forward_kinematics
from niki.body.rotation import angle_between, matrix_from_axis_angle
from niki.body.skeleton import JOINTS
from niki.capturing.estimate import gravity
from niki.capturing.estimate.blazepose import correction, hypotheses, joint_map, landmarks
from niki.capturing.estimate.blazepose import inputs as network_inputs
from niki.capturing.estimate.blazepose.joints import joints_of
from niki.capturing.estimate.blazepose.outliers import repair_outliers
from niki.capturing.estimate.blazepose.placing import place
from niki.capturing.estimate.blazepose.reading import Reading
from niki.capturing.estimate.view import view_rotation
from niki.capturing.footage.camera import Camera
from niki.motion.camera_tilt import up_from_tilt

CAMERA = Camera.of((640, 480), 700.0)
FRAMES = 40


def person(rng, frames=FRAMES, crops=4):
    """Crops' readings of somebody who sways, 3 m away: world (T, V, 33, 3), pixels, visibility."""
    side = np.array(
        [0, *[-1] * 3, *[1] * 3, -1, 1, -1, 1, *[-1, 1] * 11]
    )  # left is at the left of the camera's x
    height = np.r_[np.full(11, -0.6), np.linspace(-0.5, 0.9, 22)]
    body = np.stack([0.25 * side, height, 0.1 * rng.normal(size=33)], -1)
    turn = matrix_from_axis_angle(np.linspace(0, 0.5, frames)[:, None] * [0, 1, 0])
    world = (body @ np.swapaxes(turn, 1, 2))[:, None] + 0.004 * rng.normal(size=(frames, crops, 33, 3))
    return world, CAMERA.project(world + [0, 0, 3]), np.ones((frames, crops, 33))


def reading_of(crops):
    return Reading.from_crops(lambda part: tuple(c[part] for c in crops), np.ones(len(crops[0]), bool))


@pytest.mark.parametrize("way", [1, 2, 3], ids=["all", "arms", "legs"])
def test_sides_exchanged_in_all_crops_are_put_back(rng, way):
    crops = person(rng)
    expected = reading_of(crops)
    wrong = tuple(values.copy() for values in crops)
    for values, right in zip(wrong, crops, strict=True):
        values[12:25] = right[12:25][:, :, hypotheses.EXCHANGES[way]]
    if hypotheses.EXCHANGES[way][11] == 12:  # the whole body: taken to face the other way
        depth = wrong[0][12:25, :, :11, 2]  # a view: nose, eyes, ears and mouth
        ears = depth[..., 7:9].mean(-1, keepdims=True)
        mirrored = 2 * ears - depth
        mirrored[..., 7:9] = depth[..., 7:9]
        depth[:] = mirrored
    found = reading_of(wrong)
    np.testing.assert_allclose(found.world, expected.world, atol=1e-9)
    np.testing.assert_allclose(found.pixels, expected.pixels, atol=1e-6)


def test_sides_that_are_right_stay(rng):
    world, pixels, visibility = person(rng)
    found = reading_of((world, pixels, visibility))
    np.testing.assert_allclose(found.world, world.mean(1), atol=1e-12)
    np.testing.assert_allclose(found.pixels, pixels.mean(1), atol=1e-9)


def test_a_crop_that_exchanges_sides_joins_the_others(rng):
    world, pixels, visibility = person(rng)
    for values in (world, pixels, visibility):
        values[10:20, 0] = values[10:20, 0][:, hypotheses.EXCHANGES[1]]
    found = reading_of((world, pixels, visibility))
    assert (found.agreement == 1).all()
    assert (
        np.linalg.norm(found.world[15] - found.world[25], axis=-1).max() < 0.2
    )  # left is on the left in both


def test_a_landmark_that_jumps_for_one_frame_is_put_between_its_neighbours(rng):
    reading = reading_of(person(rng))
    right = reading.world.copy(), reading.pixels.copy()
    reading.world[7, 15] += [0.4, 0, 0]
    reading.pixels[7, 15] += [90, 0]
    repair_outliers(reading, np.ones(FRAMES, bool), 24.0)
    assert np.linalg.norm(reading.world[7, 15] - right[0][7, 15]) < 0.02
    assert np.linalg.norm(reading.pixels[7, 15] - right[1][7, 15]) < 4
    assert reading.visibility[7, 15] == 0
    others = np.ones((FRAMES, 33), bool)
    others[7, 15] = False
    np.testing.assert_array_equal(reading.world[others], right[0][others])


@pytest.mark.parametrize(("rate", "size", "hertz"), [(8, 0.3, 2.0), (12, 0.25, 3.0), (24, 0.3, 3.0)])
def test_waving_is_no_outlier_at_any_rate(rng, rate, size, hertz):
    reading = reading_of(person(rng))
    reading.world[:, 15, 0] += size / 2 * np.sin(2 * np.pi * hertz * np.arange(FRAMES) / rate + 0.4)
    before = reading.world.copy()
    repair_outliers(reading, np.ones(FRAMES, bool), rate)
    np.testing.assert_array_equal(reading.world, before)


def test_a_fast_move_is_no_outlier(rng):
    reading = reading_of(person(rng))
    reading.world[:, 15, 0] += np.linspace(0, 8, FRAMES)  # 20 cm a frame, all the way
    before = reading.world.copy()
    repair_outliers(reading, np.ones(FRAMES, bool), 24.0)
    np.testing.assert_array_equal(reading.world, before)


def test_the_view_looks_straight_at_its_ray(rng):
    slope = rng.normal(size=(50, 2)) * 0.4
    turn = view_rotation(slope)
    ray = np.concatenate([slope, np.ones((50, 1))], 1)
    np.testing.assert_allclose(turn @ np.swapaxes(turn, 1, 2), np.tile(np.eye(3), (50, 1, 1)), atol=1e-12)
    seen = (turn @ ray[..., None])[..., 0]
    np.testing.assert_allclose(seen, np.linalg.norm(ray, axis=1)[:, None] * [0, 0, 1], atol=1e-12)
    angle = np.arccos(1 / np.linalg.norm(ray, axis=1))
    np.testing.assert_allclose(angle_between(turn, np.eye(3)), angle, atol=1e-6)  # the smallest turn


def test_joints_come_back_from_the_points_on_a_body(body, rng):
    rotations = matrix_from_axis_angle(rng.normal(size=(200, 24, 3)) * 0.15)
    joints, turns = forward_kinematics(rotations, body)
    found = joints_of(joint_map.points_on(joints, turns), turns[:, JOINTS.index("head")], 0.5)
    error = np.linalg.norm(found - joints, axis=-1).mean(0)
    limits = dict.fromkeys(("hip", "knee", "ankle", "shoulder", "wrist"), 0.02)
    for j, name in enumerate(JOINTS):
        assert error[j] < limits.get(name.rpartition("_")[2], 0.06), name


def test_points_turn_move_and_grow_with_the_body(body, rng):
    joints, turns = forward_kinematics(random_rotations(rng, 24, spread=0.3), body)
    points, turn = joint_map.points_on(joints, turns), random_rotations(rng)
    moved = joint_map.points_on(2 * joints @ turn.T + 1, turn @ turns)
    np.testing.assert_allclose(moved, 2 * points @ turn.T + 1, atol=1e-9)
    np.testing.assert_allclose(
        joint_map.torso_joints(moved), 2 * joint_map.torso_joints(points) @ turn.T + 1, atol=1e-9
    )


def test_landmarks_lie_where_annotators_see_them(body):
    points = joint_map.points_on(body.rest_joints, np.tile(np.eye(3), (24, 1, 1)))
    for side in ("left", "right"):
        hip = landmarks.point(points, f"{side}_hip") - body.rest_joints[JOINTS.index(f"{side}_hip")]
        ankle = landmarks.point(points, f"{side}_ankle") - body.rest_joints[JOINTS.index(f"{side}_ankle")]
        assert -0.03 < hip[1] < -0.005 < 0.01 < hip[2] < 0.04  # lower and further forward
        assert 0.01 < ankle[1] < 0.04  # higher


def test_a_clip_agrees_on_up_despite_wrong_frames(rng):
    truth = up_from_tilt(20.0, 5.0)
    up = truth + rng.normal(size=(200, 3)) * 0.05
    up[:50] += [0.6, 0.4, 0.5]
    up /= np.linalg.norm(up, axis=1, keepdims=True)
    found, error = gravity.clip_up(up, np.full(200, 5.0))
    assert np.degrees(np.arccos(found @ truth)) < 4
    calm, calm_error = gravity.clip_up(np.tile(truth, (200, 1)), np.full(200, 5.0))
    assert np.allclose(calm, truth)
    assert calm_error < error  # frames that differ are less to be trusted
    assert gravity.clip_up(np.tile(truth, (200, 1)), np.full(200, 15.0))[1] > 2 * calm_error


def test_few_frames_are_less_sure_and_frames_that_differ_too():
    truth = np.tile(up_from_tilt(10.0, 0.0), (200, 1))
    error = np.full(200, 8.0)
    assert gravity.clip_up(truth[:1], error[:1])[1] == pytest.approx(8.0)
    assert 4 < gravity.clip_up(truth, error)[1] < 6.5
    moved = truth.copy()
    moved[100:] = up_from_tilt(45.0, 0.0)
    assert gravity.clip_up(moved, error)[1] > gravity.LARGEST_ERROR


def test_what_the_user_says_of_the_camera_goes_first():
    up, error = up_from_tilt(12.0, -3.0), 5.0
    same = gravity.camera_up(Camera.of((640, 480)), up, error)
    assert (same[0] == up).all()
    assert same[1] == error
    both = gravity.camera_up(Camera.of((640, 480), tilt=30.0, roll=8.0), up, error)
    np.testing.assert_allclose(both[0], up_from_tilt(30.0, 8.0))
    assert both[1] == 0
    one = gravity.camera_up(Camera.of((640, 480), tilt=30.0), up, error)
    np.testing.assert_allclose(one[0], up_from_tilt(30.0, -3.0), atol=1e-12)


def test_where_nobody_can_tell_the_camera_is_taken_as_level():
    up, error = gravity.camera_up(Camera.of((640, 480)), up_from_tilt(60.0, 0.0), gravity.LARGEST_ERROR + 1)
    np.testing.assert_array_equal(up, [0, -1, 0])
    assert np.isnan(error)
    up, error = gravity.camera_up(Camera.of((640, 480), tilt=20.0), up_from_tilt(60.0, 9.0), 50.0)
    np.testing.assert_allclose(up, up_from_tilt(20.0, 0.0), atol=1e-12)  # roll is not to be had
    assert np.isnan(error)


@pytest.fixture
def shown(rng):
    """What the networks are shown of a person, with how they were placed."""
    reading = reading_of(person(rng))
    placed = place(reading, CAMERA)
    sizes = network_inputs.limb_sizes(reading, placed)
    return reading, placed, sizes, network_inputs.network_inputs(reading, placed, sizes, CAMERA, slice(None))


def test_what_is_read_does_not_depend_on_the_persons_size_or_the_lens(shown):
    reading, _, _, inputs = shown
    larger = Reading(1.3 * reading.world, reading.pixels * 2, reading.visibility, reading.agreement)
    camera = Camera.of((1280, 960), 1400.0)
    again = place(larger, camera)
    sizes = network_inputs.limb_sizes(larger, again)
    same = network_inputs.network_inputs(larger, again, sizes, camera, slice(None))
    np.testing.assert_allclose(same[:, :99], inputs[:, :99], atol=1e-9)  # the world landmarks
    np.testing.assert_allclose(same[:, 156:], inputs[:, 156:], atol=1e-9)  # rays, visibility, distance


def test_the_mirror_image_of_the_mirror_image_is_the_same(shown):
    inputs = shown[-1]
    assert np.abs(network_inputs.mirrored(inputs) - inputs).max() > 0.1
    np.testing.assert_array_equal(network_inputs.mirrored(network_inputs.mirrored(inputs)), inputs)


def test_a_rolled_camera_sees_gravity_and_depth_rolled(shown):
    inputs, angle = shown[-1], np.full(FRAMES, 0.3)
    back = network_inputs.rolled(network_inputs.rolled(inputs, angle), -angle)
    np.testing.assert_allclose(back, inputs, atol=1e-12)
    up = np.tile(up_from_tilt(10.0, 0.0), (FRAMES, 1))
    turned = network_inputs.rolled_vectors(up, angle)
    np.testing.assert_allclose(turned[0], up_from_tilt(10.0, np.degrees(0.3)), atol=1e-12)


def test_the_correction_moves_points_along_their_rays_alone(shown):
    _, placed, sizes, inputs = shown
    up = np.tile([0.0, -1.0, 0.0], (FRAMES, 1))
    corrected = correction.correct_points(inputs, up, sizes.placed)
    above, below = correction.scale_across(placed.points, placed.view, corrected)
    moved = correction.with_depth(placed.points, placed.view, corrected, above / below)
    np.testing.assert_allclose(CAMERA.project(moved), CAMERA.project(placed.points), atol=1e-6)
    before, after = (landmarks.mid_hip(p)[:, 2] for p in (placed.points, moved))
    np.testing.assert_allclose(after, before, atol=0.02)
    assert np.abs(moved - placed.points).max() > 0.005  # it does something


def test_gravity_and_depth_of_the_mirror_image_are_mirrored(shown):
    inputs = shown[-1]
    up, error = correction.frame_up(inputs)
    other, other_error = correction.frame_up(network_inputs.mirrored(inputs))
    np.testing.assert_allclose(other, network_inputs.mirrored_vectors(up), atol=1e-5)
    np.testing.assert_allclose(other_error, error, rtol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(up, axis=1), 1, atol=1e-6)
    corrected = correction.correct_points(inputs, up, 1.7)
    mirror = correction.correct_points(
        network_inputs.mirrored(inputs), network_inputs.mirrored_vectors(up), 1.7
    )
    np.testing.assert_allclose(mirror, network_inputs.mirrored_points(corrected), atol=1e-5)
