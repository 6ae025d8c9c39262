"""Scores of joints: what is not known is not scored, and what is lacking is not passed over."""

import numpy as np
import pytest
from conftest import random_rotations

from niki.errors import NikiError
from niki.evaluation.metrics import (
    acceleration_error,
    across_and_along,
    angle_of_directions,
    exchanged_frames,
    lean_towards_camera,
    mean_acceleration,
    mean_turn,
    mpjpe,
    procrustes_aligned,
)
from niki.motion.camera_tilt import camera_to_library, up_from_tilt


@pytest.fixture
def truth(rng):
    return rng.normal(size=(6, 24, 3))


@pytest.mark.parametrize("score", [mpjpe, across_and_along, procrustes_aligned])
def test_a_joint_that_the_estimate_lacks_is_not_passed_over(score, truth):
    estimated = truth + [0.1, 0, 0]
    estimated[2, 5, 1] = np.nan
    with pytest.raises(NikiError, match="lacks 1 of 144 joints"):
        score(estimated, truth)
    estimated[2] = np.nan
    with pytest.raises(NikiError, match="lacks 24 of 144 joints"):
        score(estimated, truth)


def test_joints_that_the_truth_does_not_know_are_not_scored(truth):
    estimated = truth + [0.3, 0, 0.4]
    truth[1, 3] = np.nan
    truth[4] = np.nan
    estimated[4] = np.nan
    assert mpjpe(estimated, truth) == pytest.approx(0.5)
    assert across_and_along(estimated, truth) == pytest.approx((0.3, 0.4))
    worse = estimated.copy()
    worse[0, 0] += [3, 0, 0]
    assert mpjpe(worse, truth) > mpjpe(estimated, truth)


def test_alignment_undoes_place_turn_and_size_by_the_joints_that_are_known(truth, rng):
    estimated = 1.7 * truth @ random_rotations(rng) + [1, 2, 3]
    np.testing.assert_allclose(procrustes_aligned(estimated, truth), truth, atol=1e-9)
    whole = truth.copy()
    truth[1, 3], truth[4] = np.nan, np.nan
    aligned = procrustes_aligned(estimated, truth)
    np.testing.assert_allclose(aligned[[0, 1, 2, 3, 5]], whole[[0, 1, 2, 3, 5]], atol=1e-9)
    assert mpjpe(aligned[:4], truth[:4]) < 1e-9


def test_nothing_to_compare_is_no_score(truth):
    with pytest.raises(NikiError, match="has no joint"):
        mpjpe(truth, np.full_like(truth, np.nan))


@pytest.mark.parametrize("lean", [0, 25, -25, 90, 179])
@pytest.mark.parametrize(("tilt", "roll"), [(0, 0), (20, 10), (-35, -60)])
def test_a_lean_is_told_from_the_cameras_tilt_and_from_a_lean_to_the_side(lean, tilt, roll):
    to_library = camera_to_library(up_from_tilt(tilt, roll))
    angle = np.radians(lean)
    in_library = np.array([0.4, np.cos(angle), np.sin(angle)])  # the camera is at +Z
    assert lean_towards_camera(1.7 * in_library @ to_library, to_library[1]) == pytest.approx(lean)


def test_a_level_camera_sees_a_lean_as_depth():
    up = [0, -1, 0]
    segments = np.array([[0, -1, 0], [0, -1, -1], [0.5, -1, 1], [0, 1, 0]])
    np.testing.assert_allclose(np.abs(lean_towards_camera(segments, up)), [0, 45, 45, 180])
    assert lean_towards_camera(segments[1], up) > 0  # Z is the depth: nearer is towards


def test_differences_of_angles_go_the_shorter_way():
    assert mean_turn(np.array([350, 10, -10, np.nan])) == pytest.approx(-10 / 3)
    assert mean_turn(np.array([-359.0, 3.0])) == pytest.approx(2)


def test_frames_are_exchanged_where_the_other_side_fits_clearly_better():
    left, right = [1.0, 0, 0], [-1.0, 0, 0]
    truth = np.array([[left, right]] * 4)
    near = np.array([[0.05, 0, 0], [-0.05, 0, 0]])
    estimated = np.array([[left, right], [right, left], near, -near])
    np.testing.assert_array_equal(exchanged_frames(estimated, truth, [1, 0]), [False, True, False, False])
    np.testing.assert_array_equal(
        exchanged_frames(estimated, truth, [1, 0], 0.99), [False, True, False, True]
    )
    truth[1, 0] = np.nan  # one side alone tells nothing
    assert not exchanged_frames(estimated, truth, [1, 0]).any()


def test_the_angle_of_directions_is_exact_where_they_are_nearly_the_same():
    tiny = np.radians(1e-6)
    assert angle_of_directions(np.array([0, -2.0, 0]), np.array([np.sin(tiny), -np.cos(tiny), 0])) == (
        pytest.approx(1e-6)
    )
    pairs = np.array([[0, 1.0, 0], [1, 0, 0]]), np.array([[0, -3.0, 0], [1, 1, 0]])
    np.testing.assert_allclose(angle_of_directions(*pairs), [180, 45])


def test_acceleration_is_of_the_difference_and_a_steady_error_has_none(truth):
    t = np.arange(6)[:, None, None] / 30
    steady = truth + [0.1, 0, 0] + t * [0, 0.3, 0]
    assert acceleration_error(steady, truth, 30) == pytest.approx(0, abs=1e-9)
    assert acceleration_error(steady + t**2 * [0, 0, 2.0], truth, 30) == pytest.approx(4)
    moved = truth.copy()
    moved[:, 23] += t[:, 0] ** 2 * [1.5, 0, 0]
    truth[[1, 4], :23] = np.nan  # of these no three frames running are known
    assert acceleration_error(moved, truth, 30) == pytest.approx(3)


def test_acceleration_is_that_of_what_moves(truth):
    still = np.zeros((5, 2, 3))
    still[:, 1, 1] = 4.9 * (np.arange(5) / 25) ** 2
    assert mean_acceleration(still, 25) == pytest.approx(4.9)
    still[2, 0] = np.nan  # leaves no three frames of the joint that is still
    assert mean_acceleration(still, 25) == pytest.approx(9.8)
    assert np.isnan(mean_acceleration(still[:2], 25))


def test_an_acceleration_error_needs_three_frames(truth):
    with pytest.raises(NikiError, match="has no joint"):
        acceleration_error(truth[:2], truth[:2], 30)
