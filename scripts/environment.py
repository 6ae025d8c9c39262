"""Makes the Python environments that the other scripts run in. Standard library only.

Each environment is a folder in .venv/ with what requirements/NAME.txt pins. A script calls
``enter(NAME)`` first: it returns at once inside that environment, and elsewhere makes the
environment if needed and starts the script again inside it.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON, PYTHONS = (3, 11), {"bpy-5.2": (3, 13)}  # each bpy is built for one version alone
GIGABYTES = {"main": 3.0, "types": 1.0, "human": 6.0, "bpy-4.2": 2.5, "bpy-5.0": 2.5, "bpy-5.2": 2.5}


def enter(name: str) -> None:
    """Go on inside the environment ``name``, making it first if needed."""
    python = ensure(name)
    if Path(sys.prefix).resolve() != python.parent.parent.resolve():
        os.execv(python, [str(python), *sys.argv])


def ensure(name: str) -> Path:
    """The environment's Python, made or updated to its pins; quick when nothing has changed."""
    folder = ROOT / ".venv" / name
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    pins = ROOT / "requirements" / f"{name}.txt"
    wanted = hashlib.sha256(b"".join(p.read_bytes() for p in _with_included(pins))).hexdigest()
    stamp = folder / "pins.sha256"
    if stamp.is_file() and stamp.read_text() == wanted and python.exists():
        return python
    _check_disk(GIGABYTES[name])
    print(f"Setting up the environment '{name}' (once) ...", file=sys.stderr, flush=True)
    if not python.exists():
        _run(
            [_base_python(PYTHONS.get(name, PYTHON)), "-m", "venv", str(folder)],
            "the environment could not be made",
        )
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([*install, "-r", str(pins)], "packages could not be installed; is there a network connection?")
    if name in ("main", "human"):
        _run(
            [*install, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)],
            "niki could not be installed",
        )
        _run([str(python), "-m", "niki", "setup"], "the BlazePose networks could not be set up")
    stamp.write_text(wanted)
    return python


def _with_included(pins: Path) -> list[Path]:
    included = [line[3:].strip() for line in pins.read_text().splitlines() if line.startswith("-r ")]
    return [pins, *(path for name in included for path in _with_included(pins.parent / name))]


def _base_python(version: tuple[int, int]) -> str:
    """A Python of this very version that can make environments, wherever it is installed."""
    if sys.version_info[:2] == version:
        return sys.executable
    for command in _candidates("{}.{}".format(*version)):
        found = _answer(
            [*command, "-c", "import ensurepip, sys, venv; print(sys.version.split()[0], sys.executable)"]
        )
        number, _, program = found.partition(" ")
        if program and tuple(map(int, number.split(".")[:2])) == version:
            return program
    wanted, here = "{}.{}".format(*version), "{}.{}".format(*sys.version_info[:2])
    sys.exit(
        f"Python {wanted} is needed (Blender's module is built for it); this is {here}, and no working {wanted} "
        f"was found. Install it (from python.org, with the system's packages python{wanted} and "
        f"python{wanted}-venv, 'pyenv install {wanted}' or 'uv python install {wanted}') and run this again."
    )


def _candidates(version: str):
    """Commands that may start this Python. Not all of them do: pyenv's shims fail for versions it has not chosen."""
    for folder in os.get_exec_path():
        for name in (f"python{version}", "python3", "python"):
            program = shutil.which(name, path=folder)
            if program:
                yield [program]
    if os.name == "nt":
        yield ["py", f"-{version}"]
    for installed in _answer(["pyenv", "versions", "--bare"]).split():
        if installed == version or installed.startswith(f"{version}."):
            prefix = Path(_answer(["pyenv", "prefix", installed]))
            yield [str(prefix / ("python.exe" if os.name == "nt" else "bin/python"))]
    program = _answer(["uv", "python", "find", "--no-python-downloads", version])
    if program:
        yield [program]


def _answer(command: list[str]) -> str:
    """What a command prints; nothing where it fails or does not exist."""
    program = shutil.which(command[0])
    if program is None:
        return ""
    try:
        result = subprocess.run([program, *command[1:]], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return "" if result.returncode else result.stdout.strip()


def _check_disk(needed: float) -> None:
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < needed:
        sys.exit(f"The disk is nearly full: {needed:.1f} GB are needed under {ROOT}, {free:.1f} GB are free.")


def _run(command: list, failure: str) -> None:
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode:
        sys.exit(f"{result.stdout.strip()[-2000:]}\n\nSet-up stopped: {failure}")
