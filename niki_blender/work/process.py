"""The client of :mod:`niki.service.worker`: its process and pipes. No bpy; only threads started here wait for the
process."""

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

_GRACE = 0.5  # seconds that a worker gets to end by itself, and again after it is terminated
_LOG_TAIL = 12  # lines
_LONGEST_LOG = 1 << 20  # bytes; a longer log is started afresh


class WorkerProcess:
    """A running worker.

    Args:
        command: program and arguments.
        environment: environment variables of the process.
        log: file that its standard error is appended to. The process works in that file's folder, which should
            be the extension's own.

    Raises:
        OSError: the process cannot be started.
    """

    def __init__(self, command: list[str], environment: dict[str, str], log: Path):
        self._log = log
        self._inbox: queue.SimpleQueue[tuple[str, dict]] = queue.SimpleQueue()
        self._log_start = _shorten(log)
        with _open_log(log) as errors:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment,
                cwd=str(log.parent),
                **_detached(),
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self._reader = threading.Thread(target=self._listen, name="NIKI worker", daemon=True)
        self._reader.start()

    @property
    def alive(self) -> bool:
        """Whether it is running, or has sent messages that were not received yet."""
        return self._process.poll() is None or self._reader.is_alive() or not self._inbox.empty()

    def send(self, line: bytes) -> None:
        """Send a line of :mod:`niki.service.wire`. Does nothing if the worker has died."""
        with contextlib.suppress(OSError, ValueError):
            self._stdin.write(line)
            self._stdin.flush()

    def receive(self, budget: float) -> Iterator[tuple[str, dict]]:
        """New messages as pairs of kind and message, see :func:`wire.parse`; stops after ``budget`` seconds."""
        until = time.perf_counter() + budget
        while time.perf_counter() < until:
            try:
                yield self._inbox.get_nowait()
            except queue.Empty:
                return

    def describe_end(self, task: str = "background process") -> str:
        """How the process ended, for the user, with the last lines of its log.

        Args:
            task: what it was doing, as the subject of the sentence.
        """
        tail = " / ".join(line.strip() for line in self.log_tail() if line.strip())
        return f"The {task} {words.describe_exit(self._process.poll())}" + (
            f": {tail[-400:]}" if tail else ""
        )

    def log_tail(self) -> list[str]:
        """The last lines that it logged."""
        try:
            with open(self._log, "rb") as log:
                size = log.seek(0, os.SEEK_END)
                log.seek(max(self._log_start if self._log_start <= size else 0, size - 8000))
                return log.read().decode(errors="replace").splitlines()[-_LOG_TAIL:]
        except OSError:
            return []

    def end(self, wait: bool = False) -> None:
        """Close its input, then terminate it, then kill it. Returns at once unless ``wait``."""
        ending = threading.Thread(target=self._end, name="NIKI worker shutdown", daemon=True)
        ending.start()
        if wait:
            ending.join()
            self._reader.join(1)

    def kill(self) -> None:
        """Kill it at once; only what it has written to files is kept."""
        self._signal(kill=True)

    def _end(self):
        with contextlib.suppress(OSError, ValueError):
            self._stdin.close()
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
        with self._stdout as stream:
            while line := stream.readline(wire.LONGEST + 2):
                try:
                    self._inbox.put(wire.parse(line))
                except WireError as problem:
                    self._log_line(f"not understood: {problem.message}: {line[:200]!r}")
        self._process.wait()

    def _log_line(self, text: str):
        with contextlib.suppress(OSError), open(self._log, "a", encoding="utf-8") as log:
            log.write(f"blender: {text}\n")


def _shorten(log: Path) -> int:
    """Delete a log that has grown too long; return its length in bytes. A log that another Blender has open stays:
    Windows cannot delete it."""
    with contextlib.suppress(OSError):
        size = log.stat().st_size
        if size <= _LONGEST_LOG:
            return size
        log.unlink()
        return 0
    return log.stat().st_size if log.is_file() else 0


def _open_log(log: Path):
    """Open the log for appending, or the null device: a capture must not fail because of its log."""
    try:
        return open(log, "ab")
    except OSError:
        return open(os.devnull, "wb")


def _detached() -> dict:
    """Popen options for a process without a console that signals to Blender do not reach."""
    if os.name == "nt":
        return {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}
