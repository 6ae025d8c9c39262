"""The files of a corpus: which numbers they hold, and how they are read back.

A corpus is a folder of shards, ``train_0000.npz`` and ``test_0000.npz``, each with a few clips of one rendered
person. A shard is a file on its own: any of them, together or alone, are a corpus.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from ..errors import NikiError
from ..files import read_npz

RATE = 15.0
"""Frames per second of a corpus."""
SPLITS = ("train", "test")
NUMBERS = ("start", "mirrored", "person", "focal", "width", "height", "tilt", "occluders")
"""What the first columns of ``clip_numbers`` are; then come the camera's turn (9) and place (3)."""

_V = -1  # as many crops as the file has
_SHAPES = {
    "world": (_V, 33, 3), "slope": (_V, 33, 2), "visibility": (_V, 33), "presence": (_V,), "roi": (4,),
    "truth": (29, 3), "root": (3,), "rot6d": (24, 6), "seen": (), "unoccluded": (29,), "clip": (),
}  # fmt: skip
_CLIP_SHAPES = {"clip_name": (), "clip_subject": (), "clip_kind": (), "clip_numbers": (len(NUMBERS) + 12,)}
_MOST_BYTES = 8_000_000_000  # in one file: 1.4 million frames


@dataclass(eq=False)
class Corpus:
    """N frames of C clips: V readings of each frame, and the truth. Metres; camera axes are x right, y down,
    z forward. Fractions are in half precision, as the files have them. Where nobody was found readings are NaN.

    Attributes:
        world: (N, V, 33, 3) landmarks about mid-hip, as read: one crop and its mirror image.
        slope: (N, V, 33, 2) landmarks in the picture: (pixels - centre) / focal.
        visibility: (N, V, 33). presence: (N, V).
        roi: (N, 4) the square that was looked at: x and y as a slope, side over focal, angle in radians.
        truth: (N, 29, 3) joints about the root, camera axes. root: (N, 3) the root in front of the camera.
        rot6d: (N, 24, 6) rotations in 6D, parent-relative; the root's as a level camera facing -Z with Y up
            would see it, so that camera axes become library axes by turning half about X.
        seen: (N,) whether somebody was found. unoccluded: (N, 29) joints inside the picture, nothing before them.
        clip: (N,) index into what follows.
        clip_name, clip_subject: (C,) of the motion. clip_kind: (C,) of proportions: "anny", "wide" or "real".
        clip_numbers: (C, 20) :data:`NUMBERS`, then the turn from world (Y up) to camera axes in rows, and the
            camera's place in the world.
        clip_rate: (C,) frames per second.
    """

    world: np.ndarray
    slope: np.ndarray
    visibility: np.ndarray
    presence: np.ndarray
    roi: np.ndarray
    truth: np.ndarray
    root: np.ndarray
    rot6d: np.ndarray
    seen: np.ndarray
    unoccluded: np.ndarray
    clip: np.ndarray
    clip_name: np.ndarray
    clip_subject: np.ndarray
    clip_kind: np.ndarray
    clip_numbers: np.ndarray
    clip_rate: np.ndarray

    def __len__(self) -> int:
        return len(self.clip)

    @property
    def clips(self) -> int:
        """How many clips there are."""
        return len(self.clip_name)

    @property
    def camera_turn(self) -> np.ndarray:
        """(C, 3, 3) turns world axes, Y up, into camera axes."""
        return self.clip_numbers[:, len(NUMBERS) : len(NUMBERS) + 9].reshape(-1, 3, 3)

    @property
    def camera_place(self) -> np.ndarray:
        """(C, 3) metres, in the world; the floor is at y = 0."""
        return self.clip_numbers[:, -3:]

    @property
    def up(self) -> np.ndarray:
        """(C, 3) the world's up in camera axes."""
        return self.camera_turn[:, :, 1]

    def number(self, name: str) -> np.ndarray:
        """(C,) one of :data:`NUMBERS`."""
        return self.clip_numbers[:, NUMBERS.index(name)]

    def of_clips(self, wanted: np.ndarray) -> Corpus:
        """The frames of the clips for which ``wanted`` (C,) is true."""
        wanted = np.asarray(wanted, bool)
        keep, number = wanted[self.clip], np.cumsum(wanted) - 1
        values = {
            name: value[wanted if name.startswith("clip_") else keep] for name, value in vars(self).items()
        }
        return Corpus(**values | {"clip": number[self.clip[keep]]})


def corpus_files(folder: str | os.PathLike, split: str) -> list[Path]:
    """The shards of ``split`` ("train" or "test") in a folder, in order.

    Raises:
        NikiError: there are none.
    """
    folder = Path(folder)
    files = [*sorted(folder.glob(f"{split}_*.npz")), *folder.glob(f"corpus_{split}.npz")]
    if not files:
        raise NikiError(
            f"There is no {split}_*.npz in {folder}", "make a corpus first: niki render-corpus -o DIR"
        )
    return files


def load_corpus(paths: Iterable[str | os.PathLike], split: str = "train") -> Corpus:
    """Shards one after the other, as one corpus.

    Args:
        paths: files, and folders, whose shards of ``split`` are taken.

    Raises:
        NikiError: there is nothing, a file is missing, damaged or no shard, or they hold unequally many readings.
    """
    files = [
        file for path in paths for file in (corpus_files(path, split) if Path(path).is_dir() else [path])
    ]
    if not files:
        raise NikiError("No files of a corpus were given")
    shards = [_read_shard(file) for file in files]
    for file, shard in zip(files, shards, strict=True):
        if shard["world"].shape[1] != shards[0]["world"].shape[1]:
            counts = f"{shards[0]['world'].shape[1]} and {shard['world'].shape[1]}"
            raise NikiError(f"{files[0]} and {file} hold unequally many readings of a frame: {counts}")
    starts = np.cumsum([0, *(len(shard["clip_name"]) for shard in shards)])
    for shard, start in zip(shards, starts, strict=False):
        shard["clip"] = shard["clip"].astype(np.int64) + start
    return Corpus(**{f.name: np.concatenate([shard.pop(f.name) for shard in shards]) for f in fields(Corpus)})


def _read_shard(path: str | os.PathLike) -> dict[str, np.ndarray]:
    kind = "a shard of a corpus"
    shard = read_npz(path, [*_SHAPES, *_CLIP_SHAPES, "rate"], kind, most=_MOST_BYTES)
    lacking = ({*_SHAPES} | {*_CLIP_SHAPES}) - {*shard}
    if lacking:
        raise NikiError(f"{path} is not {kind}: it has no {min(lacking)}")
    shape = shard["world"].shape
    readings = shape[1] if len(shape) == 4 else 0
    for shapes, count in ((_SHAPES, shape[:1]), (_CLIP_SHAPES, shard["clip_name"].shape[:1])):
        for name, rest in shapes.items():
            wanted = (*count, *(readings if n == _V else n for n in rest))
            if shard[name].shape != wanted:
                raise NikiError(
                    f"{path} is damaged: {name} must have shape {wanted}, not {shard[name].shape}"
                )
    clip, clips = shard["clip"], len(shard["clip_name"])
    if clip.dtype.kind not in "iu" or not ((clip >= 0) & (clip < clips)).all():
        raise NikiError(f"{path} is damaged: clip must number the clips")
    rate = shard.pop("rate", np.array(RATE))
    if rate.shape != () or rate.dtype.kind not in "iuf" or not rate > 0:
        raise NikiError(f"{path} is damaged: rate must be a positive number")
    return shard | {"clip_rate": np.full(clips, float(rate))}
