"""The steps from landmarks to joints, on data whose truth is made here."""

import numpy as np
import pytest
from conftest import random_rotations

pytest.importorskip("scipy", reason="niki[capture] is not installed here")

from niki.footage import depth, hypotheses, landmarks
from niki.footage.camera import CAMERA_TO_LIBRARY, Camera, solve_translation
from niki.footage.smoothing import whittaker
from niki.footage.torso import INSIDE, torso_joints
from niki.kinematics import forward_kinematics
from niki.rotation import matrix_from_axis_angle
from niki.skeleton import JOINTS
from niki.uncertainty import metres_from_sigma, sigma_from_metres

CAMERA = Camera.of((640, 480), 700.0)


def swaying(rng, frames, body):
    """Joints in camera space of a body that moves a little, 3 m away."""
    wave = np.sin(np.linspace(0, 5, frames))[:, None, None] * rng.normal(size=(1, 24, 3)) * 0.4
    joints = forward_kinematics(matrix_from_axis_angle(wave), body)[0] @ CAMERA_TO_LIBRARY
    return joints - joints[:, :1] + [0.1, 0.2, 3.0]


def test_sigma_is_monotone_and_invertible():
    metres = np.array([0, 0.01, 0.1, 1.0, np.inf])
    sigma = sigma_from_metres(metres)
    assert sigma[0] == 0
    assert sigma[2] == pytest.approx(0.5)
    assert sigma[-1] == 1
    assert (np.diff(sigma) > 0).all()
    np.testing.assert_allclose(metres_from_sigma(sigma), metres)


def test_translation_is_found_exactly_and_despite_an_outlier(body, rng):
    joints = swaying(rng, 10, body)
    pixels = CAMERA.project(joints)
    relative = joints - joints[:, :1]
    weights = np.ones(joints.shape[:2])
    np.testing.assert_allclose(solve_translation(relative, pixels, weights, CAMERA), joints[:, 0], atol=1e-6)
    pixels[:, 20] += 150
    found = solve_translation(relative, pixels, weights, CAMERA, iterations=20)
    assert np.abs(found - joints[:, 0]).max() < 0.08


def test_bone_lengths_repair_depth_and_keep_the_picture(body, rng):
    truth = swaying(rng, 30, body)
    bones = np.array([(i, p) for i, p in enumerate([-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]) if p >= 0])
    truth = truth[:, :13]
    lengths = np.linalg.norm(truth[0, bones[:, 0]] - truth[0, bones[:, 1]], axis=-1)
    pixels = CAMERA.project(truth)
    wrong = truth + np.array([0, 0, 1]) * rng.normal(size=(30, 13, 1)) * 0.06
    repaired = depth.refine_depth(wrong, pixels, bones, lengths, CAMERA)
    np.testing.assert_allclose(CAMERA.project(repaired), pixels, atol=1e-6)

    def bone_error(points):
        return np.abs(
            np.linalg.norm(points[:, bones[:, 0]] - points[:, bones[:, 1]], axis=-1) - lengths
        ).mean()

    def depth_error(points):
        z = points[..., 2] - points[:, :1, 2]
        return np.abs(z - truth[..., 2] + truth[:, :1, 2]).mean()

    assert bone_error(repaired) < 0.2 * bone_error(wrong)
    assert depth_error(repaired) < 0.8 * depth_error(wrong)


def test_the_steadiest_path_avoids_flips(rng):
    truth = np.cumsum(rng.normal(size=(40, 1, 33, 3)) * 0.004, axis=0) + rng.normal(size=(1, 1, 33, 3)) * 0.3
    flipped = truth * [-1, 1, -1]
    readings = np.concatenate([truth, truth, flipped, truth], 1) + rng.normal(size=(40, 4, 33, 3)) * 0.005
    for t in range(10, 30):  # for half of the clip most readings are flipped, never the same ones
        readings[t, [t % 4, (t + 1) % 4, (t + 2) % 4]] = flipped[t]
        readings[t, (t + 3) % 4] = truth[t, 0]
    path = hypotheses.steadiest_path(readings)
    agree = hypotheses.agreeing(readings, path)
    mean = hypotheses.mean_of(readings, agree)
    assert np.linalg.norm(mean - truth[:, 0], axis=-1).max() < 0.05


def test_whittaker_keeps_slow_motion_and_removes_jitter():
    time = np.arange(300) / 30
    slow, fast = np.sin(2 * np.pi * 0.5 * time), np.sin(2 * np.pi * 10 * time)
    smooth = whittaker(np.stack([slow, slow + fast], -1), 30, 4.0)
    np.testing.assert_allclose(smooth[30:-30, 0], slow[30:-30], atol=0.002)
    np.testing.assert_allclose(smooth[30:-30, 1], slow[30:-30], atol=0.06)
    line = np.linspace(0, 1, 50)
    np.testing.assert_allclose(whittaker(line, 30, 2.0), line, atol=1e-9)
    assert whittaker(line[:2], 30, 2.0) is not None


def test_torso_map_finds_the_spine_of_a_rest_pose_and_turns_with_the_body(body, rng):
    def at(joints, *names):
        return np.stack([joints[..., JOINTS.index(n), :] for n in names], -2)

    rest = body.rest_joints
    ears = 0.6 * rest[JOINTS.index("head")] + 0.4 * rest[JOINTS.index("head_top")]
    arguments = at(rest, "left_hip", "right_hip"), at(rest, "left_shoulder", "right_shoulder"), ears
    found = torso_joints(*arguments)
    assert np.linalg.norm(found - rest[INSIDE], axis=-1).max() < 0.045
    turn = random_rotations(rng)
    moved = torso_joints(*(2 * a @ turn.T + 1 for a in arguments))
    np.testing.assert_allclose(moved, 2 * found @ turn.T + 1, atol=1e-9)


def test_mirrored_bones_are_each_others_mirror_image():
    names = list(landmarks.POINTS)
    for (a, b), mirror in zip(landmarks.BONES, landmarks.MIRRORED_BONES, strict=True):
        swapped = {
            n.replace("left", "?").replace("right", "left").replace("?", "right")
            for n in (names[a], names[b])
        }
        assert swapped == {names[i] for i in landmarks.BONES[mirror]}


def test_the_network_files_come_from_the_pinned_wheel(tmp_path, monkeypatch):
    from niki.errors import NikiError
    from niki.footage import models

    monkeypatch.setenv("NIKI_MODELS", str(tmp_path))
    with pytest.raises(NikiError, match="niki setup"):
        models.model_path("pose_detection")
