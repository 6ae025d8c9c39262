"""One archive of motion capture -> its recordings, with what is known about their source applied."""

from __future__ import annotations

import contextlib
import json
import lzma
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from ..body import rotation as rot
from ..errors import NikiError
from ..files import read_text
from .acclaim import ZERO_LIMBS, Skeleton, read_amc, read_asf
from .biovision import read_bvh
from .exponential_map import read_exponential_maps
from .recording import Recording, parse_numbers
from .sources import Source, source_named

_LONGEST_CLIP = 100_000_000  # bytes of text
_RATES = (1.0, 1000.0)  # frames per second


def recordings(
    archive: Path, folder: Path, wanted: Mapping[str, Mapping[str, str]]
) -> Iterator[tuple[str, Recording]]:
    """Paths and recordings of the archive's clips that are in ``wanted``.

    Args:
        folder: where the skeleton of exponential maps lies.
        wanted: rows of the index by path.

    Raises:
        NikiError: the archive cannot be read, or a clip in it; the message names it.
    """
    skeletons: dict[str, Skeleton] = {}
    zero_poses: dict[str, str] = {}
    motions: dict[str, str] = {}
    for name, text in _texts(archive, wanted):
        if name.endswith(".asf"):
            with name_errors(name):
                skeletons[_subject(name)] = read_asf(text)
        elif name.endswith(".json"):
            zero_poses[Path(name).name] = text
        else:
            motions.setdefault(name, text)
    for path, text in motions.items():
        row = wanted[path]
        source = source_named(row["source"])
        with name_errors(path):
            recording = _read(path, text, skeletons, folder, source)
            if row.get("fps"):  # .amc files do not say, and some others are wrong
                recording.rate = _rate(row["fps"])
            if source.zero_pose:
                if source.zero_pose not in zero_poses:
                    raise NikiError(f"There is no {source.zero_pose} in {archive.name}, which it needs")
                with name_errors(source.zero_pose):
                    recording = _as_acclaim(recording, zero_poses[source.zero_pose])
            name = clip_name(row)
            cut = source.frames_to_cut(name)
            if len(recording) <= cut:
                raise NikiError(
                    f"It has only {len(recording)} frames, of which the first {cut} are no motion"
                )
            recording.rotations = recording.rotations[cut:]
            if name in source.spoilt:
                spoilt = np.r_[tuple(slice(*span) for span in source.spoilt[name])]
                recording.rotations = np.delete(recording.rotations, spoilt[spoilt < len(recording)], axis=0)
            if name in source.rolled:
                _roll_back(recording, source.rolled[name])
        yield path, recording


def clip_name(row: Mapping[str, str]) -> str:
    """A clip's name: its CMU number, or its file's name."""
    return row["cmu"] or Path(row["path"]).stem


@contextlib.contextmanager
def name_errors(path: str) -> Iterator[None]:
    """Add the file's path to errors raised inside."""
    try:
        yield
    except NikiError as error:
        raise NikiError(f"{path}: {error.message}", error.hint) from None


def _read(path: str, text: str, skeletons: dict[str, Skeleton], folder: Path, source: Source) -> Recording:
    if path.endswith(".amc"):
        skeleton = source.skeleton or _subject(path)
        if skeleton not in skeletons:
            raise NikiError(f"There is no {skeleton}.asf next to it")
        return read_amc(text, skeletons[skeleton])
    if path.endswith(".bvh"):
        return read_bvh(text, source.unit)
    exponential = next(iter(folder.glob("*_skeleton.json")), None)
    if not exponential:
        raise NikiError(f"There is no file *_skeleton.json in {folder}, which it needs")
    return read_exponential_maps(text, read_text(exponential))


def _rate(text: str) -> float:
    (rate,) = parse_numbers([text], "Its fps in clips.csv")
    if not _RATES[0] <= rate <= _RATES[1]:
        raise NikiError(f"Its fps in clips.csv must be {_RATES[0]:g} to {_RATES[1]:g}, not {text}")
    return float(rate)


def _as_acclaim(recording: Recording, text: str) -> Recording:
    """The recording on CMU's own bones and relative to their zero pose, by the names and rotations in ``text``.
    Bones that CMU does not have turn like their parents. The lengths of the bones stay."""
    try:
        own = {
            joint: (entry["asf"], np.array(entry["Q"], float)) for joint, entry in json.loads(text).items()
        }
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise NikiError("It must hold a bone's name asf and a matrix Q for each joint") from None
    names, world = list(recording.names), np.tile(np.eye(3), (len(recording.names), 1, 1))
    for i, name in enumerate(recording.names):
        if name not in own:
            world[i] = world[recording.parents[i]] if i else np.eye(3)
            continue
        names[i], turn = str(own[name][0]), own[name][1]
        if (
            turn.shape != (3, 3)
            or not np.allclose(turn @ turn.T, np.eye(3), atol=1e-3)
            or np.linalg.det(turn) < 0
        ):
            raise NikiError(f"Its Q of {name} is not a rotation")
        world[i] = rot.matrix_from_quaternion(rot.quaternion_from_matrix(turn.T))
    turned = recording.with_zero_pose(world)
    # The joints lie elsewhere in the body, so that limbs run in other directions by up to 7 degrees; CMU's count.
    for i, name in enumerate(names):
        if name in ZERO_LIMBS:
            turned.offsets[i] = np.linalg.norm(turned.offsets[i]) * ZERO_LIMBS[name]
    return Recording(names, turned.parents, turned.offsets, turned.rotations, turned.rate)


def _roll_back(recording: Recording, name: str) -> None:
    """Take back half a turn of a foot, and of its toes, about its own long axis, in the frames that have one."""
    foot = recording.names.index(name)
    toes = int(np.flatnonzero(recording.parents == foot)[0])
    tip = int(np.flatnonzero(recording.parents == toes)[0])
    half_turns = [
        rot.matrix_from_axis_angle(np.pi * rot.normalize(recording.offsets[i])) for i in (toes, tip)
    ]
    rolled = rot.angle_between(np.eye(3), recording.rotations[:, foot]) > np.radians(90)
    recording.rotations[rolled, foot] @= half_turns[0]
    recording.rotations[rolled, toes] = half_turns[0] @ recording.rotations[rolled, toes] @ half_turns[1]


def _texts(archive: Path, wanted: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[str, str]]:
    """Names and contents of the archive's skeletons and zero poses, and of the clips in ``wanted``."""
    zero_poses = {source_named(row["source"]).zero_pose for row in wanted.values()} - {""}
    try:
        with tarfile.open(archive, "r|xz") as tar:
            for member in tar:
                name = member.name.removeprefix("./")
                path = next((p for p in (name, name.partition("/")[2]) if p in wanted), None)
                needed = path or name.endswith(".asf") or Path(name).name in zero_poses
                if member.isfile() and needed:
                    if member.size > _LONGEST_CLIP:
                        raise NikiError(f"{archive}: {name} is too large")
                    text = tar.extractfile(member).read().decode("latin-1")  # pyright: ignore[reportOptionalMemberAccess]
                    yield path or name, text
    except (tarfile.TarError, lzma.LZMAError, EOFError, OSError) as error:
        raise NikiError(f"{archive} cannot be read: {error}") from None


def _subject(path: str) -> str:
    return Path(path).stem.replace("-", "_").split("_")[0]
