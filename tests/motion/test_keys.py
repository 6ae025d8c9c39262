"""Keys left out within a bound, and what Blender makes of those that stay, in every rotation mode."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import ROOT, random_rotations, some_motion

from niki.body import rotation as rot
from niki.errors import NikiError
from niki.motion.channels import EULER_ORDERS, MODES, channel_values, rotations_from_channels
from niki.motion.keys import KeyedMotion, linear_keys
from niki.motion.motion import Motion

SAMPLE = Motion.load(ROOT / "samples/sample_truth.npz")
every_mode = pytest.mark.parametrize("mode", MODES)


def spinning(frames=200, seed=0):
    """Quaternions (T, 5, 4), w >= 0, of turns that go round several times, some through every pole."""
    rng = np.random.default_rng(seed)
    turns = rot.matrix_from_axis_angle(rng.normal(size=(1, 5, 3)) * 0.12)
    m = [random_rotations(rng, 5)]
    for _ in range(frames - 1):
        m.append(m[-1] @ turns[0])
    return rot.quaternion_from_matrix(np.array(m))


# --- channels ---------------------------------------------------------------------------------


@every_mode
def test_channels_are_the_rotations(mode):
    quaternions = spinning()
    back = rotations_from_channels(channel_values(quaternions, mode), mode)
    np.testing.assert_allclose(back, rot.matrix_from_quaternion(quaternions), atol=1e-9)


@every_mode
def test_channels_of_one_bone_are_those_among_others(mode):
    quaternions = spinning()
    np.testing.assert_allclose(
        channel_values(quaternions[:, 2], mode), channel_values(quaternions, mode)[:, 2]
    )


@pytest.mark.parametrize("mode", ["QUATERNION", "AXIS_ANGLE"])
def test_channels_do_not_jump(mode):
    assert np.abs(np.diff(channel_values(spinning(), mode), axis=0)).max() < 0.5


@pytest.mark.parametrize("order", EULER_ORDERS)
def test_a_turn_about_one_axis_goes_on_past_full_turns(order):
    angle = np.linspace(0.1, 9, 100)
    for axis in range(3):
        vectors = angle[:, None] * np.eye(3)[axis]
        quaternions = rot.quaternion_from_matrix(rot.matrix_from_axis_angle(vectors))
        np.testing.assert_allclose(channel_values(quaternions, order), vectors, atol=1e-6)


@pytest.mark.parametrize("order", EULER_ORDERS)
@pytest.mark.parametrize("pole", [np.pi / 2, -np.pi / 2])
def test_at_a_pole_euler_angles_stay_near_those_before(order, pole):
    i, j, k = ("XYZ".index(axis) for axis in order)
    angles = np.zeros((3, 3))
    angles[:, i], angles[:, j], angles[:, k] = [0.3, 0.4, 0.5], [pole * 0.99, pole, pole], 1.1
    quaternions = rot.quaternion_from_matrix(rot.matrix_from_euler(angles, order))
    found = channel_values(quaternions, order)
    np.testing.assert_allclose(found, angles, atol=1e-6)


def test_euler_orders_turn_about_the_first_axis_first():
    expected = rot.matrix_from_axis_angle(np.array([0, 0, 0.7])) @ rot.matrix_from_axis_angle(
        np.array([0.5, 0, 0])
    )
    np.testing.assert_allclose(rot.matrix_from_euler(np.array([0.5, 0, 0.7]), "XYZ"), expected, atol=1e-12)
    assert np.abs(rot.matrix_from_euler(np.array([0.5, 0, 0.7]), "ZYX") - expected).max() > 0.1


def test_an_axis_that_nothing_turns_about_is_the_next_one():
    vectors = np.array(
        [[0, 0, 0], [0, 0, 0], [0, 0.2, 0], [0, 0, 0], [0, -0.1, 0], [0, 3.0, 0], [0, -3.1, 0]]
    )
    values = channel_values(rot.quaternion_from_axis_angle(vectors), "AXIS_ANGLE")
    np.testing.assert_allclose(values[:, 1:], np.tile([0.0, 1, 0], (7, 1)), atol=1e-12)
    np.testing.assert_allclose(values[:, 0], [0, 0, 0.2, 0, -0.1, 3.0, 2 * np.pi - 3.1], atol=1e-9)
    still = channel_values(np.tile([1.0, 0, 0, 0], (4, 1)), "AXIS_ANGLE")
    np.testing.assert_allclose(rotations_from_channels(still, "AXIS_ANGLE"), np.tile(np.eye(3), (4, 1, 1)))


# --- keys -------------------------------------------------------------------------------------


def test_a_motion_keyed_on_every_frame_is_the_motion():
    motion, rng = some_motion(frames=40), np.random.default_rng(2)
    keyed = KeyedMotion(motion, rng.choice(MODES, 24), random_rotations(rng, 24))
    rotations, translation = keyed.interpolated(np.arange(40))
    np.testing.assert_allclose(rotations, motion.rotations, atol=1e-9)
    np.testing.assert_allclose(translation, motion.trans)
    assert keyed.deviation(np.arange(40)).max() < 1e-9


def test_between_keys_each_mode_goes_its_own_way_about_the_bones_own_axes():
    ends = np.array([[0.2, 1.2, -0.5], [1.3, -0.6, 1.4]])
    axes = np.tile(np.eye(3), (24, 1, 1))
    axes[16] = rot.matrix_from_axis_angle(np.array([0.4, -0.8, 1.0]))
    local = rot.matrix_from_euler(ends, "ZXY")
    poses = np.zeros((3, 24, 3))
    poses[[0, 2], 16] = rot.axis_angle_from_matrix(axes[16] @ local @ axes[16].T)
    motion = replace(some_motion(frames=3), poses=poses.reshape(3, 72))
    keyed = KeyedMotion(motion, ["ZXY"] * 24, axes)
    np.testing.assert_allclose(keyed.values[16][[0, 2]], ends, atol=1e-9)
    expected = axes[16] @ rot.matrix_from_euler(ends.mean(0), "ZXY") @ axes[16].T
    keys = np.array([0, 2])
    np.testing.assert_allclose(keyed.interpolated(keys)[0][1, 16], expected, atol=1e-9)
    as_quaternions = KeyedMotion(motion).interpolated(keys)[0][1, 16]
    assert np.degrees(rot.angle_between(as_quaternions, expected)) > 5


@pytest.mark.parametrize(
    ("modes", "message"),
    [(["XYZ"] * 23, "for each of 24 bones, not 23"), (["XYY"] * 24, "no rotation mode 'XYY'")],
)
def test_what_cannot_be_keyed_is_named(modes, message):
    with pytest.raises(NikiError, match=message):
        KeyedMotion(SAMPLE, modes)


def test_linear_keys_are_few_and_within_their_bound():
    values = np.concatenate([np.linspace(0, 1, 30), np.ones(40), np.cos(np.linspace(0, 2, 30))])
    keys = linear_keys(values, 0.01)
    assert np.abs(np.interp(np.arange(100), keys, values[keys]) - values).max() <= 0.01
    assert len(keys) < 12
    np.testing.assert_array_equal(linear_keys(np.ones(5), 0.1), [0, 4])
    np.testing.assert_array_equal(linear_keys(np.ones(1), 0.1), [0])
