"""Training of gravity and depth, on a corpus whose truth is made here."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="niki[train] is not installed here")
pytest.importorskip("scipy", reason="niki[capture] is not installed here")

from niki.body import rotation as rot
from niki.body.kinematics import forward_kinematics
from niki.body.skeleton import Body
from niki.capturing.estimate.blazepose import correction, joint_map, landmarks
from niki.capturing.estimate.blazepose.inputs import INPUTS
from niki.capturing.footage.camera import CAMERA_TO_LIBRARY
from niki.corpus.examples import load_examples
from niki.corpus.observed import cached_observed, observe_corpus
from niki.corpus.shards import NUMBERS, load_corpus
from niki.errors import NikiError
from niki.files import read_npz, save_npz
from niki.motion.camera_tilt import camera_to_library, up_from_tilt
from niki.training.commands import train
from niki.training.depth import DepthConfig, score_depth, true_points

FOCAL, SIZE, FRAMES = 500.0, 448, 20


def clip(rng):
    """Somebody who sways before a camera with a tilt of their own, read with the depth of a level camera's."""
    turns = np.cumsum(rng.normal(size=(FRAMES, 24, 3)) * 0.02, axis=0)
    turns[:, 0] += [0, rng.uniform(-1, 1), 0]
    rotations = rot.matrix_from_axis_angle(turns)
    joints, orientations = forward_kinematics(rotations, Body.default())
    tilt = rng.uniform(-20, 40)
    world_to_camera = camera_to_library(up_from_tilt(tilt, 0.0)).T
    joints, orientations = joints @ world_to_camera.T, world_to_camera @ orientations
    joints += [0, 0, 4] - joints[:, :1]
    points = joint_map.points_on(joints, orientations)
    marks = np.stack([points[:, _nearest(k)] for k in range(33)], 1)
    slope = marks[..., :2] / marks[..., 2:]
    read = marks - landmarks.mid_hip(points)[:, None]
    read[..., 2] += 0.25 * read[..., 1]  # the detector's error: it lays people down

    def both(values):
        return np.repeat(values[:, None], 2, 1) + 1e-3 * rng.normal(size=(FRAMES, 2, *values.shape[1:]))

    camera = [0, 0, 80, FOCAL, SIZE, SIZE, tilt, 0]
    root = joints[:, :1]
    local = rotations.copy()
    local[:, 0] = CAMERA_TO_LIBRARY @ world_to_camera @ rotations[:, 0]
    return {
        "world": both(read), "slope": both(slope), "visibility": np.ones((FRAMES, 2, 33)),
        "presence": np.ones((FRAMES, 2)), "roi": np.ones((FRAMES, 4)), "truth": joints - root, "root": root[:, 0],
        "rot6d": rot.sixd_from_matrix(local), "seen": np.ones(FRAMES, bool), "unoccluded": np.ones((FRAMES, 29), bool),
        "clip_numbers": np.concatenate([camera, world_to_camera.ravel(), [0, 1, 4]])[None],
    }  # fmt: skip


def _nearest(landmark: int) -> int:
    """A point that stands for a landmark."""
    for k, marks in enumerate(landmarks.POINTS.values()):
        if landmark in marks:
            return k
    return list(landmarks.POINTS).index("ears")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    assert len(NUMBERS) == 8
    for split, count, seed in (("train", 40, 1), ("test", 8, 2)):
        clips = [clip(np.random.default_rng([seed, k])) for k in range(count)]
        arrays = {name: np.concatenate([c[name] for c in clips]) for name in clips[0]}
        arrays |= {
            "clip": np.repeat(np.arange(count), FRAMES), "clip_name": np.array([f"clip_{k}" for k in range(count)]),
            "clip_subject": np.array(["even", "odd"] * (count // 2)), "clip_kind": np.array(["real"] * count),
            "rate": np.array(15.0),
        }  # fmt: skip
        save_npz(folder / f"{split}_0000.npz", arrays)
    return folder


def config_in(tmp_path, corpus, **settings):
    lines = ['kind = "depth"', f"data = '{corpus}'"]
    lines += [f"{name} = {value!r}".replace("'", '"') for name, value in settings.items()]
    path = tmp_path / "depth.toml"
    path.write_text("\n".join(lines))
    return path


SMALL = {"members": 2, "up_hidden": 64, "up_blocks": 1, "up_epochs": 60, "depth_hidden": 64, "depth_blocks": 1,
         "depth_epochs": 60, "batch": 64, "rolled": 0.2, "dropout": 0.0, "learning_rate": 3e-3}  # fmt: skip


def test_examples_show_the_truth_beside_what_was_read(corpus):
    examples = load_examples(load_corpus([corpus], "test"))
    assert examples.inputs.shape == (8 * FRAMES, INPUTS)
    assert len(examples.clips()) == 8
    np.testing.assert_allclose(np.linalg.norm(examples.up, axis=1), 1, atol=1e-5)
    points = true_points(examples)
    np.testing.assert_allclose(
        points[..., :2] / points[..., 2:], landmarks.points_of(examples.rays)[..., :2], atol=0.01
    )


def test_what_the_solver_is_given_stands_beside_the_true_pose(corpus, tmp_path, monkeypatch):
    observed = observe_corpus(load_corpus([corpus], "test"))
    assert len(observed) == 8 * FRAMES
    truth = forward_kinematics(observed.rotations.astype(float), Body.default())[0]
    apart = (observed.joints - observed.joints[:, :1]) - (truth - truth[:, :1])
    along = (apart * observed.view[:, None]).sum(-1)
    across = np.linalg.norm(apart - along[..., None] * observed.view[:, None], axis=-1)
    assert np.median(across) < 0.06  # in the same axes as the truth, and as large
    assert np.median(across) < np.median(np.abs(along))
    own = Body.default().bone_lengths
    np.testing.assert_allclose(observed.own_lengths, np.tile(own, (len(observed), 1)), atol=2e-3)
    assert set(observed.subject) == {"even", "odd"}
    assert np.isfinite(observed.twist).all(-1).any()

    monkeypatch.setattr("platformdirs.user_cache_dir", lambda *_: str(tmp_path))
    first = cached_observed(corpus, "test")
    monkeypatch.setattr("niki.corpus.observed.observe_corpus", None)  # is not asked again
    np.testing.assert_array_equal(cached_observed(corpus, "test").joints, first.joints)


def test_what_is_learnt_is_nearer_the_truth_on_people_not_seen(corpus, tmp_path, capsys):
    train(config_in(tmp_path, corpus, **SMALL), tmp_path / "run", quiet=True)
    assert "on people held out, 8 clips" in capsys.readouterr().out
    weights = {k: v.astype(np.float32) for k, v in read_npz(tmp_path / "run/depth.npz").items()}
    assert correction.members(weights, "up") == ["up0", "up1"]
    assert correction.members(weights, "depth") == ["depth0", "depth1"]
    scores = score_depth(weights, load_examples(load_corpus([corpus], "test")))
    assert scores.up.mean() < 0.6 * scores.level.mean()
    assert scores.corrected < 0.6 * scores.placed


def test_the_same_seed_gives_the_same_weights(corpus, tmp_path):
    quick = SMALL | {"members": 1, "up_epochs": 1, "depth_epochs": 1, "share": 0.3, "without": "odd"}
    for run in ("a", "b"):
        train(config_in(tmp_path, corpus, **quick), tmp_path / run, quiet=True)
    first, second = (read_npz(tmp_path / run / "depth.npz") for run in ("a", "b"))
    assert all(np.array_equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"dropout": 1.5}, "'dropout' must be from 0 to 0.9"), ({"learning_rate": -1.0}, "'learning_rate' must be above zero"),
        ({"seed": -1}, "'seed' must be 0 or more"), ({"share": 0.0}, "'share' must be above 0"),
        ({"members": 0}, "'members' must be 1 or more"), ({"depht": 1}, "no setting 'depht'"),
        ({"without": "nobody"}, "'without' names people who are not in"), ({"without": "even odd"}, "no clip"),
    ],
)  # fmt: skip
def test_impossible_settings_are_named(corpus, tmp_path, settings, problem):
    with pytest.raises(NikiError, match=problem):
        train(config_in(tmp_path, corpus, **settings), tmp_path / "run", quiet=True)


def test_another_kind_of_training_is_refused(tmp_path):
    path = tmp_path / "x.toml"
    path.write_text('kind = "magic"')
    with pytest.raises(NikiError, match="'kind' must be niki or temporal or posing or depth, not 'magic'"):
        train(path, tmp_path / "run", quiet=True)


def test_a_configuration_names_its_corpus(tmp_path):
    path = tmp_path / "depth.toml"
    path.write_text('kind = "depth"')
    with pytest.raises(NikiError, match="'data' is missing"):
        DepthConfig.read(path)
