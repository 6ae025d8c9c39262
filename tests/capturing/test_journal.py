"""Readings survive what stops a capture, and nothing that is not ours is written over."""

import os
import signal
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from conftest import ROOT

from niki.capturing.estimate import journal as journal_module
from niki.capturing.estimate.journal import Journal
from niki.errors import NikiError
from niki.locks import Lock

SETTINGS = {"footage": "a.mp4", "first frame": 10, "estimator": "blazepose:best"}


def fill(path, count, rng, settings=SETTINGS):
    """Write ``count`` frames from number 10 on, nothing to read in the second; what was read."""
    read = [None if k == 1 else rng.normal(size=5) for k in range(count)]
    with Journal(path, settings, 5) as journal:
        for k, reading in enumerate(read):
            journal.append(10 + k, k / 30, reading)
    return read


def held(journal):
    """Numbers, times and readings of a journal, None where there was nothing."""
    rows = journal.readings(0, len(journal))
    readings = [row.tolist() if found else None for row, found in zip(rows, journal.found, strict=True)]
    return journal.numbers.tolist(), journal.times.tolist(), readings


def expected(read):
    count = len(read)
    return (
        list(range(10, 10 + count)),
        [k / 30 for k in range(count)],
        [None if r is None else r.tolist() for r in read],
    )


def test_what_was_read_is_found_again_exactly(tmp_path, rng):
    read = fill(tmp_path / "r", 4, rng)
    with Journal(tmp_path / "r", SETTINGS, 5) as journal:
        assert held(journal) == expected(read)
        assert journal.resumed == 4
        np.testing.assert_array_equal(journal.readings(2, 3)[0], read[2])


def test_a_record_cut_short_is_dropped_and_reading_goes_on(tmp_path, rng):
    path = tmp_path / "r"
    read = fill(path, 4, rng)
    whole, record = path.read_bytes(), 8 * (5 + 5)
    for cut in (1, record - 1, record, record + 1):
        path.write_bytes(whole[:-cut])
        with Journal(path, SETTINGS, 5) as journal:
            assert len(journal) == (3 if cut <= record else 2)
            for k in range(len(journal), 4):
                journal.append(10 + k, k / 30, read[k])
        assert path.read_bytes() == whole


def test_records_are_taken_up_as_far_as_they_are_sound(tmp_path, rng):
    path, record = tmp_path / "r", 8 * (5 + 5)
    read = fill(path, 6, rng)
    whole = path.read_bytes()
    start = len(whole) - 6 * record

    def at(index):
        return slice(start + index * record, start + (index + 1) * record)

    twice = whole[: at(3).stop] + whole[at(3)] + whole[at(4).start :]
    swapped = whole[: at(3).start] + whole[at(4)] + whole[at(3)] + whole[at(5)]
    zeros = whole[: at(3).start] + bytes(3 * record)
    for content, sound in ((twice, 4), (swapped, 4), (zeros, 3)):
        path.write_bytes(content)
        with Journal(path, SETTINGS, 5) as journal:
            numbers = journal.numbers.tolist()
            assert len(numbers) == sound
            assert numbers == sorted(set(numbers))
    for place in range(at(3).start, at(4).start):  # whichever byte of the fourth record is damaged
        damaged = bytearray(whole)
        damaged[place] ^= 0x41
        path.write_bytes(damaged)
        with Journal(path, SETTINGS, 5) as journal:
            assert held(journal) == expected(read[:3])


@pytest.mark.parametrize("content", [b"", b'{"form', b'{"format": "niki readings 3", "settings": {"est'])
def test_a_journal_that_was_only_begun_is_begun_anew(tmp_path, content):
    (tmp_path / "r").write_bytes(content)
    with Journal(tmp_path / "r", SETTINGS, 5) as journal:
        assert len(journal) == 0
        journal.append(10, 0.0, np.ones(5))
    with Journal(tmp_path / "r", SETTINGS, 5) as journal:
        assert len(journal) == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"garbage" * 50, "not a NIKI file"),
        (b"\n", "not a NIKI file"),
        (b"a letter to my mother\n", "not a NIKI file"),
        (b'{"format": "niki readings 3"}\n' + bytes(200), "damaged"),
        (b'{"format": "niki readings 3", "width": -4, "settings": {}}\n' + bytes(200), "other settings"),
        (b'{"format": "niki readings 3", "settings": \xff}\n' + bytes(200), "damaged"),
        (b'{"format": "niki readings 3", "settings": {}' + bytes(200), "not a NIKI file|damaged"),
        (b'{"format": "niki readings 9", "width": 5, "settings": {}}\n' + bytes(200), "another version"),
    ],
)
def test_what_is_no_journal_of_ours_or_damaged_is_refused_and_left_alone(tmp_path, content, words):
    (tmp_path / "r").write_bytes(content)
    with pytest.raises(NikiError, match=words) as raised:
        Journal(tmp_path / "r", SETTINGS, 5)
    assert raised.value.hint
    assert (tmp_path / "r").read_bytes() == content
    assert [p.name for p in tmp_path.iterdir()] == ["r"]


def test_folders_and_devices_are_refused(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(NikiError, match="not a file"):
        Journal(tmp_path / "folder", SETTINGS, 5)
    if os.path.exists("/dev/full"):
        (tmp_path / "r").symlink_to("/dev/full")
        with pytest.raises(NikiError, match="not a file"):
            Journal(tmp_path / "r", SETTINGS, 5)


@pytest.mark.parametrize(
    ("name", "value"), [("footage", "b.mp4"), ("first frame", 0), ("estimator", "blazepose:fast")]
)
def test_readings_with_other_settings_are_refused_and_kept(tmp_path, rng, name, value):
    fill(tmp_path / "r", 3, rng)
    before = (tmp_path / "r").read_bytes()
    with pytest.raises(NikiError, match=f"3 frames .*{name} was {SETTINGS[name]}, not {value}") as raised:
        Journal(tmp_path / "r", SETTINGS | {name: value}, 5)
    assert "move it away" in raised.value.hint
    assert (tmp_path / "r").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["r"]


def test_readings_of_what_has_changed_since_are_refused_and_kept(tmp_path, rng):
    path, sources = tmp_path / "r", {10: 7, 11: 0, 12: 9}
    with Journal(path, SETTINGS, 5, source=sources.get) as journal:
        for number in sources:
            journal.append(number, number / 30, rng.normal(size=5))
    before = path.read_bytes()
    for changed, words in (({11: 8}, "11 has changed"), ({11: 8, 12: 0}, "11 and 1 more have changed")):
        with pytest.raises(NikiError, match=f"3 frames: frame {words} since"):
            Journal(path, SETTINGS, 5, source=(sources | changed).get)
        assert path.read_bytes() == before
    with Journal(path, SETTINGS, 5, end=10, source=(sources | {11: 8}).get) as journal:
        assert len(journal) == 1
    with Journal(path, SETTINGS, 5, source=(sources | {13: 1}).get) as journal:  # there is more to read now
        assert len(journal) == 3


def test_an_earlier_end_hides_later_readings_and_keeps_them(tmp_path, rng):
    path = tmp_path / "r"
    read = fill(path, 6, rng)
    whole = path.read_bytes()
    with Journal(path, SETTINGS, 5, end=12) as journal:
        assert held(journal) == expected(read[:3])
        assert (journal.beyond, journal.complete) == (3, True)
    assert path.read_bytes() == whole
    with Journal(path, SETTINGS, 5, end=15) as journal:
        assert (len(journal), journal.beyond, journal.complete) == (6, 0, True)
    with Journal(path, SETTINGS, 5, end=99) as journal:
        assert (len(journal), journal.beyond, journal.complete) == (6, 0, False)
        journal.append(16, 0.2, None)


def test_two_cannot_write_one_journal(tmp_path, rng):
    path = tmp_path / "r"
    fill(path, 3, rng)
    first = Journal(path, SETTINGS, 5)
    first.append(13, 0.1, np.ones(5))
    with pytest.raises(NikiError, match="Another NIKI capture is writing") as raised:
        Journal(path, SETTINGS, 5)
    assert raised.value.hint
    first.append(14, 0.2, None)
    first.close()
    with Journal(path, SETTINGS, 5) as journal:
        assert journal.numbers.tolist() == [10, 11, 12, 13, 14]
    assert [p.name for p in tmp_path.iterdir()] == ["r"]


def test_a_killed_writer_leaves_the_journal_free(tmp_path):
    path = tmp_path / "r"
    program = (
        f"import sys, numpy as np; sys.path.insert(0, {str(ROOT)!r});"
        "from niki.capturing.estimate.journal import Journal;"
        f"journal = Journal({str(path)!r}, {SETTINGS!r}, 5); journal.append(10, 0.0, np.ones(5));"
        "print('written', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline().strip() == b"written"
        with pytest.raises(NikiError, match="Another NIKI capture"):
            Journal(path, SETTINGS, 5)
    finally:
        process.send_signal(signal.SIGKILL if os.name != "nt" else signal.SIGTERM)
        process.communicate()
    with Journal(path, SETTINGS, 5) as journal:
        assert journal.numbers.tolist() == [10]
    assert [p.name for p in tmp_path.iterdir()] == ["r"]


def test_a_lock_that_was_discarded_can_be_taken_by_one_alone(tmp_path):
    first, second, third = (Lock(tmp_path / "lock") for _ in range(3))
    assert first.acquire()
    assert not second.acquire()
    first.discard()
    assert not (tmp_path / "lock").exists()
    assert second.acquire()
    assert (tmp_path / "lock").exists()
    assert not third.acquire()
    second.discard()
    (tmp_path / "lock").write_text("somebody's")
    assert first.acquire()
    first.discard()
    assert (tmp_path / "lock").read_text() == "somebody's"


def test_an_unused_journal_leaves_no_file(tmp_path):
    Journal(tmp_path / "r", SETTINGS, 5).close()
    assert list(tmp_path.iterdir()) == []


def test_it_is_flushed_to_the_disk_each_second_and_at_the_end(tmp_path, monkeypatch):
    now, flushed = [100.0], []
    monkeypatch.setattr(journal_module, "_now", lambda: now[0])
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (flushed.append(now[0]), fsync(handle)))
    with Journal(tmp_path / "r", SETTINGS, 5) as journal:
        flushed.clear()
        for k in range(50):
            now[0] = 100 + 0.1 * k
            journal.append(10 + k, 0.0, np.ones(5))
        np.testing.assert_allclose(flushed, [101, 102, 103, 104], atol=0.11)
        now[0] = 104.95
    assert flushed[-1] == 104.95


def test_a_full_disk_is_said(tmp_path):
    with pytest.raises(NikiError, match="cannot be written"):
        Journal(tmp_path / "none" / "r", SETTINGS, 5)
    resource = pytest.importorskip("resource")
    with Journal(tmp_path / "r", SETTINGS, 5) as journal:
        usual = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, usual[1]))
        try:
            with pytest.raises(NikiError, match="cannot be written"):
                for k in range(100):
                    journal.append(10 + k, 0.0, np.ones(5))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, usual)
        kept = len(journal)
        journal.append(10 + kept, 0.0, np.ones(5))
    with Journal(tmp_path / "r", SETTINGS, 5) as journal:
        assert len(journal) == kept + 1


def test_frames_must_follow_one_another(tmp_path):
    with Journal(tmp_path / "r", SETTINGS, 5) as journal:
        journal.append(10, 0.0, None)
        with pytest.raises(ValueError, match="does not follow"):
            journal.append(10, 0.0, None)


@pytest.mark.parametrize("named", [True, False])
def test_memory_does_not_hold_the_readings(tmp_path, named):
    reading = np.ones(2000)
    with Journal(tmp_path / "r" if named else None, SETTINGS, 2000) as journal:
        tracemalloc.start()
        try:
            for k in range(1000):
                journal.append(k, k / 30, reading)
            most = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert most < 500_000  # the readings are 16 MB
        assert journal.readings(998, 1000).shape == (2, 2000)
