"""One capture and its folder, which outlives Blender. Files are checked field by field when they are read back:
they may be damaged, or from another version or program. No bpy."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from ...niki.errors import NikiError
from ...niki.files import writing
from ...niki.locks import Lock
from ...niki.task import Task

JOB, PROGRESS, READINGS, MOTION, LOCK = "job.json", "progress.json", "readings", "motion.npz", "lock"
WAITING, RUNNING, DONE, FAILED, CANCELLED = "WAITING", "RUNNING", "DONE", "FAILED", "CANCELLED"
UNREADABLE = "UNREADABLE"
_LARGEST = 1 << 20  # bytes of a file to read
_LARGEST_NUMBER = 1e9  # NaN is not below it either
_LONGEST_TITLE = 200


@dataclass(eq=False)
class Job:
    """One capture.

    Attributes:
        folder: holds its request, readings and, once done, its motion.
        request: parameters of the worker's ``capture``, without the files in the folder.
        title: name for the user.
        scene: where the motion goes, for the importer.
        file: path of the .blend file that it belongs to; "" if that was not saved.
        project: name of the project in this session; "" if it was queued in an earlier session.
        state, stage: progress.
        frames, total, fps: frames read, frames to read, frames read per second.
        message, hint: why it failed and what to do.
        result: the worker's answer, once done.
        selection: what was selected when it was queued, for the importer; not saved.
        has_readings: whether there are frames to continue from or to make a motion of, as of :meth:`look`.
        has_motion: whether there is a motion to import, as of :meth:`look`.
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
        """Whether it has ended: done, failed or cancelled."""
        return self.state not in (WAITING, RUNNING)

    @property
    def share(self) -> float:
        """Share of frames read, in [0, 1]; 0 if the number of frames is unknown."""
        return min(self.frames / self.total, 1.0) if self.total else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Estimate at the current speed; None while it is unknown."""
        if not self.total or self.fps <= 0 or self.stage != "reading":
            return None
        return max(self.total - self.frames, 0) / self.fps

    @property
    def when(self) -> str:
        """Date and time when it was queued, from the name of its folder; "" if the name has none."""
        with contextlib.suppress(ValueError):
            queued = time.strptime(self.folder.name[:15], "%Y%m%d-%H%M%S")
            return time.strftime("%Y-%m-%d %H:%M", queued)
        return ""

    def belongs_to(self, project: str, file: str) -> bool:
        """Whether it belongs to the project with this name in this session, or to this .blend file."""
        return (bool(project) and self.project == project) or same_path(self.file, file)

    def look(self) -> None:
        """Update ``has_readings`` and ``has_motion`` from its folder."""
        self.has_motion = (self.folder / MOTION).is_file()
        self.has_readings = not self.has_motion and _holds_more_than_a_line(self.folder / READINGS)

    def save(self) -> None:
        """Write what another session needs to continue or import it.

        Raises:
            NikiError: it cannot be written.
        """
        record = {"request": self.request, "title": self.title, "scene": self.scene, "file": self.file}
        with writing(self.folder / JOB) as temporary:
            temporary.write_text(json.dumps(record), encoding="utf-8")

    def save_progress(self) -> None:
        """Write progress and result. Failing is harmless: they are only shown to the user."""
        record = {"frames": self.frames, "total": self.total, "result": self.result}
        temporary = self.folder / (PROGRESS + ".part")
        with contextlib.suppress(OSError, ValueError):
            temporary.write_text(json.dumps(record), encoding="utf-8")
            os.replace(temporary, self.folder / PROGRESS)

    def discard(self) -> None:
        """Delete its folder and release its lock. Files that cannot be deleted now are no longer listed."""
        with contextlib.suppress(OSError):
            (self.folder / JOB).unlink(missing_ok=True)
        self.lock.release()
        shutil.rmtree(self.folder, ignore_errors=True)


def read_job(folder: Path) -> Job | None:
    """Load the capture of a folder as done or cancelled; as UNREADABLE if its record is damaged.

    Returns:
        None if the folder has no record.
    """
    if not os.path.lexists(folder / JOB):
        return None
    record = _read(folder / JOB, _JOB)
    if record is None or not record.get("request", {}).get("footage"):
        return Job(
            folder, {}, folder.name, state=UNREADABLE, message="The record of this capture cannot be read"
        )
    title = record.get("title", "")[:_LONGEST_TITLE] or folder.name
    job = Job(
        folder, record["request"], title, record.get("scene", {}), record.get("file", ""), state=CANCELLED
    )
    progress = _read(folder / PROGRESS, _PROGRESS) or {}
    job.frames, job.total = progress.get("frames", 0), progress.get("total")
    job.result = progress.get("result", {})
    job.look()
    if job.has_motion:
        job.state = DONE
    return job


def same_path(a: str, b: str) -> bool:
    """Whether two paths are spelled the same on this system; does not look at the disk. False for ""."""
    return bool(a and b) and os.path.normcase(os.path.abspath(a)) == os.path.normcase(os.path.abspath(b))


def checked_result(answer: Any) -> dict:
    """The known fields of a worker's answer: frames, seen, tilt, warnings. Empty if one has a wrong type."""
    return _checked(answer, _RESULT) or {}


def _read(file: Path, fields: dict[str, Callable[[Any], Any]]) -> dict | None:
    """The known fields of a small JSON file; None if it is not one."""
    try:
        status = os.stat(file)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST:
            return None
        return _checked(json.loads(file.read_bytes()), fields)
    except (OSError, ValueError, RecursionError):
        return None


def _holds_more_than_a_line(file: Path) -> bool:
    """Whether frames follow the header line."""
    if not file.is_file():
        return False
    try:
        with open(file, "rb") as stream:
            return stream.readline(_LARGEST) != b"" and stream.read(1) != b""
    except OSError:
        return False


class _UnfitError(Exception):
    """A value of the wrong type."""


def _checked(value: Any, fields: dict[str, Callable[[Any], Any]]) -> dict | None:
    """The known fields of a dictionary; None if it is not one, or a field has a wrong type."""
    try:
        return _dictionary(fields)(value)
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


def _request(value) -> dict:
    """What a :class:`Task` knows of a dictionary, without the journal: that is in the job's folder."""
    known = {field.name for field in fields(Task)} - {"journal"}
    request = {name: part for name, part in _of(dict)(value).items() if name in known and part is not None}
    try:
        Task.from_dict(request)
    except NikiError:
        raise _UnfitError from None
    return request


def _count(value):
    if _of(int)(value) < 0:
        raise _UnfitError
    return value


_TEXT, _NUMBER = _of(str), _of(int, float)
_RESULT = {
    "frames": _count, "seen": _NUMBER, "warnings": _list_of(_TEXT),
    "tilt": _NUMBER, "roll": _NUMBER, "tilt_error": _NUMBER,
}  # fmt: skip
_JOB = {"request": _request, "title": _TEXT, "scene": _of(dict), "file": _TEXT}
_PROGRESS = {"frames": _count, "total": _count, "result": _dictionary(_RESULT)}
