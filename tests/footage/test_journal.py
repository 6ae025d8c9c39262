"""Readings survive what stops a capture."""

import numpy as np
import pytest

from niki.errors import NikiError
from niki.footage.journal import Journal

SETTINGS = {"footage": "a.mp4", "estimator": "blazepose:best"}


def filled(path, count, rng):
    journal = Journal(path, SETTINGS, 5)
    for k in range(count):
        journal.append(10 + k, k / 30, None if k == 1 else rng.normal(size=5))
    journal.close()
    return journal


def same(a, b):
    assert a.numbers == b.numbers
    assert a.times == b.times
    for x, y in zip(a.readings, b.readings, strict=True):
        assert (x is None) == (y is None)
        assert x is None or np.array_equal(x, y)


def test_what_was_read_is_found_again_exactly(tmp_path, rng):
    written = filled(tmp_path / "r", 4, rng)
    same(Journal(tmp_path / "r", SETTINGS, 5), written)


def test_a_record_cut_short_is_dropped_and_reading_goes_on(tmp_path, rng):
    path = tmp_path / "r"
    written = filled(path, 4, rng)
    whole = path.read_bytes()
    for cut in (1, 63, 64, 65):
        path.write_bytes(whole[:-cut])
        journal = Journal(path, SETTINGS, 5)
        assert len(journal) == (3 if cut <= 64 else 2)
        for k in range(len(journal), 4):
            journal.append(written.numbers[k], written.times[k], written.readings[k])
        journal.close()
        assert path.read_bytes() == whole


@pytest.mark.parametrize("content", [b"", b"\n", b"garbage" * 50, b'{"format": "niki rea'])
def test_a_file_that_is_none_of_ours_is_begun_anew(tmp_path, content):
    (tmp_path / "r").write_bytes(content)
    journal = Journal(tmp_path / "r", SETTINGS, 5)
    assert len(journal) == 0
    journal.append(0, 0.0, np.ones(5))
    journal.close()
    assert len(Journal(tmp_path / "r", SETTINGS, 5)) == 1


def test_readings_of_other_footage_are_not_taken_up(tmp_path, rng):
    filled(tmp_path / "r", 3, rng)
    assert len(Journal(tmp_path / "r", SETTINGS | {"footage": "b.mp4"}, 5)) == 0


def test_a_full_disk_is_said(tmp_path):
    with pytest.raises(NikiError, match="cannot be written"):
        Journal(tmp_path / "none" / "r", SETTINGS, 5)
    if (full := __import__("pathlib").Path("/dev/full")).exists():
        (tmp_path / "r").symlink_to(full)
        with pytest.raises(NikiError, match="No space left"):
            Journal(tmp_path / "r", SETTINGS, 5)


def test_without_a_file_readings_are_kept_in_memory(rng):
    journal = Journal(None, SETTINGS, 5)
    journal.append(3, 0.1, np.ones(5))
    journal.delete()
    assert journal.numbers == [3]
