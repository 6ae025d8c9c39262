"""A lock that belongs to a process and ends with it, however it ends. Standard library only."""

from __future__ import annotations

import os
from pathlib import Path

if os.name == "nt":
    import msvcrt
else:
    import fcntl


class Lock:
    """Held from a successful :meth:`acquire` until :meth:`release`, or until the process dies: the system
    lets go of it then. The file stays, empty; it is the lock, so do not delete it while anyone may hold it.

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
            OSError: the file cannot be made.
        """
        if self.held:
            return True
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            if os.name == "nt":
                msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            return False
        self._handle = handle
        return True

    def release(self) -> None:
        """Let go of it."""
        if self._handle is None:
            return
        handle, self._handle = self._handle, None
        if os.name == "nt":
            msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)
        os.close(handle)


def is_locked(path: str | os.PathLike) -> bool:
    """Whether somebody holds the lock at ``path``; False where there is no such file."""
    if not Path(path).is_file():
        return False
    lock = Lock(path)
    try:
        free = lock.acquire()
    except OSError:
        return False
    lock.release()
    return not free
