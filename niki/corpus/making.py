"""``niki render-corpus``: makes the shards that a folder lacks; several processes may work on one folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ..body.rotation import sixd_from_matrix
from ..capturing.footage.camera import CAMERA_TO_LIBRARY
from ..checks import MOST_FRAMES
from ..errors import NikiError
from ..files import save_npz
from ..locks import Lock
from ..mocap.collection import Poses
from . import manifest
from .motions import LONGEST, SHORTEST, Motions, Window, digest
from .people import COUNT, FIRST_HELD_OUT, PROPORTIONS, People, make_people
from .reading import BlazePose, read_frames
from .shards import RATE, SPLITS

if TYPE_CHECKING:
    from .scene import Scene

CLIPS = 20
"""In a shard, at most: a clip in which nobody is found is left out."""
_TEST_EVERY = 12  # shards
_FEWEST_SEEN = 10  # frames of a clip that is kept
_FRAMES = CLIPS * (SHORTEST + LONGEST) / 2  # in a shard, on average
_SHORT = np.float16


@dataclass(frozen=True, eq=False)
class Order:
    """What corpus is wanted.

    Attributes:
        folder: of the corpus; made where there is none.
        frames: how many, about. seed: the same one makes the same corpus.
        poses: the motion, a collection for each folder of motion capture; their order does not matter.

    Raises:
        NikiError: a number out of bounds, no motion, or no folder.
    """

    folder: Path
    frames: int
    seed: int
    poses: Sequence[Poses]

    def __post_init__(self):
        if not 1 <= self.frames <= MOST_FRAMES:
            raise NikiError(
                f"The number of frames must be between 1 and {MOST_FRAMES:,}, not {self.frames:,}"
            )
        if not 0 <= self.seed < 2**32:
            raise NikiError(f"The seed must be between 0 and {2**32 - 1:,}, not {self.seed:,}")
        if self.folder.exists() and not self.folder.is_dir():
            raise NikiError(f"{self.folder} is not a folder", "choose another name")
        if not self.poses:
            raise NikiError(
                "There is no motion for people to be rendered with",
                "give a folder with motion capture: --mocap DIR",
            )

    @property
    def shards(self) -> list[Path]:
        """The files of the whole corpus; every twelfth, the first among them, is of the test split."""
        count = int(np.ceil(self.frames / _FRAMES))
        names = (f"{SPLITS[number % _TEST_EVERY == 0]}_{number:04d}.npz" for number in range(count))
        return [self.folder / name for name in names]


def render_corpus(order: Order, report: Callable[[int, int, str], None] = lambda *_: None) -> None:
    """Make the shards that are not there yet, and that no other process is making.

    Args:
        report: called with shards there, shards in all, and a line about the newest.

    Raises:
        NikiError: a package is missing, the folder holds another corpus, or a split has no motion.
    """
    check_packages()
    poses = sorted(order.poses, key=digest)
    motions = {split: Motions(poses, split) for split in SPLITS}
    for split, whose in zip(SPLITS, ("to train on", "of people held out"), strict=True):
        if not len(motions[split]):
            raise NikiError(f"The motion capture holds no motion {whose}", "give more of it: --mocap DIR")
    order.folder.mkdir(parents=True, exist_ok=True)
    manifest.begin(order.folder, order.seed, [digest(p) for p in poses], len(order.shards))
    people, blazepose = _people(order), BlazePose("cpu", threads=1)
    cv2.setNumThreads(1)  # processes, not threads, share the work
    for path in order.shards:
        lock = Lock(path.with_suffix(".lock"))
        if path.exists() or not lock.acquire():
            continue
        try:
            if not path.exists():
                shard, line = make_shard(order.seed, path.stem, people, motions, blazepose)
                save_npz(path, shard)
                manifest.note(order.folder, path.name, shard)
                report(sum(p.exists() for p in order.shards), len(order.shards), line)
        finally:
            lock.discard()


def check_packages() -> None:
    """Raise NikiError if a package for rendering is missing: before the work, not after."""
    for module in ("numba", "anny"):
        if find_spec(module) is None:
            raise NikiError(f"Rendering people needs {module}", 'run: pip install "niki[train]"')


def make_shard(
    seed: int, name: str, people: People, motions: dict[str, Motions], blazepose: BlazePose
) -> tuple[dict[str, np.ndarray], str]:
    """The arrays of the shard ``name``, such as "train_0001", and a line about the work.

    ``seed``, the name, the people and the motions determine them.
    """
    split, _, number = name.partition("_")
    clips, spent, made = [], {"scene": 0.0, "picture": 0.0, "reading": 0.0}, 0
    for index in range(CLIPS):
        times = [time.perf_counter()]
        clip = _draw_clip([seed, SPLITS.index(split), int(number), index], split, people, motions[split])
        times.append(time.perf_counter())
        frames = list(clip.scene.frames())
        times.append(time.perf_counter())
        readings = read_frames(blazepose, frames, clip.scene.placed.camera)
        times.append(time.perf_counter())
        for part, seconds in zip(spent, np.diff(times), strict=True):
            spent[part] += seconds
        made += len(frames)
        if readings["seen"].sum() >= _FEWEST_SEEN:
            clips.append((clip, readings))
    if not clips:
        raise NikiError(f"Nobody was found in all of {name}", "are the BlazePose networks damaged?")
    shard = _gathered(clips)
    costs = ", ".join(f"{part} {1000 * seconds / made:.1f}" for part, seconds in spent.items())
    return (
        shard,
        f"{name}: {len(clips)} clips, {made} frames, seen {shard['seen'].mean():.0%}; ms/frame: {costs}",
    )


@dataclass(frozen=True, eq=False)
class _Clip:
    scene: Scene
    window: Window
    person: int
    proportions: str


def _draw_clip(key: list[int], split: str, people: People, motions: Motions) -> _Clip:
    from .scene import Scene

    rng = np.random.default_rng(key)
    window = motions.draw(rng)
    person = int(rng.integers(*((FIRST_HELD_OUT, COUNT) if split == "test" else (0, FIRST_HELD_OUT))))
    proportions = PROPORTIONS[(key[2] * CLIPS + key[3]) % len(PROPORTIONS)]
    figure = people.figure(person, proportions, rng)
    return _Clip(Scene(people, figure, window, rng), window, person, proportions)


def _gathered(clips: Sequence[tuple[_Clip, dict[str, np.ndarray]]]) -> dict[str, np.ndarray]:
    """The fields of a shard: what a Corpus has, and the rate."""
    rows = [_fields_of(clip, readings) for clip, readings in clips]
    shard = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
    shard["clip"] = np.repeat(np.arange(len(rows), dtype=np.int32), [len(row["seen"]) for row in rows])
    only = [clip for clip, _ in clips]
    shard |= {
        "clip_name": np.array([clip.window.name for clip in only]),
        "clip_subject": np.array([clip.window.subject for clip in only]),
        "clip_kind": np.array([clip.proportions for clip in only]),
        "clip_numbers": np.array([_numbers_of(clip) for clip in only], np.float32),
    }
    return shard | {"rate": np.array(RATE)}


def _fields_of(clip: _Clip, readings: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    scene, placed = clip.scene, clip.scene.placed
    joints, rotations = placed.see(scene.joints), scene.rotations.copy()
    rotations[:, 0] = CAMERA_TO_LIBRARY @ placed.turn @ rotations[:, 0]
    fields = {name: values.astype(_SHORT) for name, values in readings.items() if name != "seen"}
    return fields | {
        "truth": (joints - joints[:, :1]).astype(_SHORT),
        "root": joints[:, 0].astype(np.float32),
        "rot6d": sixd_from_matrix(rotations).astype(_SHORT),
        "seen": readings["seen"],
        "unoccluded": scene.unoccluded,
    }


def _numbers_of(clip: _Clip) -> tuple[float, ...]:
    placed, window = clip.scene.placed, clip.window
    camera = placed.camera
    camera_numbers = (camera.focal, *camera.size, placed.tilt, len(clip.scene.things))
    return (
        window.start, window.mirrored, clip.person, *camera_numbers, *placed.turn.reshape(-1), *placed.place,
    )  # fmt: skip


def _people(order: Order) -> People:
    path = order.folder / "people.npz"
    with manifest.alone(order.folder):
        if not path.exists():
            make_people(order.seed).save(path)
    return People.load(path)
