"""What was read of each frame, kept on the disk as it comes: a capture that was stopped, killed or crashed
goes on where it was, what it had can be used as it is, and long footage needs no more memory than short."""

from __future__ import annotations

import io
import json
import os
import tempfile
import time
import zlib
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import NikiError
from ...files import flush_to_disk
from ...locks import Lock

_SIGNATURE = b'{"format": "niki readings'
_FORMAT = "niki readings 3"
_LONGEST_HEADER = 1 << 16
_HEAD = 5  # numbers in a record before the reading
_BLOCK = 1 << 20  # bytes read at a time
_FLUSH_EVERY = 1.0  # seconds
_ANEW = "to start over, move it away or delete it"
_MAKE_ROOM = "make room, then capture again: it goes on where it was"


class Journal:
    """Readings of frames in their order: a line of JSON that says of what, then a record a frame.

    A record is a fixed number of float64: frame number, time in seconds, 1 or 0 for whether there was
    anything to read, the CRC-32 of the rest, what ``source`` said of the frame, and the reading. Records are taken up as far as they are
    sound: from the first that is cut short, damaged or out of order on, the rest is dropped.

    What was appended outlives this process at once. Against a power cut it is flushed to the disk in the
    first :meth:`append` that comes a second or more after the last flush, and on :meth:`close`: at most
    what was appended within one second is lost.

    While it is open nobody else can open it: ``PATH.lock`` is locked, and removed at the end. Use it as a
    context manager.

    Args:
        path: the file, made where there is none; without one, a temporary file.
        settings: what the readings depend on.
        width: numbers in a reading.
        end: the last frame that counts. Readings of later frames stay in the file.
        source: a number for what frame N is read from, which is another when that changes.

    Attributes:
        resumed: how many frames were found in the file. beyond: how many more there are after ``end``.

    Raises:
        NikiError: the file holds readings made with other settings or from another source, or is no
            journal: it is not touched.
            Another capture is writing it, or it cannot be written.
    """

    def __init__(
        self,
        path: str | os.PathLike | None,
        settings: dict,
        width: int,
        end: int | None = None,
        source: Callable[[int], int] = lambda number: 0,
    ):
        self.resumed = self.beyond = 0
        self._width, self._end, self._source = width, end, source
        self._numbers, self._times, self._found = array("q"), array("d"), array("b")
        self._path = None if path is None else Path(path)
        self._stream: Any = None  # io.FileIO while it is open
        self._lock: Lock | None = None
        self._header = _header(settings, width)
        self._flushed = _now()
        self._ours = False
        try:
            self._open(settings)
        except BaseException:
            self.close()
            raise

    def __len__(self) -> int:
        return len(self._numbers)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    @property
    def last(self) -> int | None:
        """Number of the last frame read; None where there is none."""
        return self._numbers[-1] if self._numbers else None

    @property
    def complete(self) -> bool:
        """Whether everything up to ``end`` has been read."""
        return self._end is not None and (self.beyond > 0 or (len(self) > 0 and self.last >= self._end))  # pyright: ignore[reportOptionalOperand]

    @property
    def numbers(self) -> np.ndarray:
        """(T,) of the frames read."""
        return np.array(self._numbers, np.int64)

    @property
    def times(self) -> np.ndarray:
        """(T,) seconds."""
        return np.array(self._times, np.float64)

    @property
    def found(self) -> np.ndarray:
        """(T,) bool: whether there was anything to read."""
        return np.array(self._found, bool)

    def readings(self, start: int, stop: int) -> np.ndarray:
        """(stop - start, width): what was read of these frames, counted from the first in the journal;
        zeros where there was nothing.

        Raises:
            NikiError: the file cannot be read.
        """
        stop = max(start, min(stop, len(self)))
        return self._records(start, stop)[:, _HEAD:]

    def append(self, number: int, time: float, reading: np.ndarray | None) -> None:
        """Add the frame after the last.

        Raises:
            NikiError: the disk is full.
        """
        if self.beyond or (self._numbers and number <= self._numbers[-1]):
            raise ValueError(f"frame {number} does not follow those in the journal")
        record = np.zeros(_HEAD + self._width, "<f8")
        record[:2] = number, time
        if reading is not None:
            record[2], record[_HEAD:] = 1, reading
        record[4] = self._source(number)
        record[3] = zlib.crc32(record)  # pyright: ignore[reportArgumentType]
        self._write(self._place(len(self)), record.tobytes())
        self._keep(record)
        if self._path is not None and _now() - self._flushed >= _FLUSH_EVERY:
            self._do(self._flush)

    def close(self) -> None:
        """Let go of the file; what is in it stays. With no reading in it, it is removed."""
        stream, self._stream = self._stream, None
        lock, self._lock = self._lock, None
        try:
            if stream is not None:
                with stream:
                    if self._path is not None:
                        self._do(lambda: os.fsync(stream.fileno()))
                if self._ours and not self._numbers and not self.beyond:
                    self._path.unlink(missing_ok=True)  # pyright: ignore[reportOptionalMemberAccess]
        finally:
            if lock is not None:
                lock.discard()

    def delete(self) -> None:
        """Remove the file: its readings are in a motion now."""
        if self._ours and self._stream is not None:
            self._stream.close()
            self._stream = None
            self._path.unlink(missing_ok=True)  # pyright: ignore[reportOptionalMemberAccess]
        self.close()

    def _open(self, settings):
        if self._path is None:
            self._stream = self._do(lambda: tempfile.TemporaryFile(buffering=0))  # noqa: SIM115 closed by close()
            self._write(0, self._header)
            return
        if self._path.exists() and not self._path.is_file():
            raise NikiError(f"{self._path} is not a file", "the readings go there: move it away")
        path = Path(os.path.realpath(self._path))
        lock = Lock(path.with_name(path.name + ".lock"))
        if not self._do(lock.acquire):
            raise NikiError(
                f"Another NIKI capture is writing {self._path}",
                "wait for it, or stop it; or name another output",
            )
        self._lock = lock
        # Unbuffered: what was written is out of reach of this process's death.
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
        self._stream = self._do(lambda: io.FileIO(os.open(path, flags, 0o666), "r+b"))
        if self._takes_up(settings):
            self._take_up()
        else:
            self._ours = True
            self._do(lambda: self._stream.truncate(0))
            self._write(0, self._header)
            self._do(lambda: flush_to_disk(path.parent))

    def _takes_up(self, settings) -> bool:
        """Whether the file goes on with our settings; False where it holds nothing. Whatever else it
        holds is the user's."""
        start = self._read(0, _LONGEST_HEADER)
        if not start:
            return False
        line, ended, rest = start.partition(b"\n")
        if not ended and len(start) < _LONGEST_HEADER and _is_cut_header(line):
            return False  # the power went while it was begun
        if not start.startswith(_SIGNATURE):
            raise NikiError(f"{self._path} is not a NIKI file", "the readings go there: move it away")
        if line + ended == self._header:
            return True
        if ended and not rest:
            return False
        try:
            header = json.loads(bytes(line))
            theirs, width = dict(header["settings"]), max(0, int(header["width"]))
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            raise NikiError(f"{self._path} is damaged: its header cannot be read", _ANEW) from None
        if header.get("format") != _FORMAT:
            raise NikiError(f"{self._path} holds readings of another version of NIKI", _ANEW)
        count = (os.fstat(self._stream.fileno()).st_size - len(line) - 1) // (8 * (_HEAD + width))
        different = ", ".join(
            f"{name} was {theirs.get(name)}, not {settings.get(name)}"
            for name in sorted(theirs.keys() | settings.keys())
            if theirs.get(name) != settings.get(name)
        )
        raise NikiError(
            f"{self._path} holds {count} frames read with other settings ({different or 'another reading'})",
            f"to go on use the same settings; {_ANEW}",
        )

    def _take_up(self):
        whole = (os.fstat(self._stream.fileno()).st_size - len(self._header)) // self._size
        sound, last, changed = 0, -1, []
        for record in self._each_record(whole):
            if not _is_sound(record, last):
                break
            sound, last = sound + 1, int(record[0])
            if self._end is None or last <= self._end:
                self._keep(record)
                if record[4] != self._source(last):
                    changed.append(last)
        if changed:
            more = f" and {len(changed) - 1} more have" if len(changed) > 1 else " has"
            raise NikiError(
                f"{self._path} holds {len(self)} frames: frame {changed[0]}{more} changed since",
                f"to go on put back what was read; {_ANEW}",
            )
        self._ours = True
        self.resumed, self.beyond = len(self), sound - len(self)
        self._do(lambda: self._stream.truncate(self._place(sound)))

    def _each_record(self, count) -> Iterator[np.ndarray]:
        step = max(1, _BLOCK // self._size)
        for start in range(0, count, step):
            yield from self._records(start, min(start + step, count))

    def _keep(self, record):
        self._numbers.append(int(record[0]))
        self._times.append(float(record[1]))
        self._found.append(int(record[2]))

    @property
    def _size(self) -> int:
        return 8 * (_HEAD + self._width)

    def _place(self, index: int) -> int:
        return len(self._header) + index * self._size

    def _records(self, start, stop) -> np.ndarray:
        content = self._read(self._place(start), (stop - start) * self._size)
        if len(content) < (stop - start) * self._size:
            raise NikiError(f"{self._path or 'The temporary file'} was cut short while it was in use")
        return np.frombuffer(content, "<f8").reshape(stop - start, _HEAD + self._width)

    def _read(self, place: int, size: int) -> bytes:
        def read():
            self._stream.seek(place)
            content, got = bytearray(size), 0
            while got < size:
                count = self._stream.readinto(memoryview(content)[got:])
                if not count:
                    break
                got += count
            return bytes(memoryview(content)[:got]) if got < size else content

        return self._do(read, "read")  # pyright: ignore[reportReturnType]

    def _write(self, place: int, content: bytes) -> None:
        def write():
            self._stream.seek(place)
            return self._stream.write(content)

        if self._do(write) < len(content):
            raise NikiError(f"{self._name} cannot be written: the disk is full", _MAKE_ROOM)

    def _flush(self):
        os.fsync(self._stream.fileno())
        self._flushed = _now()

    @property
    def _name(self):
        return self._path or f"A temporary file in {tempfile.gettempdir()}"

    def _do(self, act, what: str = "written"):
        try:
            return act()
        except OSError as error:
            hint = _MAKE_ROOM if what == "written" else ""
            raise NikiError(f"{self._name} cannot be {what}: {error.strerror or error}", hint) from error


def _now() -> float:
    return time.monotonic()


def _header(settings: dict, width: int) -> bytes:
    return (
        json.dumps({"format": _FORMAT, "width": width, "settings": settings}, sort_keys=True).encode() + b"\n"
    )


def _is_cut_header(line: bytes) -> bool:
    ours = line.startswith(_SIGNATURE) or _SIGNATURE.startswith(line)
    return ours and line.isascii() and b"\0" not in line


def _is_sound(record: np.ndarray, last: int) -> bool:
    """Whether a record is one of ours and comes after frame ``last``."""
    if not np.isfinite(record).all() or record[2] not in (0, 1):
        return False
    unsealed = record.copy()
    unsealed[3] = 0
    return zlib.crc32(unsealed) == record[3] and record[0] == int(record[0]) and record[0] > last  # pyright: ignore[reportArgumentType]
