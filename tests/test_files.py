"""Files are written whole, over nothing that they should not replace, and locks end with their holder."""

import errno
import os
import subprocess
import sys
import threading

import pytest
from conftest import ROOT

from niki.errors import NikiError
from niki.files import check_output, check_writable, writing
from niki.locks import Lock, is_locked


def test_an_error_names_the_file_that_failed(tmp_path):
    with pytest.raises(NikiError, match=r"gone\.png: No such file"), writing(tmp_path / "o.mp4"):
        (tmp_path / "gone.png").read_bytes()
    with pytest.raises(NikiError, match=r"o\.mp4 cannot be written: No space"), writing(tmp_path / "o.mp4"):
        raise OSError(28, os.strerror(28))
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_followed_and_stays(tmp_path):
    (tmp_path / "real.npz").write_text("old")
    (tmp_path / "link.npz").symlink_to(tmp_path / "real.npz")
    with writing(tmp_path / "link.npz") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "link.npz").is_symlink()
    assert (tmp_path / "real.npz").read_text() == "new"


def test_what_is_no_plain_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.npz")
    for path in (tmp_path / "pipe.npz", tmp_path, "/dev/null"):
        with pytest.raises(NikiError):
            check_writable(path)


def test_an_output_is_of_its_kind_and_never_an_input(tmp_path):
    (tmp_path / "clip.mp4").write_text("film")
    (tmp_path / "other.npz").hardlink_to(tmp_path / "clip.mp4")
    (tmp_path / "link.npz").symlink_to(tmp_path / "clip.mp4")
    for name in ("clip.mp4", "other.npz", "link.npz"):
        with pytest.raises(NikiError):
            check_output(tmp_path / name, (".npz",), [tmp_path / "clip.mp4"])
    check_output(tmp_path / "new.npz", (".npz",), [tmp_path / "clip.mp4"])


def test_other_threads_files_keep_their_permissions(tmp_path):
    """The process's umask is never touched: files of another thread would be readable by all."""
    wide, stop = [], threading.Event()
    mask = os.umask(0o077)
    try:

        def make():
            k = 0
            while not stop.is_set():
                path = tmp_path / f"theirs{(k := k + 1) % 50}"
                path.write_text("")
                wide.append(path.stat().st_mode & 0o077)
                path.unlink()

        thread = threading.Thread(target=make)
        thread.start()
        for _ in range(300):
            with writing(tmp_path / "ours") as temporary:
                temporary.write_text("")
        stop.set()
        thread.join()
    finally:
        os.umask(mask)
    assert not any(wide)


def test_a_lock_keeps_others_out_and_ends_with_its_process(tmp_path):
    path = tmp_path / "lock"
    assert not is_locked(path)
    program = f"from niki.locks import Lock; lock = Lock({str(path)!r}); lock.acquire(); print('held', flush=True); input()"
    holder = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )  # fmt: skip
    assert holder.stdout.readline() == b"held\n"
    assert is_locked(path)
    mine = Lock(path)
    assert not mine.acquire()
    holder.kill()
    holder.communicate()
    assert not is_locked(path)
    assert mine.acquire()
    assert mine.held
    assert is_locked(path)
    mine.release()
    assert not is_locked(path)


def test_a_drive_without_locks_is_not_taken_for_another_holder(tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(OSError, match="No locks"):
        Lock(tmp_path / "lock").acquire()
    assert not is_locked(tmp_path / "lock")


def test_asking_whether_it_is_locked_keeps_nobody_from_taking_it(tmp_path):
    stop = threading.Event()

    def ask():
        while not stop.is_set():
            is_locked(tmp_path / "lock")
            stop.wait(0.001)

    asking = threading.Thread(target=ask)
    asking.start()
    lock = Lock(tmp_path / "lock")
    try:
        for _ in range(200):
            assert lock.acquire()
            lock.release()
    finally:
        stop.set()
        asking.join()
