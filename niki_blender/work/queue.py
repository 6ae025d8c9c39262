"""The queue of captures: waiting, running, ended; each in a folder of its own that outlives Blender.

Each Blender locks the captures in its list, so that no two work on the same one; the system releases the locks
when a Blender ends. A timer calls :meth:`Captures.tick`, which returns the captures that have ended. No bpy.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
import time
import traceback
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from ...niki.errors import NikiError
from ...niki.locks import is_locked
from ...niki.service import wire
from . import words
from .job import (
    CANCELLED,
    DONE,
    FAILED,
    JOB,
    LOCK,
    MOTION,
    READINGS,
    RUNNING,
    UNREADABLE,
    WAITING,
    Job,
    checked_result,
    read_job,
)
from .process import WorkerProcess

LOG = "worker.log"
_CANCEL_GRACE = 0.6  # seconds that a worker gets to cancel; it is killed then
_BUDGET = 0.004  # seconds of one tick for messages
_SAVE_EVERY = 5.0  # seconds between saves of the progress
_REPORT = "please report this with the log"
_FOLDER = re.compile(r"\d{8}-\d{6}-[0-9a-f]{6}")
_OLD = 3600.0  # seconds; an empty folder that has not changed for so long is abandoned


class Captures:
    """The queue of captures, and the worker that runs them, started when it is needed.

    Args:
        folder: parent of the folders of the jobs.
        choose: called when a worker is needed, in the thread that calls :meth:`tick`. Returns a function that
            starts a worker with the given log file, or raises OSError or NikiError; that one is called in
            another thread.
    """

    def __init__(self, folder: Path, choose: Callable[[], Callable[[Path], WorkerProcess]]):
        self.folder, self._choose = folder, choose
        self.jobs: list[Job] = []
        self._worker: WorkerProcess | None = None
        self._running: Job | None = None
        self._starting: Future | None = None
        self._identity = 0
        self._cancelled_at: float | None = None
        self._saved_at = 0.0
        self._unfinished: list[Job] = []

    @property
    def log(self) -> Path:
        """The worker's log file."""
        return self.folder / LOG

    @property
    def running(self) -> Job | None:
        """The running capture."""
        return self._running

    @property
    def busy(self) -> bool:
        """Whether a capture is queued or running."""
        return any(not job.over for job in self.jobs)

    def add(self, request: dict, title: str, scene: dict, **about) -> Job:
        """Queue a capture; ``about`` are further attributes of its :class:`Job`.

        Raises:
            NikiError: its folder cannot be written.
        """
        folder = self.folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:6]}"
        job = Job(folder, request, title, scene, **about)
        try:
            folder.mkdir(parents=True)
            if not job.lock.acquire():
                raise NikiError("another Blender is using its folder", "try again")
            job.save()
        except (OSError, NikiError) as problem:
            job.discard()
            raise NikiError(f"The capture cannot be saved: {words.describe_error(problem)}") from problem
        self.jobs.append(job)
        return job

    def resume(self, job: Job, finish: bool = False, **about) -> Job:
        """Queue a capture that was stopped again.

        Args:
            finish: make the motion of the frames read so far; else read the remaining ones.
            about: attributes of its :class:`Job` to change.

        Raises:
            NikiError: another Blender has it, or it is gone; nothing has changed then.
        """
        self._lock(job)
        request = {name: value for name, value in job.request.items() if name != "finish"}
        resumed = Job(
            job.folder, request | {"finish": True} if finish else request, job.title, job.scene, job.file,
            job.project, frames=job.frames, total=job.total, has_readings=job.has_readings,
        )  # fmt: skip
        resumed.lock = job.lock
        for name, value in about.items():
            setattr(resumed, name, value)
        self._replace(job, resumed)
        return resumed

    def list_finished(self, job: Job) -> Job:
        """Add a finished capture to this Blender's list, so that its motion can be imported.

        Raises:
            NikiError: another Blender has it, or it is gone.
        """
        if job not in self.jobs:
            self._lock(job)
            self._replace(job, job)
        return job

    def cancel(self, job: Job) -> None:
        """Stop a capture; the frames read so far are kept. A worker that does not respond is killed."""
        if job.state == WAITING:
            self._end(job, CANCELLED)
        elif job is self._running and self._cancelled_at is None:
            self._cancelled_at = time.monotonic()
            if self._worker is not None:
                self._worker.send(wire.request(0, "cancel"))

    def forget(self, job: Job) -> None:
        """Remove an ended capture from the list. Its folder is kept if it can be continued or imported."""
        if job in self.jobs:
            self.jobs.remove(job)
        job.look()
        if job.has_readings or job.has_motion:
            job.lock.release()
        else:
            job.discard()
        self.look()

    def discard(self, job: Job) -> None:
        """Delete an ended capture and the frames read so far.

        Raises:
            NikiError: another Blender has it.
        """
        if job not in self.jobs:
            self._lock(job, must_exist=False)
        else:
            self.jobs.remove(job)
        job.discard()
        self.look()

    def unfinished(self) -> list[Job]:
        """Captures that can be continued or imported and are in no running Blender's list, newest first; as of the
        last :meth:`look`."""
        mine = {job.folder for job in self.jobs}
        return [job for job in self._unfinished if job.folder not in mine]

    def look(self) -> None:
        """Find captures that other Blenders have left, and delete empty ones."""
        mine = {job.folder for job in self.jobs}
        self._unfinished = []
        for folder in self._folders():
            if folder in mine or is_locked(folder / LOCK):
                continue
            job = read_job(folder)
            if job is not None and (job.has_readings or job.has_motion or job.state == UNREADABLE):
                self._unfinished.append(job)
            elif _FOLDER.fullmatch(folder.name) and _is_old(folder):
                abandoned = job or Job(folder, {}, folder.name)
                with contextlib.suppress(OSError):
                    if abandoned.lock.acquire():
                        abandoned.discard()

    def _folders(self) -> list[Path]:
        try:
            with os.scandir(self.folder) as entries:
                names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        except OSError:
            return []
        return [self.folder / name for name in sorted(names, reverse=True)]

    def tick(self) -> list[Job]:
        """Receive the worker's messages and start the next capture. An exception fails the capture that caused it, and
        no other.

        Returns:
            captures that have ended since the last tick.
        """
        before = [job for job in self.jobs if not job.over]
        try:
            self._advance()
        except Exception as problem:
            self._fail(problem)
        return [job for job in before if job.over]

    def shut_down(self) -> None:
        """End the worker. Captures that have not ended can be continued later."""
        if self._starting is not None:
            with contextlib.suppress(Exception):
                self._worker = self._starting.result()
        if self._worker is not None:
            self._worker.end(wait=True)
        for job in self.jobs:
            job.look()
            if job.has_readings or job.has_motion:
                job.save_progress()
                job.lock.release()
            else:
                job.discard()
        self._worker = self._running = self._cancelled_at = self._starting = None
        self.jobs.clear()

    def _lock(self, job: Job, must_exist: bool = True):
        """Lock a capture for this Blender; NikiError if that is not possible."""
        if job.lock.held:
            return
        try:
            locked = job.lock.acquire()
        except OSError as problem:
            self.look()
            raise NikiError(f"{job.title} cannot be opened: {words.describe_error(problem)}") from problem
        if not locked:
            self.look()
            raise NikiError(
                f"Another Blender is working on {job.title}", "let it finish there, or close it first"
            )
        if must_exist and not (job.folder / JOB).is_file():
            job.discard()
            self.look()
            raise NikiError(f"{job.title} no longer exists")

    def _replace(self, old: Job, new: Job):
        if old in self.jobs:
            self.jobs.remove(old)
        self.jobs.append(new)

    def _advance(self):
        self._take_worker()
        if self._worker is not None:
            for kind, message in self._worker.receive(_BUDGET):
                self._handle(kind, message)
            if not self._worker.alive:
                self._worker_died()
            elif self._cancelled_at is not None and time.monotonic() - self._cancelled_at > _CANCEL_GRACE:
                self._worker.kill()
        if self._running is None:
            self._start_next()
        if self._worker is not None and not self.busy:
            worker, self._worker = self._worker, None
            worker.end()

    def _fail(self, problem: Exception):
        """Fail the capture that caused an exception, and end the worker."""
        trace = "".join(traceback.format_exception(problem))
        with contextlib.suppress(OSError), open(self.log, "a", encoding="utf-8") as log:
            log.write(f"blender: {trace}\n")
        worker, starting, self._worker, self._starting = self._worker, self._starting, None, None
        if worker is not None:
            with contextlib.suppress(Exception):
                worker.end()
        if starting is not None:
            starting.add_done_callback(lambda started: started.exception() or started.result().end())
        job = self._running or next((job for job in self.jobs if job.state == WAITING), None)
        if job is not None:
            job.state, job.message, job.hint = FAILED, words.describe_error(problem), _REPORT
            self._running = self._cancelled_at = None
            with contextlib.suppress(OSError):
                job.look()

    def _start_next(self):
        job = next((job for job in self.jobs if job.state == WAITING), None)
        if job is None:
            return
        job.state, job.stage, self._running = RUNNING, "starting", job
        self._identity += 1
        if self._worker is not None:
            self._send_request()
            return
        try:
            start = self._choose()
        except Exception as problem:
            self._cannot_start(problem)
        else:  # in a thread: starting a process from a large one takes a while
            self._starting = _in_thread(lambda: start(self.log))

    def _take_worker(self):
        """Use the worker that is being started, once it is ready."""
        if self._starting is None or not self._starting.done():
            return
        assert self._running is not None  # what it is started for
        starting, self._starting = self._starting, None
        try:
            self._worker = starting.result()
        except Exception as problem:  # whatever it is, the user must see it
            self._cannot_start(problem)
            return
        if self._cancelled_at is not None:
            self._end(self._running, CANCELLED, "cancelled")
        else:
            self._send_request()

    def _cannot_start(self, problem: Exception):
        assert self._running is not None
        self._end(self._running, FAILED, f"The capture cannot be started: {words.describe_error(problem)}")

    def _send_request(self):
        job = self._running
        assert job is not None
        assert self._worker is not None
        files = {"output": str(job.folder / MOTION), "journal": str(job.folder / READINGS)}
        self._worker.send(wire.request(self._identity, "capture", **job.request, **files))

    def _handle(self, kind: str, message: dict):
        job = self._running
        if job is None:
            return
        if kind == "notification":
            self._handle_progress(job, message)
        elif message.get("id") != self._identity:
            return
        elif kind == "result":
            job.result = checked_result(message["result"])
            if (job.folder / MOTION).is_file():
                self._end(job, DONE)
            else:
                self._end(job, FAILED, "The capture ended without a motion", "see the log")
        elif kind == "error":
            problem = message["error"]
            state = CANCELLED if problem["code"] == wire.CANCELLED else FAILED
            self._end(job, state, problem["message"], problem["data"]["hint"])

    def _handle_progress(self, job: Job, message: dict):
        params = message["params"]
        if message["method"] != "progress" or params.get("id") != self._identity:
            return
        numbers = [params.get("done"), params.get("total") or 0, params.get("fps")]
        if all(isinstance(n, (int, float)) and 0 <= n < 1e9 for n in numbers):
            job.stage = str(params.get("stage"))
            if job.stage == "reading":
                job.frames, job.total, job.fps = int(numbers[0]), int(numbers[1]) or None, float(numbers[2])
            if time.monotonic() - self._saved_at > _SAVE_EVERY:
                self._saved_at = time.monotonic()
                job.save_progress()

    def _worker_died(self):
        assert self._worker is not None
        reason, self._worker = self._worker.describe_end("capture"), None
        if self._running is None:
            return
        if self._cancelled_at is not None:
            self._end(self._running, CANCELLED, "cancelled")
        else:
            self._end(
                self._running,
                FAILED,
                reason,
                "The frames read so far are kept: continue the capture, or open the log",
            )

    def _end(self, job: Job, state: str, message: str = "", hint: str = ""):
        job.state, job.message, job.hint = state, message, hint
        if job is self._running:
            self._running = self._cancelled_at = None
        job.look()
        job.save_progress()


def _in_thread(act: Callable) -> Future:
    """Call ``act`` in a thread of its own."""
    future = Future()

    def run():
        try:
            future.set_result(act())
        except Exception as problem:
            future.set_exception(problem)

    threading.Thread(target=run, name="NIKI worker start", daemon=True).start()
    return future


def _is_old(folder: Path) -> bool:
    """Whether a folder has not changed for long; another Blender may have created a newer one just now."""
    try:
        return time.time() - os.stat(folder).st_mtime > _OLD
    except OSError:
        return False
