"""Training in torch: corruption means what sigma says, losses fall, runs resume to the same network."""

import numpy as np
import pytest
from conftest import ROOT, random_rotations

torch = pytest.importorskip("torch", reason="torch is not installed here (niki[train])")

from niki.body import rotation as rot
from niki.body.kinematics import forward_kinematics
from niki.body.skeleton import MIRROR, Bodies, Body
from niki.errors import NikiError
from niki.mocap.collection import HELD_OUT_PEOPLE, Poses
from niki.network.model import Network, NetworkSpec, condition_of, observe
from niki.network.uncertainty import metres_from_sigma
from niki.training.augmentation import mirror_poses
from niki.training.batches import CHUNK, BatchMaker, clean_means
from niki.training.bodies import random_bodies
from niki.training.corruption import KINDS_OF_CORRUPTION
from niki.training.depth import DepthConfig
from niki.training.losses import LossWeights, discrepancy, losses
from niki.training.posing import PosingConfig
from niki.training.settings import read_kind
from niki.training.temporal import TemporalConfig
from niki.training.train import Config, Training, export
from niki.training.turns import learn_turns

EVEN = dict.fromkeys(KINDS_OF_CORRUPTION, 0.2) | {"reading": 0.0}
TINY = {
    "flow, two stages": NetworkSpec(first=((24, 1),) * 2, second=((24, 1),) * 2),
    "flow, one stage": NetworkSpec(first=((24, 1),) * 3, second=()),
    "published layout": NetworkSpec(first=((24, 0),) * 2, second=((24, 0),) * 2, reference=True),
    "regressor": NetworkSpec(kind="regressor", first=((24, 1),), second=()),
    "plain regressor": NetworkSpec(kind="regressor", first=((24, 0),), second=()),
}


@pytest.fixture(scope="module")
def poses():
    rng = np.random.default_rng(5)
    base = rng.normal(size=(3, 1, 24, 3)) * 0.3
    turns = base + rng.normal(size=(3, 200, 24, 3)) * 0.15
    return Poses(
        rot.matrix_from_axis_angle(turns.reshape(-1, 24, 3)).astype(np.float32), np.repeat(np.arange(3), 200),
        np.array(["a", "b", "c"]), np.array(["01", "02", HELD_OUT_PEOPLE[0]]), np.array(["x"] * 3),
        np.tile(Body.default().bone_lengths, (3, 1)), np.zeros((3, 29)),
    )  # fmt: skip


def maker(poses, seed=0, mix=EVEN, reference=False):
    return BatchMaker(poses.rotations, mix, seed, reference)


@pytest.mark.parametrize(
    ("mix", "learned"), [(EVEN, True), (dict.fromkeys(EVEN, 0.0) | {"clean": 1.0}, False)]
)
def test_turns_are_learned_from_errors_where_there_are_any(mix, learned, poses, monkeypatch):
    monkeypatch.setattr("niki.training.turns._CHUNKS", 1)
    network, _ = network_in_torch(TINY["flow, one stage"], poses)
    weights = learn_turns(network, maker(poses, mix=mix), 0).weights
    assert ("turns" in weights) == learned
    if learned:
        covariance = weights["turns"] @ weights["turns"].T
        assert np.trace(covariance) / len(covariance) == pytest.approx(1, rel=0.01)


def network_in_torch(spec, poses, seed=0):
    network = Network.initial(spec, clean_means(maker(poses), 512), np.random.default_rng(seed))
    weights = {n: torch.nn.Parameter(torch.tensor(w)) for n, w in network.weights.items()}
    return network, Network(spec, weights)


@pytest.mark.parametrize("spec", [s for s in TINY.values() if s.kind == "flow"])
def test_numpy_and_torch_agree_and_the_network_inverts_itself(spec, poses):
    _, network = network_in_torch(spec, poses)
    generator = torch.Generator().manual_seed(1)
    for weight in network.weights.values():
        weight.data += 0.05 * torch.randn(weight.shape, generator=generator)
    in_numpy = Network(spec, {n: w.detach().numpy() for n, w in network.weights.items()})
    batch = maker(poses, reference=spec.reference).chunk(16)
    observation = batch.observation
    same = type(observation)(*(getattr(observation, n).numpy() for n in vars(observation)))
    with torch.no_grad():
        a = network.inverse(observation)
        joints, twist, _, padding = network.forward(a.pose, observation, a.latents)
    b = in_numpy.inverse(same)
    np.testing.assert_allclose(b.pose, a.pose.numpy(), atol=1e-6 * 20)
    np.testing.assert_allclose(b.latents, a.latents.numpy(), atol=1e-6 * 20)
    unknown = (observation.sigma > 1 - 1e-5).all(-1)
    apart = (joints - observation.joints).norm(dim=-1)[~unknown]
    assert apart.max() < 1e-5 * 10
    known = observation.known > 0
    assert (twist - observation.twist)[known].abs().max() < 1e-4
    if not spec.reference:
        assert padding.abs().max() < 1e-4


# --- what it is trained on ----------------------------------------------------------------------


def test_errors_are_as_large_as_sigma_says(poses):
    for name in ("noise", "detector"):
        mix = {kind: float(kind == name) for kind in KINDS_OF_CORRUPTION}
        batch = maker(poses, mix=mix).chunk(2048)
        error = (batch.observation.joints - batch.joints) - (batch.observation.joints - batch.joints).mean(
            1, True
        )
        told = metres_from_sigma(batch.observation.sigma)
        expected = ((2 * told[..., 0] ** 2 + told[..., 1] ** 2).mean()).sqrt()
        found = (error**2).sum(-1).mean().sqrt()
        assert 0.7 < float(found / expected) < 1.5, name


def test_errors_lie_along_the_view_as_sigma_says(poses):
    mix = {kind: float(kind == "detector") for kind in KINDS_OF_CORRUPTION}
    batch = maker(poses, mix=mix).chunk(2048)
    error = batch.observation.joints - batch.joints
    error = error - error.mean(1, True)
    along = (error * batch.observation.view[:, None]).sum(-1)
    across = (error - along[..., None] * batch.observation.view[:, None]) / 2**0.5
    ratio = (along**2).mean().sqrt() / (across**2).sum(-1).mean().sqrt()
    assert 2 < float(ratio) < 6


def test_clean_is_clean_and_every_kind_is_finite(poses):
    batch = maker(poses).chunk(2048)
    for part in (batch.observation.joints, batch.observation.sigma, batch.pose, batch.clean.joints):
        assert torch.isfinite(part).all()
    clean = batch.kind == KINDS_OF_CORRUPTION.index("clean")
    joints = batch.observation.joints[clean]
    assert ((joints - joints[:, :1]) - batch.joints[clean]).norm(dim=-1).mean() < 0.01
    sparse = batch.kind == KINDS_OF_CORRUPTION.index("sparse")
    given = (~batch.hidden[sparse]).sum(-1)
    assert given.min() >= 1
    assert (given <= 8).float().mean() > 0.3
    assert (batch.observation.sigma >= 0).all()
    assert (batch.observation.sigma <= 1).all()


def test_a_clean_pose_is_exactly_that_of_its_observation(poses):
    batch = maker(poses).chunk(64)
    rotations = rot.matrix_from_6d(batch.clean_pose.reshape(-1, 24, 6))
    joints = forward_kinematics(rotations, batch.bodies)[0]
    exact = batch.clean.joints - batch.clean.joints[:, :1]
    torch.testing.assert_close(joints, exact, atol=1e-4, rtol=0)


def test_mirroring_mirrors_joints(body, rng):
    pose = torch.tensor(random_rotations(rng, 5, 24))
    joints = forward_kinematics(pose, body)[0]
    flipped = forward_kinematics(mirror_poses(pose), body)[0]
    expected = joints[:, list(MIRROR)] * torch.tensor([-1.0, 1, 1])
    torch.testing.assert_close(flipped, expected)
    torch.testing.assert_close(mirror_poses(mirror_poses(pose)), pose)


def test_bodies_vary_as_people_do():
    bodies = random_bodies(4000, torch.Generator().manual_seed(0))
    height = bodies.rest_joints[..., 1].amax(1) - bodies.rest_joints[..., 1].amin(1)
    assert 0.05 < float(height.std() / height.mean()) < 0.1
    thigh = bodies.bone_lengths[:, 4] / bodies.bone_lengths[:, 7]
    assert 0.04 < float(thigh.log().std()) < 0.09
    torch.testing.assert_close(bodies.bone_lengths[:, 4], bodies.bone_lengths[:, 5])


def test_the_frame_of_an_exact_pose_is_the_pelvis(rng):
    pose = torch.tensor(random_rotations(rng, 6, 24, spread=0.3), dtype=torch.float32)
    bodies = Bodies(torch.tensor(np.tile(Body.default().offsets, (6, 1, 1)), dtype=torch.float32))
    joints = forward_kinematics(pose, bodies)[0]
    zeros = torch.zeros(6, 29, 2)
    observation = observe(
        joints, zeros, zeros[:, 0, :1].expand(-1, 3), zeros[:, :23], zeros[:, :23, 0], bodies
    )
    assert torch.rad2deg(rot.angle_between(observation.frame, pose[:, 0])).max() < 6
    assert torch.isfinite(condition_of(observation)).all()


# --- training -----------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", TINY.values(), ids=TINY)
def test_losses_fall(spec, poses):
    _, network = network_in_torch(spec, poses)
    trained = [w for n, w in network.weights.items() if not n.startswith("mean_")]
    optimizer = torch.optim.AdamW(trained, 3e-3)
    made = maker(poses, reference=spec.reference)
    fixed = made.chunk(64)

    def total():
        torch.manual_seed(0)
        return sum(losses(network, fixed, LossWeights()).values())

    before = float(total().detach())
    for _ in range(40):
        loss = total()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(total().detach()) < 0.7 * before


def test_every_loss_can_be_switched_off(poses):
    _, network = network_in_torch(TINY["flow, two stages"], poses)
    batch = maker(poses).chunk(32)
    every = set(losses(network, batch, LossWeights()))
    off = {
        "swing": {"swing", "clean_swing"}, "clean": {"clean_pose", "clean_joints", "clean_swing", "zero_error"},
        "zero_error": {"zero_error"}, "forward": {"forward"}, "independence": {"independence"},
        "joints": {"joints", "clean_joints"},
    }  # fmt: skip
    for name, gone in off.items():
        assert every - set(losses(network, batch, LossWeights(**{name: 0.0}))) == gone, name


def test_discrepancy_tells_samples_of_one_distribution_from_samples_of_two():
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(200, 30, generator=generator) for _ in range(2))
    same, shifted, scaled = discrepancy(a, b), discrepancy(a, b + 0.5), discrepancy(a, 0.5 * b)
    assert same < 0.3 * shifted
    assert same < 0.3 * scaled


def tiny_config(**changes):
    values = {
        "network": NetworkSpec(first=((16, 1),) * 2, second=((16, 1),) * 2), "steps": 16, "batch": 256,
        "save_every": 8, "evaluate_every": 16, "error_steps": 4, "threads": 1, "seed": 3,
    }  # fmt: skip
    return Config(**(values | changes))


def test_a_run_that_is_stopped_goes_on_to_the_same_network(poses, tmp_path):
    split = poses.split()
    whole = Training(tiny_config(), tmp_path / "whole", split)
    whole.run()

    class StoppedError(Exception):
        pass

    def stop(done, *_):
        if done >= 16:
            raise StoppedError

    stopped = Training(tiny_config(), tmp_path / "parts", split)
    with pytest.raises(StoppedError):
        stopped.run(stop)
    resumed = Training(tiny_config(), tmp_path / "parts", split)
    assert resumed.step == 8
    resumed.run()
    for name, weight in whole.trained().weights.items():
        np.testing.assert_array_equal(weight, resumed.trained().weights[name])
    assert (tmp_path / "parts/log.jsonl").read_text().count("held_out") == 1


def test_a_finished_run_can_be_exported_and_used(poses, tmp_path):
    training = Training(tiny_config(), tmp_path / "run", poses.split())
    with pytest.raises(NikiError, match="There is no network"):
        export(tmp_path / "run", tmp_path / "w.npz")
    training.run()
    network = training.finish()
    export(tmp_path / "run", tmp_path / "w.npz")
    loaded = Network.load(tmp_path / "w.npz")
    assert loaded.spec == network.spec
    assert "16 of 16 steps" in loaded.remarks["trained"]
    for name, weight in network.weights.items():
        np.testing.assert_allclose(loaded.weights[name], weight, atol=1e-2, rtol=1e-3)
    assert "error.last.bias" in loaded.weights


def test_another_configuration_does_not_take_up_a_checkpoint(poses, tmp_path):
    Training(tiny_config(), tmp_path, poses.split()).save()
    with pytest.raises(NikiError, match="another 'mix'"):
        Training(tiny_config(mix=EVEN | {"noise": 0.3}), tmp_path, poses.split())
    with pytest.raises(NikiError, match="another 'seed'"):
        Training(tiny_config(seed=4), tmp_path, poses.split())


@pytest.mark.parametrize("batch", [CHUNK, CHUNK + 500])
def test_a_batch_may_be_as_large_as_a_chunk_and_larger(batch, poses, tmp_path):
    training = Training(tiny_config(batch=batch, steps=2), tmp_path, poses.split())
    training.run()
    assert training.step == 2
    assert {len(part.kind) for part in maker(poses).batches(batch)} == {batch}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("step = 3", "no setting 'step'"),
        ("[network]\nwidth = 3", r"no setting 'width' in \[network\]"),
        ("steps = ", "not valid TOML"),
        ('steps = "many"', "'steps' must be a whole number, not 'many'"),
        ("batch = 2.5", "'batch' must be a whole number"),
        ("batch = 0", "'batch' must be 1 or more"),
        ("save_every = 0", "'save_every' must be 1 or more"),
        ("seed = true", "'seed' must be a whole number"),
        ('learning_rate = "fast"', "'learning_rate' must be a number"),
        ("learning_rate = nan", "'learning_rate' must be a number"),
        ("learning_rate = 0", "'learning_rate' and 'clip' must be above zero"),
        ("network = 3", "'network' must be a table"),
        ("[network]\nfirst = [3]", r"'first' in \[network\] must be pairs"),
        ('[network]\nkind = "flew"', "a flow or a regressor"),
        ('[losses]\npose = "much"', r"'pose' in \[losses\] must be a number"),
        ("[mix]\nclean = 1.0", r"\[mix\] must have a share for each"),
        ("data = 3", "'data' must be a text or texts, not 3"),
        ("data = [3]", "'data' must be a text or texts"),
        ("data = []", "'data' must be a text or texts"),
        ("corpus = 3", "'corpus' must be a text"),
        (
            "[mix]\nclean = 1\nnoise = 1\ndetector = 1\noccluded = 1\nsparse = 1\n'front end' = 1\nreading = 1",
            "'corpus' is missing",
        ),
        ('base = "c.toml"', "names itself as its base"),
        ("steps = 3\ndata = ''", "'data' is missing"),
    ],
)
def test_a_wrong_configuration_is_named(text, message, tmp_path):
    if "data" not in text:
        text = f"data = 'mocap'\n{text}"
    (tmp_path / "c.toml").write_text(text)
    with pytest.raises(NikiError, match=message):
        Config.read(tmp_path / "c.toml")


def test_paths_are_relative_to_the_file_that_names_them(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "base.toml").write_text("data = ['mocap', 'more']\nsteps = 7\nlearning_rate = 1\n")
    (tmp_path / "inner/c.toml").write_text("base = '../base.toml'\nstart = 'w.npz'\ncorpus = 'people'\n")
    config = Config.read(tmp_path / "inner/c.toml")
    assert config.data == [str(tmp_path / "mocap"), str(tmp_path / "more")]
    assert config.corpus == str(tmp_path / "inner/people")
    assert config.start == str(tmp_path / "inner/w.npz")
    assert config.steps == 7


@pytest.mark.parametrize("path", sorted(ROOT.glob("configs/**/*.toml")), ids=lambda path: path.stem)
def test_every_configuration_that_ships_can_be_read(path):
    kinds = {"niki": Config, "temporal": TemporalConfig, "posing": PosingConfig, "depth": DepthConfig}
    kind = read_kind(path, tuple(kinds))
    config = kinds[kind].read(path)
    if kind == "depth":
        assert config.data == [str(ROOT / "build/corpus")]
        return
    assert config.data[0] == str(ROOT.parent / "shared/data/mocap")
