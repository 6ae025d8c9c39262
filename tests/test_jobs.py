"""The queue of captures with real worker processes; no Blender."""

import contextlib
import json
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("av", reason="niki[capture] is not installed here")

from niki import wire
from niki.blender import blender_module
from niki.capture import capture
from niki.footage.estimator import make_estimator
from niki.motion import Motion
from niki.wire import WireError

jobs, runtime, worker = (blender_module(name) for name in ("jobs", "runtime", "worker"))
SAMPLE = ROOT / "samples/sample.mp4"


@pytest.fixture
def captures(tmp_path):
    made = jobs.Captures(tmp_path, runtime.own_runtime().start)
    yield made
    made.shut_down()


def request(**changes):
    return {"footage": str(SAMPLE), "end": 15, "quality": "fast"} | changes


def run(captures, until=lambda: False, limit=60):
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
    captures.forget(first)
    assert not first.folder.exists()


def test_progress_is_told_and_a_cancel_answers_within_a_second(captures):
    job = captures.add(request(quality="best", end=None), "all", {})
    run(captures, until=lambda: job.frames >= 2)
    assert job.total == 108
    assert 0 < job.share < 1
    captures.cancel(job)
    started = time.monotonic()
    assert run(captures) == [job]
    assert time.monotonic() - started < 1.0
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
    assert "killed by signal 9" in job.message
    again = captures.take_up(job)
    run(captures)
    assert (again.state, again.scene) == (jobs.DONE, {"start": 7})
    expected = capture(SAMPLE, end=15, estimator=lambda: make_estimator(quality="fast")).motion
    np.testing.assert_array_equal(Motion.load(again.folder / jobs.MOTION).poses, expected.poses)


def test_after_a_crash_of_blender_what_was_read_is_offered(captures, tmp_path):
    job = captures.add(request(end=None), "clip", {})
    run(captures, until=lambda: job.frames >= 4)
    other = jobs.Captures(tmp_path, runtime.own_runtime().start)
    assert other.unfinished() == []  # a Blender that lives has it
    captures._worker.kill()
    (job.folder / jobs.ALIVE).unlink()
    other = jobs.Captures(tmp_path, runtime.own_runtime().start)
    (offered,) = other.unfinished()
    assert (offered.title, offered.request) == (job.title, job.request)
    short = other.take_up(offered, finish=True)
    run(other)
    other.shut_down()
    assert short.state == jobs.DONE
    assert 4 <= len(Motion.load(short.folder / jobs.MOTION)) < 108
    assert captures.unfinished() == []


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
    captures = jobs.Captures(tmp_path, runtime.Runtime("/no/such/python").start)
    job = captures.add(request(), "clip", {})
    assert run(captures) == [job]
    assert "cannot be started" in job.message
    captures.shut_down()


def fake(tmp_path, program):
    """A queue whose worker is ``program``."""
    command = [sys.executable, "-c", textwrap.dedent(program)]
    return jobs.Captures(tmp_path, lambda log: worker.WorkerProcess(command, {}, log))


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("import sys; print('boom', file=sys.stderr); sys.exit(3)", "ended with status 3: boom"),
        ("print('hello'); print('{}'); print('x' * 3000000)", "ended with status 0"),
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

    def say(self, line):
        pass

    def heard(self, budget):
        for line in self.said:
            with contextlib.suppress(WireError):
                yield wire.parse(line)
        self.said, self.alive = [], False

    def why_it_ended(self):
        return "ended"

    def end(self, wait=False):
        self.alive = False


@settings(max_examples=150, deadline=None)
@given(st.lists(lines, max_size=8))
def test_no_babble_breaks_the_queue(said):
    with tempfile.TemporaryDirectory() as folder:
        captures = jobs.Captures(Path(folder), lambda log: Babbler(said))
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
    time.sleep(0.3)
    captures.cancel(job)
    started = time.monotonic()
    run(captures)
    assert job.state == jobs.CANCELLED
    assert time.monotonic() - started < 1.0
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
    assert runtime.described(found).startswith("ready: CPU (Python 3.")
    bare = runtime.Runtime(sys.executable, [])
    bare.environment = lambda: {"PYTHONPATH": str(ROOT), "NIKI_MODELS": str(tmp_path)}
    assert "niki setup" in runtime.described(answer(runtime.Question(bare, tmp_path / "log", "describe")))
    assert "cannot be started" in runtime.described(
        answer(runtime.Question(runtime.Runtime("/no/python"), tmp_path / "log", "describe"))
    )
