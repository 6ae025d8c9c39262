"""An environment of its own for the worker, made with the user's consent: for a graphics card. No bpy."""

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
"""What an environment can be for; ``environments`` holds the pins of each, by scripts/pin_environment."""

PYTHONS = ((3, 11), (3, 13))
"""The Pythons that there are pinned packages for."""


def requirements_of(device: str) -> Path:
    """The file that pins all that is installed for a device, with hashes."""
    return Path(__file__).resolve().parent / "environments" / f"{device}.txt"


def python_of(folder: Path) -> Path:
    """The Python program of the environment in ``folder``."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


@dataclass
class Step:
    """A part of the work: what to tell the user, the command that does it, how many packages it gets."""

    title: str
    command: list[str]
    packages: int = 0


def steps_of(folder: Path, base_python: str, requirements: Path, wheels: str = "") -> list[Step]:
    """How an environment is made: from the package index, or offline from a folder of wheels. Only what
    ``requirements`` pins by hash is installed, all of it at once."""
    pip = [str(python_of(folder)), "-I", "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    pip += ["--progress-bar", "off", "--only-binary=:all:", "--require-hashes", "-r", str(requirements)]
    source = ["--no-index", "--find-links", wheels] if wheels else []
    count = sum("==" in line for line in requirements.read_text(encoding="utf-8").splitlines())
    return [
        Step("Making the environment", [base_python, "-I", "-m", "venv", "--clear", str(folder)]),
        Step("Installing packages", [*pip, *source], count),
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
        self._got = 0
        self.title, self.problem, self.answer = "", "", None
        log.write_bytes(b"")
        folder.parent.mkdir(parents=True, exist_ok=True)
        self._next()

    @property
    def share(self) -> float:
        step = self._steps[min(self._at, len(self._steps) - 1)]
        done = self._at + (0.9 * min(self._got / step.packages, 1.0) if step.packages else 0.0)
        return min(1.0, done / (len(self._steps) + 1))

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
                self._stop(describe_runtime(self.answer))
        elif (code := self._process.poll()) is not None:
            if code:
                self._stop(f"{self._steps[self._at].title} failed: {self._last_line()}")
            else:
                self._next()
        elif packages := self._steps[self._at].packages:
            self._got = min(self._printed().count("Collecting "), packages)
            self.title = f"{self._steps[self._at].title}, {self._got} of {packages}"

    def give_up(self, problem: str) -> None:
        """Stop for a reason that the user is told."""
        self.cancel()
        self.problem = problem

    def cancel(self) -> None:
        """Stop; what is half made is repaired by making it again."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        if self._question is not None:
            self._question.end(wait=True)
        self._stop("cancelled")

    def _next(self):
        self._at, self._got = self._at + 1, 0
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
        lines = self._printed().strip().splitlines()
        errors = [line for line in lines if "error" in line.lower()]
        return (errors or lines or ["no message"])[-1].strip()[:200]

    def _printed(self) -> str:
        with contextlib.suppress(OSError):
            return self._log.read_text(encoding="utf-8", errors="replace")
        return ""


def remove(folder: Path) -> None:
    """Delete an environment.

    Raises:
        NikiError: not all of it could be removed.
    """
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        pass
    except OSError as problem:
        raise NikiError(
            f"The environment is not wholly removed: {words.describe_error(problem)}",
            "close other Blenders that use it, then remove it again",
        ) from problem
