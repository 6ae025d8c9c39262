"""A capture's motion solved as one clip, in place."""

import numpy as np
import pytest

from niki.body import rotation as rot
from niki.body.kinematics import forward_kinematics
from niki.body.skeleton import Body
from niki.capturing.whole_clip import solve_whole_clip
from niki.solve import clip

BODY = Body.default()


@pytest.fixture
def captured(rng):
    """Poses, places and joints of 60 frames that jitter, 9 of which are not seen, and how they truly are."""
    times = np.arange(60)[:, None] / 30
    poses = 0.2 * np.sin(3 * times + np.arange(72))
    trans = np.array([0.3, 0, 0]) * times + [0, 0, -4]
    truth = forward_kinematics(rot.matrix_from_axis_angle(poses.reshape(60, 24, 3)), BODY, trans)[0]
    seen = np.ones(60, bool)
    seen[30:39] = False
    joints = np.where(seen[:, None, None], truth + 0.02 * rng.normal(size=truth.shape), np.nan)
    return poses + 0.03 * rng.normal(size=poses.shape), trans.copy(), joints, seen, truth


def solved(captured, lasting=False):
    poses, trans, joints, seen, truth = captured
    poses, trans = poses.copy(), trans.copy()
    solve_whole_clip(poses, trans, joints, np.full((60, 29, 2), 0.02 / 0.12), seen, BODY, 30.0, lasting)
    found = forward_kinematics(rot.matrix_from_axis_angle(poses.reshape(60, 24, 3)), BODY, trans)[0]
    return found, np.linalg.norm(found - truth, axis=-1).mean()


@pytest.mark.parametrize("lasting", [False, True])
def test_it_comes_nearer_and_shakes_less(captured, lasting):
    poses, trans, _, _, truth = captured
    before = forward_kinematics(rot.matrix_from_axis_angle(poses.reshape(60, 24, 3)), BODY, trans)[0]
    found, error = solved(captured, lasting)
    assert error < np.linalg.norm(before - truth, axis=-1).mean()
    assert np.abs(np.diff(found, 3, axis=0)).mean() < 0.3 * np.abs(np.diff(before, 3, axis=0)).mean()


def test_windows_do_not_see_what_was_solved_before_them(captured, monkeypatch):
    whole = solved(captured)[0]
    monkeypatch.setattr(clip, "WINDOW", 30)
    monkeypatch.setattr(clip, "OVERLAP", 15)
    np.testing.assert_allclose(solved(captured)[0], whole, atol=0.002)


def test_nobody_drifts_away_in_a_gap_and_the_longer_it_is_the_less_is_sure():
    """Somebody stands still, is not seen for four seconds, and goes on standing."""
    count, gap = 240, slice(60, 180)
    trans = np.zeros((count, 3)) + [0, 0, -4]
    truth = forward_kinematics(np.tile(np.eye(3), (count, 24, 1, 1)), BODY, trans)[0]
    joints, seen = truth.copy(), np.ones(count, bool)
    joints[gap], seen[gap] = np.nan, False
    joints += 0.005 * np.random.default_rng(0).normal(size=joints.shape)
    poses, place = np.zeros((count, 72)), trans.copy()
    error = solve_whole_clip(poses, place, joints, np.full((count, 29, 2), 0.05), seen, BODY, 30.0, True)
    assert np.linalg.norm(place - trans, axis=-1).max() < 0.04
    seen_before, begins, middle = error[30].mean(), error[61].mean(), error[120].mean()
    assert middle > 1.2 * begins > 1.3 * seen_before, (middle, begins, seen_before)
    assert error[120, 0] > 0.15  # metres that the pelvis itself may be off by
