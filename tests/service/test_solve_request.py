"""What the worker makes of a request to solve a motion again."""

import io

import numpy as np
import pytest
from conftest import some_motion

pytest.importorskip("scipy", reason="niki[capture] is not installed here")

from niki.capturing.refining import solve_readings
from niki.motion.contacts import save_contacts
from niki.motion.motion import Motion
from niki.motion.refinement import Refinement
from niki.service import wire
from niki.service.worker import Worker


def talk(**params):
    """What a worker within this process answers to a request to solve."""
    answers = io.BytesIO()
    Worker(io.BytesIO(wire.request(1, "solve", **params)), answers).serve()
    return wire.parse(answers.getvalue())


@pytest.fixture
def path(tmp_path):
    """Of a motion with exact readings."""
    motion = some_motion(
        joints=some_motion().solved_joints(), sigma=np.full((12, 29, 2), 0.1), errors_last=True,
        hints=np.full((12, 24, 3), np.nan), jumps=np.zeros(12),
    )  # fmt: skip
    motion.save(tmp_path / "m.npz")
    return tmp_path / "m.npz"


def test_it_solves_as_it_is_told(path, tmp_path):
    out = tmp_path / "new.npz"
    kind, message = talk(motion=str(path), output=str(out), solver="hybrik", smooth_arms=0.3)
    assert kind == "result", message
    assert message["result"] == {"motion": str(out), "frames": 12}
    expected = solve_readings(Motion.load(path), "hybrik", Refinement(smooth_arms=0.3))
    np.testing.assert_array_equal(Motion.load(out).poses, expected.poses)


def test_it_uses_the_contacts_that_it_is_given(path, tmp_path):
    told = np.zeros((12, 6))
    told[2:8, 5] = 1
    save_contacts(tmp_path / "contacts.npz", told)
    out = tmp_path / "new.npz"
    kind, message = talk(motion=str(path), output=str(out), contacts=str(tmp_path / "contacts.npz"))
    assert kind == "result", message
    np.testing.assert_array_equal(Motion.load(out).contacts, told)


@pytest.mark.parametrize(
    ("changes", "code", "text"),
    [
        ({"motion": None}, wire.INVALID_PARAMS, "'motion' must be a text"),
        ({"smooth_arms": -1}, wire.INVALID_PARAMS, "Smoothing of the arms must be between"),
        ({"smooth_arms": "much"}, wire.INVALID_PARAMS, "Smoothing of the arms must be a number"),
        ({"smooth_tail": 0.1}, wire.INVALID_PARAMS, "there is no parameter 'smooth_tail'"),
        ({"solver": "magic"}, wire.FAILED, "no solver 'magic'"),
        ({"motion": "none.npz"}, wire.FAILED, "There is no file"),
        ({"contacts": 1}, wire.INVALID_PARAMS, "'contacts' must be a text"),
        ({"contacts": "none.npz"}, wire.FAILED, "There is no file"),
        ({"contacts": "input"}, wire.FAILED, "holds no contacts"),
        ({"output": "input"}, wire.FAILED, "is the input itself"),
        ({"output": "theirs"}, wire.FAILED, "exists already"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(path, tmp_path, changes, code, text):
    theirs = tmp_path / "theirs.npz"
    theirs.write_text("theirs")
    places = {"input": str(path), "theirs": str(theirs)}
    changes = {name: places.get(value, value) for name, value in changes.items()}
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    kind, message = talk(**({"motion": str(path), "output": str(tmp_path / "new.npz")} | changes))
    assert kind == "error"
    assert (message["error"]["code"], text in message["error"]["message"]) == (code, True), message
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before
