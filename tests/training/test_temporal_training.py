"""Training over time: what a window shows and what it asks for agree, losses fall, runs resume to the same network."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed here (niki[train])")

from niki.body import rotation as rot
from niki.body.kinematics import forward_kinematics
from niki.body.skeleton import NUM_BONES, Bodies, Body
from niki.errors import NikiError
from niki.mocap.collection import Poses
from niki.network.temporal import TemporalNetwork, TemporalSpec
from niki.training.augmentation import augment_poses
from niki.training.temporal import TemporalConfig, TemporalTraining, window_losses
from niki.training.temporal_batches import ERRORS, WindowMaker, mean_values
from niki.training.train import export

EVEN = dict.fromkeys(ERRORS, 1.0)


@pytest.fixture(scope="module")
def poses():
    """Two clips of three seconds of somebody who moves slowly."""
    rng = np.random.default_rng(5)
    times = np.arange(90) / 30
    amount, phase = 0.5 * rng.normal(size=(2, 1, 24, 3)), rng.uniform(0, 6, (2, 1, 24, 3))
    turns = amount * np.sin(times[:, None, None] + phase)
    turns[:, :, 0] *= 0.2
    return Poses(
        rot.matrix_from_axis_angle(turns.reshape(-1, 24, 3)).astype(np.float32), np.repeat(np.arange(2), 90),
        np.array(["a", "b"]), np.array(["01", "02"]), np.array(["x"] * 2), np.tile(Body.default().bone_lengths, (2, 1)),
        np.zeros((2, 29)),
    )  # fmt: skip


@pytest.fixture(scope="module")
def maker(poses):
    return WindowMaker(poses, EVEN)


@pytest.fixture(autouse=True)
def little(monkeypatch):
    """Few windows for what needs many."""
    monkeypatch.setattr("niki.training.temporal_batches._FOR_MEANS", 1)
    monkeypatch.setattr("niki.training.temporal_error._AT_ONCE", 2)
    monkeypatch.setattr("niki.training.temporal_error._MOST", 1)


def tiny(**changes):
    usual = {
        "network": TemporalSpec(((16, 1), (16, 1)), 2),
        "data": ["x"],
        "steps": 3,
        "error_steps": 2,
        "batch": 2,
    }
    return TemporalConfig(**usual | changes | {"save_every": 2})


def test_pose_and_place_put_the_joints_where_they_are(maker):
    for batch in maker.batch(16, [1]):
        rotations = rot.matrix_from_6d(batch.pose.reshape(*batch.pose.shape[:-1], NUM_BONES, 6))
        joints = forward_kinematics(rotations, Bodies(batch.offsets))[0]
        np.testing.assert_allclose(joints.numpy(), batch.joints.numpy(), atol=1e-5)
    shown = batch.observation.frames.joints  # the last batch is of exact joints
    np.testing.assert_allclose((joints + batch.place[..., None, :]).numpy(), shown.numpy(), atol=1e-5)


def test_frames_in_which_nobody_is_seen_are_told(maker):
    batches = [maker.batch(16, [2, k])[0].observation.frames for k in range(3)]
    gone = torch.cat([(frames.sigma >= 1).all(-1).all(-1) for frames in batches])
    assert 0.02 < float(gone.float().mean()) < 0.3
    assert not gone[:, 0].any()
    assert all(torch.isfinite(frames.joints).all() for frames in batches)


def test_the_same_seed_gives_the_same_windows(maker):
    a, b, c = (maker.batch(4, [seed])[0].observation.frames.joints for seed in (1, 1, 2))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_a_window_is_varied_as_a_whole(poses):
    rotations = torch.as_tensor(poses.rotations[:60]).reshape(2, 30, 24, 3, 3)
    others = torch.as_tensor(poses.rotations[90:150]).reshape(2, 30, 24, 3, 3)
    still = rotations[:, :1].expand(-1, 30, -1, -1, -1)
    varied = augment_poses(still, others[:, :1].expand_as(still), torch.Generator().manual_seed(0))
    assert torch.equal(varied, varied[:, :1].expand_as(varied))
    assert not torch.equal(varied, still)


def test_losses_fall(maker):
    training_set = [maker.batch(2, [3])] * 8
    network = TemporalNetwork.initial(
        TemporalSpec(((16, 1), (16, 1)), 2), mean_values(maker, 0), np.random.default_rng(0)
    )
    weights = {
        n: torch.nn.Parameter(torch.tensor(w), not n.startswith("mean_")) for n, w in network.weights.items()
    }
    network, optimizer = TemporalNetwork(network.spec, weights), torch.optim.Adam(weights.values(), 5e-3)
    totals = []
    for batch, clean in training_set:
        loss = sum(window_losses(network, batch, clean).values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        totals.append(float(loss.detach()))
    assert totals[-1] < 0.9 * totals[0]


def test_an_interrupted_run_ends_with_the_same_network(poses, tmp_path):
    whole = TemporalTraining(tiny(), tmp_path / "whole", poses)
    whole.run()

    def stop(step, *_):
        if step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        TemporalTraining(tiny(), tmp_path / "parts", poses).run(stop)
    again = TemporalTraining(tiny(), tmp_path / "parts", poses)
    assert again.step == 2
    again.run()
    for name, weight in whole.trained().weights.items():
        np.testing.assert_array_equal(again.trained().weights[name], weight)
    network = again.finish()
    assert "error.last.bias" in network.weights
    assert export(tmp_path / "parts", tmp_path / "weights.npz").spec == network.spec
    with pytest.raises(NikiError, match="another 'seed'"):
        TemporalTraining(tiny(seed=1), tmp_path / "parts", poses)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps = 0", "'steps' must be 1 or more"),
        ("[mix]\nlasting = 1.0", "a share for each of lasting, independent, clean"),
        ("[network]\ncouplings = [[15, 1]]", "cannot be shared among 4 heads"),
        ("[network]\nwidth = 3", "no setting 'width'"),
        ("learning_rate = 0.0", "must be above zero"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path, text, message):
    (tmp_path / "a.toml").write_text(f'data = "."\n{text}')
    with pytest.raises(NikiError, match=message):
        TemporalConfig.read(tmp_path / "a.toml")
