"""The network over time is a bijection of the window; what fills a batch up, and what is far away, does not count."""

import numpy as np
import pytest

from niki.body import rotation as rot
from niki.errors import NikiError
from niki.network.temporal import (
    HALF,
    POSE,
    TemporalNetwork,
    TemporalSpec,
    WindowSolution,
    observe_window,
)
from niki.network.temporal_flow import TemporalFlow, TemporalFlowSpec

SPEC = TemporalFlowSpec(10, 4, 3, ((8, 2), (8, 1), (8, 1)), heads=2, reach=5)


def disturbed(weights, rng, size=0.5):
    """Weights that do something, unlike the first ones."""
    return {
        name: (w + size * rng.normal(size=w.shape) / np.sqrt(w.shape[-1])).astype(w.dtype)
        for name, w in weights.items()
    }


def some_flow(rng, dtype=np.float32):
    weights = disturbed(SPEC.initial_weights("flow", rng), rng)
    return TemporalFlow(SPEC, {name: w.astype(dtype) for name, w in weights.items()}, "flow")


def some_input(rng, *shape, dtype=np.float32):
    condition = rng.normal(size=(*shape, SPEC.condition))
    condition[..., -1] = 1
    return rng.normal(size=(*shape, SPEC.width)).astype(dtype), condition.astype(dtype)


def small_network(rng):
    means = {
        "mean_pose": np.zeros(144),
        "mean_twist": np.tile([1.0, 0], 23),
        "mean_joints": np.zeros((29, 3)),
    }
    network = TemporalNetwork.initial(TemporalSpec(((16, 1), (16, 1)), 2), means, rng)
    network.weights.update(disturbed(network.weights, rng, 0.2))
    return network


def some_window(rng, body, frames=12):
    turn = rot.matrix_from_axis_angle(np.cumsum(0.1 * rng.normal(size=(frames, 3)), 0))
    joints = (body.rest_joints - body.pelvis) @ rot.transpose(turn) + 0.03 * rng.normal(size=(frames, 29, 3))
    parts = {
        "joints": joints, "sigma": np.full((frames, 29, 2), 0.2), "view": np.tile([0.0, 0, 1], (frames, 1)),
        "twist": np.tile([1.0, 0], (frames, 23, 1)), "known": np.zeros((frames, 23)),
    }  # fmt: skip
    parts["sigma"][4:6] = 1  # nobody is seen
    return {name: part.astype(np.float32) for name, part in parts.items()}


def test_initial_weights_change_nothing(rng):
    x, condition = some_input(rng, 2, 6)
    flow = TemporalFlow(SPEC, SPEC.initial_weights("flow", rng), "flow")
    np.testing.assert_array_equal(flow.inverse(x, condition), x)


def test_forward_undoes_inverse_and_inverse_forward(rng):
    flow, (x, condition) = some_flow(rng), some_input(rng, 3, 7)
    np.testing.assert_allclose(flow.forward(flow.inverse(x, condition), condition), x, atol=1e-5)
    np.testing.assert_allclose(flow.inverse(flow.forward(x, condition), condition), x, atol=1e-5)


def test_frames_hear_of_each_other(rng):
    flow, (x, condition) = some_flow(rng), some_input(rng, 6)
    other = x.copy()
    other[0] += 1
    assert np.abs(flow.inverse(other, condition) - flow.inverse(x, condition))[-1].max() > 1e-3


def test_the_log_determinant_is_that_of_the_jacobian(rng):
    torch = pytest.importorskip("torch", reason="torch is not installed here (niki[train])")
    x, condition = (torch.as_tensor(part) for part in some_input(rng, 4, dtype=np.float64))
    condition[-1, -1] = 0  # a frame that only fills the batch up
    flow = some_flow(rng, np.float64)
    flow.weights = {name: torch.as_tensor(w) for name, w in flow.weights.items()}
    jacobian = torch.autograd.functional.jacobian(lambda v: flow.inverse(v, condition), x)
    wanted = torch.linalg.slogdet(jacobian.reshape(x.numel(), x.numel()))[1]
    np.testing.assert_allclose(flow.log_determinant(x, condition), wanted, rtol=1e-9)


def test_torch_agrees_with_numpy(rng):
    torch = pytest.importorskip("torch", reason="torch is not installed here (niki[train])")
    flow, (x, condition) = some_flow(rng), some_input(rng, 2, 6)
    condition[1, -2:, -1] = 0
    solved, amount = flow.inverse(x, condition), flow.log_determinant(x, condition)
    flow.weights = {name: torch.as_tensor(w) for name, w in flow.weights.items()}
    x, condition = torch.as_tensor(x), torch.as_tensor(condition)
    np.testing.assert_allclose(flow.inverse(x, condition).numpy(), solved, atol=1e-5)
    np.testing.assert_allclose(flow.log_determinant(x, condition).numpy(), amount, rtol=1e-4)


def test_a_window_filled_up_is_the_window(rng, body):
    network, window = small_network(rng), some_window(rng, body)
    alone = network.inverse(observe_window(**window, body=body))
    filled = {name: np.concatenate([part, 7 * part[:5]]) for name, part in window.items()}
    filled["sigma"] = np.minimum(filled["sigma"], 1)
    observed = observe_window(**filled, body=body, present=np.arange(17) < 12)
    both = network.inverse(observed)
    for name in ("pose", "place", "latents"):
        np.testing.assert_allclose(getattr(both, name)[:12], getattr(alone, name), atol=1e-5)
    np.testing.assert_allclose(
        network.log_determinant(observed),
        network.log_determinant(observe_window(**window, body=body)),
        rtol=1e-4,
    )


def test_a_batch_is_its_windows(rng, body):
    network, windows = small_network(rng), [some_window(rng, body) for _ in range(3)]
    together = {name: np.stack([w[name] for w in windows]) for name in windows[0]}
    whole = network.inverse(observe_window(**together, body=body)).pose
    for window, pose in zip(windows, whole, strict=True):
        np.testing.assert_allclose(network.inverse(observe_window(**window, body=body)).pose, pose, atol=1e-5)


def test_joints_come_back_from_pose_and_latents(rng, body):
    network, window = small_network(rng), some_window(rng, body)
    observation = observe_window(**window, body=body)
    joints, _, padding = network.forward(network.inverse(observation), observation)
    seen = np.arange(12)[:, None] * np.ones((1, 29)) != 4
    seen[5] = False
    np.testing.assert_allclose(joints[seen], observation.frames.joints[seen], atol=1e-5)
    assert np.abs(padding).max() < 1e-5
    pose = rng.normal(size=(12, POSE)).astype(np.float32)
    solution = WindowSolution(pose, pose[:, :3], rng.normal(size=(12, HALF)).astype(np.float32))
    assert np.isfinite(network.forward(solution, observation)[0]).all()


def test_it_does_not_matter_which_way_a_person_faces(rng, body):
    network, window = small_network(rng), some_window(rng, body)
    turn = rot.matrix_from_axis_angle(np.array([0.4, -2.0, 1.1])).astype(np.float32)
    turned = window | {"joints": window["joints"] @ turn.T, "view": window["view"] @ turn.T}
    a, b = (observe_window(**w, body=body) for w in (window, turned))
    np.testing.assert_allclose(network.inverse(b).pose, network.inverse(a).pose, atol=1e-4)
    seen = ~np.isin(np.arange(12), (4, 5))
    np.testing.assert_allclose(b.frames.frame[seen], (turn @ a.frames.frame)[seen], atol=1e-4)


def test_frames_without_anybody_say_nothing(rng, body):
    network, window = small_network(rng), some_window(rng, body)
    elsewhere = window["joints"].copy()
    elsewhere[4:6] += 3
    a, b = (network.inverse(observe_window(**w, body=body)) for w in (window, window | {"joints": elsewhere}))
    np.testing.assert_allclose(b.pose, a.pose, atol=1e-5)


def test_it_is_stored_and_read(rng, body, tmp_path):
    network = small_network(rng)
    network.save(tmp_path / "network.npz", np.float32, trained="a little")
    again = TemporalNetwork.load(tmp_path / "network.npz")
    assert again.spec == network.spec
    assert again.remarks == {"trained": "a little"}
    observation = observe_window(**some_window(rng, body), body=body)
    np.testing.assert_array_equal(again.inverse(observation).pose, network.inverse(observation).pose)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mean_pose": None}, "lacks the weight mean_pose"),
        ({"flow.0.first.bias": np.zeros(3)}, "flow.0.first.bias must have shape"),
        ({"flow.9.first.bias": np.zeros(3)}, "does not belong"),
        ({"mean_twist": np.full(46, np.nan)}, "mean_twist has a value that is not finite"),
    ],
)
def test_a_wrong_weight_is_named(rng, tmp_path, change, message):
    network = small_network(rng)
    weights = {n: w for n, w in (network.weights | change).items() if w is not None}
    TemporalNetwork(network.spec, weights).save(tmp_path / "network.npz", np.float32)
    with pytest.raises(NikiError, match=message):
        TemporalNetwork.load(tmp_path / "network.npz")


@pytest.mark.parametrize(
    ("couplings", "heads"), [(((16, 0),), 2), (((15, 1),), 2), ((), 2), (((16, 1),), 0), (7, 2)]
)
def test_an_impossible_size_is_refused(couplings, heads):
    with pytest.raises(NikiError):
        TemporalSpec(couplings, heads)
