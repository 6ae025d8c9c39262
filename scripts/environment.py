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
PYTHON = (3, 11)  # the bpy wheels are built for this version alone
GIGABYTES = {"main": 3.0, "human": 6.0, "bpy-4.2": 2.5, "bpy-5.0": 2.5}


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
        _run([_base_python(), "-m", "venv", str(folder)], "the environment could not be made")
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


def _base_python() -> str:
    if sys.version_info[:2] == PYTHON:
        return sys.executable
    found = shutil.which("python{}.{}".format(*PYTHON))
    if not found:
        sys.exit(
            "Python {}.{} is needed (Blender's module is built for it); this is {}.{}. "
            "Install it and run this again.".format(*PYTHON, *sys.version_info[:2])
        )
    return found


def _check_disk(needed: float) -> None:
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < needed:
        sys.exit(f"The disk is nearly full: {needed:.1f} GB are needed under {ROOT}, {free:.1f} GB are free.")


def _run(command: list, failure: str) -> None:
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode:
        sys.exit(f"{result.stdout.strip()[-2000:]}\n\nSet-up stopped: {failure}")
