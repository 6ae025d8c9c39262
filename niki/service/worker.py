"""The background process: captures footage for Blender, told what to do line by line (:mod:`niki.service.wire`).

Started as ``python -m niki.service.worker``. Requests on standard input, answers and notifications on
standard output, everything that libraries print on standard error. It ends when its input does, so
that nothing is left behind when Blender is gone. One capture at a time.

Methods: ``describe``, ``people``, ``capture``, ``solve``, ``cancel``, ``shutdown``. Notifications while a capture
runs: ``progress {id, stage, done, total, fps}``.
"""

from __future__ import annotations

import math
import os
import platform
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from .. import __version__
from ..checks import is_text, is_whole_number
from ..errors import NikiError, in_words
from ..task import Task
from . import wire
from .wire import WireError

_REPORT_EVERY = 0.1  # seconds
_FPS_OVER = 5.0  # seconds
_REQUIRED = object()


class CancelledError(Exception):
    """Raised within a capture that is not wanted any more."""


@dataclass
class _Capture:
    """A capture's request, and whether it is still wanted."""

    identity: int | str
    cancelled: threading.Event


class Worker:
    """Serves requests from ``requests`` until it ends, answering on ``answers``."""

    def __init__(self, requests: BinaryIO, answers: BinaryIO):
        self._requests, self._answers = requests, answers
        self._writing = threading.Lock()
        self._capture: _Capture | None = None
        self._thread: threading.Thread | None = None
        self._methods: dict[str, Callable[[int | str, dict], None]] = {
            "describe": self._describe, "people": self._people, "capture": self._start_capture,
            "solve": self._solve, "cancel": self._cancel, "shutdown": self._shut_down,
        }  # fmt: skip
        self._open = True

    def serve(self) -> None:
        """Answer until the input ends or ``shutdown`` is asked for."""
        while self._open:
            line = self._requests.readline(wire.LONGEST + 2)
            if not line:
                break
            while not line.endswith(b"\n") and len(line) > wire.LONGEST:  # pass over the rest of it
                rest = self._requests.readline(wire.LONGEST)
                if not rest or rest.endswith(b"\n"):
                    break
            if line.strip():
                self._handle(line)

    def _handle(self, line: bytes) -> None:
        try:
            kind, message = wire.parse(line)
        except WireError as problem:
            self._send(wire.error(wire.identity_of(line), problem))
            return
        if kind != "request":
            return
        identity = message["id"]
        try:
            method = self._methods.get(message["method"])
            if method is None:
                raise WireError(wire.METHOD_NOT_FOUND, f"there is no method '{message['method']}'")
            method(identity, message["params"])
        except Exception as problem:
            self._send(wire.error(identity, _as_wire_error(problem)))

    def _send(self, line: bytes) -> None:
        with self._writing:
            try:
                self._answers.write(line)
                self._answers.flush()
            except (OSError, ValueError):  # nobody listens: the input ends next
                pass

    def _describe(self, identity, params) -> None:
        _Params(params).end()
        self._send(wire.result(identity, describe()))

    def _people(self, identity, params) -> None:
        given = _Params(params)
        footage, frame, folder = given.text("footage"), given.integer("frame", 0), given.text("folder")
        given.end()
        self._send(wire.result(identity, {"people": _people(footage, frame, Path(folder))}))  # pyright: ignore[reportArgumentType]

    def _solve(self, identity, params) -> None:
        settings = dict(params)
        files = _Params(
            {name: settings.pop(name, None) for name in ("motion", "output", "solver", "contacts")}
        )
        motion, output = Path(files.text("motion")), Path(files.text("output"))
        contacts = files.text("contacts", None)
        answer = _solved(motion, output, files.text("solver", "auto"), contacts, settings)
        self._send(wire.result(identity, answer))

    def _start_capture(self, identity, params) -> None:
        if self._capture is not None:
            raise WireError(wire.BUSY, "a capture is under way", "wait for it, or cancel it")
        task, output = _task_of(params)
        self._capture = _Capture(identity, threading.Event())
        self._thread = threading.Thread(target=self._run, args=(self._capture, task, output), daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait until the capture under way, if there is one, is answered."""
        if self._thread is not None:
            self._thread.join()

    def _run(self, capture: _Capture, task: Task, output: Path) -> None:
        try:
            answer = wire.result(capture.identity, _captured(task, output, self._reporter(capture)))
        except BaseException as problem:
            answer = wire.error(capture.identity, _as_wire_error(problem))
        self._capture = None
        self._send(answer)

    def _reporter(self, capture: _Capture):
        """Says how far a capture is, now and then; ends it when it is cancelled."""
        started: list[tuple[float, int]] = []
        sent = [("", 0.0)]

        def report(stage: str, done: int, total: int | None) -> None:
            if capture.cancelled.is_set():
                raise CancelledError
            now = time.monotonic()
            if stage == sent[0][0] and now - sent[0][1] < _REPORT_EVERY and done != total:
                return
            if stage != sent[0][0]:
                started.clear()
            started.append((now, done))
            while started[-1][0] - started[0][0] > _FPS_OVER:
                started.pop(0)
            seconds = now - started[0][0]
            fps = (done - started[0][1]) / seconds if seconds > 0 else 0.0
            sent[0] = (stage, now)
            self._send(
                wire.notification(
                    "progress", id=capture.identity, stage=stage, done=done, total=total, fps=round(fps, 2)
                )
            )

        return report

    def _cancel(self, identity, params) -> None:
        _Params(params).end()
        capture = self._capture  # its thread may take it away
        if capture is not None:
            capture.cancelled.set()
        self._send(wire.result(identity, {"cancelling": capture is not None}))

    def _shut_down(self, identity, params) -> None:
        _Params(params).end()
        self._open = False
        self._send(wire.result(identity, {}))


class _Params:
    """Checks a request's parameters one by one; those with a default may be missing or null."""

    def __init__(self, params: dict):
        self._left = dict(params)

    def text(self, name: str, default=_REQUIRED) -> str:
        return self._take(name, default, is_text, "a text")

    def integer(self, name: str, default=_REQUIRED) -> int | None:
        return self._take(name, default, is_whole_number, "a whole number")

    def end(self) -> None:
        """There must be no others."""
        if self._left:
            raise WireError(wire.INVALID_PARAMS, f"there is no parameter '{next(iter(self._left))}'")

    def _take(self, name, default, fits, what) -> Any:
        value = self._left.pop(name, None)
        if value is None and default is not _REQUIRED:
            return default
        if not fits(value):
            raise WireError(wire.INVALID_PARAMS, f"'{name}' must be {what}")
        return value


def _task_of(params: dict) -> tuple[Task, Path]:
    """A capture's task and where its motion is to go, with the type of every value checked."""
    values = dict(params)
    output = values.pop("output", None)
    for name, value in (("output", output), ("journal", values.get("journal"))):
        if not is_text(value):
            raise WireError(wire.INVALID_PARAMS, f"'{name}' must be a text")
    try:
        return Task.from_dict(values), Path(str(output))
    except NikiError as problem:
        raise WireError(wire.INVALID_PARAMS, problem.message) from None


def _people(footage: str, frame: int, folder: Path) -> list[dict]:
    """Who is in a frame, each with a picture in ``folder``, and nowhere else."""
    from ..capturing.estimate.blazepose.people import people_at
    from ..capturing.footage.sequence import encode_image
    from ..capturing.footage.video import footage_files
    from ..files import check_output, writing

    files, told = footage_files(footage), []
    if not folder.is_dir():
        raise NikiError(f"There is no folder {folder}")
    for k, person in enumerate(people_at(footage, frame)):
        picture = folder / f"person{k}.png"
        if picture.is_symlink():
            raise NikiError(f"{picture} is a link to another file", "remove it, or give another folder")
        check_output(picture, (".png",), files)
        with writing(picture) as temporary:
            temporary.write_bytes(encode_image(person.picture, ".png"))
        told.append({"x": person.x, "y": person.y, "side": person.side, "picture": str(picture)})
    return told


def _captured(task: Task, output: Path, report) -> dict:
    """Do a capture; the answer to its request."""
    from ..capturing.footage.video import footage_files
    from ..capturing.pipeline import capture, reprojection_error
    from ..files import check_output, check_replaceable, is_motion, same_file
    from ..motion.camera_tilt import tilt_and_roll

    assert task.journal is not None
    journal, files = Path(task.journal), footage_files(task.footage)

    def check() -> None:
        check_output(output, (".npz",), files)
        check_replaceable(output, is_motion)

    check()
    check_output(journal, inputs=files)
    if os.path.realpath(journal) == os.path.realpath(output) or same_file(journal, output):
        raise NikiError(f"{journal} cannot be both the motion and its readings")
    report("loading", 0, None)
    captured = capture(task, report)
    check()  # it took long: look again
    captured.motion.save(output)
    tilt, roll = (float(angle) for angle in tilt_and_roll(captured.estimate.up))
    error = float(captured.estimate.up_error)
    return {
        "motion": str(output.resolve()), "frames": len(captured.motion),
        "seen": captured.share_seen, "reprojection": reprojection_error(captured.motion),
        "tilt": tilt, "roll": roll, "tilt_error": None if math.isnan(error) else error,
        "warnings": captured.warnings,
    }  # fmt: skip


def _solved(path: Path, output: Path, solver: str, contacts: str | None, settings: dict) -> dict:
    """Solve a motion again from its readings, with the contacts in a file, if one is given; the answer to the request."""
    from ..capturing.refining import solve_readings
    from ..files import check_output, check_replaceable, is_motion
    from ..motion.contacts import load_contacts
    from ..motion.motion import Motion
    from ..motion.refinement import Refinement

    try:
        refinement = Refinement.from_dict(settings)
    except NikiError as problem:
        raise WireError(wire.INVALID_PARAMS, problem.message) from None
    check_output(output, (".npz",), [path])
    check_replaceable(output, is_motion)
    told = None if contacts is None else load_contacts(contacts)
    motion = solve_readings(Motion.load(path), solver, refinement, contacts=told)
    motion.save(output)
    return {"motion": str(output.resolve()), "frames": len(motion)}


def describe() -> dict:
    """What this worker is and has: versions, choices, devices, and what is missing, if anything."""
    about = {
        "version": __version__, "python": platform.python_version(), "executable": sys.executable,
        "devices": [], "estimators": [], "qualities": [], "solvers": [], "missing": "",
    }  # fmt: skip
    try:
        from ..capturing.estimate.blazepose.models import check
        from ..capturing.estimate.devices import devices
        from ..capturing.estimators import ESTIMATORS, QUALITIES
        from ..capturing.solving import SOLVERS

        check()
        return about | {
            "devices": [{"name": d.name, "label": d.label} for d in devices()],
            "estimators": list(ESTIMATORS), "qualities": list(QUALITIES), "solvers": list(SOLVERS),
        }  # fmt: skip
    except ImportError as problem:
        return about | {"missing": f"{problem.name or problem} cannot be loaded: {problem}"}
    except NikiError as problem:
        return about | {"missing": str(problem)}


def _as_wire_error(problem: BaseException) -> WireError:
    if isinstance(problem, WireError):
        return problem
    if isinstance(problem, CancelledError):
        return WireError(wire.CANCELLED, "cancelled")
    if isinstance(problem, NikiError):
        return WireError(wire.FAILED, problem.message, problem.hint)
    if isinstance(problem, ImportError):
        return WireError(wire.FAILED, f"{problem.name or 'a package'} cannot be loaded: {problem}")
    traceback.print_exception(problem)
    if isinstance(problem, OSError):
        return WireError(wire.FAILED, in_words(problem))
    if isinstance(problem, MemoryError):
        return WireError(
            wire.FAILED, "There is not enough memory", "close other programs, or take fewer frames"
        )
    reason = f"{type(problem).__name__}: {problem}"
    return WireError(wire.INTERNAL_ERROR, f"the program failed: {reason}", "the log shows where")


def main() -> None:
    """Serve standard input and output, then leave at once, whatever a capture is at."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print must not come between the answers
    Worker(sys.stdin.buffer, answers).serve()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
