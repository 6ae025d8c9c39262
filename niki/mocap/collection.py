"""The training set: a folder of motion-capture archives with an index -> poses on our skeleton."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import platformdirs
from numpy.typing import ArrayLike

from ..body import rotation as rot
from ..body.skeleton import JOINTS
from ..errors import NikiError
from ..files import read_npz, read_text, save_npz
from .archive import clip_name, name_errors, recordings
from .biovision import read_bvh
from .recording import Recording
from .refit import Refitted, best_rest, refit
from .sources import HELD_OUT_PEOPLE, person_of, source_named

RATE = 30.0  # frames per second of the training set
_DECIDE = (
    *(f"mocap/{name}" for name in ("acclaim", "archive", "biovision", "exponential_map", "collection")),
    *("mocap/recording", "mocap/refit", "mocap/sources"),
    "body/rotation", "body/skeleton",
)  # fmt: skip
"""The modules whose code determines the poses read from an archive."""
_COLUMNS = ("path", "cmu", "source", "dedupe_keep")  # the columns of clips.csv that are used
_MOST_BYTES = 8_000_000_000  # of poses that were kept: ten million
_WRONG_ANKLE = np.radians(85)  # an ankle cannot turn further: the marker was lost


@dataclass(eq=False)
class Poses:
    """N poses of many clips.

    Attributes:
        rotations: (N, 24, 3, 3) float32, parent-relative.
        clip: (N,) index into ``names``, ``subjects``, ``sources`` and the next two.
        lengths: (clips, 29) the person's bone lengths on our skeleton, metres.
        residual: (clips, 29) mm, as in :class:`~niki.mocap.refit.Refitted`.
    """

    rotations: np.ndarray
    clip: np.ndarray
    names: np.ndarray
    subjects: np.ndarray
    sources: np.ndarray
    lengths: np.ndarray
    residual: np.ndarray

    def __len__(self) -> int:
        return len(self.rotations)

    def of_clips(self, wanted: ArrayLike) -> Poses:
        """The poses of the clips for which ``wanted`` (clips,) is true."""
        keep = np.asarray(wanted)[self.clip]
        clip = (np.cumsum(wanted) - 1)[self.clip[keep]]
        parts = (self.names, self.subjects, self.sources, self.lengths, self.residual)
        return Poses(self.rotations[keep], clip, *(part[np.asarray(wanted)] for part in parts))

    def without(self, names: Iterable[str]) -> Poses:
        """The poses of all clips but those of these sources and subjects."""
        left_out = list(names)
        return self.of_clips(~(np.isin(self.subjects, left_out) | np.isin(self.sources, left_out)))

    def of_frames(self, wanted: ArrayLike) -> Poses:
        """The poses for which ``wanted`` (N,) is true; of all clips."""
        rows = np.asarray(wanted, bool)
        return replace(self, rotations=self.rotations[rows], clip=self.clip[rows])

    @classmethod
    def joined(cls, parts: Iterable[Poses]) -> Poses:
        """All poses of ``parts``, in order. A clip of an earlier part is not taken again: a CMU trial is known by
        its number, any other clip by its source and name.

        Raises:
            NikiError: there are no parts.
        """
        kept: list[Poses] = []
        known: set[str] = set()
        for part in parts:
            keys = [_identity(str(n), str(s)) for n, s in zip(part.names, part.sources, strict=True)]
            new = np.array([key not in known for key in keys], bool)
            kept.append(part if new.all() else part.of_clips(new))
            known.update(keys)
        if not kept:
            raise NikiError(
                "There are no collections to join", "name at least one folder with mocap archives"
            )
        before = np.cumsum([0] + [len(part.names) for part in kept])
        clip = [part.clip + start for part, start in zip(kept, before, strict=False)]
        names = [f.name for f in fields(cls)]
        values = {name: np.concatenate([getattr(part, name) for part in kept]) for name in names}
        return cls(**values | {"clip": np.concatenate(clip)})

    @property
    def own_lengths(self) -> np.ndarray:
        """(clips,) whether ``lengths`` are the recorded person's; else another's, or nobody's. Forearms depend on
        the format all the same: CMU's .amc files make one person's 3/2 as long as its .bvh files do."""
        return np.array([source_named(str(source)).own_lengths for source in self.sources], bool)

    def split(self) -> tuple[Poses, Poses]:
        """(training, held out): no person is in both."""
        held_out = np.isin(self.subjects, HELD_OUT_PEOPLE)
        return self.of_clips(~held_out), self.of_clips(held_out)

    def save(self, path: str | os.PathLike) -> None:
        """Write as .npz, replacing an existing file in one step."""
        save_npz(path, vars(self), compress=False)

    @classmethod
    def load(cls, path: str | os.PathLike) -> Poses:
        """Read what :meth:`save` wrote.

        Raises:
            NikiError: the file is missing, damaged or not a file of poses.
        """
        names = [field.name for field in fields(cls)]
        values = read_npz(path, names, "a file of poses", most=_MOST_BYTES)
        poses = cls(*(values.get(name, np.zeros(0)) for name in names))
        clips = len(poses.names)
        shapes = {
            "rotations": (len(poses.clip), 24, 3, 3),
            "clip": (len(poses.clip),),
            "lengths": (clips, 29),
        }
        shapes |= {"residual": (clips, 29)} | dict.fromkeys(("names", "subjects", "sources"), (clips,))
        for name, shape in shapes.items():
            if values.get(name, np.zeros(())).shape != shape:
                raise NikiError(f"{path} is damaged: {name} must have shape {shape}")
        if poses.clip.dtype.kind not in "iu" or not ((poses.clip >= 0) & (poses.clip < clips)).all():
            raise NikiError(f"{path} is damaged: clip must number the clips")
        return poses


def load_archives(folder: str | os.PathLike, progress: Callable[[int, int], None] = lambda *_: None) -> Poses:
    """Every clip that the folder's ``clips.csv`` keeps, at ``RATE`` frames per second.

    Args:
        folder: holds clips.csv and .tar.xz archives with the clips.
        progress: called with clips done and clips expected.

    Raises:
        NikiError: there is no index, a clip in it is in no archive, or a clip cannot be read.
    """
    folder = Path(folder)
    if not (folder / "clips.csv").is_file():
        raise NikiError(f"There is no clips.csv in {folder}", "give the folder with the mocap archives")
    rows = csv.DictReader(io.StringIO(read_text(folder / "clips.csv", "utf-8")))
    if not set(_COLUMNS) <= set(rows.fieldnames or ()):
        raise NikiError(f"{folder / 'clips.csv'} needs the columns {', '.join(_COLUMNS)}")
    wanted = {row["path"]: row for row in rows if _is_wanted(row)}
    clips = []
    for archive in sorted(folder.glob("*.tar.xz")):
        for path, recording in recordings(archive, folder, wanted):
            row = wanted[path]
            with name_errors(path):
                refitted = refit(_thinned(recording))
            name = clip_name(row)
            clips.append((name, person_of(row["cmu"], row["source"], name), row["source"], refitted))
            progress(len(clips), len(wanted))
    lacking = len(wanted) - len(clips)
    if lacking:
        raise NikiError(f"{lacking} of the clips in clips.csv are in no archive in {folder}")
    return _collect(clips)


def _is_wanted(row: dict[str, str]) -> bool:
    """Whether the index keeps this clip, and nothing is known against it."""
    left_out = source_named(row["source"]).left_out
    return row["dedupe_keep"] == "1" and row.get("use") != "no" and clip_name(row) not in left_out


def cached_archives(folder: str | os.PathLike, cache: str | os.PathLike | None = None) -> Poses:
    """As :func:`load_archives`, cached in the folder ``cache`` until the archives or the readers change;
    default NIKI's folder in the user's cache directory."""
    cached = Path(cache or platformdirs.user_cache_dir("niki", False)) / f"mocap-{_digest(Path(folder))}.npz"
    if cached.is_file():
        with contextlib.suppress(NikiError):  # damaged: read the archives again
            return Poses.load(cached)
    poses = load_archives(folder)
    with contextlib.suppress(OSError, NikiError):  # works without the cache
        cached.parent.mkdir(parents=True, exist_ok=True)
        poses.save(cached)
    return poses


def load_collections(folders: Iterable[str | os.PathLike], cache: str | os.PathLike | None = None) -> Poses:
    """Several folders as one, each read by :func:`cached_archives` and joined by :meth:`Poses.joined`."""
    return Poses.joined(cached_archives(folder, cache) for folder in folders)


def _identity(name: str, source: str) -> str:
    return name if name.split("_")[0].isdigit() else f"{source}/{name}"


def _digest(folder: Path) -> str:
    """Hash of everything that determines the poses: the index, the archives (size and modification time), our code."""
    index = folder / "clips.csv"
    digest = hashlib.sha256(index.read_bytes() if index.is_file() else b"")
    for file in sorted([*folder.glob("*.tar.xz"), *folder.glob("*_skeleton.json")]):
        about = file.stat()
        digest.update(json.dumps([file.name, about.st_size, about.st_mtime_ns]).encode())
    for name in _DECIDE:
        digest.update((Path(__file__).parent.parent / f"{name}.py").read_bytes())
    return digest.hexdigest()[:12]


def load_bvh_folder(
    folder: str | os.PathLike, warn: Callable[[str], None] = lambda text: None, unit: float | None = None
) -> Poses:
    """Every .bvh file under ``folder``, each as a person of its own. Files with the same skeleton share a
    rest pose.

    Args:
        warn: called with the reason for each file that cannot be used.
        unit: metres per unit; default: found for each file from the length of the legs.

    Raises:
        NikiError: there is no .bvh file that can be used.
    """
    skeletons: dict[bytes, list[tuple[Path, Recording]]] = {}
    for path in sorted(Path(folder).rglob("*.bvh")):
        try:
            recording = _thinned(read_bvh(read_text(path), unit))
        except NikiError as error:
            warn(f"{path} is skipped: {error}")
            continue
        key = repr(recording.names).encode() + recording.offsets.round(3).tobytes()
        skeletons.setdefault(key, []).append((path, recording))
    clips = []
    for group in skeletons.values():
        try:
            rest = best_rest([recording for _, recording in group])
        except NikiError as error:
            warn(f"{group[0][0]} and {len(group) - 1} others with its skeleton are skipped: {error}")
            continue
        for path, recording in group:
            try:
                clips.append((path.stem, str(path), Path(folder).name, refit(recording, rest)))
            except NikiError as error:
                warn(f"{path} is skipped: {error}")
    if not clips:
        raise NikiError(f"There is no .bvh file that can be used in {folder}")
    return _collect(clips)


def _collect(clips: list[tuple[str, str, str, Refitted]]) -> Poses:
    names, subjects, sources, refitted = zip(*clips, strict=True)
    rotations = np.concatenate([r.rotations for r in refitted]).astype(np.float32)
    clip = np.repeat(np.arange(len(refitted)), [len(r.rotations) for r in refitted])
    ankles = [JOINTS.index("left_ankle"), JOINTS.index("right_ankle")]
    good = (rot.angle_between(np.eye(3, dtype=np.float32), rotations[:, ankles]) < _WRONG_ANKLE).all(1)
    lengths = np.stack([r.body.bone_lengths for r in refitted])
    residual = np.stack([r.residual for r in refitted])
    labels = (np.array(names), np.array(subjects), np.array(sources))
    return Poses(rotations[good], clip[good], *labels, lengths, residual)


def _thinned(recording: Recording) -> Recording:
    return recording.thin(max(1, round(recording.rate / RATE)))
