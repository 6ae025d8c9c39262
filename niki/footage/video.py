"""Decoding footage, one frame after another, each with its own number and time stamp.

Frames are read in order and never sought: time stamps and frame counts of containers are not to
be trusted (variable rates, cut files), what is decoded is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from ..errors import NikiError

IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".exr"}
_DEFAULT_SEQUENCE_RATE = 24.0


@dataclass(eq=False)
class Frame:
    """``number`` in the footage from 0, ``time`` in seconds, ``rgb`` (H, W, 3) uint8, upright."""

    number: int
    time: float
    rgb: np.ndarray


class Footage:
    """A video file, or a numbered image sequence (its folder, or any one of its images).

    Args:
        path: the file or folder.
        start, end: first and last frame to give, counted from 0, both included.
        rate: frames per second; default what the file says (24 for images).

    Attributes:
        path, rate, size (width, height, after rotation), file: the video or the first image;
        expected: the number of frames that the file promises within the range, or None;
        warnings: filled while decoding.

    Raises:
        NikiError: missing, not footage, no image in the folder, or an empty range.
    """

    def __init__(self, path, start: int | None = None, end: int | None = None, rate: float | None = None):
        self.path, self.start, self.end = Path(path), start or 0, end
        self.warnings: list[str] = []
        if self.start < 0 or (end is not None and end < self.start):
            raise NikiError(f"The frame range {self.start}..{end} is empty", "start must not be past end")
        if rate is not None and not rate > 0:
            raise NikiError(f"The frame rate must be positive, not {rate}")
        if not self.path.exists():
            raise NikiError(f"There is no footage at {self.path}")
        self._images = _image_sequence(self.path)
        self.file = self._images[0] if self._images else self.path
        if self._images:
            self.rate, total = rate or _DEFAULT_SEQUENCE_RATE, len(self._images)
            height, width = _read_image(self._images[0]).shape[:2]
            self.size = (width, height)
        else:
            self.rate, self.size, total = self._inspect_video(rate)
        if total is not None and self.start >= total:
            raise NikiError(
                f"The start frame {self.start} is beyond the end of {self.path}",
                f"its last frame is {total - 1}",
            )
        stop = total if end is None or total is None else min(total, end + 1)
        self.expected = None if total is None else stop - self.start

    def __iter__(self) -> Iterator[Frame]:
        return self.read(self.start)

    def read(self, first: int) -> Iterator[Frame]:
        """The range's frames from number ``first`` on."""
        frames = self._read_images(first) if self._images else self._decode_video(first)
        count = first - self.start
        for frame in frames:
            if self.end is not None and frame.number > self.end:
                break
            count += 1
            yield frame
        if count == 0:
            raise NikiError(f"No frame of {self.path} could be decoded")
        if self.expected is not None and count < self.expected - 1:
            self.warnings.append(
                f"{self.path.name} is cut short: {count} of {self.expected} frames could be decoded"
            )

    def _read_images(self, first: int) -> Iterator[Frame]:
        for number, path in enumerate(self._images):
            if number >= first:
                rgb = _read_image(path)
                if rgb.shape[1::-1] != self.size:
                    raise NikiError(f"{path} differs in size from the first image of the sequence")
                yield Frame(number, number / self.rate, rgb)

    def _open(self):
        try:
            container = av.open(str(self.path))
        except (av.error.FFmpegError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise NikiError(f"{self.path} cannot be read as footage: {reason}") from None
        if not container.streams.video:
            container.close()
            raise NikiError(f"{self.path} holds no video")
        return container

    def _inspect_video(self, rate):
        with self._open() as container:
            stream = container.streams.video[0]
            first = next(_decoded(container, stream), None)
            if first is None:
                raise NikiError(f"No frame of {self.path} could be decoded", "is the file empty or cut?")
            height, width = _upright(first).shape[:2]
            own = float(stream.average_rate or stream.guessed_rate or 0)
            total = stream.frames or None
        return rate or own or _DEFAULT_SEQUENCE_RATE, (width, height), total

    def _decode_video(self, first: int) -> Iterator[Frame]:
        with self._open() as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            first_time = None
            for number, frame in enumerate(_decoded(container, stream)):
                time = number / self.rate if frame.pts is None else float(frame.pts * frame.time_base)
                first_time = time if first_time is None else first_time
                if number >= first:
                    yield Frame(number, time - first_time, _upright(frame))
                if self.end is not None and number >= self.end:
                    break


def _decoded(container, stream):
    """Frames up to the first that cannot be decoded."""
    try:
        yield from container.decode(stream)
    except av.error.FFmpegError:
        return


def _upright(frame: av.VideoFrame) -> np.ndarray:
    rgb = frame.to_ndarray(format="rgb24")
    return np.ascontiguousarray(np.rot90(rgb, round(frame.rotation / 90) % 4))


def _image_sequence(path: Path) -> list[Path]:
    """The images that ``path`` stands for, in numeric order; empty when it is a video."""
    if path.is_dir():
        images = [p for p in path.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES]
        if not images:
            raise NikiError(f"The folder {path} holds no images", "expected numbered .png or .jpg files")
        return sorted(images, key=_number_key)
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        return []
    match = re.fullmatch(r"(.*?)(\d+)", path.stem)
    if not match:
        return [path]
    siblings = path.parent.glob(f"*{path.suffix}")
    pattern = re.compile(re.escape(match[1]) + r"\d+")
    return sorted((p for p in siblings if pattern.fullmatch(p.stem)), key=_number_key)


def _number_key(path: Path):
    numbers = re.findall(r"\d+", path.stem)
    return (re.sub(r"\d+$", "", path.stem), int(numbers[-1]) if numbers else -1)


def _read_image(path: Path) -> np.ndarray:
    # imdecode, not imread: the latter fails on non-ASCII paths on Windows.
    image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise NikiError(f"{path} cannot be read as an image")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


class VideoWriter:
    """H.264 in mp4 from RGB frames; use as a context manager. Odd sizes are padded by a pixel."""

    def __init__(self, path, rate: float, size: tuple[int, int]):
        self._container = av.open(str(path), "w", format="mp4")
        rate = Fraction(rate).limit_denominator(10_000)
        self._stream = self._container.add_stream("libx264", rate=rate, options={"crf": "20"})
        self._pad = (size[1] % 2, size[0] % 2)
        self._stream.width, self._stream.height = size[0] + self._pad[1], size[1] + self._pad[0]
        self._stream.pix_fmt = "yuv420p"

    def __enter__(self):
        return self

    def write(self, rgb: np.ndarray) -> None:
        """Append one frame (H, W, 3) uint8."""
        padded = np.pad(rgb, ((0, self._pad[0]), (0, self._pad[1]), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(padded), format="rgb24")
        self._container.mux(self._stream.encode(frame))

    def __exit__(self, *exception):
        if exception[0] is None:
            self._container.mux(self._stream.encode())
        self._container.close()
