"""One capture and its folder, which outlives Blender. What is read back from it is checked field by field:
it may be of another version, damaged, or not ours. No bpy."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...niki.files import writing
from ...niki.locks import Lock

JOB, PROGRESS, READINGS, MOTION, LOCK = "job.json", "progress.json", "readings", "motion.npz", "lock"
WAITING, RUNNING, DONE, FAILED, CANCELLED = "WAITING", "RUNNING", "DONE", "FAILED", "CANCELLED"
UNREADABLE = "UNREADABLE"
_LARGEST = 1 << 20  # bytes in a file of ours
_LARGEST_NUMBER = 1e9  # NaN is not below it either
_LONGEST_TITLE = 200


@dataclass(eq=False)
class Job:
    """One capture.

    Attributes:
        folder: holds its request, readings and, once done, its motion.
        request: parameters of the worker's ``capture``, but for the files in the folder.
        title: what to call it. scene: what to do with the motion, for who imports it.
        file, project: path of the .blend file that it belongs to, "" for one that was not saved; and the
            project's name in this session, "" for one of an earlier session.
        state, stage: how far it is. frames, total, fps: read, to read, and how fast. message, hint: why it failed.
        result: the worker's answer, once done.
        selection: what was selected when it was queued, for who imports it; not stored.
        has_readings: whether frames were read that a motion can be made of, or that it can go on from.
        has_motion: whether there is a motion to import. Both as of :meth:`look`.
    """

    folder: Path
    request: dict
    title: str
    scene: dict = field(default_factory=dict)
    file: str = ""
    project: str = ""
    state: str = WAITING
    stage: str = ""
    frames: int = 0
    total: int | None = None
    fps: float = 0.0
    message: str = ""
    hint: str = ""
    result: dict = field(default_factory=dict)
    selection: Any = None
    has_readings: bool = False
    has_motion: bool = False

    def __post_init__(self):
        self.lock = Lock(self.folder / LOCK)

    @property
    def over(self) -> bool:
        """Whether nothing will happen to it any more."""
        return self.state not in (WAITING, RUNNING)

    @property
    def share(self) -> float:
        """How much of the frames is read, in [0, 1]; 0 where the footage does not say how many there are."""
        return min(self.frames / self.total, 1.0) if self.total else 0.0

    @property
    def seconds_left(self) -> float | None:
        """At the present speed; None while that is unknown."""
        if not self.total or self.fps <= 0 or self.stage != "reading":
            return None
        return max(self.total - self.frames, 0) / self.fps

    @property
    def when(self) -> str:
        """The day and time at which it was queued, as its folder's name tells; "" where it does not."""
        with contextlib.suppress(ValueError):
            then = time.strptime(self.folder.name[:15], "%Y%m%d-%H%M%S")
            return time.strftime("%Y-%m-%d %H:%M", then)
        return ""

    def belongs_to(self, project: str, file: str) -> bool:
        """Whether it is of the project that has this name in this session, or of this .blend file."""
        return (bool(project) and self.project == project) or same_path(self.file, file)

    def look(self) -> None:
        """See what there is in its folder."""
        self.has_motion = (self.folder / MOTION).is_file()
        self.has_readings = not self.has_motion and _holds_more_than_a_line(self.folder / READINGS)

    def save(self) -> None:
        """Write what is needed to take it up in another session.

        Raises:
            NikiError: it cannot be written.
        """
        about = {"request": self.request, "title": self.title, "scene": self.scene, "file": self.file}
        with writing(self.folder / JOB) as temporary:
            temporary.write_text(json.dumps(about), encoding="utf-8")

    def save_progress(self) -> None:
        """Note how much is read and what came of it; nothing depends on it, so that it may fail."""
        about = {"frames": self.frames, "total": self.total, "result": self.result}
        temporary = self.folder / (PROGRESS + ".part")
        with contextlib.suppress(OSError, ValueError):
            temporary.write_text(json.dumps(about), encoding="utf-8")
            os.replace(temporary, self.folder / PROGRESS)

    def discard(self) -> None:
        """Remove its folder, and let go of it. What cannot be removed now is not listed any more."""
        with contextlib.suppress(OSError):
            (self.folder / JOB).unlink(missing_ok=True)
        self.lock.release()
        shutil.rmtree(self.folder, ignore_errors=True)


def read_job(folder: Path) -> Job | None:
    """The capture in a folder, over and to be taken up; one that is UNREADABLE where its record is not
    understood; None where there is no record."""
    if not os.path.lexists(folder / JOB):
        return None
    about = _read(folder / JOB, _JOB)
    if about is None or not about.get("request", {}).get("footage"):
        return Job(folder, {}, folder.name, state=UNREADABLE, message="Its record cannot be read")
    title = about.get("title", "")[:_LONGEST_TITLE] or folder.name
    job = Job(folder, about["request"], title, about.get("scene", {}), about.get("file", ""), state=CANCELLED)
    progress = _read(folder / PROGRESS, _PROGRESS) or {}
    job.frames, job.total = progress.get("frames", 0), progress.get("total")
    job.result = progress.get("result", {})
    job.look()
    if job.has_motion:
        job.state = DONE
    return job


def same_path(a: str, b: str) -> bool:
    """Whether two paths are the same text for this system; no file is touched. False for ""."""
    return bool(a and b) and os.path.normcase(os.path.abspath(a)) == os.path.normcase(os.path.abspath(b))


def checked_result(told: Any) -> dict:
    """Of a worker's answer, what is of use and of its type: frames, seen, warnings."""
    return _checked(told, _RESULT) or {}


def _read(file: Path, fields: dict[str, Callable[[Any], Any]]) -> dict | None:
    """A small JSON file's fields, those that are known; None where it is not such a file."""
    try:
        about = os.stat(file)
        if not stat.S_ISREG(about.st_mode) or about.st_size > _LARGEST:
            return None
        return _checked(json.loads(file.read_bytes()), fields)
    except (OSError, ValueError, RecursionError):
        return None


def _holds_more_than_a_line(file: Path) -> bool:
    """Whether frames follow the line that says what they are of."""
    if not file.is_file():
        return False
    try:
        with open(file, "rb") as stream:
            return stream.readline(_LARGEST) != b"" and stream.read(1) != b""
    except OSError:
        return False


class _UnfitError(Exception):
    """A value that is not of its type."""


def _checked(told: Any, fields: dict[str, Callable[[Any], Any]]) -> dict | None:
    """The known fields of what should be a dictionary; None where one is not of its type."""
    try:
        return _dictionary(fields)(told)
    except _UnfitError:
        return None


def _dictionary(fields: dict[str, Callable[[Any], Any]]) -> Callable[[Any], dict]:
    def check(value):
        if not isinstance(value, dict):
            raise _UnfitError
        return {name: fit(value[name]) for name, fit in fields.items() if value.get(name) is not None}

    return check


def _of(*types: type) -> Callable[[Any], Any]:
    def check(value):
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            raise _UnfitError
        if isinstance(value, (int, float)) and not abs(value) <= _LARGEST_NUMBER:
            raise _UnfitError
        return value

    return check


def _list_of(fit: Callable[[Any], Any]) -> Callable[[Any], list]:
    def check(value):
        return [fit(item) for item in _of(list)(value)]

    return check


def _count(value):
    if _of(int)(value) < 0:
        raise _UnfitError
    return value


_TEXT, _NUMBER, _WHOLE = _of(str), _of(int, float), _of(int)
_REQUEST = {
    "footage": _TEXT, "start": _WHOLE, "end": _WHOLE, "fps": _NUMBER, "focal": _NUMBER, "subject": _list_of(_NUMBER),
    "estimator": _TEXT, "quality": _TEXT, "solver": _TEXT, "device": _TEXT, "finish": _of(bool),
}  # fmt: skip
_RESULT = {"frames": _count, "seen": _NUMBER, "warnings": _list_of(_TEXT)}
_JOB = {"request": _dictionary(_REQUEST), "title": _TEXT, "scene": _of(dict), "file": _TEXT}
_PROGRESS = {"frames": _count, "total": _count, "result": _dictionary(_RESULT)}
