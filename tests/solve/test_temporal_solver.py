"""Clips of any length and rate are solved in windows, whose edges do not show."""

import numpy as np
import pytest
from conftest import random_rotations

from niki.body import rotation as rot
from niki.body.kinematics import forward_kinematics
from niki.errors import NikiError
from niki.network.temporal import TemporalNetwork, TemporalSpec
from niki.solve.temporal import Observed, TemporalSolver


@pytest.fixture(scope="module")
def network():
    """Untrained: what it sees goes through it, and every frame hears of the others a little."""
    rng = np.random.default_rng(3)
    means = {"mean_pose": np.tile([1.0, 0, 0, 0, 1, 0], 24), "mean_twist": np.tile([1.0, 0], 23)}
    network = TemporalNetwork.initial(
        TemporalSpec(((16, 1), (16, 1)), 2), means | {"mean_joints": np.zeros((29, 3))}, rng
    )
    for name, weight in network.weights.items():
        if "mean" not in name:
            network.weights[name] = (weight + 0.05 * rng.normal(size=weight.shape)).astype(np.float32)
    return network


def some_clip(body, frames, rate=30.0, seed=1):
    """Somebody who turns and moves limbs, seen with 1 cm of noise."""
    rng = np.random.default_rng(seed)
    times, amount = np.arange(frames) / rate, 0.4 * rng.normal(size=(24, 3))
    turns = np.sin(times[:, None, None] * 2 + np.arange(24)[:, None]) * amount
    turns[:, 0, 1] += times
    rotations = rot.matrix_from_axis_angle(turns)
    joints = forward_kinematics(rotations, body, np.stack([times, 0 * times, 4 + 0 * times], -1))[0]
    return joints + 0.01 * rng.normal(size=joints.shape), np.full((frames, 29, 2), 0.1)


@pytest.mark.parametrize("frames", [1, 2, 63, 64, 65, 97, 200])
def test_any_length_gives_a_pose_for_each_frame(network, body, frames):
    joints, sigma = some_clip(body, frames)
    pose = TemporalSolver(network).inverse(joints, sigma, body=body)
    assert pose.rotations.shape == (frames, 24, 3, 3)
    np.testing.assert_allclose(np.linalg.det(pose.rotations), 1, atol=1e-6)
    assert np.isfinite(pose.translation).all()


@pytest.mark.parametrize("rate", [7.5, 15.0, 24.0, 30.0, 59.94, 120.0])
def test_any_rate_gives_a_pose_for_each_frame(network, body, rate):
    joints, sigma = some_clip(body, 70, rate)
    assert np.isfinite(TemporalSolver(network).inverse(joints, sigma, body=body, rate=rate).rotations).all()


def test_blocks_do_not_show(network, body, monkeypatch):
    joints, sigma = some_clip(body, 120)
    solver = TemporalSolver(network, refine=False)
    for rate in (30.0, 60.0):
        whole = solver.inverse(joints, sigma, body=body, rate=rate)
        with monkeypatch.context() as patch:
            patch.setattr("niki.motion.blocks.FRAMES", 40)
            parts = solver.inverse(joints, sigma, body=body, rate=rate)
        np.testing.assert_allclose(parts.rotations, whole.rotations, atol=1e-6)
        np.testing.assert_allclose(parts.translation, whole.translation, atol=1e-6)


def test_only_the_frames_of_a_block_and_its_windows_are_read(network, body, monkeypatch):
    joints, sigma = some_clip(body, 300)
    observed, read = Observed.checked(joints, sigma), []

    def reading(frames):
        read.append(len(frames))
        return observed[frames]

    monkeypatch.setattr("niki.motion.blocks.FRAMES", 50)
    done = [block for block, _ in TemporalSolver(network, refine=False).solve(300, 30.0, reading, body)]
    assert [b.start for b in done] == list(range(0, 300, 50))
    assert max(read) < 230


def test_what_is_far_away_does_not_count(network, body):
    joints, sigma = some_clip(body, 200)
    other = joints.copy()
    other[150:] += 0.2
    solver = TemporalSolver(network, refine=False)
    a, b = (solver.inverse(j, sigma, body=body).rotations for j in (joints, other))
    np.testing.assert_array_equal(a[:80], b[:80])
    assert np.abs(a[120:] - b[120:]).max() > 1e-4


def test_exact_joints_are_met_exactly(network, body):
    joints = forward_kinematics(random_rotations(np.random.default_rng(1), 5, 24, spread=0.2), body)[0]
    pose = TemporalSolver(network).inverse(joints, np.zeros(29), body=body)
    assert (
        np.linalg.norm(forward_kinematics(pose.rotations, body, pose.translation)[0] - joints, axis=-1).max()
        < 1e-4
    )


def test_frames_without_anybody_are_filled_in(network, body):
    joints, sigma = some_clip(body, 60)
    gone = np.isin(np.arange(60), (0, 20, 21, 22, 23))
    sigma[gone] = 1
    a, b = (
        TemporalSolver(network).inverse(np.where(gone[:, None, None], wrong, joints), sigma, body=body)
        for wrong in (50.0, -2.0)
    )
    np.testing.assert_allclose(a.rotations, b.rotations, atol=1e-5)
    pelvis = a.translation + body.pelvis
    assert np.linalg.norm(np.diff(pelvis, axis=0), axis=-1).max() < 0.15


def test_nobody_at_all_still_gives_poses(network, body):
    pose = TemporalSolver(network).inverse(np.zeros((5, 29, 3)), np.ones(29), body=body)
    assert np.isfinite(pose.rotations).all()


def test_far_from_the_origin_nothing_changes(network, body):
    joints, sigma = some_clip(body, 40)
    a, b = (TemporalSolver(network).inverse(joints + step, sigma, body=body) for step in (0.0, 5000.0))
    np.testing.assert_allclose(a.rotations, b.rotations, atol=1e-5)
    np.testing.assert_allclose(a.translation + 5000, b.translation, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"joints": np.zeros((29, 3)), "sigma": np.zeros(29)}, "frames of a clip"),
        ({"joints": np.zeros((0, 29, 3)), "sigma": np.zeros((0, 29))}, "no frames"),
        ({"rate": 0.0}, "frame rate"),
        ({"rate": float("nan")}, "frame rate"),
        ({"sigma": np.full((3, 29), 2.0)}, "sigma must lie"),
    ],
)
def test_bad_input_is_named(network, change, message):
    usual = {"joints": np.zeros((3, 29, 3)), "sigma": np.zeros((3, 29))}
    with pytest.raises(NikiError, match=message):
        TemporalSolver(network).inverse(**(usual | change))


def test_a_certain_joint_among_uncertain_ones_is_met(network, body):
    joints, _ = some_clip(body, 40)
    sigma = np.full((40, 29, 2), 0.5)
    sigma[:, 20] = 0
    pose = TemporalSolver(network).inverse(joints, sigma, body=body)
    solved = forward_kinematics(pose.rotations, body, pose.translation)[0]
    assert np.linalg.norm(solved - joints, axis=-1)[:, 20].mean() < 0.004
