"""Environments for the worker, made offline from wheels that are written here."""

import hashlib
import os
import sys
import time
import tomllib
import zipfile

import pytest
from conftest import ROOT

from niki.review.blender_process import blender_module

environment, runtime = blender_module("work.environment"), blender_module("work.runtime")


def wheel(folder, name, content="here = True\n"):
    """A package with nothing in it but a module of its name; the line that pins it."""
    info, file = f"{name}-1.0.dist-info", folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{name}.py", content)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return f"{name}==1.0 --hash=sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}\n"


def made(tmp_path, pins=""):
    (tmp_path / "pins.txt").write_text(pins)
    steps = environment.steps_of(tmp_path / "env", sys.executable, tmp_path / "pins.txt", str(tmp_path))
    return environment.Setup(tmp_path / "env", steps, tmp_path / "log")


def run(setup, until=lambda: False):
    titles, shares = [], []
    while not setup.over and not until():
        titles.append(setup.title)
        shares.append(setup.share)
        setup.poll()
        time.sleep(0.02)
    assert shares == sorted(shares)
    return list(dict.fromkeys(title.split(",")[0] for title in titles))


def test_packages_are_installed_at_once_and_what_is_still_missing_is_said(tmp_path):
    setup = made(tmp_path, wheel(tmp_path, "tinyone") + wheel(tmp_path, "tinytwo"))
    assert run(setup) == ["Creating the environment", "Installing packages", "Checking"]
    assert "cannot be loaded" in setup.problem  # it has no numpy: no worker runs in it
    assert list((tmp_path / "env").rglob("tinyone.py"))
    assert list((tmp_path / "env").rglob("tinytwo.py"))


def test_a_package_other_than_the_pinned_one_is_not_installed(tmp_path):
    pin = wheel(tmp_path, "tinyone")
    wheel(tmp_path, "tinyone", "import os  # somebody else's\n")
    setup = made(tmp_path, pin)
    run(setup)
    assert setup.problem.startswith("Installing packages failed: ")
    assert not list((tmp_path / "env").rglob("tinyone.py"))


def test_a_failure_says_what_failed_and_it_can_be_repeated(tmp_path):
    pin = wheel(tmp_path, "tinyone")
    (tmp_path / "tinyone-1.0-py3-none-any.whl").unlink()
    setup = made(tmp_path, pin)
    run(setup)
    assert setup.problem.startswith("Installing packages failed: ERROR:")
    again = made(tmp_path, wheel(tmp_path, "tinyone"))
    run(again)
    assert "Installing" not in again.problem


def test_nothing_that_lies_in_the_working_folder_is_run(tmp_path, monkeypatch):
    for name in ("venv", "pip", "niki"):
        (tmp_path / f"{name}.py").write_text("open('planted', 'w').close()\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    run(made(tmp_path, wheel(tmp_path, "tinyone")))
    assert list((tmp_path / "env").rglob("tinyone.py"))
    assert not (tmp_path / "planted").exists()


def test_a_cancel_stops_it(tmp_path):
    setup = made(tmp_path)
    setup.poll()
    setup.cancel()
    assert setup.problem == "cancelled"
    assert setup._process.poll() is not None


def test_a_python_that_is_not_there_is_said(tmp_path):
    (tmp_path / "pins.txt").write_text("")
    steps = environment.steps_of(tmp_path / "env", "/no/python", tmp_path / "pins.txt")
    setup = environment.Setup(tmp_path / "env", steps, tmp_path / "log")
    assert setup.problem == "Creating the environment failed: /no/python: No such file or directory"


def test_it_is_removed_whole(tmp_path):
    setup = made(tmp_path)
    run(setup, until=lambda: setup.title == "Checking")
    setup.cancel()
    environment.remove(tmp_path / "env")
    assert not (tmp_path / "env").exists()
    environment.remove(tmp_path / "env")  # which is no failure


def test_what_cannot_be_removed_is_said(tmp_path, monkeypatch):
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "held.dll").write_text("")

    def held(path, *args, **kwargs):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "unlink", held)
    with pytest.raises(
        environment.NikiError, match=r"could not be removed completely: .*: Permission denied"
    ) as refused:
        environment.remove(tmp_path / "env")
    assert "Errno" not in str(refused.value)


@pytest.mark.parametrize("device", environment.DEVICES)
def test_every_device_has_all_that_capture_needs_pinned_by_hash(device, tmp_path):
    file = environment.requirements_of(device)
    lines = file.read_text().replace("\\\n", " ").splitlines()
    pins = {line.split("==")[0]: line for line in lines if "==" in line}
    assert all("--hash=sha256:" in pin for pin in pins.values())
    assert {"numpy", "scipy", "av", "opencv-python-headless", "platformdirs"} <= set(pins)
    assert sum(name.startswith("onnxruntime") for name in pins) == 1
    steps = environment.steps_of(tmp_path, "python", file)
    assert len(steps) == 2
    assert steps[1].packages == len(pins)
    assert "--require-hashes" in steps[1].command
    assert "--no-index" not in steps[1].command


def test_pins_travel_with_the_package():
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = pyproject["tool"]["setuptools"]["package-data"]["niki_blender"]
    for device in environment.DEVICES:
        file = environment.requirements_of(device).relative_to(ROOT / "niki_blender")
        assert any(file.match(pattern) for pattern in patterns)
