"""A lock that belongs to a process and ends with it, however it ends. Standard library only."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from pathlib import Path

if os.name == "nt":
    import msvcrt
else:
    import fcntl

_TAKEN = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
_TRIES, _PAUSE = 3, 0.01  # seconds


class Lock:
    """Held from a successful :meth:`acquire` until :meth:`release`, or until the process dies: the system
    lets go of it then. The file stays, empty; it is the lock, so only :meth:`discard` may delete it.

    Args:
        path: of the lock file, made where there is none.
    """

    def __init__(self, path: str | os.PathLike):
        self._path, self._handle = Path(path), None

    @property
    def held(self) -> bool:
        """Whether this object holds it."""
        return self._handle is not None

    def acquire(self) -> bool:
        """Take it without waiting; False where another holder has it.

        Raises:
            OSError: the file cannot be made, or locks do not exist where it is.
        """
        tries = _TRIES
        while not self.held:
            handle = self._opened()
            if handle is None:
                tries -= 1
                if not tries:
                    return False
                time.sleep(_PAUSE)  # somebody may only have asked: see is_locked
                continue
            if _is_at(self._path, handle):
                self._handle = handle
            else:
                os.close(handle)  # its holder discarded it while we opened it: there is another now, or none
        return True

    def _opened(self) -> int | None:
        """The file, locked; None where another holder has it."""
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            if os.name == "nt":
                msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(handle)
            if error.errno not in _TAKEN:
                raise  # such as a drive that knows no locks
            return None
        return handle

    def release(self) -> None:
        """Let go of it."""
        if self._handle is None:
            return
        handle, self._handle = self._handle, None
        if os.name == "nt":
            msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)
        os.close(handle)

    def discard(self) -> None:
        """Let go of it and remove the file, if it is empty as ours are; nothing where it is not held."""
        if self._handle is None:
            return
        if os.fstat(self._handle).st_size:
            self.release()
            return
        if os.name == "nt":  # what is open cannot be removed there
            self.release()
        with contextlib.suppress(OSError):
            self._path.unlink()
        self.release()


def _is_at(path: Path, handle: int) -> bool:
    """Whether an open file is the one at ``path``."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False


def is_locked(path: str | os.PathLike) -> bool:
    """Whether somebody holds the lock at ``path``; False where there is no such file. It is taken for an
    instant to find out."""
    if not Path(path).is_file():
        return False
    lock = Lock(path)
    try:
        free = lock.acquire()
    except OSError:
        return False
    lock.release()
    return not free
