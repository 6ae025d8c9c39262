"""Set-up says plainly what stops it, before it has done anything."""

import importlib.util
import sys
from collections import namedtuple

import pytest
from conftest import ROOT


@pytest.fixture
def environment():
    spec = importlib.util.spec_from_file_location("environment", ROOT / "scripts/environment.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_wrong_python_is_named(environment, monkeypatch):
    monkeypatch.setattr(environment, "PYTHON", (3, 2))
    monkeypatch.setattr(environment.shutil, "which", lambda name: None)
    with pytest.raises(SystemExit, match=rf"Python 3\.2 is needed.*this is 3\.{sys.version_info[1]}"):
        environment._base_python()


def test_full_disk_is_named(environment, monkeypatch):
    usage = namedtuple("usage", "total used free")(10**12, 10**12, 10**8)
    monkeypatch.setattr(environment.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(SystemExit, match=r"3\.0 GB are needed .* 0\.1 GB are free"):
        environment._check_disk(3.0)


def test_failed_install_is_shown_and_leaves_no_stamp(environment, monkeypatch, tmp_path):
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements/main.txt").write_text("no-such-package-of-niki==0\n")
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(SystemExit, match="packages could not be installed"):
        environment.ensure("main")
    assert not (tmp_path / ".venv/main/pins.sha256").exists()


def test_every_requirement_is_pinned():
    for file in (ROOT / "requirements").glob("*.txt"):
        for line in file.read_text().splitlines():
            assert line.startswith(("#", "-r ")) or "==" in line, f"{file.name}: {line}"
