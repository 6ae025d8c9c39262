"""Writing files so that a failure leaves nothing half-written behind."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .errors import NikiError


@contextlib.contextmanager
def writing(path: str | os.PathLike) -> Iterator[Path]:
    """A temporary path beside ``path``, with its suffix; moved into place if the block succeeds.

    Raises:
        NikiError: the folder is missing or cannot be written, or the disk is full.
    """
    path = Path(path)
    check_writable(path)
    handle, name = tempfile.mkstemp(prefix=".niki-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        raise NikiError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(path: str | os.PathLike) -> None:
    """Raise NikiError if a file at ``path`` could not be written: before long work, not after."""
    path = Path(path)
    if path.is_dir():
        raise NikiError(f"{path} is a folder", "give a file name")
    if not path.parent.is_dir():
        raise NikiError(f"{path} cannot be written: there is no folder {path.parent}")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise NikiError(f"{path} cannot be written: {error.strerror or error}") from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
