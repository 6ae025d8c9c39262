"""Reading and writing files so that nothing of the user's is lost and nothing is left half-written."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from .errors import NikiError

_UMASK = os.umask(0o077)  # there is no way to ask for it without setting it: once, while we are imported
os.umask(_UMASK)


@contextlib.contextmanager
def writing(path: str | os.PathLike) -> Iterator[Path]:
    """A temporary path beside ``path``, with its suffix; moved into place if the block succeeds.

    The file is on the disk before it takes the old one's place: after a power cut there is the one or
    the other, whole. A link is followed: what it points to is replaced.

    Raises:
        NikiError: the folder is missing or cannot be written, or the disk is full. Names another file
            if that is the one that failed inside the block.
    """
    path = Path(path)
    check_writable(path)
    target = Path(os.path.realpath(path))
    try:
        handle, name = tempfile.mkstemp(prefix=".niki-", suffix=target.suffix, dir=target.parent)
    except OSError as error:
        raise _cannot_write(path, error) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        os.chmod(temporary, 0o666 & ~_UMASK)
        flush_to_disk(temporary)
        os.replace(temporary, target)
        flush_to_disk(target.parent)
    except OSError as error:
        other = getattr(error, "filename", None)
        if other and Path(os.fsdecode(other)) not in (temporary, target):
            raise NikiError(f"{os.fsdecode(other)}: {error.strerror or error}") from error
        raise _cannot_write(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(path: str | os.PathLike) -> None:
    """Raise NikiError if a file at ``path`` could not be written: before long work, not after."""
    path = Path(path)
    if path.is_dir():
        raise NikiError(f"{path} is a folder", "give a file name")
    if path.exists() and not path.is_file():
        raise NikiError(f"{path} is not a file but a device or a pipe", "give a file name")
    folder = Path(os.path.realpath(path)).parent
    if not folder.is_dir():
        raise NikiError(f"{path} cannot be written: there is no folder {folder}")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _cannot_write(path, error) from None


def check_output(
    path: str | os.PathLike, suffixes: Iterable[str] = (), inputs: Iterable[str | os.PathLike] = ()
) -> None:
    """As :func:`check_writable`; also refuses the wrong kind of file, and every input of the job.

    Args:
        suffixes: what the name may end in, such as ``(".npz",)``; none: anything.
        inputs: files that the job reads.
    """
    path, suffixes = Path(path), tuple(suffixes)
    if suffixes and path.suffix.lower() not in suffixes:
        raise NikiError(f"{path} must end in {' or '.join(suffixes)}", "choose another name")
    for file in inputs:
        if same_file(path, file):
            raise NikiError(f"{path} is the input itself", "choose another name for the output")
    check_writable(path)


def same_file(a: str | os.PathLike, b: str | os.PathLike) -> bool:
    """Whether two paths lead to one file; False where either is missing."""
    try:
        return os.path.samefile(a, b)
    except OSError:
        return False


def flush_to_disk(path: Path) -> None:
    """Wait until a file, or a folder's list of files, would survive a power cut; where the system can."""
    if os.name == "nt" and path.is_dir():
        return
    flags = os.O_RDWR if os.name == "nt" else os.O_RDONLY
    handle = os.open(path, flags)
    try:
        with contextlib.suppress(OSError) if path.is_dir() else contextlib.nullcontext():
            os.fsync(handle)
    finally:
        os.close(handle)


def _cannot_write(path: Path, error: OSError) -> NikiError:
    return NikiError(f"{path} cannot be written: {error.strerror or error}")
