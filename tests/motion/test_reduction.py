"""Fewer keys with Bezier handles: the curves exactly, and the bound on the skeleton."""

import numpy as np
import pytest
from conftest import ROOT

from niki.body.skeleton import NUM_BONES, PARENTS
from niki.errors import NikiError
from niki.motion import bezier
from niki.motion.channels import MODES
from niki.motion.keys import KeyedMotion
from niki.motion.motion import Motion
from niki.motion.reduction import LOCATION, Linkage, Reduction, Track

SAMPLE = Motion.load(ROOT / "samples/sample_truth.npz")


def walk(mode="QUATERNION", motion=SAMPLE, allowed=None):
    rests = np.tile(np.eye(4), (NUM_BONES, 1, 1))
    for bone, parent in enumerate(PARENTS[:NUM_BONES]):
        rests[bone, :3, 3] = motion.rest_joints[bone] - (motion.rest_joints[parent] if parent >= 0 else 0)
    linkage = Linkage(tuple(PARENTS[:NUM_BONES]), rests, np.full(NUM_BONES, 0.15))
    tracks = [Track(0, LOCATION, motion.trans, allowed=allowed)]
    for bone, values in enumerate(KeyedMotion(motion, [mode] * NUM_BONES).values):
        tracks.append(Track(bone, mode, values, allowed=allowed))
    return linkage, tracks


def share_kept(tracks):
    return sum(len(t.keys) * t.values.shape[1] for t in tracks) / sum(t.values.size for t in tracks)


# --- curves -----------------------------------------------------------------------------------


def solved(frame, points):
    """A Bezier segment (4, 2) at a frame, as Blender does it: x(t) = frame is solved for t."""
    low, high = 0.0, 1.0
    for _ in range(60):
        t = (low + high) / 2
        weights = np.array([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3])
        low, high = (t, high) if weights @ points[:, 0] < frame else (low, t)
    return weights @ points[:, 1]


def test_curves_are_the_beziers_of_their_handles(rng):
    keys, values, slopes = np.array([0.0, 3, 4, 20]), rng.normal(size=4), rng.normal(size=4)
    left, right = bezier.handles(keys, values, slopes)
    for frame in np.linspace(0, 20, 81):
        k = bezier.segments_of(np.array([frame]), keys)[0]
        points = np.array([[keys[k], values[k]], right[k], left[k + 1], [keys[k + 1], values[k + 1]]])
        found = bezier.evaluate(np.array([frame]), keys, values[:, None], slopes[:, None])
        assert found[0, 0] == pytest.approx(solved(frame, points), abs=1e-9)


def test_a_cubic_is_its_own_curve():
    keys, frames = np.array([-2.0, 1, 5]), np.linspace(-2, 5, 30)
    cubic = np.polynomial.Polynomial([0.3, -1, 0.2, 0.05])
    found = bezier.evaluate(frames, keys, cubic(keys)[:, None], cubic.deriv()(keys)[:, None])
    np.testing.assert_allclose(found[:, 0], cubic(frames), atol=1e-12)


def test_beyond_its_keys_a_curve_stays_as_it_is_there():
    found = bezier.evaluate(np.array([-5, 9]), np.array([0, 4]), np.array([[1.0], [2]]), np.ones((2, 1)))
    np.testing.assert_allclose(found[:, 0], [1, 2])


# --- keys -------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["QUATERNION", "ZXY", "AXIS_ANGLE"])
@pytest.mark.parametrize(("bound", "most"), [(0.005, 0.14), (0.02, 0.1)])
def test_few_keys_hold_the_walk_within_the_bound(mode, bound, most):
    reduction = Reduction(*walk(mode), bound)
    reduction.run()
    assert reduction.deviation().max() <= bound * (1 + 1e-9)
    assert share_kept(reduction.tracks) < most
    for track in reduction.tracks:
        played = bezier.evaluate(np.arange(len(SAMPLE)), track.keys, track.key_values, track.slopes)
        np.testing.assert_allclose(played, track.curves, atol=1e-9)
        np.testing.assert_allclose(track.key_values[[0, -1]], track.values[[0, -1]], atol=1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_a_still_motion_needs_the_first_and_the_last_key(mode):
    still = Motion(
        np.tile(SAMPLE.poses[0], (30, 1)), np.tile(SAMPLE.trans[0], (30, 1)), 24.0, SAMPLE.rest_joints
    )
    reduction = Reduction(*walk(mode, still), 1e-4)
    reduction.run()
    assert all(list(track.keys) == [0, 29] for track in reduction.tracks)


def test_keys_are_on_allowed_frames_only_and_a_bound_they_miss_is_told():
    allowed = np.arange(0, len(SAMPLE), 12)
    reduction = Reduction(*walk(allowed=allowed), 0.002)
    reduction.run()
    assert all(set(track.keys) <= set(allowed) for track in reduction.tracks)
    assert reduction.deviation().max() > 0.002


def test_curves_that_may_not_change_do_not():
    linkage, tracks = walk()
    tracks[4].free[:] = False
    tracks[7].free[2] = False
    Reduction(linkage, tracks, 0.02).run()
    np.testing.assert_array_equal(tracks[4].curves, tracks[4].values)
    np.testing.assert_array_equal(tracks[7].curves[:, 2], tracks[7].values[:, 2])
    assert len(tracks[7].keys) < 40


def test_a_twist_that_moves_no_joint_counts():
    """About a hand's own length nothing but the points beside it turns."""
    linkage = Linkage((-1,), np.eye(4)[None], np.array([0.1]))
    twist = np.zeros((60, 3))
    twist[:, 1] = np.sin(np.arange(60) / 5)
    track = Track(0, "XYZ", twist)
    Reduction(linkage, [track], 0.003).run()
    assert 0.1 * np.abs(track.curves - twist).max() <= 0.0031
    assert 6 < len(track.keys) < 30


@pytest.mark.parametrize("bound", [0.0, -1.0, float("nan")])
def test_a_bound_must_be_above_zero(bound):
    with pytest.raises(NikiError, match="must be above zero"):
        Reduction(*walk(), bound)
