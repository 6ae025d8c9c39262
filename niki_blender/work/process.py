"""The client's end of :mod:`niki.service.worker`: its process, its pipe, what it said. No bpy; nothing here waits
for the process but threads of its own."""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from ...niki.service import wire
from ...niki.service.wire import WireError
from . import words

_GRACE = 0.5  # seconds that a worker has to end by itself, and again when it is told to
_LOG_TAIL = 12  # lines
_LONGEST_LOG = 1 << 20  # bytes kept from earlier runs


class WorkerProcess:
    """A running worker.

    Args:
        command: what to start. environment: its variables. log: file that its standard error is
            added to; it works in that file's folder, which should be the extension's own.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, command: list[str], environment: dict[str, str], log: Path):
        self._log = log
        self._heard: queue.SimpleQueue[tuple[str, dict]] = queue.SimpleQueue()
        self._log_start = _shorten(log)
        with _appending(log) as errors:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment,
                cwd=str(log.parent),
                **_apart(),
            )
        self._reader = threading.Thread(target=self._listen, name="NIKI worker", daemon=True)
        self._reader.start()

    @property
    def alive(self) -> bool:
        """Whether it runs, or has said things that were not heard yet."""
        return self._process.poll() is None or self._reader.is_alive() or not self._heard.empty()

    def say(self, line: bytes) -> None:
        """Send a line of :mod:`niki.service.wire`; to a dead worker, nothing."""
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(line)
            self._process.stdin.flush()

    def heard(self, budget: float) -> Iterator[tuple[str, dict]]:
        """What it said since last asked: kind and message, as :func:`wire.parse` gives them; stops
        after ``budget`` seconds."""
        until = time.perf_counter() + budget
        while time.perf_counter() < until:
            try:
                yield self._heard.get_nowait()
            except queue.Empty:
                return

    def why_it_ended(self) -> str:
        """For the user: how the process ended, with the end of what it printed."""
        tail = " / ".join(line.strip() for line in self.log_tail() if line.strip())
        return f"The worker {words.describe_exit(self._process.poll())}" + (
            f": {tail[-400:]}" if tail else ""
        )

    def log_tail(self) -> list[str]:
        """The last lines that it printed."""
        try:
            with open(self._log, "rb") as log:
                size = log.seek(0, os.SEEK_END)
                log.seek(max(self._log_start if self._log_start <= size else 0, size - 8000))
                return log.read().decode(errors="replace").splitlines()[-_LOG_TAIL:]
        except OSError:
            return []

    def end(self, wait: bool = False) -> None:
        """End it: politely, then not. Returns at once unless told to ``wait``."""
        ending = threading.Thread(target=self._end, name="NIKI worker's end", daemon=True)
        ending.start()
        if wait:
            ending.join()
            self._reader.join(1)

    def kill(self) -> None:
        """End it now; what it was doing is lost but for what it wrote."""
        self._signal(kill=True)

    def _end(self):
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.close()
        for act in (lambda: None, lambda: self._signal(kill=False), lambda: self._signal(kill=True)):
            act()
            try:
                self._process.wait(_GRACE)
                return
            except subprocess.TimeoutExpired:
                continue

    def _signal(self, kill: bool):
        with contextlib.suppress(OSError):
            (self._process.kill if kill else self._process.terminate)()

    def _listen(self):
        with self._process.stdout as stream:
            while line := stream.readline(wire.LONGEST + 2):
                try:
                    self._heard.put(wire.parse(line))
                except WireError as problem:
                    self._note(f"not understood: {problem.message}: {line[:200]!r}")
        self._process.wait()

    def _note(self, text: str):
        with contextlib.suppress(OSError), open(self._log, "a", encoding="utf-8") as log:
            log.write(f"blender: {text}\n")


def _shorten(log: Path) -> int:
    """Begin a log anew that has grown too long; how long it is now, in bytes. One that another Blender
    holds stays: Windows does not let go of it."""
    with contextlib.suppress(OSError):
        size = log.stat().st_size
        if size <= _LONGEST_LOG:
            return size
        log.unlink()
        return 0
    return log.stat().st_size if log.is_file() else 0


def _appending(log: Path):
    """The log to write to, or nowhere: a capture does not fail for it."""
    try:
        return open(log, "ab")
    except OSError:
        return open(os.devnull, "wb")


def _apart() -> dict:
    """Popen's options for a process that Blender's own signals do not reach, and without a console."""
    if os.name == "nt":
        return {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}
