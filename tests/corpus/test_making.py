"""A corpus is made whole: the same twice, after an interruption, and by several processes at once."""

import json

import numpy as np
import pytest
from corpus_samples import some_poses

from niki.cli import main
from niki.corpus import making
from niki.corpus import people as people_module
from niki.corpus.making import Order, render_corpus
from niki.corpus.shards import load_corpus
from niki.errors import NikiError
from niki.locks import Lock


def fake_reading(blazepose, frames, camera):
    """A reading that depends on the pictures, without the networks."""
    light = np.array([frame.mean() for frame in frames])
    shapes = {"world": (2, 33, 3), "slope": (2, 33, 2), "visibility": (2, 33), "presence": (2,), "roi": (4,)}
    fields = {
        name: np.broadcast_to(light.reshape(-1, *[1] * len(shape)), (len(light), *shape))
        for name, shape in shapes.items()
    }
    return fields | {"seen": np.ones(len(light), bool)}


@pytest.fixture
def order(tmp_path, monkeypatch):
    """Makes an order for a corpus of three shards of one clip each; the second is of the train split."""
    pytest.importorskip("anny")
    pytest.importorskip("numba")
    monkeypatch.setattr(making, "CLIPS", 1)
    monkeypatch.setattr(making, "COUNT", 3)
    monkeypatch.setattr(making, "FIRST_HELD_OUT", 2)
    monkeypatch.setattr(people_module, "COUNT", 3)
    monkeypatch.setattr(making, "_TEST_EVERY", 2)
    monkeypatch.setattr(making, "read_frames", fake_reading)
    monkeypatch.setattr(making, "BlazePose", lambda *_, **__: None)

    def make(folder="corpus", seed=1, poses=None):
        return Order(tmp_path / folder, 2700, seed, [some_poses()] if poses is None else poses)

    return make


def contents(order):
    return {path.name: path.read_bytes() for path in order.shards}


def test_a_corpus_holds_both_splits_and_says_what_went_in(order):
    lines = []
    render_corpus(order(), lambda *line: lines.append(line))
    train, test = load_corpus([order().folder]), load_corpus([order().folder], "test")
    assert (train.clips, test.clips) == (1, 2)
    assert set(test.clip_subject) == {"14"}
    assert (test.number("person") == 2).all()
    assert (train.number("person") < 2).all()
    assert [line[:2] for line in lines] == [(1, 3), (2, 3), (3, 3)]
    assert "ms/frame" in lines[0][2]
    manifest = json.loads((order().folder / "manifest.json").read_text())
    assert manifest["seed"] == 1
    assert manifest["frames"] == len(train) + len(test)
    assert set(manifest["made"]) == {"test_0000.npz", "train_0001.npz", "test_0002.npz"}
    names = {path.name for path in order().folder.iterdir()}
    assert names == {*manifest["made"], "manifest.json", "people.npz"}  # no lock is left


def test_the_truth_is_in_front_of_the_camera_that_the_numbers_describe(order):
    from niki.body.kinematics import forward_kinematics
    from niki.body.rotation import matrix_from_6d
    from niki.capturing.footage.camera import CAMERA_TO_LIBRARY
    from niki.motion.camera_tilt import tilt_and_roll

    render_corpus(order())
    corpus = load_corpus([order().folder])
    assert np.allclose(tilt_and_roll(corpus.up[0])[0], corpus.number("tilt")[0], atol=1e-3)
    world = (corpus.truth.astype(float) + corpus.root[:, None]) @ corpus.camera_turn[0] + corpus.camera_place[
        0
    ]
    assert (world[..., 1].min(1) > 0).all()
    assert (world[..., 1].min(1) < 0.1).all()
    # The rotations turn the person's own bones into the truth.
    from niki.corpus.people import People

    people = People.load(order().folder / "people.npz")
    rotations = matrix_from_6d(corpus.rot6d.astype(float))
    body = people_module.Body(people.joints[int(corpus.number("person")[0])].astype(float))
    posed = forward_kinematics(rotations, body)[0]
    posed, truth = (posed - posed[:, :1]) @ CAMERA_TO_LIBRARY, corpus.truth.astype(float)
    from niki.body.skeleton import JOINTS

    for upper, lower in (("left_knee", "left_ankle"), ("right_elbow", "right_wrist")):
        a, b = JOINTS.index(upper), JOINTS.index(lower)
        one, other = posed[:, b] - posed[:, a], truth[:, b] - truth[:, a]
        cosine = (one * other).sum(-1) / np.linalg.norm(one, axis=-1) / np.linalg.norm(other, axis=-1)
        assert (cosine > 0.98).all()  # their shins may point a little elsewhere: proportions are drawn anew


def test_made_twice_it_is_equal(order):
    for folder in ("one", "two"):
        render_corpus(order(folder))
    assert contents(order("one")) == contents(order("two"))
    render_corpus(order("three", seed=2))
    assert contents(order("three")) != contents(order("one"))


def test_the_order_of_the_folders_does_not_matter(order):
    a, b = some_poses(1, ("01", "14")), some_poses(2, ("02", "86"))
    render_corpus(order("one", poses=[a, b]))
    render_corpus(order("two", poses=[b, a]))
    assert contents(order("one")) == contents(order("two"))


def test_what_is_missing_is_made_and_nothing_else(order, monkeypatch):
    render_corpus(order())
    before = contents(order())
    lost = order().shards[1]
    lost.unlink()
    made = []
    render_corpus(order(), lambda *line: made.append(line))
    assert len(made) == 1
    assert contents(order()) == before


def test_a_shard_that_was_interrupted_leaves_nothing(order, monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(making, "save_npz", stopped)
        with pytest.raises(KeyboardInterrupt):
            render_corpus(order())
    assert not any(path.exists() for path in order().shards)
    render_corpus(order())
    assert all(path.exists() for path in order().shards)


def test_a_shard_that_another_process_is_making_is_left_to_it(order):
    order().folder.mkdir()
    taken = Lock(order().shards[1].with_suffix(".lock"))
    assert taken.acquire()
    render_corpus(order())
    assert [path.exists() for path in order().shards] == [True, False, True]
    taken.discard()
    render_corpus(order())
    assert order().shards[1].exists()


def test_a_lock_that_was_left_behind_is_nobodys(order):
    order().folder.mkdir()
    order().shards[0].with_suffix(".lock").touch()
    render_corpus(order())
    assert order().shards[0].exists()


def test_a_folder_is_not_mixed(order):
    render_corpus(order())
    with pytest.raises(NikiError, match="made with another seed"):
        render_corpus(order(seed=2))
    with pytest.raises(NikiError, match="made with other motion capture"):
        render_corpus(order(poses=[some_poses(5)]))
    (order().folder / "manifest.json").write_text("{")
    with pytest.raises(NikiError, match="damaged"):
        render_corpus(order())


def test_every_split_needs_motion(order):
    with pytest.raises(NikiError, match="no motion of people held out"):
        render_corpus(order(poses=[some_poses(subjects=("01",))]))
    with pytest.raises(NikiError, match="no motion to train on"):
        render_corpus(order(poses=[some_poses(subjects=("14",))]))
    assert not order().folder.exists()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"frames": 0}, "The number of frames must be between 1 and"),
        ({"seed": -1}, "The seed must be between 0 and"),
        ({"poses": []}, "--mocap DIR"),
        ({"folder": "file"}, "is not a folder"),
    ],
)
def test_bad_orders_are_refused(tmp_path, changes, told):
    (tmp_path / "file").touch()
    values = {"folder": "new", "frames": 900, "seed": 1, "poses": [some_poses()]} | changes
    with pytest.raises(NikiError, match=told) as refused:
        Order(tmp_path / values.pop("folder"), **values)
    assert str(refused.value)


def test_a_package_that_is_missing_is_named(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(making, "find_spec", lambda name: None if name == "numba" else object())
    assert main(["render-corpus", "-o", str(tmp_path / "new"), "--mocap", str(tmp_path)]) == 1
    assert capsys.readouterr().err == 'niki: Rendering people needs numba (run: pip install "niki[train]")\n'


def test_the_command_wants_motion(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(making, "find_spec", lambda name: object())
    assert main(["render-corpus", "-o", str(tmp_path / "new")]) == 1
    assert "give a folder with motion capture: --mocap DIR" in capsys.readouterr().err
    assert main(["render-corpus", "-o", str(tmp_path / "new"), "--mocap", str(tmp_path)]) == 1
    assert "There is no clips.csv" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
