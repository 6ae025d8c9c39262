"""The task that the command line, Blender and the background process hand on."""

import json

import pytest

from niki.errors import NikiError
from niki.task import Task

FULL = Task(
    "clip.mp4",
    3,
    20,
    25.0,
    900.0,
    12.0,
    -3.0,
    (10.0, 20.0),
    "blazepose",
    "fast",
    "cpu",
    "hybrik",
    "made.readings",
    True,
    1.8,
)


@pytest.mark.parametrize("task", [Task("clip.mp4"), FULL])
def test_a_task_survives_json(task):
    assert Task.from_dict(json.loads(json.dumps(task.as_dict()))) == task


def test_a_path_becomes_text(tmp_path):
    assert Task(tmp_path / "clip.mp4").as_dict()["footage"] == str(tmp_path / "clip.mp4")


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({}, "'footage' must be a text"),
        ({"footage": ""}, "'footage' must be a text"),
        ({"footage": "a\0b"}, "'footage' must be a text"),
        ({"footage": "x", "start": 1.5}, "'start' must be a whole number"),
        ({"footage": "x", "start": True}, "'start' must be a whole number"),
        ({"footage": "x", "fps": float("nan")}, "'fps' must be a number"),
        ({"footage": "x", "subject": [1]}, "'subject' must be two numbers"),
        ({"footage": "x", "finish": 1}, "'finish' must be true or false"),
        ({"footage": "x", "focus": 1}, "there is no parameter 'focus'"),
    ],
)
def test_values_of_unknown_origin_are_checked(values, problem):
    with pytest.raises(NikiError, match=problem):
        Task.from_dict(values)


def test_a_missing_value_is_the_default():
    assert Task.from_dict({"footage": "x", "start": None}) == Task("x")
