"""Drawn errors are of the kinds and sizes that were measured, for windows as for single frames."""

import numpy as np
import pytest

from niki.body import rotation as rot
from niki.body.kinematics import forward_kinematics
from niki.body.skeleton import JOINTS, MIRROR, Body
from niki.evaluation.error_statistics import correlations, error_statistics, limb_joints, view_axes
from niki.evaluation.front_end import WINDOW, FrontEnd, random_cameras
from niki.network.uncertainty import metres_from_sigma

WINDOWS = 120


@pytest.fixture(scope="module")
def people():
    """Joints (N, T, 29, 3) in camera space of people who stand about, their proportions and their cameras' pitch."""
    rng = np.random.default_rng(3)
    turns = 0.35 * rng.normal(size=(WINDOWS, 1, 24, 3)) * np.ones((1, WINDOW, 1, 1))
    turns[:, :, 0] = rng.uniform(0, 6, (WINDOWS, 1, 1)) * [0, 1, 0]
    joints = forward_kinematics(rot.matrix_from_axis_angle(turns), Body.default())[0]
    turn, pitch, place = random_cameras(rng, WINDOWS)
    joints = rot.apply(turn[:, None, None], joints - joints[:, :, :1]) + place[:, None, None]
    return joints, np.tile(Body.default().offsets, (WINDOWS, 1, 1)), pitch


def draw(people, seed=0, spells=False, frames=None):
    joints, offsets, pitch = people
    if frames is not None:
        joints = joints[np.arange(len(joints))[:, None], frames]
    return joints, FrontEnd(np.random.default_rng(seed), spells)(joints, offsets, pitch, frames)


def in_view(joints, drawn):
    for true, ours in zip(joints, drawn.joints.astype(float), strict=True):
        axes = view_axes(ours[:, 0], np.array([0.0, -1.0, 0.0]))[:, None]
        yield rot.apply(axes, limb_joints(ours)), rot.apply(axes, limb_joints(true)), 30.0


def test_the_errors_have_the_sizes_that_were_measured(people):
    clips = list(in_view(*draw(people)))
    row = error_statistics(clips)
    assert 60 < row["MPJPE"] < 110
    assert row["along, rms"] > 1.7 * row["across, rms per axis"]
    assert 0.4 < row["constant share along"] < 0.75
    assert row["still alike after 0.1 s"] > 0.6 > row["still alike after 0.2 s"] > 0.2
    assert row["flattening"] < -0.15
    assert 0.005 < row["bones the wrong way round"] < 0.12
    together = correlations(clips)
    assert together["left and right shoulder"] > 0.6
    assert together["elbow and wrist"] > 0.6
    assert together["left and right knee"] < 0.5


def test_one_frame_errs_as_much_as_those_of_a_window(people):
    frames = np.random.default_rng(1).integers(WINDOW, size=(WINDOWS, 1))
    (joints, window), (single, one) = draw(people), draw(people, frames=frames)
    sizes = [
        np.linalg.norm((d.joints - d.joints[:, :, :1]) - (j - j[:, :, :1]), axis=-1).mean()
        for j, d in ((joints, window), (single, one))
    ]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.15)


def test_forearms_are_measured_too_short_and_left_as_right(people):
    _, drawn = draw(people)
    lengths = np.linalg.norm(drawn.offsets, axis=-1) / np.maximum(Body.default().bone_lengths, 1e-9)
    wrist, hip = JOINTS.index("left_wrist"), JOINTS.index("left_hip")
    assert np.median(lengths[:, wrist]) < 0.95 < np.median(lengths[:, hip])
    np.testing.assert_allclose(lengths, lengths[:, list(MIRROR)], rtol=1e-5)


def test_hidden_joints_are_stated_to_be_uncertain_and_missing_frames_bridged(people):
    _, drawn = draw(people, spells=True)
    assert 0.02 < drawn.hidden.mean() < 0.2
    error = metres_from_sigma(drawn.sigma[..., 1])
    assert error[drawn.hidden].mean() > 4 * error[~drawn.hidden & ~drawn.missing[..., None]].mean()
    assert 0.01 < drawn.missing.mean() < 0.2
    assert not drawn.missing[:, [0, -1]].any()
    bends = np.diff(drawn.joints, 2, axis=1)
    inside = drawn.missing[:, :-2] & drawn.missing[:, 1:-1] & drawn.missing[:, 2:]
    assert np.abs(bends[inside]).max() < 1e-5
    assert not draw(people)[1].missing.any()


def test_the_same_seed_draws_the_same(people):
    a, b, c = (draw(people, seed=seed)[1] for seed in (4, 4, 5))
    np.testing.assert_array_equal(a.joints, b.joints)
    assert (a.joints != c.joints).any()


def test_cameras_look_at_the_person(people):
    turn, pitch, place = random_cameras(np.random.default_rng(0), 2000)
    np.testing.assert_allclose(turn @ np.swapaxes(turn, 1, 2), np.tile(np.eye(3), (2000, 1, 1)), atol=1e-9)
    assert (place[:, 2] > 2).all()
    assert 8 < np.degrees(np.median(pitch)) < 12
    down = turn @ [0, 1, 0]  # up in camera axes, where y points down
    np.testing.assert_allclose(np.arcsin(-down[:, 2]), pitch, atol=1e-9)
