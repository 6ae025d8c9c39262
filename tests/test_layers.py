"""Who imports whom: the rules at the top of scripts/import_graph, which reads the source alone."""

import importlib.util
import subprocess
import sys
from importlib.machinery import SourceFileLoader

import pytest
from conftest import ROOT

SCRIPT = ROOT / "scripts/import_graph"


@pytest.fixture(scope="module")
def graph():
    loader = SourceFileLoader("import_graph", str(SCRIPT))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("import_graph", loader))
    sys.modules["import_graph"] = module  # dataclasses look there
    loader.exec_module(module)
    yield module
    del sys.modules["import_graph"]


def test_no_circles_and_every_import_is_of_a_room_above():
    result = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr


def offences(graph, root, **files):
    """What the script says of a tree of these files: ``niki__body__a="import ast"``."""
    for name, text in files.items():
        path = root / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return graph.find_offences(graph.read_tree(root))


SOUND = {
    "niki__errors": "class NikiError(Exception): ...",
    "niki__body__skeleton": "import math\nimport numpy\nfrom ..errors import NikiError\nclass Body: ...",
    "niki__network__layers": "from ..body import skeleton\ndef linear():\n    import torch",
    "niki_blender__rig__body": "import bpy\nfrom ...niki.network import layers\nfrom ...niki.body.skeleton import Body",
}


def test_a_sound_tree_has_no_offence(graph, tmp_path):
    assert offences(graph, tmp_path, **SOUND) == []


def test_type_checkers_may_look_anywhere(graph, tmp_path):
    text = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..training import train"
    assert offences(graph, tmp_path, niki__body__skeleton=text, niki__training__train="") == []


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (
            {"niki__body__skeleton": "from ..motion import keys", "niki__motion__keys": ""},
            "niki/body/skeleton.py:1 imports niki.motion.keys: the room niki.body stands above niki.motion",
        ),
        (
            {"niki__body__skeleton": "def f():\n    from ..motion import keys", "niki__motion__keys": ""},
            "niki/body/skeleton.py:2 imports niki.motion.keys: the room niki.body stands above niki.motion",
        ),
        (
            {"niki__cli": "from ..niki_blender.rig import body", "niki_blender__rig__body": ""},
            "niki/cli.py:1 imports niki_blender.rig.body: the room niki.cli stands above niki_blender.rig",
        ),
        (
            {"niki__body__a": "from . import b", "niki__body__b": "from . import c", "niki__body__c": "from .a import b"},
            "circle: niki.body.a imports niki.body.b (niki/body/a.py:1), niki.body.b imports niki.body.c "
            "(niki/body/b.py:1), niki.body.c imports niki.body.a (niki/body/c.py:1)",
        ),
        (  # two folders of one room, though no module imports itself
            {
                "niki__body__p__a": "from ..q import b",
                "niki__body__q__b": "",
                "niki__body__q__c": "from ..p import d",
                "niki__body__p__d": "",
            },
            "circle: niki.body.p imports niki.body.q (niki/body/p/a.py:1), niki.body.q imports niki.body.p "
            "(niki/body/q/c.py:1)",
        ),
        (
            {f"niki__body__module{k}": "" for k in range(21)},
            "niki/body/ has 21 modules: 20 at most",
        ),
        ({"niki__new__thing": ""}, "niki/new/thing.py is in no room"),
        ({"niki__body__a": "import bpy"}, "niki/body/a.py:1 imports bpy: niki.body.a may not"),
        (
            {"niki_blender__work__a": "from mathutils import Vector"},
            "niki_blender/work/a.py:1 imports mathutils: niki_blender.work.a may not",
        ),
        (
            {"niki_blender__rig__a": "def f():\n    import torch"},
            "niki_blender/rig/a.py:2 imports torch: niki_blender.rig.a may not",
        ),
        (
            {"niki_blender__rig__a": "import cv2, onnxruntime"},
            "niki_blender/rig/a.py:1 imports onnxruntime: niki_blender.rig.a may not",
        ),
        ({"niki__pose__a": "import torch"}, "niki/pose/a.py:1 imports torch: niki.pose.a may not"),
        ({"niki__pose__a": "import new_package"}, "niki/pose/a.py:1 imports new_package: niki.pose.a may not"),
        (
            {"niki_blender__capture__a": "from ...niki.capturing import pipeline", "niki__capturing__pipeline": ""},
            "niki_blender/capture/a.py:1 imports niki.capturing.pipeline: Blender may not load it",
        ),
        (  # through another module
            {
                "niki_blender__rig__a": "from ...niki.motion import motion",
                "niki__motion__motion": "from . import smoothing",
                "niki__motion__smoothing": "from scipy.linalg import solveh_banded",
            },
            "niki/motion/smoothing.py:1 imports scipy: Blender loads this module and has numpy alone "
            "(because of niki/motion/motion.py:1)",
        ),
        (
            {"niki_blender__rig__a": "from niki.body import b", "niki__body__b": ""},
            "niki_blender/rig/a.py:1 names niki.body.b in full: import it relatively, with dots",
        ),
        (
            {"niki__body__a": "from .b import gone, here, there", "niki__body__b": "here = 1\nif here: there = 2"},
            "niki/body/a.py:1 imports niki.body.b.gone, which does not exist",
        ),
        ({"niki__body__a": "from .gone import f"}, "niki/body/a.py:1 imports niki.body.gone.f, which does not exist"),
        (
            {"niki_blender__rig__a": "from ....niki import b"},
            "niki_blender/rig/a.py:1 imports (outside).niki.b, which does not exist",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_each_kind_of_offence_is_named(graph, tmp_path, files, told):
    assert told in offences(graph, tmp_path, **files)


def test_the_script_says_how_many_rules_are_broken(tmp_path):
    (tmp_path / "niki/body").mkdir(parents=True)
    (tmp_path / "niki/body/a.py").write_text("import bpy")
    for options in ([], ["--modules"]):
        result = subprocess.run(
            [sys.executable, SCRIPT, *options, tmp_path], capture_output=True, text=True, timeout=60
        )
        assert result.returncode == 1
        assert "Broken rules: 1\n  niki/body/a.py:1 imports bpy: niki.body.a may not" in result.stdout
