"""Captures in their order: waiting, running, over; each in a folder of its own that outlives Blender.

No bpy. A timer calls :meth:`Captures.tick`; whoever imports finished motions asks for them.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from ..niki import wire
from ..niki.files import writing
from .worker import WorkerProcess

JOB, READINGS, MOTION, ALIVE = "job.json", "readings", "motion.npz", "alive"
LOG = "worker.log"
_HEARTBEAT = 2.0  # seconds; a folder whose Blender has been silent for five of them is nobody's
_CANCEL_GRACE = 0.6  # seconds that a worker has to answer a cancel; it is killed then
_BUDGET = 0.004  # seconds that one tick may spend on messages
WAITING, RUNNING, DONE, FAILED, CANCELLED = "WAITING", "RUNNING", "DONE", "FAILED", "CANCELLED"


@dataclass(eq=False)
class Job:
    """One capture.

    Attributes:
        folder: holds its request, readings and, once done, its motion.
        request: parameters of the worker's ``capture``, but for the files in the folder.
        title: what to call it. scene: what to do with the motion, for who imports it.
        state, stage: how far it is. frames, total, fps: read, to read, and how fast. message, hint: why it failed.
        result: the worker's answer, once done.
    """

    folder: Path
    request: dict
    title: str
    scene: dict = field(default_factory=dict)
    state: str = WAITING
    stage: str = ""
    frames: int = 0
    total: int | None = None
    fps: float = 0.0
    message: str = ""
    hint: str = ""
    result: dict = field(default_factory=dict)

    @property
    def over(self) -> bool:
        """Whether nothing will happen to it any more."""
        return self.state in (DONE, FAILED, CANCELLED)

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
    def has_readings(self) -> bool:
        """Whether frames were read that a motion can be made of, or that it can go on from."""
        return (self.folder / READINGS).is_file() and not (self.folder / MOTION).is_file()

    def save(self) -> None:
        """Write what is needed to take it up in another session."""
        about = {"request": self.request, "title": self.title, "scene": self.scene}
        with writing(self.folder / JOB) as temporary:
            temporary.write_text(json.dumps(about))

    def let_go(self) -> None:
        """No Blender has it on its list any more."""
        with contextlib.suppress(OSError):
            (self.folder / ALIVE).unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove its folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


class Captures:
    """The queue of captures and the worker that does them, started when there is one to do.

    Args:
        folder: where jobs have their folders.
        start_worker: starts a worker that logs to the file given; OSError or NikiError where it
            cannot.
    """

    def __init__(self, folder: Path, start_worker: Callable[[Path], WorkerProcess]):
        self.folder, self._start_worker = folder, start_worker
        self.jobs: list[Job] = []
        self._worker: WorkerProcess | None = None
        self._running: Job | None = None
        self._starting: Future | None = None
        self._identity = 0
        self._cancelled_at: float | None = None
        self._beat = 0.0
        self._looked, self._found = -_HEARTBEAT * 2, []

    @property
    def log(self) -> Path:
        """What the worker prints."""
        return self.folder / LOG

    @property
    def running(self) -> Job | None:
        """The capture that is being done."""
        return self._running

    @property
    def busy(self) -> bool:
        """Whether there is something to tick for."""
        return any(not job.over for job in self.jobs)

    def add(self, request: dict, title: str, scene: dict) -> Job:
        """Queue a capture.

        Raises:
            NikiError: its folder cannot be written.
        """
        folder = self.folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:6]}"
        folder.mkdir(parents=True)
        job = Job(folder, request, title, scene)
        job.save()
        return self._queue(job)

    def take_up(self, job: Job, finish: bool = False) -> Job:
        """Queue a capture again that was stopped: to go on, or to make do with what it has read."""
        if job in self.jobs:
            self.jobs.remove(job)
        request = {name: value for name, value in job.request.items() if name != "finish"}
        return self._queue(
            Job(job.folder, request | {"finish": True} if finish else request, job.title, job.scene)
        )

    def cancel(self, job: Job) -> None:
        """Stop a capture; what it has read stays. The worker is killed if it does not listen."""
        if job.state == WAITING:
            self._end(job, CANCELLED)
        elif job is self._running and self._cancelled_at is None:
            self._cancelled_at = time.monotonic()
            if self._worker is not None:
                self._worker.say(wire.request(0, "cancel"))

    def forget(self, job: Job) -> None:
        """Take a capture that is over off the list; its folder stays only where it can be taken up."""
        self.jobs.remove(job)
        job.let_go()
        self._looked = -2 * _HEARTBEAT
        if not (job.state in (FAILED, CANCELLED) and job.has_readings):
            job.discard()

    def unfinished(self) -> list[Job]:
        """Captures with readings that no running Blender has on its list, newest first. Looked for
        every two seconds at most: panels ask often."""
        if time.monotonic() - self._looked > _HEARTBEAT:
            self._looked, self._found = time.monotonic(), self._look()
        mine = {job.folder for job in self.jobs}
        return [job for job in self._found if job.folder not in mine and job.has_readings]

    def _look(self) -> list[Job]:
        found = []
        for file in sorted(self.folder.glob(f"*/{JOB}"), reverse=True):
            folder = file.parent
            if time.time() - _changed(folder / ALIVE) < 5 * _HEARTBEAT:
                continue
            with contextlib.suppress(OSError, ValueError, TypeError):
                found.append(Job(folder, state=CANCELLED, **json.loads(file.read_text())))
        return found

    def tick(self) -> list[Job]:
        """Hear the worker, start what waits; the captures that have ended since the last tick."""
        before = [job for job in self.jobs if not job.over]
        self._keep_alive()
        self._take_worker()
        if self._worker is not None:
            for kind, message in self._worker.heard(_BUDGET):
                self._take(kind, message)
            if not self._worker.alive:
                self._worker_died()
            elif self._cancelled_at is not None and time.monotonic() - self._cancelled_at > _CANCEL_GRACE:
                self._worker.kill()
        if self._running is None:
            self._start_next()
        if self._worker is not None and not self.busy:
            self._worker.end()
            self._worker = None
        return [job for job in before if job.over]

    def shut_down(self) -> None:
        """End the worker; captures that are not over can be taken up later."""
        if self._starting is not None:
            with contextlib.suppress(Exception):
                self._worker = self._starting.result()
        if self._worker is not None:
            self._worker.end(wait=True)
        for job in self.jobs:
            job.let_go()
            if job.state == WAITING and not job.has_readings:
                job.discard()
        self._worker = self._running = self._cancelled_at = self._starting = None
        self.jobs.clear()

    def _queue(self, job: Job) -> Job:
        self.jobs.append(job)
        self._beat = 0.0
        self._keep_alive()
        return job

    def _start_next(self):
        job = next((job for job in self.jobs if job.state == WAITING), None)
        if job is None:
            return
        job.state, job.stage, self._running = RUNNING, "starting", job
        self._identity += 1
        if self._worker is not None:
            self._ask()
        else:  # in a thread: starting a process from a large one takes a while
            self._starting = _in_thread(lambda: self._start_worker(self.log))

    def _take_worker(self):
        """The worker that was being started, once it is."""
        if self._starting is None or not self._starting.done():
            return
        starting, self._starting = self._starting, None
        try:
            self._worker = starting.result()
        except Exception as problem:  # whatever it is, the user is told
            self._end(self._running, FAILED, f"The worker cannot be started: {problem}")
            return
        if self._cancelled_at is not None:
            self._end(self._running, CANCELLED, "cancelled")
        else:
            self._ask()

    def _ask(self):
        job = self._running
        files = {"output": str(job.folder / MOTION), "journal": str(job.folder / READINGS)}
        self._worker.say(wire.request(self._identity, "capture", **job.request, **files))

    def _take(self, kind: str, message: dict):
        job = self._running
        if job is None:
            return
        if kind == "notification":
            self._take_progress(job, message)
        elif message.get("id") != self._identity:
            return
        elif kind == "result":
            job.result = message["result"] if isinstance(message["result"], dict) else {}
            if (job.folder / MOTION).is_file():
                self._end(job, DONE)
            else:
                self._end(job, FAILED, "The worker ended without a motion", "open the log")
        elif kind == "error":
            problem = message["error"]
            state = CANCELLED if problem["code"] == wire.CANCELLED else FAILED
            self._end(job, state, problem["message"], problem["data"]["hint"])

    def _take_progress(self, job: Job, message: dict):
        told = message["params"]
        if message["method"] != "progress" or told.get("id") != self._identity:
            return
        numbers = [told.get("done"), told.get("total") or 0, told.get("fps")]
        if all(isinstance(n, (int, float)) and 0 <= n < 1e9 for n in numbers):
            job.stage = str(told.get("stage"))
            if job.stage == "reading":
                job.frames, job.total, job.fps = int(numbers[0]), int(numbers[1]) or None, float(numbers[2])

    def _worker_died(self):
        reason, self._worker = self._worker.why_it_ended(), None
        if self._running is None:
            return
        if self._cancelled_at is not None:
            self._end(self._running, CANCELLED, "cancelled")
        else:
            self._end(self._running, FAILED, reason, "What it had read is kept: continue it, or open the log")

    def _end(self, job: Job, state: str, message: str = "", hint: str = ""):
        job.state, job.message, job.hint = state, message, hint
        if job is self._running:
            self._running = self._cancelled_at = None

    def _keep_alive(self):
        if time.monotonic() - self._beat < _HEARTBEAT:
            return
        self._beat = time.monotonic()
        for job in self.jobs:
            with contextlib.suppress(OSError):
                (job.folder / ALIVE).touch()


def _in_thread(act: Callable) -> Future:
    """What ``act`` returns, once it has: in a thread that ends with it."""
    future = Future()

    def run():
        try:
            future.set_result(act())
        except Exception as problem:
            future.set_exception(problem)

    threading.Thread(target=run, name="NIKI worker's start", daemon=True).start()
    return future


def _changed(path: Path) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0
