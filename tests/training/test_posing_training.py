"""Training of posing networks: examples are what they say, losses fall, runs resume to the same network."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed here (niki[train])")

from niki.body import rotation as rot
from niki.body.skeleton import JOINTS, NUM_BONES, NUM_JOINTS, Body
from niki.errors import NikiError
from niki.mocap.collection import Poses
from niki.network.posing import CHANGE, PosingNetwork, PosingSpec
from niki.pose.effectors import Effectors
from niki.pose.steps import conditional_covariance, turn_matrices, usual_covariance
from niki.pose.targets import Posture, Target
from niki.training.posing import PosingConfig, PosingTraining, export_posing
from niki.training.posing_metric import apply_change, errors_of, measured_spread, refine, train_metric
from niki.training.posing_pairs import LIMB, Pairs

TINY = PosingConfig(
    network=PosingSpec("mlp", ((16, 1),)), data=["x"], steps=6, metric_steps=2, batch=24, metric_batch=16, warm_up=2,
    save_every=3,
)  # fmt: skip
ANKLES = [JOINTS.index("left_ankle"), JOINTS.index("right_ankle")]


@pytest.fixture(scope="module")
def poses():
    rng = np.random.default_rng(5)
    base = np.cumsum(rng.normal(size=(3, 80, 24, 3)) * 0.03, 1) + rng.normal(size=(3, 1, 24, 3)) * 0.2
    return Poses(
        rot.matrix_from_axis_angle(base.reshape(-1, 24, 3)).astype(np.float32), np.repeat(np.arange(3), 80),
        np.array(["a", "b", "c"]), np.array(["01", "02", "03"]), np.array(["x", "x", "y"]),
        np.tile(Body.default().bone_lengths, (3, 1)), np.zeros((3, 29)),
    )  # fmt: skip


@pytest.fixture
def pairs(poses):
    return Pairs(poses)


def draw(pairs, seed=0, count=200, **options):
    return pairs.draw(count, torch.Generator().manual_seed(seed), **options)


@pytest.mark.parametrize("follow", [0, 1])
@pytest.mark.parametrize("planted", [False, True])
def test_pulled_joints_are_where_the_second_pose_has_them(pairs, follow, planted):
    batch = draw(pairs, follow=follow, planted=planted)
    pull = batch.pull
    off = (pull.joints + pull.displacement - batch.joints()).norm(dim=-1)
    assert (off * pull.pulled).max() < 1e-5
    assert (pull.displacement * (1 - pull.pulled[..., None])).abs().max() == 0
    assert pull.joints[:, 0].abs().max() < 1e-6
    facing = pull.rotations[:, 0, :, 2]
    assert facing[:, 0].abs().max() < 1e-5  # faces ahead, or up and ahead
    assert (batch.move.abs().amax(1) * pull.pulled[:, 0]).max() == 0
    if not planted:
        assert batch.move.abs().max() == 0


def test_limbs_without_a_pulled_joint_stay_where_only_pulled_ones_move(pairs):
    batch = draw(pairs, follow=0, planted=False)
    still = ((batch.end - batch.pull.rotations).abs().amax((-1, -2)) < 1e-6).float()
    away = batch.pull.displacement.norm(dim=-1) > 1e-6
    for k in LIMB.unique():
        idle = ~(batch.pull.pulled.bool() & (k == LIMB)).any(1)
        assert still[idle][:, LIMB[:NUM_BONES] == k].min() == 1
    assert away.any(1).float().mean() > 0.5


def test_a_planted_foot_stays_while_the_body_moves(pairs):
    batch = draw(pairs, follow=1, planted=True)
    free = batch.pull.pulled[:, 0] == 0
    stood = free & batch.pull.pulled[:, ANKLES].bool().all(1) & (batch.move.norm(dim=-1) > 1e-6)
    assert stood.sum() > 20
    slid = batch.pull.displacement[stood][:, ANKLES].norm(dim=-1).amin(1)
    assert slid.max() < 0.021  # both may share 4 cm


def test_the_layer_takes_the_steps_that_the_product_takes(pairs):
    batch = draw(pairs, count=3, follow=1, planted=False)
    batch.pull.pulled[:] = 0
    batch.pull.pulled[:, JOINTS.index("left_wrist")] = 1
    batch.pull.displacement = (batch.joints() - batch.pull.joints) * batch.pull.pulled[..., None]
    rng = np.random.default_rng(1)
    root = rng.normal(scale=0.03, size=(CHANGE, CHANGE))
    covariance = root @ root.T
    prior = batch.pull.rotations, torch.zeros(3, 3)
    ours, move = refine(*prior, batch, torch.tensor(covariance).float(), torch.Generator())
    wide = np.tile([-np.inf, np.inf], (NUM_BONES, 3, 1))
    for k in range(3):
        body = Body(np.asarray(batch.bodies.rest_joints[k], float) + [0, 1, 0])
        start = Posture(batch.pull.rotations[k].numpy().astype(float), -body.pelvis)
        wanted = (batch.pull.joints + batch.pull.displacement)[k, 20].numpy()
        effectors = Effectors([Target("left_wrist", wanted)], body, wide, covariance, np.eye(3))
        state = (start.rotations, start.translation, np.zeros(CHANGE))
        for step in range(3):
            state, _ = effectors._step(*state, pulled=step < 2, soft=True)
        np.testing.assert_allclose(ours[k].numpy(), state[0], atol=2e-3)
        np.testing.assert_allclose(move[k].numpy(), state[1] + body.pelvis, atol=2e-3)


def test_the_layer_passes_gradients_on(pairs):
    batch = draw(pairs, count=16)
    root = torch.nn.Parameter(torch.tensor(np.sqrt(usual_covariance())).float())
    turns = torch.zeros(16, NUM_BONES, 3, requires_grad=True)
    prior = apply_change(turns, torch.zeros(16, 3), batch)
    off, turned = errors_of(*refine(*prior, batch, root @ root.T, torch.Generator()), batch)
    (off.mean() + turned.mean()).backward()
    for gradient in (root.grad, turns.grad):
        assert torch.isfinite(gradient).all()
        assert gradient.abs().max() > 0


def test_the_metric_learns_and_bones_that_do_not_turn_still_do_not(pairs):
    network = PosingNetwork.initial(
        PosingSpec("metric", ()), np.sqrt(usual_covariance()), np.zeros((29, 29)), np.random.default_rng(0)
    )
    trained = train_metric(network, pairs, 4, 32, 0, 0.4)
    before, after = network.covariance(0.0), trained.covariance(0.0)
    assert np.abs(after - before).max() > 1e-6
    np.testing.assert_array_equal(after[np.diagonal(before) == 0], 0)


def test_the_spread_is_that_of_the_joints_themselves(pairs):
    spread = measured_spread(pairs, 500, torch.Generator().manual_seed(0))
    assert spread.shape == (NUM_JOINTS, NUM_JOINTS)
    assert np.isfinite(spread).all()
    np.testing.assert_allclose(np.diagonal(spread)[1:], 3**-0.5, atol=1e-5)


@pytest.mark.parametrize("spec", [TINY.network, PosingSpec("flow", ((16, 1),) * 2)], ids=["mlp", "flow"])
def test_a_run_learns_resumes_and_is_exported(spec, poses, tmp_path):
    config = PosingConfig(**vars(TINY) | {"network": spec, "learning_rate": 3e-3})
    whole = PosingTraining(config, tmp_path / "whole", poses)
    losses = []
    whole.run(lambda done, total, parts: losses.append(parts["joints"]))
    assert len(losses) == 6
    halves = PosingTraining(config, tmp_path / "halves", poses)
    with pytest.raises(KeyboardInterrupt):
        halves.run(lambda done, *_: _interrupt() if done == 4 else None)
    halves = PosingTraining(config, tmp_path / "halves", poses)
    assert halves.step == 3
    halves.run()
    for name, value in whole.trained().weights.items():
        np.testing.assert_allclose(halves.trained().weights[name], value, atol=1e-6)
    whole.finish()
    network = export_posing(tmp_path / "whole", tmp_path / "w.npz")
    assert network.spec == spec
    assert "6 steps of 24" in PosingNetwork.load(tmp_path / "w.npz").remarks["trained"]
    with pytest.raises(NikiError, match="another 'batch'"):
        PosingTraining(PosingConfig(**vars(config) | {"batch": 7}), tmp_path / "whole", poses)


def _interrupt():
    raise KeyboardInterrupt


def test_what_is_left_out_is_not_trained_on(poses, tmp_path):
    config = PosingConfig(**vars(TINY) | {"left_out": "y 02"})
    training = PosingTraining(config, tmp_path, poses)
    assert len(training._pairs) == 80
    training.run()
    training.finish()
    assert export_posing(tmp_path, tmp_path / "w.npz").remarks["left_out"] == "y 02"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("steps = -1", "'steps' must be 0 or more"),
        ("clip = 0", "'clip' must be above zero"),
        ("color = 1", "no setting 'color'"),
        ("[network]\nkind = 'flow'\nsubnets = []", "flow cannot have 0 subnets"),
    ],
)
def test_wrong_settings_are_named(line, message, tmp_path):
    (tmp_path / "c.toml").write_text(f'kind = "posing"\ndata = "."\n{line}\n')
    with pytest.raises(NikiError, match=message):
        PosingConfig.read(tmp_path / "c.toml")


def test_what_may_not_move_is_conditioned_on(rng):
    root = rng.normal(size=(6, 6))
    covariance = root @ root.T
    free = np.array([1, 1, 0, 1, 0, 1], bool)
    ours = conditional_covariance(covariance, free)
    information = np.linalg.inv(covariance)
    np.testing.assert_allclose(
        ours[np.ix_(free, free)], np.linalg.inv(information[np.ix_(free, free)]), atol=1e-9
    )
    np.testing.assert_array_equal(ours[~free], 0)


def test_turns_as_matrices(rng):
    turns = rng.normal(size=(20, 3)) * np.array([1e-12, 1e-5, 0.1, 2, 3])[rng.integers(0, 5, 20), None]
    np.testing.assert_allclose(turn_matrices(turns), rot.matrix_from_axis_angle(turns), atol=1e-14)
    gradient = torch.zeros(2, 3, requires_grad=True)
    turn_matrices(gradient).sum().backward()
    assert torch.isfinite(gradient.grad).all()
