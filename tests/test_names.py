"""The names that ``niki`` itself offers."""

import ast
import subprocess
import sys

import pytest
from conftest import ROOT

import niki


def run(program: str) -> str:
    command = [sys.executable, "-c", program]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout


def test_importing_niki_loads_nothing_else():
    loaded = run("import sys, niki; print(*[m for m in sys.modules if m.startswith(('niki', 'numpy'))])")
    assert loaded.split() == ["niki"]


@pytest.mark.parametrize("name", niki.__all__)
def test_every_name_is_the_one_from_its_room(name):
    value = getattr(niki, name)
    assert value.__name__ == name
    assert value.__module__ == "niki" + niki._HOMES[name]
    assert name in dir(niki)


def test_capture_is_the_function_also_after_its_package_was_imported():
    program = "import niki.capturing.pipeline as p; from niki import capture; print(capture is p.capture)"
    assert run(program).strip() == "True"


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'niki' has no attribute 'Sovler'"):
        niki.Sovler  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'Sovler'"):
        from niki import Sovler  # noqa: F401


def test_type_checkers_are_given_the_same_names():
    tree = ast.parse((ROOT / "niki/__init__.py").read_text())
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    given = {alias.name: f".{line.module}" for line in block.body for alias in line.names}
    assert given == niki._HOMES
    assert sorted(given) == niki.__all__
