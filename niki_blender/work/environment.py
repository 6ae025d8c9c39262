"""A separate Python environment for the worker, for a graphics card; created with the user's consent. No bpy."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ...niki.errors import NikiError
from . import words
from .runtime import Question, Runtime, clean_environment, describe_runtime

DEVICES = ("cuda", "directml", "cpu")
"""Hardware that an environment can be for; scripts/pin_environment writes the pins of each to ``environments``."""

PYTHONS = ((3, 11), (3, 13))
"""Python versions with pinned packages."""


def requirements_of(device: str) -> Path:
    """The requirements file for a device: all packages, pinned with hashes."""
    return Path(__file__).resolve().parent / "environments" / f"{device}.txt"


def python_of(folder: Path) -> Path:
    """The Python executable of the environment in ``folder``."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


@dataclass
class Step:
    """One step: title for the user, command, and number of packages that it installs."""

    title: str
    command: list[str]
    packages: int = 0


def steps_of(folder: Path, base_python: str, requirements: Path, wheels: str = "") -> list[Step]:
    """The steps that create an environment, from the package index or, if ``wheels`` is given, offline from that
    folder. Installs only what ``requirements`` pins by hash."""
    pip = [str(python_of(folder)), "-I", "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    pip += ["--progress-bar", "off", "--only-binary=:all:", "--require-hashes", "-r", str(requirements)]
    source = ["--no-index", "--find-links", wheels] if wheels else []
    count = sum("==" in line for line in requirements.read_text(encoding="utf-8").splitlines())
    return [
        Step("Creating the environment", [base_python, "-I", "-m", "venv", "--clear", str(folder)]),
        Step("Installing packages", [*pip, *source], count),
    ]


class Setup:
    """Creates an environment step by step in background processes. Creating it again repairs it.

    Args:
        folder: of the environment; its contents are replaced.
        steps: from :func:`steps_of`.
        log: file for the output of the commands; overwritten.

    Attributes:
        title: the current step.
        share: progress of the whole, in [0, 1].
        problem: why it stopped; "" while nothing is wrong.
        answer: a worker's answer to ``describe`` in the new environment, once done.
    """

    def __init__(self, folder: Path, steps: list[Step], log: Path):
        self._folder, self._steps, self._log = folder, steps, log
        self._at, self._process, self._question = -1, None, None
        self._packages = 0
        self.title, self.problem, self.answer = "", "", None
        log.write_bytes(b"")
        folder.parent.mkdir(parents=True, exist_ok=True)
        self._next()

    @property
    def share(self) -> float:
        step = self._steps[min(self._at, len(self._steps) - 1)]
        done = self._at + (0.9 * min(self._packages / step.packages, 1.0) if step.packages else 0.0)
        return min(1.0, done / (len(self._steps) + 1))

    @property
    def over(self) -> bool:
        """Whether it has ended, with or without success."""
        return bool(self.problem) or self.answer is not None

    def poll(self) -> None:
        """Update the progress; start the next step when one has ended."""
        if self.over:
            return
        if self._question is not None:
            self.answer = self._question.poll()
            if self.answer is not None and (self.answer.get("problem") or self.answer.get("missing")):
                self._stop(describe_runtime(self.answer))
        elif self._process is not None and (code := self._process.poll()) is not None:
            if code:
                self._stop(f"{self._steps[self._at].title} failed: {self._last_line()}")
            else:
                self._next()
        elif packages := self._steps[self._at].packages:
            self._packages = min(self._output().count("Collecting "), packages)
            self.title = f"{self._steps[self._at].title}, {self._packages} of {packages}"

    def give_up(self, problem: str) -> None:
        """Stop, with a reason for the user."""
        self.cancel()
        self.problem = problem

    def cancel(self) -> None:
        """Stop. Creating the environment again repairs what is left."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        if self._question is not None:
            self._question.end(wait=True)
        self._stop("cancelled")

    def _next(self):
        self._at, self._packages = self._at + 1, 0
        if self._at == len(self._steps):
            self.title = "Checking"
            self._question = Question(Runtime(str(python_of(self._folder))), self._log, "describe")
            return
        step = self._steps[self._at]
        self.title = step.title
        hidden = {"creationflags": subprocess.CREATE_NO_WINDOW} if os.name == "nt" else {}
        try:
            with open(self._log, "ab") as log:
                self._process = subprocess.Popen(
                    step.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=clean_environment(),
                    cwd=str(self._log.parent), **hidden,
                )  # fmt: skip
        except OSError as problem:
            self._stop(f"{step.title} failed: {words.describe_error(problem)}")

    def _stop(self, problem: str):
        self.answer, self.problem = None, self.problem or problem

    def _last_line(self) -> str:
        lines = self._output().strip().splitlines()
        errors = [line for line in lines if "error" in line.lower()]
        return (errors or lines or ["no message"])[-1].strip()[:200]

    def _output(self) -> str:
        with contextlib.suppress(OSError):
            return self._log.read_text(encoding="utf-8", errors="replace")
        return ""


def remove(folder: Path) -> None:
    """Delete an environment.

    Raises:
        NikiError: it could not be removed completely.
    """
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        pass
    except OSError as problem:
        raise NikiError(
            f"The environment could not be removed completely: {words.describe_error(problem)}",
            "close other Blenders that use it, then remove it again",
        ) from problem
