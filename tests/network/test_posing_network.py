"""The posing network: one source for numpy and torch, a bijection as a flow, nothing without a pull, checked files."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import random_rotations

from niki.body import rotation as rot
from niki.body.kinematics import forward_kinematics
from niki.body.skeleton import MIRROR, NUM_BONES, NUM_JOINTS, Body
from niki.errors import NikiError
from niki.files import read_npz, save_npz
from niki.network.posing import CHANGE, POINTS, PosingNetwork, PosingSpec, Pull, facing, mirror_change

SPECS = {
    "mlp": PosingSpec("mlp", ((24, 2),)),
    "flow": PosingSpec("flow", ((24, 1),) * 3),
    "metric": PosingSpec("metric", ()),
}
BODY = Body.default()


def some_network(kind, rng) -> PosingNetwork:
    """With random weights in every layer."""
    network = PosingNetwork.initial(
        SPECS[kind], np.eye(CHANGE) * 0.1, np.full((NUM_JOINTS, NUM_JOINTS), 0.4), rng
    )
    for name, value in network.weights.items():
        network.weights[name] = value + rng.normal(scale=0.1, size=value.shape).astype(np.float32)
    return network


def some_pull(rng, count=4, dtype=np.float64) -> Pull:
    rotations = random_rotations(rng, count, NUM_BONES)
    joints = forward_kinematics(rotations, BODY)[0] - BODY.pelvis
    pulled = (rng.random((count, NUM_JOINTS)) < 0.2).astype(float)
    pulled[:, 20] = 1
    displacement = rng.normal(scale=0.2, size=(count, NUM_JOINTS, 3)) * pulled[..., None]
    lengths = np.tile(BODY.bone_lengths, (count, 1))
    return Pull(rotations, joints, displacement, pulled, lengths, rng.random(count)).astype(dtype)


@pytest.mark.parametrize("kind", SPECS)
def test_torch_gives_what_numpy_gives(kind, rng):
    torch = pytest.importorskip("torch", reason="torch is not installed here (niki[train])")
    network, pull = some_network(kind, rng), some_pull(rng, dtype=np.float32)
    in_torch = PosingNetwork(
        network.spec, {name: torch.tensor(value) for name, value in network.weights.items()}
    )
    tensors = Pull(*(torch.tensor(value) for value in vars(pull).values()))
    for ours, theirs in zip(network.predict(pull), in_torch.predict(tensors), strict=True):
        np.testing.assert_allclose(ours, theirs.numpy(), atol=2e-5)
    np.testing.assert_allclose(network.covariance(0.3), in_torch.covariance(0.3).numpy(), atol=1e-6)


@pytest.mark.parametrize("kind", ["mlp", "flow"])
def test_one_pose_is_as_in_a_batch(kind, rng):
    network, pull = some_network(kind, rng), some_pull(rng, dtype=np.float32)
    one = Pull(*(value[2] for value in vars(pull).values()))
    for whole, alone in zip(network.predict(pull), network.predict(one), strict=True):
        np.testing.assert_allclose(whole[2], alone, atol=1e-5)


def test_the_flow_is_a_bijection(rng):
    network, pull = some_network("flow", rng), some_pull(rng)
    network.weights = {name: value.astype(float) for name, value in network.weights.items()}
    network = PosingNetwork(network.spec, network.weights)
    turns, move = rng.normal(scale=0.3, size=(4, NUM_BONES, 3)), rng.normal(scale=0.1, size=(4, 3))
    displacement, padding = network.forward(turns, move, pull, rng.normal(size=(4, POINTS)))
    assert np.abs(padding).max() > 1e-3  # this change is not what any displacements lead to
    turns, move, latents = network.change_and_latents(pull)
    displacement, padding = network.forward(turns, move, pull, latents)
    np.testing.assert_allclose(displacement, pull.displacement, atol=1e-9)
    np.testing.assert_allclose(padding, 0, atol=1e-9)


@pytest.mark.parametrize("kind", ["mlp", "flow"])
def test_nothing_is_predicted_without_a_pull_and_little_for_a_small_one(kind, rng):
    network, pull = some_network(kind, rng), some_pull(rng)
    still = replace(pull, displacement=0 * pull.displacement)
    assert not np.any(network.predict(still)[0])
    assert not np.any(network.predict(still)[1])
    small = replace(pull, displacement=1e-6 * pull.displacement)
    assert np.abs(network.predict(small)[0]).max() < 1e-3


@pytest.mark.parametrize("kind", ["mlp", "flow"])
def test_a_body_twice_as_large_moves_alike(kind, rng):
    network, pull = some_network(kind, rng), some_pull(rng)
    larger = replace(
        pull, **{name: 2 * getattr(pull, name) for name in ("joints", "displacement", "lengths")}
    )
    (turns, move), (same, twice) = network.predict(pull), network.predict(larger)
    np.testing.assert_allclose(same, turns, atol=1e-6)
    np.testing.assert_allclose(twice, 2 * move, atol=1e-6)


def test_the_metric_is_the_same_for_both_sides_and_blends(rng):
    network = some_network("metric", rng)
    for follow in (0, 0.4, 1):
        covariance = network.covariance(follow)
        np.testing.assert_allclose(covariance, covariance.T, atol=1e-6)
        np.testing.assert_allclose(mirror_change(mirror_change(covariance).T), covariance, atol=1e-6)
        assert np.linalg.eigvalsh(covariance).min() > -1e-6
    blend = 0.6 * network.covariance(0) + 0.4 * network.covariance(1)
    np.testing.assert_allclose(network.covariance(0.4), blend, atol=1e-6)


def test_a_mirrored_change_is_that_of_the_mirrored_pose(rng):
    turns = rng.normal(scale=0.5, size=(NUM_BONES, 3))
    flip = np.diag([-1.0, 1, 1])
    mirrored = mirror_change(np.append(turns, [1.0, 2, 3]))
    np.testing.assert_allclose(
        rot.matrix_from_axis_angle(mirrored[:-3].reshape(-1, 3)),
        flip @ rot.matrix_from_axis_angle(turns)[list(MIRROR[:NUM_BONES])] @ flip,
        atol=1e-12,
    )
    np.testing.assert_array_equal(mirrored[-3:], [-1, 2, 3])


def test_facing_is_upright_and_turns_with_the_pelvis(rng):
    pelvis = random_rotations(rng, 6)
    frame = facing(pelvis)
    np.testing.assert_allclose(frame[..., 1], np.tile([0, 1, 0], (6, 1)), atol=1e-12)
    np.testing.assert_allclose(frame @ rot.transpose(frame), np.tile(np.eye(3), (6, 1, 1)), atol=1e-12)
    about = rot.matrix_from_axis_angle(np.array([0, 0.7, 0]))
    np.testing.assert_allclose(facing(about @ pelvis), about @ frame, atol=1e-12)
    np.testing.assert_array_equal(facing(rot.matrix_from_axis_angle(np.array([np.pi / 2, 0, 0]))), np.eye(3))


@pytest.mark.parametrize("kind", SPECS)
def test_files_bring_it_back(kind, rng, tmp_path):
    network, pull = some_network(kind, rng), some_pull(rng, dtype=np.float32)
    network.save(tmp_path / "w.npz", np.float32, trained="not at all")
    again = PosingNetwork.load(tmp_path / "w.npz")
    assert again.spec == network.spec
    assert again.remarks == {"trained": "not at all"}
    np.testing.assert_array_equal(again.predict(pull)[0], network.predict(pull)[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("spread"), "lacks the weight spread"),
        (lambda w: w.update(extra=np.zeros(2)), "has a weight 'extra' that does not belong"),
        (lambda w: w.update(spread=np.zeros((2, 2))), r"spread must have shape \(29, 29\), not \(2, 2\)"),
        (lambda w: w.update(spread=np.full((29, 29), np.nan)), "spread has a value that is not finite"),
        (lambda w: w.update(spread=np.zeros((29, 29), int)), "spread must hold decimal numbers"),
        (lambda w: w.pop("about"), "is not a posing network"),
        (
            lambda w: w.update(about=np.array('{"spec": {"kind": "tree"}}')),
            "kind is metric or mlp or flow, not 'tree'",
        ),
        (
            lambda w: w.update(about=np.array('{"spec": {"subnets": [[8, 1], [8, 1]]}}')),
            "mlp cannot have 2 subnets",
        ),
        (lambda w: w.update(about=np.array('{"spec": {"subnets": [[8, 0]]}}')), "pair of width and blocks"),
    ],
)
def test_a_damaged_file_is_refused(change, message, rng, tmp_path):
    some_network("mlp", rng).save(tmp_path / "w.npz")
    weights = read_npz(tmp_path / "w.npz")
    change(weights)
    save_npz(tmp_path / "w.npz", weights)
    with pytest.raises(NikiError, match=message):
        PosingNetwork.load(tmp_path / "w.npz")


def test_only_a_flow_has_an_inverse(rng):
    pull = some_pull(rng)
    with pytest.raises(NikiError, match="has no inverse"):
        some_network("mlp", rng).forward(np.zeros((4, NUM_BONES, 3)), np.zeros((4, 3)), pull)


def test_the_network_that_comes_with_the_program_is_whole():
    network = PosingNetwork.default()
    assert network is PosingNetwork.default()
    assert np.linalg.eigvalsh(network.covariance(0.5)).min() > -1e-6
