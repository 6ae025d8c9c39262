"""Decoding footage, one frame after another, each with its own number and time stamp.

Frames are read in order and never sought: time stamps and frame counts of containers are not to
be trusted (variable rates, cut files), what is decoded is. A frame that is missing or damaged
keeps its number and has no picture.
"""

from __future__ import annotations

import contextlib
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from ...checks import frame_number, number_between
from ...errors import NikiError
from .. import MOST_PIXELS
from .numbering import Numbering
from .sequence import IMAGE_SUFFIXES, Sequence, format_ranges, read_image

SLOWEST, FASTEST = 0.1, 1000.0
"""Frames per second that footage may have."""

_DEFAULT_RATE = 24.0
_PATIENCE = 60.0  # seconds to wait for a part of a file
_POINTING_ELSEWHERE = {"hls", "dash", "concat", "sdp", "rtsp", "imf", "tty"}  # demuxers of lists and texts


@dataclass(eq=False)
class Frame:
    """``number`` in the footage from 0, ``time`` in seconds, ``rgb`` (H, W, 3) uint8, upright; None
    where the frame is missing or cannot be decoded."""

    number: int
    time: float
    rgb: np.ndarray | None


class Footage:
    """A video file, or a numbered image sequence (its folder, or any one of its images).

    Args:
        path: the file or folder.
        start, end: first and last frame to give, counted from 0, both included.
        rate: frames per second; default what the file says (24 for images).

    Attributes:
        path, rate, size (width, height, after rotation), file: the video or the first image;
        timed_by_rate: whether times come from the rate, as there are no time stamps;
        expected: the number of frames that the file promises within the range, or None;
        warnings: of missing frames and the like; complete once the frames are read.

    Raises:
        NikiError: missing, not footage, no image in the folder, an empty range, or a number out of bounds.
    """

    def __init__(self, path, start: int | None = None, end: int | None = None, rate: float | None = None):
        self.path = Path(path)
        self.start = 0 if start is None else frame_number("The first frame", start)
        self.end = None if end is None else frame_number("The last frame", end)
        self.warnings: list[str] = []
        if self.end is not None and self.end < self.start:
            raise NikiError(
                f"The frame range {self.start}..{self.end} is empty", "start must not be past end"
            )
        if rate is not None:
            rate = number_between("The frame rate", rate, SLOWEST, FASTEST, "frames per second")
        self._images = _sequence(self.path)
        if self._images is not None:
            self.file = self._images.images[0]
            self.rate, total = rate or _DEFAULT_RATE, len(self._images)
            height, width = read_image(self.file).shape[:2]
            self.size, self.timed_by_rate = (width, height), True
        else:
            self.file = self.path
            self._bytes = self.path.stat().st_size
            self.rate, self.size, total, self.timed_by_rate = self._inspect_video(rate)
        if total is not None and self.start >= total:
            raise NikiError(
                f"The start frame {self.start} is beyond the end of {self.path}",
                f"its last frame is {total - 1}",
            )
        stop = total if self.end is None or total is None else min(total, self.end + 1)
        self.expected = None if stop is None else stop - self.start
        if self._images is not None and stop is not None:
            self._warn_of_missing_images(stop)

    def __iter__(self) -> Iterator[Frame]:
        return self.read(self.start)

    def read(self, first: int) -> Iterator[Frame]:
        """The range's frames from number ``first`` on, none left out."""
        frames = self._read_images(first) if self._images is not None else self._decode_video(first)
        count, shown, lost = first - self.start, first > self.start, []
        for frame in frames:
            if self.end is not None and frame.number > self.end:
                break
            count += 1
            if frame.rgb is not None:
                shown = True
            elif self._images is None or frame.number in self._images.images:
                lost.append(frame.number)
            yield frame
        if not shown:
            raise NikiError(f"No frame of {self.path} could be decoded")
        if self.expected is not None and count < self.expected - 1:
            self.warnings.append(
                f"{self.path.name} is cut short: {count} of {self.expected} frames could be decoded"
            )
        if lost:
            self.warnings.append(
                f"{self.path.name} is damaged: {len(lost)} of {count} frames could not be decoded and are"
                f" bridged ({format_ranges(lost)})"
            )

    def source(self, number: int) -> int:
        """A checksum of the name, size and date of the image that frame ``number`` is read from; 0 where
        there is none, and for a film."""
        path = None if self._images is None else self._images.images.get(number)
        try:
            stat = None if path is None else path.stat()
        except OSError:
            stat = None  # it is gone
        return (
            0
            if path is None or stat is None
            else zlib.crc32(f"{path.name} {stat.st_size} {stat.st_mtime_ns}".encode())
        )

    def _warn_of_missing_images(self, stop: int) -> None:
        assert self._images is not None
        self.warnings += self._images.warnings
        missing = self._images.missing(self.start, stop - 1)
        if missing:
            numbers = format_ranges([n + self._images.first for n in missing])
            self.warnings.append(
                f"{self._images.name} lacks {numbers}: frame{'s' * (len(missing) > 1)} {format_ranges(missing)}"
                f" {'are' if len(missing) > 1 else 'is'} bridged"
            )

    def _read_images(self, first: int) -> Iterator[Frame]:
        assert self._images is not None
        for number in range(first, len(self._images)):
            path, rgb = self._images.images.get(number), None
            if path is not None:
                try:
                    rgb = read_image(path)
                except NikiError:
                    rgb = None  # as a damaged frame of a film: told at the end
                if rgb is not None and rgb.shape[1::-1] != self.size:
                    raise NikiError(f"{path} differs in size from the first image of the sequence")
            yield Frame(number, number / self.rate, rgb)

    def _open(self):
        try:
            # An absolute path: FFmpeg takes others for protocols.
            container = av.open(os.path.abspath(self.path), timeout=_PATIENCE)
        except (av.error.FFmpegError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise NikiError(f"{self.path} cannot be read as footage: {reason}") from None
        if container.format.name.split(",")[0] in _POINTING_ELSEWHERE:
            container.close()
            raise NikiError(f"{self.path} is a list or a text file, not a video", "choose the video itself")
        if not container.streams.video or container.streams.video[0].codec_context is None:
            container.close()
            raise NikiError(f"{self.path} holds no video")
        stream = container.streams.video[0]
        if stream.width * stream.height > MOST_PIXELS:
            container.close()
            raise NikiError(
                f"{self.path} claims a picture of {stream.width} x {stream.height}:"
                f" at most {MOST_PIXELS:,} pixels can be read"
            )
        stream.codec_context.options = {"max_pixels": str(MOST_PIXELS)}  # whatever comes later in the file
        return container

    def _inspect_video(self, rate):
        with self._open() as container:
            stream = container.streams.video[0]
            frames = ((time, frame) for _, time, frame in _numbered(container, stream, self._bytes))
            time, first = next((found for found in frames if found[1] is not None), (None, None))
            if first is None:
                raise NikiError(f"No frame of {self.path} could be decoded", "is the file empty or cut?")
            width, height = first.width, first.height
            turned = round(first.rotation / 90) % 2
            own = float(stream.average_rate or stream.guessed_rate or 0)
            total = stream.frames if stream.frames > 0 else None
        if rate is None and own and not SLOWEST <= own <= FASTEST:
            self.warnings.append(
                f"{self.path.name} says {own:g} frames per second, which no video has:"
                f" using {_DEFAULT_RATE:g}; set the frame rate if you know it"
            )
            own = 0
        size = (height, width) if turned else (width, height)
        return rate or own or _DEFAULT_RATE, size, total, time is None

    def _decode_video(self, first: int) -> Iterator[Frame]:
        with self._open() as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            first_time = None
            for number, time, frame in _numbered(container, stream, self._bytes):
                time = number / self.rate if time is None else time
                first_time = time if first_time is None else first_time
                if number >= first:
                    rgb = None if frame is None else _upright(frame, self.size)
                    yield Frame(number, time - first_time, rgb)
                if self.end is not None and number >= self.end:
                    break


def footage_files(path: str | os.PathLike) -> list[Path]:
    """What is read of footage: the video, or the images of the sequence.

    Raises:
        NikiError: missing, or neither a file nor a folder of images.
    """
    images = _sequence(Path(path))
    return [Path(path)] if images is None else list(images.images.values())


def _sequence(path: Path) -> Sequence | None:
    """The images that ``path`` stands for; None where it is a video."""
    if not path.exists():
        raise NikiError(f"There is no footage at {path}")
    if not path.is_dir() and not path.is_file():
        raise NikiError(f"{path} is a device or a pipe", "footage must be a file or a folder of images")
    is_video = not path.is_dir() and path.suffix.lower() not in IMAGE_SUFFIXES
    return None if is_video else Sequence(path)


def _numbered(container, stream, size: int) -> Iterator[tuple[int, float | None, av.VideoFrame | None]]:
    """Number, time and frame of all frames in their order; no frame where it could not be decoded.

    Args:
        size: bytes of the file to read: it may be growing.
    """
    numbering, number = Numbering(), 0

    def seconds(stamp):
        return None if stamp is None else float(stamp * stream.time_base)

    for packet in _packets(container, stream, size):
        if packet is not None and not packet.is_discard:
            numbering.packet(packet.pts)
        if packet is not None and not packet.size:
            continue  # a frame without content; to the decoder it would mean the end
        try:
            frames = stream.decode(packet)
        except av.error.FFmpegError:
            numbering.failure()
            continue
        for frame in frames:
            for stamp in numbering.lost_before(frame.pts):
                yield number, seconds(stamp), None
                number += 1
            yield number, seconds(frame.pts), frame
            number += 1
    for stamp in numbering.lost_at_end():
        yield number, seconds(stamp), None
        number += 1


def _packets(container, stream, size: int):
    """The stream's packets as far as the file can be read; then None, for what the decoder holds back."""
    try:
        for packet in container.demux(stream):
            at_end = packet.size == 0 and packet.pts is None and packet.dts is None
            if at_end or (packet.pos or 0) >= size:
                break
            yield packet
    except av.error.FFmpegError:
        pass
    yield None


def _upright(frame: av.VideoFrame, size: tuple[int, int]) -> np.ndarray | None:
    """(H, W, 3) of ``size`` after rotation; a film may change its resolution. None if it has no picture."""
    turns = round(frame.rotation / 90) % 4
    width, height = size[::-1] if turns % 2 else size
    try:
        rgb = frame.to_ndarray(format="rgb24", width=width, height=height)
    except (av.error.FFmpegError, ValueError):
        return None
    return np.ascontiguousarray(np.rot90(rgb, turns))


class VideoWriter:
    """H.264 in mp4 from RGB frames; use as a context manager. Odd sizes are padded by a pixel.

    Raises:
        NikiError: it cannot be encoded. OSError: it cannot be written.
    """

    def __init__(self, path, rate: float, size: tuple[int, int]):
        self._pad = (size[1] % 2, size[0] % 2)
        with _encoding():
            self._container = av.open(str(path), "w", format="mp4")
        try:
            with _encoding():
                exact = Fraction(rate).limit_denominator(10_000)
                self._stream = self._container.add_stream("libx264", rate=exact, options={"crf": "20"})
                self._stream.width, self._stream.height = size[0] + self._pad[1], size[1] + self._pad[0]
                self._stream.pix_fmt = "yuv420p"
        except BaseException:
            self._container.close()
            raise

    def __enter__(self):
        return self

    def write(self, rgb: np.ndarray) -> None:
        """Append one frame (H, W, 3) uint8."""
        padded = np.pad(rgb, ((0, self._pad[0]), (0, self._pad[1]), (0, 0)), mode="edge")
        with _encoding():
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(padded), format="rgb24")
            self._container.mux(self._stream.encode(frame))

    def __exit__(self, *exception):
        if exception[0] is None:
            with _encoding():
                self._container.mux(self._stream.encode())
                self._container.close()
        else:
            with contextlib.suppress(av.error.FFmpegError):
                self._container.close()  # the first failure is the one to tell


@contextlib.contextmanager
def _encoding():
    try:
        yield
    except (av.error.FFmpegError, ValueError) as error:
        if isinstance(error, OSError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise NikiError(f"The video cannot be encoded: {reason}") from None
