"""Values that hold arrays can be compared and hashed: by identity, as arrays have no single truth."""

import ast
import re

import numpy as np
import pytest
from conftest import ROOT

from niki.body.skeleton import NUM_BONES, Bodies, Body
from niki.pose.targets import Posture, Target
from niki.solve.solver import Solver


@pytest.mark.parametrize(
    "make",
    [
        lambda: Body(Body.default().rest_joints),
        lambda: Bodies(np.ones((2, 29, 3))),
        lambda: Target("head", [0, 1, 0]),
        lambda: Posture(np.tile(np.eye(3), (NUM_BONES, 1, 1)), np.zeros(3)),
        lambda: Solver().inverse(Body.default().rest_joints, np.zeros(29)),
    ],
    ids=["Body", "Bodies", "Target", "Posture", "Pose"],
)
def test_two_of_a_kind_can_be_compared_and_kept_in_a_set(make):
    a, b = make(), make()
    assert [b, a].index(a) == 1
    assert a != b
    assert len({a, b, a}) == 2


def _dataclasses():
    """(file, name, its decorator, its fields' types) of every data class of ours."""
    for path in sorted([*ROOT.glob("niki/**/*.py"), *ROOT.glob("niki_blender/**/*.py")]):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                for decorator in map(ast.unparse, node.decorator_list):
                    if decorator.startswith("dataclass"):
                        types = [ast.unparse(s.annotation) for s in node.body if isinstance(s, ast.AnnAssign)]
                        yield path.name, node.name, decorator, " ".join(types)


def test_no_data_class_with_arrays_compares_them():
    every = list(_dataclasses())
    assert len(every) > 30
    with_arrays = {"ndarray", "Tensor"}
    for _ in range(4):  # those that hold others
        with_arrays |= {n for _, n, _, types in every if with_arrays & set(re.findall(r"\w+", types))}
    found = [f"{f}: {n}" for f, n, decorator, _ in every if n in with_arrays and "eq=False" not in decorator]
    assert not found
