"""Which Python runs the worker: Blender's own with the wheels in the extension, or an environment of the
user's, made here or elsewhere. No bpy."""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from ...niki.service import wire
from . import words
from .process import WorkerProcess

ROOT = Path(__file__).resolve().parents[2]
"""The extension: holds ``niki``, and ``models`` where it was built with them."""

_NOT_PASSED_ON = ("PYTHON", "VIRTUAL_ENV", "LD_PRELOAD")  # beginnings of names
_PACKAGES = {"onnxruntime": "ONNX Runtime", "cv2": "OpenCV", "av": "PyAV", "scipy": "SciPy"}
_PATIENCE = 60.0  # seconds


@dataclass
class Runtime:
    """A Python that the worker can run in.

    Attributes:
        python: its program. paths: folders that it finds modules in, beside its own.
    """

    python: str
    paths: list[str] = field(default_factory=list)

    def start(self, log: Path) -> WorkerProcess:
        """A worker that logs to ``log``; OSError where it cannot be started."""
        return WorkerProcess([self.python, "-m", "niki.service.worker"], self.environment(), log)

    def environment(self) -> dict[str, str]:
        """The worker's environment variables. It finds modules in ``paths`` and in its own folders only,
        never in the folder that it works in."""
        kept = clean_environment()
        kept |= {
            "PYTHONPATH": os.pathsep.join([str(ROOT), *self.paths]),
            "PYTHONSAFEPATH": "1",
            "PYTHONUNBUFFERED": "1",
            "PYTHONIOENCODING": "utf-8",
            "PYTHONNOUSERSITE": "1",
        }
        if (ROOT / "models").is_dir():
            kept["NIKI_MODELS"] = str(ROOT / "models")
        return kept


def clean_environment() -> dict[str, str]:
    """This process's environment variables without those that lead another Python astray."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_NOT_PASSED_ON)}


def own_runtime() -> Runtime:
    """Blender's Python, with the folders that hold the extension's wheels."""
    folders = [_folder_of(package) for package in _PACKAGES]
    return Runtime(_blenders_python(), list(dict.fromkeys(f for f in folders if f)))


@cache
def missing_packages() -> list[str]:
    """What capture needs and Blender's Python does not find, by the names people know."""
    return [title for package, title in _PACKAGES.items() if _folder_of(package) is None]


def _folder_of(package: str) -> str | None:
    """Where ``package`` would be imported from, without importing it."""
    spec = importlib.util.find_spec(package)
    return None if spec is None or spec.origin is None else str(Path(spec.origin).parent.parent)


def _blenders_python() -> str:
    if "python" in Path(sys.executable or "").name.lower():
        return sys.executable
    name = "python.exe" if os.name == "nt" else f"python{sys.version_info.major}.{sys.version_info.minor}"
    return str(Path(sys.prefix, "bin", name))


class Question:
    """A question to a worker of its own, without waiting for the answer.

    Args:
        runtime: whom to ask. log: where what it prints goes. method, params: as :mod:`niki.service.worker`
            takes them.
    """

    def __init__(self, runtime: Runtime, log: Path, method: str, **params):
        self._until = time.monotonic() + _PATIENCE
        self._worker: WorkerProcess | None = None
        self._answer: dict | None = None
        try:
            self._worker = runtime.start(log)
            self._worker.say(wire.request(1, method, **params))
        except OSError as problem:
            self._refuse(
                f"{runtime.python} cannot be started: {problem.strerror or words.describe_error(problem)}"
            )

    def poll(self) -> dict | None:
        """The worker's answer, ``{"problem": ...}`` where there is none for the reason given; None as
        long as it thinks."""
        if self._answer is None:
            for kind, message in self._worker.heard(0.002):
                if kind == "result" and isinstance(message["result"], dict):
                    self._answer = message["result"]
                elif kind == "error":
                    self._refuse(message["error"]["message"])
            if self._answer is None and not self._worker.alive:
                self._refuse(self._worker.why_it_ended())
            if self._answer is None and time.monotonic() > self._until:
                self._refuse(f"no answer within {_PATIENCE:.0f} seconds")
        if self._answer is not None:
            self.end()
        return self._answer

    def end(self, wait: bool = False) -> None:
        """Stop asking."""
        if self._worker is not None:
            self._worker.end(wait)

    def _refuse(self, problem: str):
        self._answer = {"problem": problem}


def describe_runtime(answer: dict) -> str:
    """What a worker says of itself (``describe``), in a line for the user."""
    problem = answer.get("problem") or answer.get("missing")
    if problem:
        return str(problem)
    devices = ", ".join(str(device.get("label")) for device in answer.get("devices", []))
    return f"ready: {devices} (Python {answer.get('python')})"
