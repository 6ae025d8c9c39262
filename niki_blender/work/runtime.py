"""The Python that runs the worker: Blender's own with the wheels in the extension, or a separate environment. No bpy."""

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
"""The extension's folder: holds ``niki``, and ``models`` if it was built with them."""

_REMOVED_PREFIXES = ("PYTHON", "VIRTUAL_ENV", "LD_PRELOAD")
_PACKAGES = {"onnxruntime": "ONNX Runtime", "cv2": "OpenCV", "av": "PyAV", "scipy": "SciPy"}
_TIMEOUT = 60.0  # seconds


@dataclass
class Runtime:
    """A Python that the worker can run in.

    Attributes:
        python: path of its executable.
        paths: folders to find modules in, besides its own.
    """

    python: str
    paths: list[str] = field(default_factory=list)

    def start(self, log: Path) -> WorkerProcess:
        """Start a worker that logs to ``log``.

        Raises:
            OSError: it cannot be started.
        """
        return WorkerProcess([self.python, "-m", "niki.service.worker"], self.environment(), log)

    def environment(self) -> dict[str, str]:
        """The worker's environment variables. They let it import from ``paths`` and its own folders only, never from
        its working folder."""
        variables = clean_environment()
        variables |= {
            "PYTHONPATH": os.pathsep.join([str(ROOT), *self.paths]),
            "PYTHONSAFEPATH": "1",
            "PYTHONUNBUFFERED": "1",
            "PYTHONIOENCODING": "utf-8",
            "PYTHONNOUSERSITE": "1",
        }
        if (ROOT / "models").is_dir():
            variables["NIKI_MODELS"] = str(ROOT / "models")
        return variables


def clean_environment() -> dict[str, str]:
    """This process's environment variables, without those that would mislead another Python."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_REMOVED_PREFIXES)}


def own_runtime() -> Runtime:
    """Blender's Python, with the folders that hold the extension's wheels."""
    folders = [_folder_of(package) for package in _PACKAGES]
    return Runtime(_blenders_python(), list(dict.fromkeys(f for f in folders if f)))


@cache
def missing_packages() -> list[str]:
    """Packages that captures need and Blender's Python does not find, by their usual names."""
    return [title for package, title in _PACKAGES.items() if _folder_of(package) is None]


def _folder_of(package: str) -> str | None:
    """The folder that ``package`` would be imported from; does not import it."""
    spec = importlib.util.find_spec(package)
    return None if spec is None or spec.origin is None else str(Path(spec.origin).parent.parent)


def _blenders_python() -> str:
    if "python" in Path(sys.executable or "").name.lower():
        return sys.executable
    name = "python.exe" if os.name == "nt" else f"python{sys.version_info.major}.{sys.version_info.minor}"
    return str(Path(sys.prefix, "bin", name))


class Question:
    """One request to a worker started for it; :meth:`poll` for the answer.

    Args:
        runtime: the Python that runs the worker.
        log: file that its output is appended to.
        method, params: a request of :mod:`niki.service.worker`.
        timeout: seconds to wait for the answer.
    """

    def __init__(self, runtime: Runtime, log: Path, method: str, timeout: float = _TIMEOUT, **params):
        self._timeout, self._deadline = timeout, time.monotonic() + timeout
        self._worker: WorkerProcess | None = None
        self._answer: dict | None = None
        try:
            self._worker = runtime.start(log)
            self._worker.send(wire.request(1, method, **params))
        except OSError as problem:
            self._fail(
                f"{runtime.python} cannot be started: {problem.strerror or words.describe_error(problem)}"
            )

    def poll(self) -> dict | None:
        """The worker's answer, or ``{"problem": reason}`` if it failed; None while it is working."""
        if self._answer is None and self._worker is not None:
            for kind, message in self._worker.receive(0.002):
                if kind == "result" and isinstance(message["result"], dict):
                    self._answer = message["result"]
                elif kind == "error":
                    self._fail(message["error"]["message"])
            if self._answer is None and not self._worker.alive:
                self._fail(self._worker.describe_end())
            if self._answer is None and time.monotonic() > self._deadline:
                self._fail(f"No answer within {self._timeout:.0f} seconds")
        if self._answer is not None:
            self.end()
        return self._answer

    def end(self, wait: bool = False) -> None:
        """End the worker."""
        if self._worker is not None:
            self._worker.end(wait)

    def _fail(self, problem: str):
        self._answer = {"problem": problem}


def describe_runtime(answer: dict) -> str:
    """One line for the user about a worker's answer to ``describe``."""
    problem = answer.get("problem") or answer.get("missing")
    if problem:
        return str(problem)
    devices = ", ".join(str(device.get("label")) for device in answer.get("devices", []))
    return f"Ready: {devices} (Python {answer.get('python')})"
