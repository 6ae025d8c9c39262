"""The wheel and the extension's zip hold every module that they should, and all of it can be imported."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest
from conftest import ROOT

PACKAGES = ("niki", "niki_blender")

IMPORT = """
import importlib, json, sys, types
folder, *names = sys.argv[1:]
root = sys.modules["extension"] = types.ModuleType("extension")  # as Blender: a package with a name of its own
root.__path__ = [folder]
missing = {}
for name in names:
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing[name] = error.name
    else:
        assert module.__file__.startswith(folder), module.__file__
print(json.dumps(missing))
"""


@pytest.fixture(scope="module")
def scripts():
    """The scripts as modules, by name."""
    sys.path.insert(0, str(ROOT / "scripts"))
    names, loaded = ("import_graph", "build_extension"), {}
    for name in names:
        loader = SourceFileLoader(name, str(ROOT / "scripts" / name))
        module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
        loaded[name] = sys.modules[name] = module
        loader.exec_module(module)
    yield loaded
    sys.path.remove(str(ROOT / "scripts"))
    for name in names:
        del sys.modules[name]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """An environment that holds the wheel: its Python, and the folder of its packages.

    It finds the packages of this environment, through one line in a .pth file, but not its editable niki.
    """
    tree, wheels, environment = (tmp_path_factory.mktemp(name) for name in ("tree", "wheels", "environment"))
    for package in PACKAGES:  # a copy: building leaves files in the tree, and takes old ones from there
        shutil.copytree(ROOT / package, tree / package, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, tree / file)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    run([*pip, "wheel", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", wheels, tree])
    run([sys.executable, "-m", "venv", "--without-pip", environment])
    python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    (wheel,) = wheels.iterdir()
    run([*pip, "--python", python, "install", "--no-deps", "--no-index", wheel])
    folder = Path(run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]).strip())
    (folder / "others.pth").write_text(sysconfig.get_path("purelib"))
    return python, folder


def run(command) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    result = subprocess.run(
        list(map(str, command)), env=environment, capture_output=True, text=True, timeout=280
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def files_in(folder: Path) -> set[str]:
    files = (file for package in PACKAGES for file in (folder / package).rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix() for file in files if "__pycache__" not in file.parts}


def importable(graph, folder: Path) -> list[str]:
    """Names of the modules in a folder that can be imported outside Blender, packages included."""
    modules = graph.read_tree(folder)
    needs_blender = {
        name for name, m in modules.items() if any(p.module in graph.BLENDERS_OWN for p in m.packages)
    }
    while (
        more := {
            name for name, m in modules.items() if needs_blender & {i.module for i in m.ours if i.at_once}
        }
        - needs_blender
    ):
        needs_blender |= more
    names = (name.removesuffix(".__init__") for name in modules if name not in needs_blender)
    return sorted(name for name in names if not name.endswith("__main__"))


def import_all(python, folder: Path, names: list[str]) -> dict[str, str]:
    """What each module that could not be imported was missing."""
    return json.loads(run([python, "-P", "-c", IMPORT, folder, *names]))


def test_the_wheel_holds_every_file_of_both_packages(installed):
    _, folder = installed
    assert files_in(folder) == files_in(ROOT)
    assert any(name.endswith("weights/niki-open-2.npz") for name in files_in(folder))


def test_every_module_of_the_wheel_can_be_imported(installed, scripts):
    python, folder = installed
    names = importable(scripts["import_graph"], folder)
    assert {"niki.cli", "niki.solve.solver", "niki.service.worker", "niki_blender.work.queue"} <= set(names)
    names = [f"extension.{name}" if name.startswith("niki_blender") else name for name in names]
    missing = import_all(python, folder, names)
    not_here = {package for package in ("torch", "numba") if importlib.util.find_spec(package) is None}
    assert set(missing.values()) <= not_here, missing
    assert all(name.startswith(("niki.training.", "niki.corpus.")) for name in missing)


def test_the_wheel_brings_the_command(installed):
    python, _ = installed
    assert "usage: niki" in run([python.parent / "niki", "--help"])


def test_the_zip_holds_all_but_what_blender_and_the_background_process_do_not_use(scripts, tmp_path):
    build = scripts["build_extension"]
    build.copy_sources(tmp_path)
    left_out = files_in(ROOT) - files_in(tmp_path)
    assert files_in(tmp_path) <= files_in(ROOT)
    assert {
        place for place in build.LEFT_OUT for file in left_out if f"{file}/".startswith(f"{place}/")
    } == set(build.LEFT_OUT)
    assert all(any(f"{file}/".startswith(f"{place}/") for place in build.LEFT_OUT) for file in left_out)
    assert {"__init__.py", "LICENSE", "README.md"} <= {file.name for file in tmp_path.iterdir()}


def test_no_module_of_the_zip_imports_one_that_was_left_out(scripts, tmp_path):
    scripts["build_extension"].copy_sources(tmp_path)
    modules = scripts["import_graph"].read_tree(tmp_path)
    assert [offence for module in modules.values() for offence in module.offences] == []
    names = [f"extension.{name}" for name in importable(scripts["import_graph"], tmp_path)]
    assert {"extension.niki.service.worker", "extension.niki_blender.work.queue"} <= set(names)
    assert import_all(sys.executable, tmp_path, names) == {}
