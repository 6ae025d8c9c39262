"""The worker as Blender sees it: a process that is told lines and tells lines."""

import io
import json
import os
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("av", reason="niki[capture] is not installed here")

from niki import wire
from niki.capture import capture
from niki.footage.estimator import make_estimator
from niki.motion import Motion
from niki.worker import Worker

SAMPLE = ROOT / "samples/sample.mp4"


class Conversation:
    """A worker process and what it said."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "niki.worker"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def say(self, line: bytes):
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def hear(self):
        line = self.process.stdout.readline()
        assert line, "the worker ended"
        return wire.parse(line)

    def answer(self, identity):
        """The answer to a request, progress passed over."""
        while True:
            kind, message = self.hear()
            if kind != "notification" and message["id"] == identity:
                return kind, message

    def progress(self, until):
        """Progress until ``until(params)``."""
        while True:
            kind, message = self.hear()
            assert kind == "notification", message
            if until(message["params"]):
                return message["params"]


@pytest.fixture
def worker():
    conversation = Conversation()
    yield conversation
    conversation.process.kill()
    conversation.process.wait()
    for stream in (conversation.process.stdin, conversation.process.stdout):
        stream.close()


def task(folder, **changes):
    values = {
        "footage": str(SAMPLE), "output": str(folder / "motion.npz"), "journal": str(folder / "readings"),
        "quality": "fast", "end": 23,
    }  # fmt: skip
    return values | changes


def directly(**changes):
    return capture(SAMPLE, end=23, estimator=lambda: make_estimator(quality="fast"), **changes).motion


def same_motion(a, b):
    for name in ("poses", "trans", "confidence", "joints", "keypoints", "frames", "times", "rest_joints"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


def test_it_says_what_it_is_and_ends_when_its_input_does(worker):
    worker.say(wire.request(1, "describe"))
    kind, message = worker.answer(1)
    assert kind == "result"
    assert message["result"]["missing"] == ""
    assert {"name": "cpu", "label": "CPU"} in message["result"]["devices"]
    worker.process.stdin.close()
    assert worker.process.wait(timeout=10) == 0


def test_a_capture_with_progress_equals_one_made_directly(worker, tmp_path):
    worker.say(wire.request(5, "capture", **task(tmp_path)))
    assert worker.progress(lambda p: p["stage"] == "reading" and p["done"] == 24)["total"] == 24
    kind, message = worker.answer(5)
    assert kind == "result", message
    assert message["result"]["frames"] == 24
    same_motion(Motion.load(message["result"]["motion"]), directly())


def test_cancelled_it_stops_at_once_and_goes_on_later(worker, tmp_path):
    worker.say(wire.request(1, "capture", **task(tmp_path, quality="best")))
    worker.progress(lambda p: p["stage"] == "reading" and p["done"] >= 3)
    worker.say(wire.request(2, "cancel"))
    started = time.monotonic()
    kinds = dict((m["id"], (k, m)) for k, m in (worker.answer(2), worker.answer(1)))
    assert time.monotonic() - started < 5
    assert kinds[1][1]["error"]["code"] == wire.CANCELLED
    assert not (tmp_path / "motion.npz").exists()
    worker.say(wire.request(3, "capture", **task(tmp_path, quality="best")))
    assert worker.progress(lambda p: p["stage"] == "reading")["done"] >= 3


def test_killed_its_readings_are_taken_up_and_the_motion_is_the_same(worker, tmp_path):
    worker.say(wire.request(1, "capture", **task(tmp_path)))
    worker.progress(lambda p: p["stage"] == "reading" and p["done"] >= 2)
    worker.process.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
    worker.process.wait()
    second = Conversation()
    second.say(wire.request(1, "capture", **task(tmp_path)))
    assert second.progress(lambda p: p["stage"] == "reading")["done"] >= 2
    kind, _ = second.answer(1)
    assert kind == "result"
    second.process.stdin.close()
    second.process.wait(timeout=10)
    second.process.stdout.close()
    same_motion(Motion.load(tmp_path / "motion.npz"), directly())


def test_what_was_read_can_be_used_as_it_is(worker, tmp_path):
    worker.say(wire.request(1, "capture", **task(tmp_path)))
    worker.progress(lambda p: p["stage"] == "reading" and p["done"] >= 5)
    worker.say(wire.request(2, "cancel"))
    worker.answer(2)
    worker.answer(1)
    worker.say(wire.request(3, "capture", **task(tmp_path, finish=True)))
    kind, message = worker.answer(3)
    assert kind == "result"
    frames = message["result"]["frames"]
    assert 5 <= frames < 24
    partial = Motion.load(tmp_path / "motion.npz")
    np.testing.assert_array_equal(partial.frames, np.arange(frames))


@pytest.mark.parametrize(
    ("changes", "code", "text"),
    [
        ({"footage": "none.mp4"}, wire.FAILED, "There is no footage at none.mp4"),
        ({"quality": "superb"}, wire.FAILED, "There is no quality 'superb'"),
        ({"device": "abacus"}, wire.FAILED, "There is no device 'abacus'"),
        ({"output": "/no/such/folder/m.npz"}, wire.FAILED, "there is no folder"),
        ({"start": "soon"}, wire.INVALID_PARAMS, "'start' must be a whole number"),
        ({"end": 10**40}, wire.INVALID_PARAMS, "'end' must be a whole number"),
        ({"subject": [1]}, wire.INVALID_PARAMS, "'subject' must be two numbers"),
        ({"colour": 1}, wire.INVALID_PARAMS, "there is no parameter 'colour'"),
        ({"journal": None}, wire.INVALID_PARAMS, "'journal' must be a text"),
    ],
)
def test_a_capture_that_cannot_be_is_refused_and_the_worker_lives(changes, code, text, tmp_path):
    said = talk(wire.request(1, "capture", **task(tmp_path, **changes)))
    error = next(m["error"] for k, m in said if k == "error")
    assert error["code"] == code
    assert text in error["message"]


def talk(*lines: bytes):
    """What a worker within this process says to ``lines``, once all its captures are over."""
    answers = io.BytesIO()
    worker = Worker(io.BytesIO(b"".join(lines)), answers)
    worker.serve()
    worker.join()
    return [wire.parse(line) for line in answers.getvalue().splitlines()]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.binary(max_size=200).map(lambda b: b.replace(b"\n", b" ") + b"\n")
        | st.builds(
            lambda method, params: json.dumps(
                {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            ).encode() + b"\n",
            st.sampled_from(["capture", "cancel", "people", "nothing", ""]),
            st.dictionaries(
                st.sampled_from(["footage", "output", "start", "frame", "folder"]),
                st.none() | st.integers() | st.text() | st.floats(allow_nan=False),
            ),
        ),
        max_size=6,
    )
)  # fmt: skip
def test_garbage_and_wrong_requests_get_errors_and_the_worker_lives(lines):
    said = talk(*lines, wire.request(99, "describe"))
    assert any(kind == "result" and message["id"] == 99 for kind, message in said)


def test_a_line_too_long_is_passed_over():
    said = talk(b"x" * (3 * wire.LONGEST) + b"\n", wire.request(1, "cancel"))
    assert [kind for kind, _ in said] == ["error", "result"]


def test_people_are_found_where_they_are_and_pictured(tmp_path):
    said = talk(wire.request(1, "people", footage=str(SAMPLE), frame=30, folder=str(tmp_path)))
    (person,) = said[-1][1]["result"]["people"]
    truth = Motion.load(ROOT / "samples/sample_truth.npz").projected()[30]
    assert abs(person["x"] - truth[0, 0]) < 40
    assert abs(person["y"] - truth[0, 1]) < 40
    assert person["side"] > np.ptp(truth[:, 1])
    picture = cv2.imread(person["picture"])
    assert picture.shape == (256, 256, 3)
    assert picture.std() > 20


def test_somebody_chosen_is_followed_and_nobody_is_where_nobody_is(tmp_path):
    pixels = Motion.load(ROOT / "samples/sample_truth.npz").projected()[0, 0]
    said = talk(wire.request(1, "capture", **task(tmp_path, end=3, subject=list(pixels))))
    assert said[-1][1]["result"]["seen"] == 1
    far = task(tmp_path, end=3, subject=[5, 5], output=str(tmp_path / "far.npz"), journal=str(tmp_path / "r"))
    said = talk(wire.request(1, "capture", **far))
    assert "No person was found" in said[-1][1]["error"]["message"]


def test_a_closed_pipe_does_not_stop_it():
    class Deaf(io.BytesIO):
        def write(self, data):
            raise BrokenPipeError

    Worker(io.BytesIO(wire.request(1, "cancel")), Deaf()).serve()
    assert os.getpid()
