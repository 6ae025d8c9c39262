"""Scores of joints: what is not known is not scored, and what is lacking is not passed over."""

import numpy as np
import pytest
from conftest import random_rotations

from niki.errors import NikiError
from niki.evaluation.metrics import across_and_along, mpjpe, procrustes_aligned


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
