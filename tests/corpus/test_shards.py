"""Corpora are read back as they were written, whole or in parts, and nothing else is taken for one."""

import numpy as np
import pytest
from corpus_samples import some_shard

from niki.corpus.shards import Corpus, corpus_files, load_corpus
from niki.errors import NikiError
from niki.files import save_npz
from niki.motion.camera_tilt import tilt_and_roll


@pytest.fixture
def folder(tmp_path):
    save_npz(tmp_path / "train_0001.npz", some_shard((3, 2), seed=1))
    save_npz(tmp_path / "train_0002.npz", some_shard((4,), seed=2))
    save_npz(tmp_path / "test_0000.npz", some_shard((1,), seed=3))
    return tmp_path


def test_shards_follow_each_other(folder):
    corpus = load_corpus([folder])
    first, second = some_shard((3, 2), seed=1), some_shard((4,), seed=2)
    assert isinstance(corpus, Corpus)
    assert (len(corpus), corpus.clips) == (9, 3)
    assert corpus.clip.tolist() == [0, 0, 0, 1, 1, 2, 2, 2, 2]
    assert np.array_equal(corpus.truth, np.concatenate([first["truth"], second["truth"]]))
    assert corpus.clip_name.tolist() == ["clip_0", "clip_1", "clip_0"]
    assert corpus.clip_rate.tolist() == [15, 15, 15]


def test_a_split_of_a_folder_or_single_files(folder):
    assert len(load_corpus([folder], "test")) == 1
    assert len(load_corpus([folder / "train_0002.npz", folder / "test_0000.npz"])) == 5
    assert [file.name for file in corpus_files(folder, "train")] == ["train_0001.npz", "train_0002.npz"]


def test_a_corpus_in_one_file_without_a_rate(tmp_path):
    shard = some_shard()
    del shard["rate"]
    save_npz(tmp_path / "corpus_train.npz", shard | {"clip": shard["clip"].astype(np.int16)})
    assert load_corpus([tmp_path]).clip_rate.tolist() == [15, 15]


def test_the_camera_of_a_clip(folder):
    corpus = load_corpus([folder])
    assert np.allclose(corpus.number("tilt"), 20)
    assert np.allclose(tilt_and_roll(corpus.up), [[20], [10]], atol=1e-4)
    assert np.array_equal(corpus.camera_turn[:, :, 1], corpus.up)
    assert corpus.camera_place.shape == (3, 3)


def test_clips_can_be_chosen(folder):
    corpus = load_corpus([folder])
    part = corpus.of_clips([False, True, True])
    assert np.array_equal(part.world, corpus.world[3:])
    assert part.clip.tolist() == [0, 0, 1, 1, 1, 1]
    assert part.clip_name.tolist() == ["clip_1", "clip_0"]
    assert part.clip_rate.shape == (2,)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"truth": np.zeros((5, 28, 3))}, "truth must have shape"),
        ({"clip": np.array([0, 0, 0, 1, 2])}, "clip must number the clips"),
        ({"clip": np.zeros(5)}, "clip must number the clips"),
        ({"clip_numbers": np.zeros((2, 19))}, "clip_numbers must have shape"),
        ({"world": np.zeros(5)}, "world must have shape"),
        ({"rate": np.array(0.0)}, "rate must be a positive number"),
    ],
)
def test_damage_is_named(tmp_path, changes, told):
    save_npz(tmp_path / "a.npz", some_shard(**changes))
    with pytest.raises(NikiError, match=told):
        load_corpus([tmp_path / "a.npz"])


def test_what_is_no_corpus_is_refused(tmp_path):
    save_npz(tmp_path / "a.npz", {"poses": np.zeros(3)})
    with pytest.raises(NikiError, match="not a shard of a corpus: it has no"):
        load_corpus([tmp_path / "a.npz"])
    with pytest.raises(NikiError, match="There is no train_"):
        load_corpus([tmp_path])
    with pytest.raises(NikiError, match="There is no file"):
        load_corpus([tmp_path / "b.npz"])
    with pytest.raises(NikiError, match="No files"):
        load_corpus([])


def test_shards_with_unequally_many_readings_do_not_go_together(tmp_path):
    save_npz(tmp_path / "train_0001.npz", some_shard(readings=2))
    save_npz(tmp_path / "train_0002.npz", some_shard(readings=4))
    with pytest.raises(NikiError, match="unequally many readings of a frame: 2 and 4"):
        load_corpus([tmp_path])
