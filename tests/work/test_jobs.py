"""The queue of captures with real worker processes; no Blender."""

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("av", reason="niki[capture] is not installed here")

from niki.capturing.pipeline import capture
from niki.motion.motion import Motion
from niki.review.blender_process import blender_module
from niki.service import wire
from niki.service.wire import WireError
from niki.task import Task

job_files, jobs, runtime, worker = (
    blender_module(n) for n in ("work.job", "work.queue", "work.runtime", "work.process")
)
NikiError = jobs.NikiError  # of the extension, which has a niki of its own
SAMPLE = ROOT / "samples/sample.mp4"


@pytest.fixture
def captures(tmp_path):
    made = jobs.Captures(tmp_path, lambda: runtime.own_runtime().start)
    yield made
    made.shut_down()


def request(**changes):
    return {"footage": str(SAMPLE), "end": 15, "quality": "fast"} | changes


def run(captures, until=lambda: False, limit=280):
    """Tick until ``until()``, or all is over; the jobs that ended."""
    ended, started = [], time.monotonic()
    while captures.busy and not until():
        assert time.monotonic() - started < limit
        ended += captures.tick()
        time.sleep(0.01)
    return ended


def test_two_captures_are_done_one_after_the_other(captures):
    first, second = (captures.add(request(end=end), f"to {end}", {}) for end in (7, 9))
    assert run(captures) == [first, second]
    for job, frames in ((first, 8), (second, 10)):
        assert (job.state, job.frames, job.result["frames"]) == (jobs.DONE, frames, frames)
        assert len(Motion.load(job.folder / jobs.MOTION)) == frames
        assert not job.has_readings
    captures.discard(first)
    assert not first.folder.exists()
    captures.forget(second)
    assert captures.unfinished()[0].folder == second.folder  # a motion that nobody has imported is kept


def test_progress_is_told_and_a_cancel_is_answered(captures):
    job = captures.add(request(quality="best", end=None), "all", {})
    run(captures, until=lambda: job.frames >= 2)
    assert job.total == 108
    assert 0 < job.share < 1
    captures.cancel(job)
    assert run(captures) == [job]
    assert job.state == jobs.CANCELLED
    assert job.has_readings


def test_one_that_waits_is_cancelled_without_a_trace_of_work(captures):
    first, second = captures.add(request(), "a", {}), captures.add(request(), "b", {})
    captures.tick()
    captures.cancel(second)
    assert second.state == jobs.CANCELLED
    run(captures)
    assert first.state == jobs.DONE
    captures.forget(second)
    assert not second.folder.exists()


def test_a_killed_worker_is_explained_and_the_capture_goes_on_to_the_same_motion(captures):
    job = captures.add(request(), "clip", {"start": 7})
    run(captures, until=lambda: job.frames >= 3)
    captures._worker.kill()
    assert run(captures) == [job]
    assert job.state == jobs.FAILED
    assert "stopped by the system (out of memory?)" in job.message
    assert "signal" not in job.message
    again = captures.resume(job)
    run(captures)
    assert (again.state, again.scene) == (jobs.DONE, {"start": 7})
    expected = capture(Task(SAMPLE, end=15, quality="fast")).motion
    np.testing.assert_array_equal(Motion.load(again.folder / jobs.MOTION).poses, expected.poses)


OTHER_BLENDER = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from niki.review.blender_process import blender_module
jobs = blender_module("work.queue")
NikiError = jobs.NikiError
captures = jobs.Captures(Path(sys.argv[2]), None)
def told(text):
    print(text, flush=True)
if sys.argv[3] == "begin":
    job = captures.add({"footage": "x.mp4"}, "clip", {})
    (job.folder / "readings").write_bytes(b"{}\\nrecords")
else:
    captures.look()
    told(len(captures.unfinished()))
    job = blender_module("work.job").read_job(Path(sys.argv[3]))
    try:
        captures.resume(job)
    except NikiError as problem:
        told(problem)
    told(len(captures.jobs))
told(job.folder)
sys.stdin.read()
"""


@pytest.fixture
def other_blender(tmp_path):
    """Starts further processes with a queue on the test's folder, which do nothing once they have begun."""
    started = []

    def start(what):
        command = [sys.executable, "-c", OTHER_BLENDER, str(ROOT), str(tmp_path), str(what)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def age(folder):
    """Make all in a folder look as if nobody had touched it for a day."""
    for file in [*folder.rglob("*"), folder]:
        os.utime(file, (time.time() - 86400,) * 2)


def test_what_a_busy_blender_is_at_is_not_offered_to_another_until_it_is_gone(tmp_path, other_blender):
    busy = other_blender("begin")
    folder = Path(busy.stdout.readline().strip())
    age(tmp_path)
    here = jobs.Captures(tmp_path, None)
    here.look()
    assert here.unfinished() == []
    with pytest.raises(NikiError, match="Another Blender is working on clip"):
        here.resume(job_files.read_job(folder))
    with pytest.raises(NikiError, match="Another Blender is working on clip"):
        here.discard(job_files.read_job(folder))
    assert here.jobs == []
    assert (folder / "readings").is_file()
    busy.kill()
    busy.wait()
    here.look()
    (offered,) = here.unfinished()
    assert offered.title == "clip"
    here.resume(offered)


def test_another_blender_cannot_take_up_what_is_on_the_list_here(tmp_path, other_blender):
    here = jobs.Captures(tmp_path, None)
    job = here.add(request(), "clip", {})
    (job.folder / jobs.READINGS).write_bytes(b"{}\nrecords")
    age(tmp_path)
    lines = other_blender(job.folder).stdout
    assert lines.readline() == "0\n"
    assert lines.readline().startswith("Another Blender is working on clip")
    assert lines.readline() == "0\n"
    here.shut_down()  # and now it can
    lines = other_blender(job.folder).stdout
    assert (lines.readline(), lines.readline()) == ("1\n", "1\n")


def test_after_a_crash_of_blender_what_was_read_is_offered(captures, tmp_path):
    job = captures.add(request(end=None), "clip", {})
    run(captures, until=lambda: job.frames >= 4)
    captures._worker.kill()
    run(captures)
    job.lock.release()  # as the system does when a process is gone
    other = jobs.Captures(tmp_path, lambda: runtime.own_runtime().start)
    other.look()
    (offered,) = other.unfinished()
    assert (offered.title, offered.request) == (job.title, {"footage": str(SAMPLE), "quality": "fast"})
    assert offered.frames >= 4
    assert offered.total == 108
    short = other.resume(offered, finish=True)
    run(other)
    assert short.state == jobs.DONE
    assert 4 <= len(Motion.load(short.folder / jobs.MOTION)) < 108
    captures.look()
    assert captures.unfinished() == []
    other.shut_down()


def test_a_finished_motion_that_was_not_imported_is_offered_after_a_restart(captures, tmp_path):
    job = captures.add(request(end=3), "clip", {"frame_start": 7}, file="/shots/shot12.blend")
    run(captures)
    captures.shut_down()
    captures.look()
    (offered,) = captures.unfinished()
    assert (offered.state, offered.title, offered.file) == (jobs.DONE, "clip", "/shots/shot12.blend")
    assert offered.scene == {"frame_start": 7}
    assert offered.result["seen"] == 1
    assert abs(offered.result["tilt"]) < 15  # the sample's camera is level
    assert captures.list_finished(offered) in captures.jobs
    assert len(Motion.load(offered.folder / jobs.MOTION)) == 4
    captures.discard(offered)
    assert not job.folder.exists()


GOOD = {"request": {"footage": "x.mp4"}, "title": "clip", "scene": {}, "file": ""}
DAMAGED = {
    "empty": b"", "text": b"hello", "not UTF-8": b'{"title": "\xff"}', "a list": b"[]", "null": b"null",
    "deep": b"[" * 100_000, "huge": b" " * (1 << 21) + json.dumps(GOOD).encode(),
    "long number": b'{"request": ' + b"9" * 10_000 + b"}", "no request": b"{}",
    "request a list": json.dumps(GOOD | {"request": ["x.mp4"]}).encode(),
    "footage a number": json.dumps(GOOD | {"request": {"footage": 3}}).encode(),
    "end a text": json.dumps(GOOD | {"request": {"footage": "x", "end": "last"}}).encode(),
    "title a number": json.dumps(GOOD | {"title": 3}).encode(),
    "scene a list": json.dumps(GOOD | {"scene": [1]}).encode(),
    "NaN": b'{"request": {"footage": "x", "fps": NaN}}',
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_record_that_is_damaged_is_shown_as_such_and_can_be_cleared(tmp_path, damage):
    folder = tmp_path / "20260101-120000-abcdef"
    folder.mkdir()
    (folder / job_files.JOB).write_bytes(DAMAGED[damage])
    (folder / jobs.READINGS).write_bytes(b"{}\nrecords")
    captures = jobs.Captures(tmp_path, None)
    captures.look()
    (found,) = captures.unfinished()
    assert found.state == job_files.UNREADABLE
    assert found.over
    captures.discard(found)
    assert captures.unfinished() == []
    assert not folder.exists()


@pytest.mark.parametrize("journal", ["elsewhere.readings", 3])
def test_a_job_keeps_its_readings_in_its_own_folder_whatever_its_record_says(tmp_path, journal):
    folder = tmp_path / "x"
    folder.mkdir()
    record = GOOD | {"request": GOOD["request"] | {"journal": journal}}
    (folder / job_files.JOB).write_text(json.dumps(record))
    assert job_files.read_job(folder).request == GOOD["request"]


def test_fields_of_other_versions_are_passed_over(tmp_path):
    folder = tmp_path / "x"
    folder.mkdir()
    about = GOOD | {"colour": "red", "state": "DONE", "folder": "/"}
    about["request"] = {"footage": "x.mp4", "output": "/etc/passwd", "stereo": True, "end": None}
    (folder / job_files.JOB).write_text(json.dumps(about))
    (folder / job_files.PROGRESS).write_text('{"frames": "many", "total": -3}')
    (folder / jobs.READINGS).write_bytes(b"{}\nrecords")
    found = job_files.read_job(folder)
    assert (found.state, found.folder, found.request) == (jobs.CANCELLED, folder, {"footage": "x.mp4"})
    assert (found.frames, found.total) == (0, None)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=80), st.binary(max_size=40))
def test_no_record_raises_an_exception(record, progress):
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "x")
        place.mkdir()
        (place / job_files.JOB).write_bytes(record)
        (place / job_files.PROGRESS).write_bytes(progress)
        captures = jobs.Captures(Path(folder), None)
        captures.look()
        for found in captures.unfinished():
            captures.discard(found)
        assert captures.unfinished() == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
def test_a_pipe_in_place_of_a_record_is_not_waited_for(tmp_path):
    folder = tmp_path / "x"
    folder.mkdir()
    os.mkfifo(folder / job_files.JOB)
    assert job_files.read_job(folder).state == job_files.UNREADABLE


def test_what_nobody_can_take_up_is_removed_once_it_is_old(tmp_path):
    gone, fresh, theirs = (
        tmp_path / name for name in ("20250101-120000-aaaaaa", "20250101-120000-bbbbbb", "notes")
    )
    for folder in (gone, fresh, theirs):
        folder.mkdir()
        (folder / job_files.JOB).write_text(json.dumps(GOOD))
    for folder in (gone, theirs):
        age(folder)
    captures = jobs.Captures(tmp_path, None)
    captures.look()
    assert captures.unfinished() == []
    assert not gone.exists()
    assert fresh.exists()
    assert theirs.exists()


class Silent:
    """A worker that takes everything and says nothing, until it is told what to break with."""

    alive = True

    def __init__(self, problem=None):
        self.problem, self.ended = problem, False

    def send(self, line):
        if self.problem:
            raise self.problem

    def receive(self, budget):
        return iter(())

    def end(self, wait=False):
        self.ended = True


def test_what_runs_the_worker_is_chosen_in_the_thread_that_ticks(tmp_path):
    chosen_in = []

    def choose():
        chosen_in.append(threading.current_thread())
        raise NikiError("there is no Python")

    captures = jobs.Captures(tmp_path, choose)
    job = captures.add(request(end=3), "first", {})
    run(captures, until=lambda: job.over)
    assert chosen_in == [threading.current_thread()]
    assert job.message == "The capture cannot be started: there is no Python"


def test_a_fault_of_ours_fails_its_capture_and_the_next_one_is_done(tmp_path, captures):
    captures._choose, real = lambda: lambda log: Silent(ZeroDivisionError("surprise")), captures._choose
    first = captures.add(request(end=3), "first", {})
    second = captures.add(request(end=3), "second", {})
    run(captures, until=lambda: first.over)
    captures._choose = real
    assert first.state == jobs.FAILED
    assert first.message == "Internal error: ZeroDivisionError: surprise"
    assert "Traceback" in captures.log.read_text()
    run(captures)
    assert second.state == jobs.DONE


def test_a_failure_says_why_and_the_next_capture_is_done(captures):
    bad, good = (
        captures.add(request(footage="none.mp4"), "none", {}),
        captures.add(request(end=3), "good", {}),
    )
    run(captures)
    assert (bad.state, good.state) == (jobs.FAILED, jobs.DONE)
    assert bad.message == "There is no footage at none.mp4"
    captures.forget(bad)
    assert not bad.folder.exists()


def test_a_worker_that_cannot_start_is_explained(tmp_path):
    captures = jobs.Captures(tmp_path, lambda: runtime.Runtime("/no/such/python").start)
    job = captures.add(request(), "clip", {})
    assert run(captures) == [job]
    assert job.message == "The capture cannot be started: /no/such/python: No such file or directory"
    captures.shut_down()


def test_a_folder_that_cannot_be_made_is_said_in_words(tmp_path):
    (tmp_path / "file").write_text("")
    captures = jobs.Captures(tmp_path / "file", None)
    with pytest.raises(NikiError, match=r"cannot be saved: .*file.*: Not a directory"):
        captures.add(request(), "clip", {})
    assert captures.jobs == []


def test_the_worker_does_not_run_what_lies_in_the_folder_it_works_in(tmp_path):
    (tmp_path / "niki" / "service").mkdir(parents=True)
    (tmp_path / "niki" / "__init__.py").write_text("")
    (tmp_path / "niki" / "service" / "__init__.py").write_text("")
    (tmp_path / "niki" / "service" / "worker.py").write_text("import sys; sys.exit(9)")
    (tmp_path / "numpy.py").write_text("import sys; sys.exit(9)")
    question = runtime.Question(runtime.own_runtime(), tmp_path / "log", "describe")
    while (found := question.poll()) is None:
        time.sleep(0.01)
    assert "problem" not in found


def test_a_log_that_cannot_be_replaced_or_written_stops_no_worker(tmp_path, monkeypatch):
    log = tmp_path / "log"
    log.write_bytes(b"x" * (2 << 20))

    def held(*args, **kwargs):
        raise PermissionError(13, "Permission denied", str(log))

    monkeypatch.setattr(Path, "unlink", held)
    started = worker.WorkerProcess([sys.executable, "-c", "pass"], runtime.clean_environment(), log)
    started.end(wait=True)
    assert "xxx" not in started.describe_end()  # what an earlier one printed
    monkeypatch.setattr(
        worker, "open", lambda path, *a: held() if path == log else io.FileIO(path, "w"), raising=False
    )
    worker.WorkerProcess([sys.executable, "-c", "pass"], runtime.clean_environment(), log).end(wait=True)


def fake(tmp_path, program):
    """A queue whose worker is ``program``."""
    command = [sys.executable, "-c", textwrap.dedent(program)]
    return jobs.Captures(tmp_path, lambda: lambda log: worker.WorkerProcess(command, {}, log))


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("import sys; print('boom', file=sys.stderr); sys.exit(3)", "ended with exit code 3: boom"),
        ("print('hello'); print('{}'); print('x' * 3000000)", "ended with exit code 0"),
        ("""
         import json, sys
         sys.stdin.readline()
         for params in ({}, {"id": 1, "done": "many"}, {"id": 1, "done": -1, "total": 2, "fps": 1},
                        {"id": 1, "done": 10**30, "total": None, "fps": 0}, {"id": 7, "done": 1}):
             print(json.dumps({"jsonrpc": "2.0", "method": "progress", "params": params}))
         print(json.dumps({"jsonrpc": "2.0", "id": 55, "result": {}}))
         print(json.dumps({"jsonrpc": "2.0", "id": 1, "error": {"code": -1, "message": "no"}}))
         """, "no"),
        ("""
         import json
         print(json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"motion": "elsewhere"}}))
         """, "without a motion"),
    ],
)  # fmt: skip
def test_whatever_a_worker_says_the_queue_lives_and_reports(tmp_path, program, message):
    captures = fake(tmp_path, program)
    job = captures.add(request(), "clip", {})
    assert run(captures) == [job]
    assert job.state == jobs.FAILED
    assert message in job.message
    assert job.frames == 0
    captures.shut_down()


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
fields = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0")},
    optional={
        "id": st.sampled_from([0, 1, 2, "x", None]),
        "method": st.sampled_from(["progress", "log", "capture"]),
        "params": st.fixed_dictionaries(
            {}, optional={n: anything for n in ("done", "total", "fps", "stage")} | {"id": st.just(1)}
        ),
        "result": anything,
        "error": anything | st.fixed_dictionaries({"code": st.integers(), "message": st.text()}),
    },
)
lines = st.binary(max_size=60) | fields.map(lambda m: json.dumps(m).encode())


class Babbler:
    """A worker that says what it is given, and dies."""

    def __init__(self, said):
        self.said, self.alive = said, True

    def send(self, line):
        pass

    def receive(self, budget):
        for line in self.said:
            with contextlib.suppress(WireError):
                yield wire.parse(line)
        self.said, self.alive = [], False

    def describe_end(self, task):
        return "ended"

    def end(self, wait=False):
        self.alive = False


@settings(max_examples=150, deadline=None)
@given(st.lists(lines, max_size=8))
def test_no_babble_breaks_the_queue(said):
    with tempfile.TemporaryDirectory() as folder:
        captures = jobs.Captures(Path(folder), lambda: lambda log: Babbler(said))
        job = captures.add(request(), "clip", {})
        run(captures)
        assert job.state in (jobs.FAILED, jobs.CANCELLED)
        assert 0 <= job.share <= 1
        assert job.seconds_left is None or job.seconds_left >= 0
        captures.shut_down()


def test_a_worker_that_does_not_listen_is_killed(tmp_path):
    captures = fake(
        tmp_path, "import time, signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    )
    job = captures.add(request(), "clip", {})
    run(captures, until=lambda: captures._worker is not None)
    process = captures._worker._process
    captures.cancel(job)
    run(captures)
    assert job.state == jobs.CANCELLED
    assert process.poll() is not None
    captures.shut_down()


def test_shutting_down_leaves_no_process(captures):
    job = captures.add(request(quality="best", end=None), "all", {})
    run(captures, until=lambda: job.frames >= 1)
    process = captures._worker._process
    captures.shut_down()
    assert process.poll() is not None
    assert captures.jobs == []


def test_a_check_says_what_is_there(tmp_path):
    def answer(checked):
        while (found := checked.poll()) is None:
            time.sleep(0.01)
        return found

    found = answer(runtime.Question(runtime.own_runtime(), tmp_path / "log", "describe"))
    assert runtime.describe_runtime(found).startswith("Ready: CPU (Python 3.")
    bare = runtime.Runtime(sys.executable, [])
    bare.environment = lambda: {"PYTHONPATH": str(ROOT), "NIKI_MODELS": str(tmp_path)}
    assert "niki setup" in runtime.describe_runtime(
        answer(runtime.Question(bare, tmp_path / "log", "describe"))
    )
    assert "cannot be started" in runtime.describe_runtime(
        answer(runtime.Question(runtime.Runtime("/no/python"), tmp_path / "log", "describe"))
    )
