"""Numbered images that make one film: which files, which number each has, what is in them."""

from __future__ import annotations

import itertools
import os
import re
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np

from ...errors import NikiError
from .. import MOST_PIXELS

IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".exr"}

_LARGEST_FILE = 1 << 30  # bytes: eight for each of the most pixels
_LARGEST_GAP = 1000  # images that may be missing in a row; more, and the numbers mean something else
_NUMBERED = re.compile(r"(.*?)([0-9]+)([^0-9]*)", re.DOTALL)  # the last number in a name counts
_NAMED_RANGES = 8  # of missing frames in a message


class Sequence:
    """The images that belong together, by frame number: what their names say, counted from the first.

    Args:
        path: their folder, or any one of them.

    Attributes:
        images: file of each frame that there is, in order. name: of the whole, such as shot_#.png.
        first: the number in the name of frame 0. warnings: about files that were left out.

    Raises:
        NikiError: no images, several sequences in the folder, or two images of one number.
    """

    def __init__(self, path: Path):
        self.warnings: list[str] = []
        groups = _groups(path if path.is_dir() else path.parent)
        key = self._chosen(path, groups) if path.is_dir() else _key(path)
        self.name = key[0] + ("#" if key[1] is not None else "") + (key[1] or "") + key[2]
        files = groups.get(key) or [path]
        numbered: dict[int, Path] = {}
        for file in files:
            other = numbered.setdefault(_number(file), file)
            if other is not file:
                raise NikiError(
                    f"{other.name} and {file.name} have the same number", "rename one, or move it away"
                )
        self.first = min(numbered)
        self.images = {number - self.first: numbered[number] for number in sorted(numbered)}

    def __len__(self) -> int:
        """Frames from the first image to the last, those that are missing included."""
        return max(self.images) + 1

    def missing(self, start: int, end: int) -> list[int]:
        """Frames from ``start`` to ``end``, both included, that have no image.

        Raises:
            NikiError: so many in a row that the numbers cannot be those of a film.
        """
        there = [start - 1, *(n for n in self.images if start <= n <= end), end + 1]
        missing: list[int] = []
        for before, after in itertools.pairwise(there):
            if after - before > _LARGEST_GAP:
                raise NikiError(
                    f"{after - before - 1} images of {self.name} are missing from number"
                    f" {before + 1 + self.first} to {after - 1 + self.first}",
                    "renumber the images, or choose frames on one side of the gap",
                )
            missing += range(before + 1, after)
        return missing

    def _chosen(self, folder: Path, groups) -> tuple[str, str | None, str]:
        if not groups:
            raise NikiError(f"The folder {folder} holds no images", "expected numbered .png or .jpg files")
        numbered = [key for key in groups if key[1] is not None] or list(groups)
        if len(numbered) > 1:
            names = sorted(groups[key][0].name for key in numbered)
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            raise NikiError(
                f"{folder} holds several image sequences: {', '.join(names[:3])}{more}",
                "choose an image of the one you want",
            )
        others = [file.name for key, files in groups.items() if key != numbered[0] for file in files]
        if others:
            self.warnings.append(
                f"{', '.join(others[:3])}{' ...' if len(others) > 3 else ''}: left out: no number in the name"
            )
        return numbered[0]


def read_image(path: Path) -> np.ndarray:
    """An image as (H, W, 3) uint8.

    Raises:
        NikiError: it is gone, cannot be decoded, or has more than ``MOST_PIXELS``.
    """
    try:
        if os.stat(path).st_size > _LARGEST_FILE:
            raise NikiError(f"{path} is larger than {_LARGEST_FILE >> 20} MB, too large for an image")
        content = np.fromfile(path, np.uint8)  # not imread: it fails on non-ASCII paths on Windows
    except OSError as error:
        raise NikiError(f"{path} cannot be read: {error.strerror or error}") from None
    try:
        image = cv2.imdecode(content, cv2.IMREAD_COLOR) if len(content) else None
    except cv2.error as error:
        if "OpenEXR" in str(error):
            raise NikiError(f"{path}: OpenEXR images cannot be read here", "convert them to .png") from None
        if "PIXELS" in str(error) or "WIDTH" in str(error) or "HEIGHT" in str(error):
            raise _too_large(path) from None
        image = None
    if image is None:
        raise NikiError(f"{path} cannot be read as an image")
    if image.shape[0] * image.shape[1] > MOST_PIXELS:
        raise _too_large(path)
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def encode_image(rgb: np.ndarray, suffix: str) -> bytes:
    """An image (H, W, 3) as the content of a file with ``suffix``.

    Raises:
        NikiError: there are no such files, or the image is larger than they can be.
    """
    try:
        done, coded = cv2.imencode(suffix, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    except cv2.error:
        done = False
    if not done:
        raise NikiError(f"No picture can be written as '{suffix}'", "choose .png or .jpg")
    return coded.tobytes()


def format_ranges(numbers: list[int]) -> str:
    """Ascending numbers in words: "3, 6-8"."""
    runs = np.split(np.array(numbers), np.flatnonzero(np.diff(numbers) > 1) + 1)
    told = [f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs[:_NAMED_RANGES]]
    return ", ".join(told) + (" ..." if len(runs) > _NAMED_RANGES else "")


def _too_large(path) -> NikiError:
    return NikiError(f"{path} is too large: a picture may have at most {MOST_PIXELS:,} pixels")


def _groups(folder: Path) -> dict[tuple[str, str | None, str], list[Path]]:
    """The images of a folder by what their names share; hidden ones (macOS puts some there) left out."""
    found = defaultdict(list)
    try:
        files = sorted(folder.iterdir())
    except OSError as error:
        raise NikiError(f"The folder {folder} cannot be read: {error.strerror or error}") from None
    for file in files:
        if file.suffix.lower() in IMAGE_SUFFIXES and not file.name.startswith(".") and file.is_file():
            found[_key(file)].append(file)
    return found


def _key(path: Path) -> tuple[str, str | None, str]:
    """What comes before the number and after it, None without one; and the suffix."""
    match = _NUMBERED.fullmatch(path.stem)
    return (match[1], match[3], path.suffix.lower()) if match else (path.stem, None, path.suffix.lower())


def _number(path: Path) -> int:
    match = _NUMBERED.fullmatch(path.stem)
    return int(match[2]) if match else 0
