"""What was read of each frame, kept as it comes: a capture that was stopped, killed or crashed goes on
where it was, and what it had can be used as it is."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..errors import NikiError

_FORMAT = "niki readings 1"
_MAKE_ROOM = "make room, then capture again: it goes on where it was"


class Journal:
    """Readings of frames in their order: a line of JSON that says of what, then a record a frame.

    A record is a fixed number of float64: frame number, time in seconds, 1 or 0 for whether there
    was anything to read, and the reading. A record cut short by a crash is dropped.

    Args:
        path: the file, made where there is none; without one, readings are kept in memory alone.
        settings: what the readings depend on. A file with others is not taken up but begun anew.
        width: numbers in a reading.

    Attributes:
        numbers, times: of the frames read. readings: (width,) each, None where there was nothing.

    Raises:
        NikiError: the file cannot be written.
    """

    def __init__(self, path: str | os.PathLike | None, settings: dict, width: int):
        self.numbers: list[int] = []
        self.times: list[float] = []
        self.readings: list[np.ndarray | None] = []
        self._path = None if path is None else Path(path)
        self._width = width
        self._stream: BinaryIO | None = None
        if self._path is not None:
            header = {"format": _FORMAT, "width": width, "settings": settings}
            self._header = json.dumps(header, sort_keys=True).encode() + b"\n"
            self._open()

    def __len__(self) -> int:
        return len(self.numbers)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def append(self, number: int, time: float, reading: np.ndarray | None) -> None:
        """Add the frame after the last; on the disk, as far as it depends on this process, on return.

        Raises:
            NikiError: the disk is full.
        """
        if self._stream is not None:
            record = np.zeros(3 + self._width, "<f8")
            record[:2] = number, time
            if reading is not None:
                record[2], record[3:] = 1, reading
            self._write(record.tobytes())
        self._keep(number, time, reading)

    def close(self) -> None:
        """Let go of the file; what is in it stays."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def delete(self) -> None:
        """Remove the file: its readings are in a motion now."""
        self.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _keep(self, number, time, reading):
        self.numbers.append(number)
        self.times.append(time)
        self.readings.append(reading)

    def _open(self):
        content = self._do(lambda: self._path.read_bytes() if self._path.is_file() else b"")
        size = 8 * (3 + self._width)
        count = (len(content) - len(self._header)) // size if content.startswith(self._header) else 0
        whole = len(self._header) + count * size
        if count:
            for record in np.frombuffer(content[len(self._header) : whole], "<f8").reshape(count, -1):
                self._keep(int(record[0]), float(record[1]), record[3:].copy() if record[2] else None)
        # Unbuffered: what was written is out of reach of this process's death.
        self._stream = self._do(lambda: self._path.open("ab" if count else "wb", buffering=0))
        if count:
            self._do(lambda: self._stream.truncate(whole))
        else:
            self._write(self._header)

    def _write(self, content: bytes) -> None:
        if self._do(lambda: self._stream.write(content)) < len(content):
            raise NikiError(f"{self._path} cannot be written: the disk is full", _MAKE_ROOM)

    def _do(self, act):
        try:
            return act()
        except OSError as error:
            raise NikiError(
                f"{self._path} cannot be written: {error.strerror or error}",
                _MAKE_ROOM,
            ) from error
