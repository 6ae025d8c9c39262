import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from niki.body import rotation as rot

vectors = arrays(np.float64, (3,), elements=st.floats(-4, 4)).filter(lambda v: np.linalg.norm(v) > 1e-3)
angles = st.floats(-np.pi, np.pi)


def assert_rotation(m, tolerance=1e-12):
    np.testing.assert_allclose(
        m @ np.swapaxes(m, -1, -2), np.broadcast_to(np.eye(3), m.shape), atol=tolerance
    )
    np.testing.assert_allclose(np.linalg.det(m), 1, atol=tolerance)


def test_axis_angle_known_value():
    m = rot.matrix_from_axis_angle(np.array([0, 0, np.pi / 2]))
    np.testing.assert_allclose(m @ [1, 0, 0], [0, 1, 0], atol=1e-15)


@given(vectors)
@settings(max_examples=200)
def test_axis_angle_round_trip_up_to_half_a_turn(v):
    v = v / np.linalg.norm(v) * min(np.linalg.norm(v), np.pi)
    m = rot.matrix_from_axis_angle(v)
    assert_rotation(m)
    np.testing.assert_allclose(rot.matrix_from_axis_angle(rot.axis_angle_from_matrix(m)), m, atol=1e-12)


@pytest.mark.parametrize("angle", [0.0, 1e-12, 1e-7, 1e-4, np.pi - 1e-7, np.pi])
def test_axis_angle_of_tiny_and_half_turns(angle):
    v = np.array([0.6, -0.8, 0.0]) * angle
    back = rot.axis_angle_from_matrix(rot.matrix_from_axis_angle(v))
    assert min(np.abs(back - v).max(), np.abs(back + v).max()) < 1e-9


@given(vectors, st.sampled_from([0.0, 1e-6, 1e-3, 1.0, 3.0, np.pi, 4.0, 5.5]))
def test_a_rotation_vector_changes_as_its_jacobian_says(v, angle):
    v, turn = v / np.linalg.norm(v) * angle, np.array([3e-7, -1e-6, 2e-6])
    expected = rot.matrix_from_axis_angle(turn) @ rot.matrix_from_axis_angle(v)
    further = rot.matrix_from_axis_angle(v + rot.rotation_vector_jacobian(v) @ turn)
    np.testing.assert_allclose(further, expected, atol=1e-10)


@given(vectors, vectors)
def test_6d_is_the_first_two_columns_and_round_trips(a, b):
    m = rot.matrix_from_axis_angle(a)
    np.testing.assert_array_equal(rot.sixd_from_matrix(m), np.r_[m[:, 0], m[:, 1]])
    np.testing.assert_allclose(rot.matrix_from_6d(rot.sixd_from_matrix(m)), m, atol=1e-12)


@given(vectors, vectors, angles)
@settings(max_examples=300)
def test_swing_and_twist_compose_back(rotation_vector, axis, angle):
    axis = axis / np.linalg.norm(axis)
    m = rot.matrix_from_axis_angle(rotation_vector)
    swing, twist = rot.swing_twist(m, axis)
    assert_rotation(swing)
    np.testing.assert_allclose(rot.compose_swing_twist(swing, axis, twist), m, atol=1e-12)
    np.testing.assert_allclose(swing @ axis, m @ axis, atol=1e-12)


@given(vectors, angles, st.sampled_from([0.0, 1e-16, 1e-14, 1e-10, 1e-8, 1e-5, 1e-2]))
@settings(max_examples=300)
def test_swing_and_twist_compose_back_at_and_near_180_degrees(axis, angle, short_of):
    axis = axis / np.linalg.norm(axis)
    side = rot.any_perpendicular(axis)
    swing = rot.matrix_from_axis_angle(side * (np.pi - short_of))
    m = swing @ rot.matrix_from_axis_angle(axis * angle)
    got_swing, got_twist = rot.swing_twist(m, axis)
    assert_rotation(got_swing)
    np.testing.assert_allclose(rot.compose_swing_twist(got_swing, axis, got_twist), m, atol=1e-13)


@given(vectors, vectors)
def test_swing_is_the_smallest_rotation(u, v):
    u, v = u / np.linalg.norm(u), v / np.linalg.norm(v)
    swing = rot.swing_between(u, v)
    np.testing.assert_allclose(swing @ u, v, atol=1e-12)
    # arccos(u.v) would lose half the digits where u and v are nearly (anti)parallel.
    angle = 2 * np.arctan2(np.linalg.norm(u - v), np.linalg.norm(u + v))
    assert abs(rot.angle_between(np.eye(3), swing) - angle) < 1e-7


def test_swing_in_single_precision_near_180_degrees():
    u = np.array([0, 1, 0], np.float32)
    for short_of in (0.0, 1e-7, 1e-5, 1e-3):
        v = np.array([np.sin(short_of), -np.cos(short_of), 0], np.float32)
        swing = rot.swing_between(u, v)
        assert swing.dtype == np.float32
        assert_rotation(swing, 1e-5)
        np.testing.assert_allclose(swing @ u, v, atol=2e-6)


def test_kabsch_finds_the_rotation_and_never_a_mirror_image(rng):
    points = rng.normal(size=(50, 5, 3))
    m = rot.matrix_from_axis_angle(rng.normal(size=(50, 3)))
    np.testing.assert_allclose(rot.kabsch(points, points @ np.swapaxes(m, -1, -2)), m, atol=1e-9)
    assert_rotation(rot.kabsch(points, points * [-1, 1, 1]), 1e-9)


def test_kabsch_ignores_points_of_no_weight(rng):
    points, m = rng.normal(size=(4, 3)), rot.matrix_from_axis_angle(np.array([0.3, -1.0, 0.2]))
    target = points @ m.T
    target[3] = 100.0
    np.testing.assert_allclose(rot.kabsch(points, target, np.array([1.0, 1, 1, 0])), m, atol=1e-9)


def test_slerp_takes_the_short_way_and_meets_its_ends(rng):
    q0, q1 = (rot.quaternion_from_axis_angle(rng.normal(size=(20, 3))) for _ in range(2))
    for sign in (1, -1):
        half = rot.slerp(q0, sign * q1, np.full((20, 1), 0.5))
        to_half = rot.angle_between(rot.matrix_from_quaternion(q0), rot.matrix_from_quaternion(half))
        whole = rot.angle_between(rot.matrix_from_quaternion(q0), rot.matrix_from_quaternion(q1))
        np.testing.assert_allclose(to_half, whole / 2, atol=1e-7)


def test_continuous_quaternions_keep_the_rotation_and_never_jump(rng):
    angle = np.linspace(0, 6 * np.pi, 90)[:, None, None]
    m = rot.matrix_from_axis_angle(angle * rot.normalize(rng.normal(size=(1, 24, 3))))
    q = rot.continuous_quaternions(rot.quaternion_from_matrix(m))
    assert (q[1:] * q[:-1]).sum(-1).min() > 0.9
    np.testing.assert_allclose(rot.matrix_from_quaternion(q), m, atol=1e-9)


@pytest.mark.parametrize("order", ["XYZ", "YXZ", "ZYX"])
def test_continuous_eulers_keep_the_rotation_and_never_jump(rng, order):
    steps = np.cumsum(rng.normal(size=(300, 24, 3)) * 0.02, axis=0)
    m = rot.matrix_from_euler(steps * 8, order)
    angles = rot.continuous_eulers(m, order)
    np.testing.assert_allclose(rot.matrix_from_euler(angles, order), m, atol=1e-12)
    assert np.abs(np.diff(angles, axis=0)).max() < np.pi


def test_in_gimbal_lock_the_last_euler_angle_stays():
    angles = np.array([[0.3, 0.2, 0.5], [0.4, np.pi / 2, 0.9], [0.5, np.pi / 2, 1.3]])
    m = rot.matrix_from_euler(angles, "XYZ")
    found = rot.continuous_eulers(m, "XYZ")
    np.testing.assert_allclose(rot.matrix_from_euler(found, "XYZ"), m, atol=1e-12)
    np.testing.assert_allclose(found[:, 2], 0.5, atol=1e-12)
