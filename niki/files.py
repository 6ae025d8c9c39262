"""Reading and writing files so that nothing of the user's is lost and nothing is left half-written."""

from __future__ import annotations

import contextlib
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from .errors import NikiError

_UMASK = os.umask(0o077)  # there is no way to ask for it without setting it: once, while we are imported
os.umask(_UMASK)
_ANOTHER_NAME = "choose another name for the output"
_MOTION = {"poses", "trans", "mocap_framerate", "rest_joints", "confidence", "keypoints", "camera_pose"}
_NETWORK = {"about", "mean_pose", "mean_joints", "mean_twist"}


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


def save_npz(path: str | os.PathLike, values: dict) -> None:
    """Write arrays by name as compressed ``.npz``, whole or not at all.

    ``np.savez`` leaves an archive behind where the disk is full, whose end prints a traceback.

    Raises:
        NikiError: as :func:`writing`.
    """
    with writing(path) as temporary, open(temporary, "wb") as stream:
        archive = zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED)
        try:
            for name, value in values.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, np.asanyarray(value), allow_pickle=False)
            archive.close()
        except BaseException:
            archive.fp = None  # nothing more to write
            raise


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
    for file in inputs if path.exists() else ():
        if same_file(path, file):
            raise NikiError(f"{path} is the input itself", _ANOTHER_NAME)
    check_writable(path)


def check_replaceable(
    path: str | os.PathLike, is_ours: Callable[[Path], bool] = lambda path: False, hint: str = _ANOTHER_NAME
) -> None:
    """Raise NikiError if there is a file at ``path`` that is not ours to replace.

    Args:
        is_ours: whether a file is of the kind that we write, and may give way to a new one.
        hint: what the user can do.
    """
    path = Path(path)
    if path.is_file() and path.stat().st_size and not is_ours(path):
        raise NikiError(f"{path} exists already", hint)


def is_motion(path: str | os.PathLike) -> bool:
    """Whether a file is a motion that NIKI wrote, by the names of its fields; nothing is read of them."""
    return _holds(path, _MOTION)


def is_network(path: str | os.PathLike) -> bool:
    """Whether a file holds the weights of NIKI's network, told as by :func:`is_motion`."""
    return _holds(path, _NETWORK)


def _holds(path, fields: set[str]) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return fields <= {name.removesuffix(".npy") for name in archive.namelist()}
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):
        return False


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
