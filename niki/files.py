"""Reading and writing files so that nothing of the user's is lost and nothing is left half-written.

What is read is taken for damaged until it is known to be whole: sizes are checked before anything is
inflated, and every failure is one clear error.
"""

from __future__ import annotations

import contextlib
import errno
import io
import math
import os
import re
import secrets
import stat
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from .errors import NikiError

MOST_BYTES = 700_000_000
"""Of numbers that :func:`read_npz` takes from one file: an hour of motion at 60 frames a second has about
690 million."""

_UMASK = os.umask(0o077)  # there is no way to ask for it without setting it: once, while we are imported
os.umask(_UMASK)
_ANOTHER_NAME = "choose another name for the output"
_MOTION = {"poses", "trans", "mocap_framerate", "rest_joints", "confidence", "keypoints", "camera_pose"}
_NETWORK = {"about", "mean_pose", "mean_joints", "mean_twist"}
_POSING_NETWORK = {"about", "metric.local", "metric.follow"}


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
        temporary = _make_beside(target)
    except OSError as error:
        raise _cannot_write(path, error) from error
    try:
        yield temporary
        os.chmod(temporary, stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o666 & ~_UMASK)
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


def save_npz(path: str | os.PathLike, values: dict, compress: bool = True) -> None:
    """Write arrays by name as ``.npz``, whole or not at all.

    ``np.savez`` leaves an archive behind where the disk is full, whose end prints a traceback.

    Raises:
        NikiError: as :func:`writing`.
    """
    with writing(path) as temporary, open(temporary, "wb") as stream:
        archive = zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED)
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
    if path.exists() and not path.stat().st_mode & 0o222:  # also where the system would let us
        raise NikiError(f"{path} is read-only", "choose another name, or allow writing to it")
    folder = Path(os.path.realpath(path)).parent
    if not folder.is_dir():
        raise NikiError(f"{path} cannot be written: there is no folder {folder}")
    try:
        _make_beside(folder / path.name).unlink()
    except OSError as error:
        raise _cannot_write(path, error) from None


def _make_beside(path: Path) -> Path:
    """An empty file in the folder of ``path``, of a name of its own. (On Windows ``tempfile`` tries for ever
    where a folder may not be written.)"""
    made = path.parent / f".niki-{secrets.token_hex(8)}{path.suffix}"
    os.close(os.open(made, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    return made


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
    """Whether a file holds the weights of a network of NIKI's, told as by :func:`is_motion`."""
    return _holds(path, _NETWORK) or _holds(path, _POSING_NETWORK)


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


def read_npz(
    path: str | os.PathLike,
    names: Iterable[str] | None = None,
    kind: str = "an .npz file",
    hint: str = "",
    most: int = MOST_BYTES,
) -> dict[str, np.ndarray]:
    """Arrays of an .npz file by name: numbers, truth values and text, never Python objects.

    Nothing is inflated before the sizes that the file declares have been found sound and small enough,
    and never more than it declares.

    Args:
        names: the arrays wanted; others are not looked at. Those that the file lacks are left out of
            the result. Default: all.
        kind: what the file should be, for the message: "a motion file". hint: for it as well.
        most: bytes that the arrays may take, each value counted as 8 at least, as it will be in
            double precision.

    Raises:
        NikiError: there is no such file, it is no .npz, it is damaged or too large.
    """
    wanted = None if names is None else set(names)
    with _opened(path) as stream, _one_error(path, kind, hint), zipfile.ZipFile(stream) as archive:
        members = {i.filename[:-4]: i for i in archive.infolist() if i.filename.endswith(".npy")}
        if wanted is not None:
            members = {name: info for name, info in members.items() if name in wanted}
        arrays, left = {}, most
        too_large = f"{path} is too large: its fields take more than {most / 1e6:,.0f} MB"
        if sum(info.file_size for info in members.values()) > most:
            raise NikiError(too_large)
        for name, info in members.items():
            if info.flag_bits & 1 or info.compress_type not in _METHODS:
                raise NikiError(
                    f"{path} is encrypted, or compressed in a way that cannot be read here",
                    "save it with numpy's savez or savez_compressed",
                )
            with archive.open(info) as member:
                dtype, shape, fortran = _header(member, f"{path}: {name}")
                count = math.prod(shape)
                left -= math.prod(max(n, 1) for n in shape) * max(dtype.itemsize, 8)
                if left < 0:
                    raise NikiError(too_large)
                # Deflate shrinks by 1032 at most: a file that declares more lies.
                if info.file_size != member.tell() + count * dtype.itemsize or (
                    info.file_size > 1032 * info.compress_size + 1032
                ):
                    raise NikiError(f"{path} is damaged: {name} is not as long as it says")
                arrays[name] = _values(member, dtype, count, f"{path}: {name}").reshape(
                    shape, order="F" if fortran else "C"
                )
        return arrays


def read_text(path: str | os.PathLike, encoding: str = "latin-1", most: int = 100_000_000) -> str:
    """A text file, with lines that end in a plain newline. Latin-1 takes any bytes.

    Raises:
        NikiError: there is no such file, it cannot be read, is in another encoding or has more than
            ``most`` bytes.
    """
    with _opened(path) as stream, _one_error(path, "a text file", ""):
        if os.fstat(stream.fileno()).st_size > most:
            raise NikiError(f"{path} is too large: it takes more than {most / 1e6:,.0f} MB")
        data = stream.read()
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return data.decode(encoding)


class _Careful(io.BufferedReader):
    """A file of which no more than 4 MB are read at once when a size is asked for: a zip's directory
    can declare any."""

    def read(self, size=-1, /):
        if size is not None and size > 4_000_000:
            raise zipfile.BadZipFile("directory too large")
        return super().read(size)


@contextlib.contextmanager
def _opened(path) -> Iterator[io.BufferedReader]:
    """A plain file, open for reading, or NikiError; never waits for a pipe."""
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise NikiError(f"{path} is a folder", "give a file")
        if not stat.S_ISREG(mode):
            raise NikiError(f"{path} is not a file but a device or a pipe", "give a file")
        stream = _Careful(io.FileIO(path))
    except FileNotFoundError:
        raise NikiError(f"There is no file {path}") from None
    except OSError as error:
        raise NikiError(f"{path} cannot be read: {error.strerror or error}") from None
    except ValueError:
        raise NikiError(f"{str(path)!r} is not a file name") from None
    with stream:
        yield stream


@contextlib.contextmanager
def _one_error(path, kind: str, hint: str) -> Iterator[None]:
    """Every failure to make sense of a file, as one NikiError: zipfile, zlib and struct have many."""
    try:
        yield
    except NikiError:
        raise
    except OSError as error:
        if error.errno in (None, errno.EINVAL):  # a seek to a place that the file only claims to have
            raise NikiError(f"{path} is not {kind}, or is damaged", hint) from None
        raise NikiError(f"{path} cannot be read: {error.strerror}") from None
    except MemoryError:
        raise NikiError(f"{path} cannot be read: there is not enough memory") from None
    except Exception:
        raise NikiError(f"{path} is not {kind}, or is damaged", hint) from None


_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # of the others not all can be inflated bit by bit
_DESCR = re.compile(r"""['"]descr['"]\s*:\s*['"]([<>=|]?[?biufUS]\d{0,9})['"]""")
_ORDER = re.compile(r"""['"]fortran_order['"]\s*:\s*(True|False)\b""")
_SHAPE = re.compile(r"""['"]shape['"]\s*:\s*\(([\dL, ]*)\)""")
_LONGEST = 1_000_000  # bytes of one text


def _header(member, name: str) -> tuple[np.dtype, tuple[int, ...], bool]:
    """dtype, shape and whether in Fortran's order, as the head of an .npy says. Nothing is evaluated."""
    start = member.read(8)
    size = int.from_bytes(member.read(2 if start[6:7] == b"\1" else 4), "little")
    if start[:6] != b"\x93NUMPY" or start[6] not in (1, 2, 3) or size > 10_000:
        raise NikiError(f"{name} is damaged: it does not start like a numpy array")
    header = member.read(size).decode("latin-1")
    descr, order, shape = (pattern.search(header) for pattern in (_DESCR, _ORDER, _SHAPE))
    if re.search(r"""['"]descr['"]\s*:\s*['"]\|O""", header):
        raise NikiError(f"{name} holds Python objects, not numbers")
    if not (len(header) == size and descr and order and shape):
        raise NikiError(f"{name} is damaged, or holds neither numbers nor text")
    lengths = tuple(int(n.strip(" L")) for n in shape[1].split(",") if n.strip(" L"))
    dtype = np.dtype(descr[1])
    if len(lengths) > 8 or max((*lengths, 0)) > 2**40 or dtype.itemsize > _LONGEST:
        raise NikiError(f"{name} is damaged: its shape or type is invalid")
    return dtype, lengths, order[1] == "True"


def _values(member, dtype: np.dtype, count: int, name: str) -> np.ndarray:
    """(count,) values read to the member's very end, where its checksum is compared."""
    if not dtype.itemsize:
        return np.zeros(count, dtype)
    data = np.empty(count * dtype.itemsize, np.uint8)
    done = 0
    while chunk := member.read(1 << 20):
        if done + len(chunk) > len(data):
            raise NikiError(f"{name} is damaged: it is longer than it says")
        data[done : done + len(chunk)] = np.frombuffer(chunk, np.uint8)
        done += len(chunk)
    if done < len(data):
        raise NikiError(f"{name} is damaged: it ends early")
    values = data.view(dtype)
    if dtype.kind == "U":
        letters = data.view(dtype.byteorder.replace("|", "=") + "u4")
        surrogate = (letters >= 0xD800) & (letters < 0xE000)
        undecoded = (letters >= 0xDC80) & (letters < 0xDD00)  # bytes of file names that are not UTF-8
        if ((letters > 0x10FFFF) | (surrogate & ~undecoded)).any():
            raise NikiError(f"{name} is damaged: it holds invalid characters")
    return values
