"""Environments for the worker, made offline from wheels that are written here."""

import sys
import time
import zipfile

import pytest

from niki.blender import blender_module

environment, runtime = blender_module("environment"), blender_module("runtime")


def wheel(folder, name):
    """A package with nothing in it but a module of its name."""
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{name}.py", "here = True\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")


def made(tmp_path, packages):
    steps = environment.steps_of(tmp_path / "env", sys.executable, packages, str(tmp_path))
    return environment.Setup(tmp_path / "env", steps, tmp_path / "log")


def run(setup, until=lambda: False):
    started, titles = time.monotonic(), []
    while not setup.over and not until():
        assert time.monotonic() - started < 120
        titles.append(setup.title)
        setup.poll()
        time.sleep(0.02)
    return list(dict.fromkeys(titles))


def test_packages_are_installed_and_what_is_still_missing_is_said(tmp_path):
    wheel(tmp_path, "tinyone")
    setup = made(tmp_path, ["tinyone"])
    assert run(setup) == ["Making the environment", "Installing tinyone", "Checking"]
    assert "cannot be loaded" in setup.problem  # it has no numpy: no worker runs in it
    assert list((tmp_path / "env").rglob("tinyone.py"))


def test_a_failure_says_what_failed_and_it_can_be_repeated(tmp_path):
    setup = made(tmp_path, ["tinyone"])
    run(setup)
    assert setup.problem.startswith("Installing tinyone failed: ERROR:")
    wheel(tmp_path, "tinyone")
    again = made(tmp_path, ["tinyone"])
    run(again)
    assert "Installing" not in again.problem


def test_a_cancel_stops_it(tmp_path):
    setup = made(tmp_path, ["tinyone"])
    setup.poll()
    setup.cancel()
    assert setup.problem == "cancelled"
    assert setup._process.poll() is not None


def test_a_python_that_is_not_there_is_said(tmp_path):
    steps = environment.steps_of(tmp_path / "env", "/no/python", [])
    setup = environment.Setup(tmp_path / "env", steps, tmp_path / "log")
    assert setup.problem == "Making the environment failed: No such file or directory"


def test_it_is_removed_whole(tmp_path):
    setup = made(tmp_path, [])
    run(setup, until=lambda: setup.title == "Checking")
    setup.cancel()
    environment.remove(tmp_path / "env")
    assert not (tmp_path / "env").exists()


@pytest.mark.parametrize("device", environment.ONNX_RUNTIMES)
def test_every_device_has_its_package(device, tmp_path):
    packages = [*environment.PACKAGES, environment.ONNX_RUNTIMES[device]]
    steps = environment.steps_of(tmp_path, "python", packages)
    assert len(steps) == 7
    assert all("--no-index" not in step.command for step in steps)
