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

from niki.capturing.footage.sequence import encode_image
from niki.capturing.footage.video import Footage
from niki.capturing.pipeline import capture
from niki.motion.camera_tilt import tilt_and_roll
from niki.motion.motion import Motion
from niki.service import wire
from niki.service.worker import Worker
from niki.task import Task

SAMPLE = ROOT / "samples/sample.mp4"


class Conversation:
    """A worker process and what it said."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "niki.service.worker"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
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
    return capture(Task(SAMPLE, end=23, quality="fast", **changes)).motion


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
    motion = Motion.load(message["result"]["motion"])
    same_motion(motion, directly())
    held = (message["result"]["tilt"], message["result"]["roll"])
    assert held == pytest.approx(tilt_and_roll(motion.camera_pose[1, :3]), abs=1e-6)
    assert message["result"]["tilt_error"] is None or message["result"]["tilt_error"] > 0


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
        ({"output": str(SAMPLE)}, wire.FAILED, "must end in .npz"),
        ({"output": "/dev/null"}, wire.FAILED, "must end in .npz"),
        ({"output": "here/link.npz"}, wire.FAILED, "is the input itself"),
        ({"output": "here/theirs.npz"}, wire.FAILED, "theirs.npz exists already"),
        ({"output": "here/pipe.npz"}, wire.FAILED, "a device or a pipe"),
        ({"output": "here/folder.npz"}, wire.FAILED, "is a folder"),
        ({"journal": str(SAMPLE)}, wire.FAILED, "is the input itself"),
        ({"journal": "here/link.npz"}, wire.FAILED, "is the input itself"),
        ({"journal": "here/motion.npz"}, wire.FAILED, "cannot be both"),
        ({"journal": "here/pipe.npz"}, wire.FAILED, "a device or a pipe"),
        ({"footage": "/dev/zero"}, wire.FAILED, "a device or a pipe"),
        ({"footage": "here/pipe.npz"}, wire.FAILED, "a device or a pipe"),
        ({"fps": 0}, wire.FAILED, "The frame rate must be between"),
        ({"fps": 1e9}, wire.FAILED, "The frame rate must be between"),
        ({"fps": "fast"}, wire.INVALID_PARAMS, "'fps' must be a number"),
        ({"focal": 0}, wire.FAILED, "The focal length must be between"),
        ({"tilt": 90}, wire.FAILED, "The camera's tilt must be between"),
        ({"roll": "left"}, wire.INVALID_PARAMS, "'roll' must be a number"),
        ({"focal": -1}, wire.FAILED, "The focal length must be between"),
        ({"start": -1}, wire.FAILED, "The first frame must be between"),
        ({"end": -1}, wire.FAILED, "The last frame must be between"),
        ({"start": 10**8, "end": None}, wire.FAILED, "beyond the end"),
        ({"subject": [1e8, 0]}, wire.FAILED, "place must be between"),
    ],
)
def test_a_capture_that_cannot_be_is_refused_and_the_worker_lives(changes, code, text, tmp_path):
    (tmp_path / "link.npz").symlink_to(SAMPLE)
    (tmp_path / "theirs.npz").write_text("theirs")
    (tmp_path / "folder.npz").mkdir()
    os.mkfifo(tmp_path / "pipe.npz")
    before, film = sorted(tmp_path.rglob("*")), SAMPLE.read_bytes()
    for name, value in changes.items():
        if isinstance(value, str):
            changes = changes | {name: value.replace("here", str(tmp_path))}
    said = talk(wire.request(1, "capture", **task(tmp_path, **changes)))
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "theirs.npz").read_text() == "theirs"
    assert SAMPLE.read_bytes() == film
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


bad_places = st.sampled_from(
    [
        "/dev/null",
        "/dev/full",
        "/dev/zero",
        str(SAMPLE),
        str(ROOT),
        str(ROOT / "none/m.npz"),
        "m.mp4",
        ".",
        "/",
    ]
)
bad_numbers = st.sampled_from([0, -1, 10**9, 1e-9, -0.5, 10**40, "many", None, True])


@settings(max_examples=100, deadline=None)
@given(
    st.fixed_dictionaries(
        {"footage": bad_places, "output": bad_places, "journal": bad_places},
        optional={name: bad_numbers for name in ("start", "end", "fps", "focal", "finish")}
        | {"subject": st.lists(bad_numbers, min_size=2, max_size=2)},
    )
)
def test_no_request_writes_where_it_may_not(changes):
    film = SAMPLE.stat()
    kind, message = talk(wire.request(1, "capture", **changes))[-1]
    assert kind == "error", message
    assert message["error"]["code"] in (wire.FAILED, wire.INVALID_PARAMS), message
    assert "Errno" not in message["error"]["message"]
    assert (SAMPLE.stat().st_size, SAMPLE.stat().st_mtime_ns) == (film.st_size, film.st_mtime_ns)


@pytest.mark.parametrize("kind", ["missing", "file", "link", "image", "beyond"])
def test_people_are_pictured_in_the_folder_given_and_nowhere_else(tmp_path, kind):
    folder, footage, victim = tmp_path / "people", str(SAMPLE), tmp_path / "victim.png"
    frame = next(iter(Footage(SAMPLE, 30, 30))).rgb
    victim.write_bytes(encode_image(frame, ".png"))
    if kind == "file":
        folder.write_text("a file")
    elif kind != "missing":
        folder.mkdir()
    if kind == "link":
        (folder / "person0.png").symlink_to(victim)
    elif kind == "image":
        (folder / "person0.png").hardlink_to(victim)
        footage = str(folder)
    before = victim.read_bytes()
    number = {"image": 0, "beyond": 10**6}.get(kind, 30)
    said = talk(wire.request(1, "people", footage=footage, frame=number, folder=str(folder)))
    words = {
        "missing": "There is no folder", "file": "There is no folder", "link": "is a link",
        "image": "is the input itself", "beyond": "beyond the end",
    }[kind]  # fmt: skip
    assert words in said[-1][1]["error"]["message"]
    assert victim.read_bytes() == before


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
    (tmp_path / "far").mkdir()
    far = task(tmp_path / "far", end=3, subject=[5, 5])
    said = talk(wire.request(1, "capture", **far))
    assert "No person was found" in said[-1][1]["error"]["message"]


def test_a_closed_pipe_does_not_stop_it():
    class Deaf(io.BytesIO):
        def write(self, data):
            raise BrokenPipeError

    Worker(io.BytesIO(wire.request(1, "cancel")), Deaf()).serve()
    assert os.getpid()
