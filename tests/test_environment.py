"""Set-up says plainly what stops it, before it has done anything."""

import importlib.util
import os
import sys
from collections import namedtuple

import pytest
from conftest import ROOT

posix = pytest.mark.skipif(os.name == "nt", reason="plays programs with shell scripts")


@pytest.fixture
def environment():
    spec = importlib.util.spec_from_file_location("environment", ROOT / "scripts/environment.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def program(path, script):
    """A program that this shell script plays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_missing_python_is_named_with_ways_to_get_it(environment, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit) as stopped:
        environment._base_python((3, 99))
    message = str(stopped.value)
    assert "Python 3.99 is needed" in message
    assert f"this is 3.{sys.version_info[1]}" in message
    assert "pyenv install 3.99" in message


@posix
def test_pythons_that_do_not_run_or_are_older_than_their_name_are_passed_over(
    environment, monkeypatch, tmp_path
):
    program(tmp_path / "shims/python3.99", "echo 'pyenv: python3.99: command not found' >&2; exit 127")
    program(tmp_path / "old/python3.99", "echo 3.98.1 /old/python")
    program(tmp_path / "good/python3.99", "echo 3.99.0 '/a folder/python3.99'")
    monkeypatch.setenv("PATH", ":".join(str(tmp_path / name) for name in ("shims", "old", "good")))
    assert environment._base_python((3, 99)) == "/a folder/python3.99"


@posix
def test_pyenv_is_asked_for_versions_it_has_not_chosen(environment, monkeypatch, tmp_path):
    program(tmp_path / "installed/bin/python", "echo 3.99.2 /pyenv/3.99.2/python")
    program(
        tmp_path / "bin/pyenv",
        f"""case "$*" in
            "versions --bare") printf '3.9.9\\n3.98.0\\n3.99.2\\n';;
            "prefix 3.99.2") echo '{tmp_path}/installed';;
            *) exit 1;;
        esac""",
    )
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert environment._base_python((3, 99)) == "/pyenv/3.99.2/python"


@posix
def test_uv_is_asked_for_the_pythons_that_it_keeps(environment, monkeypatch, tmp_path):
    kept = program(tmp_path / "uv/python", "echo 3.99.0 /uv/python")
    program(tmp_path / "bin/uv", f"echo '{kept}'")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert environment._base_python((3, 99)) == "/uv/python"


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
