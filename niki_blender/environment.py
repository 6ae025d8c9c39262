"""An environment of its own for the worker, made with the user's consent: for a graphics card. No bpy."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .runtime import Question, Runtime, described

PACKAGES = ("numpy", "scipy", "av", "opencv-python-headless", "platformdirs")
"""What capture needs beside ONNX Runtime."""

ONNX_RUNTIMES = {
    "cuda": "onnxruntime-gpu[cuda,cudnn]",
    "directml": "onnxruntime-directml",
    "cpu": "onnxruntime",
}
"""The package for each device."""


def python_of(folder: Path) -> Path:
    """The Python program of the environment in ``folder``."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


@dataclass
class Step:
    """A part of the work: what to tell the user, and the command that does it."""

    title: str
    command: list[str]


def steps_of(folder: Path, base_python: str, packages: list[str], wheels: str = "") -> list[Step]:
    """How an environment is made: from the package index, or offline from a folder of wheels."""
    pip = [str(python_of(folder)), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    source = ["--no-index", "--find-links", wheels] if wheels else []
    made = [Step("Making the environment", [base_python, "-I", "-m", "venv", "--clear", str(folder)])]
    return made + [
        Step(f"Installing {package.split('[')[0]}", [*pip, *source, package]) for package in packages
    ]


class Setup:
    """Makes an environment, one process after another, while Blender goes on. Making it again repairs
    it.

    Args:
        folder: of the environment; what is in it is replaced. steps: from :func:`steps_of`.
        log: what the commands print goes here, anew.

    Attributes:
        title, share: what is being done, and how far all is, in [0, 1]. problem: why it stopped;
        "" while nothing is wrong. answer: what the worker in it says of itself, once all is done.
    """

    def __init__(self, folder: Path, steps: list[Step], log: Path):
        self._folder, self._steps, self._log = folder, steps, log
        self._at, self._process, self._question = -1, None, None
        self.title, self.problem, self.answer = "", "", None
        log.write_bytes(b"")
        folder.parent.mkdir(parents=True, exist_ok=True)
        self._next()

    @property
    def share(self) -> float:
        return min(1.0, self._at / (len(self._steps) + 1))

    @property
    def over(self) -> bool:
        """Whether it has ended, well or not."""
        return bool(self.problem) or self.answer is not None

    def poll(self) -> None:
        """See how far it is; the next step begins here."""
        if self.over:
            return
        if self._question is not None:
            self.answer = self._question.poll()
            if self.answer is not None and (self.answer.get("problem") or self.answer.get("missing")):
                self._stop(described(self.answer))
        elif (code := self._process.poll()) is not None:
            if code:
                self._stop(f"{self.title} failed: {self._last_line()}")
            else:
                self._next()

    def cancel(self) -> None:
        """Stop; what is half made is repaired by making it again."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        if self._question is not None:
            self._question.end(wait=True)
        self._stop("cancelled")

    def _next(self):
        self._at += 1
        if self._at == len(self._steps):
            self.title = "Checking"
            self._question = Question(Runtime(str(python_of(self._folder))), self._log, "describe")
            return
        step = self._steps[self._at]
        self.title = step.title
        environment = {n: v for n, v in os.environ.items() if n not in ("PYTHONHOME", "PYTHONPATH")}
        hidden = {"creationflags": subprocess.CREATE_NO_WINDOW} if os.name == "nt" else {}
        try:
            with open(self._log, "ab") as log:
                self._process = subprocess.Popen(
                    step.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, **hidden
                )
        except OSError as problem:
            self._stop(f"{step.title} failed: {problem.strerror or problem}")

    def _stop(self, problem: str):
        self.answer, self.problem = None, self.problem or problem

    def _last_line(self) -> str:
        with contextlib.suppress(OSError):
            lines = self._log.read_text(errors="replace").strip().splitlines()
            errors = [line for line in lines if "error" in line.lower()]
            return (errors or lines or ["no message"])[-1].strip()[:200]
        return "no message"


def remove(folder: Path) -> None:
    """Delete an environment."""
    shutil.rmtree(folder, ignore_errors=True)
