"""The steps from landmarks to joints, on data whose truth is made here."""

import tracemalloc

import numpy as np
import pytest

pytest.importorskip("scipy", reason="niki[capture] is not installed here")

from niki.body.kinematics import forward_kinematics
from niki.body.rotation import matrix_from_axis_angle
from niki.capturing.estimate import depth
from niki.capturing.estimate.blazepose import estimator as landmark_estimator
from niki.capturing.estimate.blazepose import hypotheses, landmarks, steps
from niki.capturing.estimate.blazepose.networks import Landmarks, Roi
from niki.capturing.estimate.journal import Journal
from niki.capturing.footage.camera import CAMERA_TO_LIBRARY, Camera, solve_translation
from niki.capturing.footage.camera_motion import SEEN
from niki.motion import blocks
from niki.motion.smoothing import whittaker
from niki.network.uncertainty import metres_from_sigma, sigma_from_metres

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
    path = hypotheses.steadiest_path([readings])
    in_parts = hypotheses.steadiest_path(readings[start : start + 7] for start in range(0, 40, 7))
    np.testing.assert_array_equal(in_parts, path)
    agree, way = hypotheses.agreement(readings, path)
    world, _, _ = hypotheses.exchange(readings, readings[..., :2], readings[..., 0], way)
    mean = hypotheses.masked_mean(world, agree)
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


def walking(rng, frames, rate):
    """Points in pixels of somebody who walks across the picture, 20 pixels a metre, and a little noise."""
    time = np.arange(frames)[:, None, None] / rate
    swing = 0.3 * np.sin(2 * np.pi * time + rng.uniform(0, 6, (1, 19, 1)))
    place = rng.normal(size=(1, 19, 2)) * [0.2, 0.5] + swing + time * [1.5, 0]
    return 20 * (place + 0.01 * rng.normal(size=(frames, 19, 2)))


@pytest.mark.parametrize("rate", [12, 24, 60])
def test_a_step_no_body_makes_is_noticed_and_fast_motion_is_not(rng, rate):
    pixels, times = walking(rng, 200, rate), np.arange(200) / rate
    metres = np.full(200, 1 / 20)
    assert len(steps.find_jumps(pixels, metres, times, rate)) == 0
    fast = 4 * pixels  # runs at six metres a second, limbs faster
    assert len(steps.find_jumps(fast, metres, times, rate)) == 0
    jumping = pixels.copy()
    jumping[80:120] += [1.0 * 20, 0]  # somebody a metre beside, for a while
    assert steps.find_jumps(jumping, metres, times, rate).tolist() == [80, 120]
    glimpse = pixels.copy()
    glimpse[150] += [0, 1.0 * 20]
    assert steps.find_jumps(glimpse, metres, times, rate).tolist() == [150, 151]


def test_gaps_and_exchanged_sides_are_no_steps(rng):
    pixels, times = walking(rng, 200, 24), np.arange(200) / 24
    seen = np.r_[0:80, 110:200]  # walks on where nobody looks
    metres = np.full(200, 1 / 20)
    assert len(steps.find_jumps(pixels[seen], metres[seen], times[seen], 24)) == 0
    names = list(landmarks.POINTS)
    mirror = [
        names.index(n.replace("left", "?").replace("right", "left").replace("?", "right")) for n in names
    ]
    exchanged = pixels.copy()
    exchanged[50:90] = exchanged[50:90, mirror]
    assert len(steps.find_jumps(exchanged, metres, times, 24)) == 0
    for few in range(4):
        assert len(steps.find_jumps(pixels[:few], metres[:few], times[:few], 24)) == 0


def synthetic_journal(rng, frames, crops=10):
    """A journal of readings of somebody who sways, at quality "best", a moment of it without anybody."""
    journal = Journal(None, {}, Landmarks.width(crops) + SEEN)
    body = rng.normal(size=(33, 3)) * [0.2, 0.6, 0.2]
    for t in range(frames):
        if t in (40, 41, 42):
            journal.append(t, t / 24, None)
            continue
        world = body * [np.cos(t / 30), 1, 1] + 0.005 * rng.normal(size=(crops, 33, 3))
        pixels = CAMERA.project(world + [0, 0, 3])
        ones = np.ones((crops, 33))
        seen = Landmarks(pixels, world, ones, ones[:, 0], Roi(320.0, 240.0, 400.0, 0.0))
        journal.append(t, t / 24, np.concatenate([seen.as_vector(), [1, 0, 0, 0, 1]]))
    return journal


def estimate_of(journal):
    return landmark_estimator.estimate_from_journal(journal, CAMERA, 24.0)


def test_memory_does_not_hold_the_readings_of_a_long_clip(rng):
    """They are 16 kB a frame, and what used to be made of them more than 60."""

    def most(frames):
        with synthetic_journal(rng, frames) as journal:
            tracemalloc.start()
            try:
                estimate_of(journal)
                return tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()

    assert (most(2500) - most(1000)) / 1500 < 8000


def test_how_frames_are_shared_out_changes_nothing(rng, monkeypatch):
    with synthetic_journal(rng, 150) as journal:
        at_once = estimate_of(journal)
        monkeypatch.setattr(blocks, "FRAMES", 40)
        assert len(blocks.split_into_blocks(150)) == 4
        in_parts = estimate_of(journal)
    for name in ("seen", "frames", "times", "jumps"):
        np.testing.assert_array_equal(getattr(in_parts, name), getattr(at_once, name))
    for name in ("joints", "sigma", "keypoints", "hints", "up", "up_error"):  # products round by their size
        np.testing.assert_allclose(getattr(in_parts, name), getattr(at_once, name), rtol=1e-4, atol=1e-5)


def test_blocks_hold_every_frame_once():
    for count in (0, 1, 511, 512, 513, 1025, 86_400):
        parts = blocks.split_into_blocks(count)
        assert [f for part in parts for f in range(part.start, part.stop)] == list(range(count))
        assert all(0 < part.stop - part.start <= blocks.FRAMES for part in parts)


def test_mirrored_bones_are_each_others_mirror_image():
    names = list(landmarks.POINTS)
    for (a, b), mirror in zip(landmarks.BONES, landmarks.MIRRORED_BONES, strict=True):
        swapped = {
            n.replace("left", "?").replace("right", "left").replace("?", "right")
            for n in (names[a], names[b])
        }
        assert swapped == {names[i] for i in landmarks.BONES[mirror]}


def test_the_network_files_come_from_the_pinned_wheel(tmp_path, monkeypatch):
    from niki.capturing.estimate.blazepose import models
    from niki.errors import NikiError

    monkeypatch.setenv("NIKI_MODELS", str(tmp_path))
    with pytest.raises(NikiError, match="niki setup"):
        models.model_path("pose_detection")
