"""``niki render-corpus``: makes the shards that a folder lacks; several processes may work on one folder."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import __version__
from ..body.rotation import sixd_from_matrix
from ..capturing.footage.camera import CAMERA_TO_LIBRARY
from ..checks import MOST_FRAMES
from ..errors import NikiError
from ..files import save_npz, writing
from ..locks import Lock
from ..mocap.collection import Poses
from .motions import LONGEST, SHORTEST, Motions, digest
from .people import COUNT, FIRST_HELD_OUT, PROPORTIONS, People, make_people
from .reading import BlazePose, read_frames
from .shards import RATE, SPLITS

CLIPS = 20
"""In a shard, at most: a clip in which nobody is found is left out."""
_TEST_EVERY = 12  # shards
_FEWEST_SEEN = 10  # frames of a clip that is kept
_FRAMES = CLIPS * (SHORTEST + LONGEST) / 2  # in a shard, on average
_SHORT = np.float16
_WAIT = 0.05  # seconds


@dataclass(frozen=True, eq=False)
class Order:
    """What corpus is wanted.

    Attributes:
        folder: of the corpus; made where there is none.
        frames: how many, about. seed: the same one makes the same corpus.
        mocap: folders of motion capture that went into ``poses``, and the poses.
    """

    folder: Path
    frames: int
    seed: int
    mocap: Sequence[str]
    poses: Sequence[Poses]

    def __post_init__(self):
        if not 1 <= self.frames <= MOST_FRAMES:
            raise NikiError(f"The number of frames must be between 1 and {MOST_FRAMES:,}, not {self.frames}")
        if not 0 <= self.seed < 2**32:
            raise NikiError(f"The seed must be between 0 and {2**32 - 1:,}, not {self.seed}")
        if not self.poses:
            raise NikiError(
                "There is no motion for the people to be rendered",
                "give a folder of motion capture: --mocap DIR",
            )

    @property
    def shards(self) -> list[Path]:
        """The files of the whole corpus; every twelfth, the first among them, is of the test split."""
        count = int(np.ceil(self.frames / _FRAMES))
        return [
            self.folder / f"{SPLITS[number % _TEST_EVERY == 0]}_{number:04d}.npz" for number in range(count)
        ]


def render_corpus(order: Order, report: Callable[[int, int, str], None] = lambda *_: None) -> None:
    """Make the shards that are not there yet, and that no other process is making.

    Args:
        report: called with shards there, shards in all, and a line about the newest.

    Raises:
        NikiError: a package is missing, or the folder holds another corpus.
    """
    _check_packages()
    order.folder.mkdir(parents=True, exist_ok=True)
    _begin(order)
    people = _people(order)
    motions = {split: Motions(order.poses, split) for split in SPLITS}
    for split in SPLITS:
        if not len(motions[split]):
            whose = "of the people held out" if split == "test" else "to train on"
            raise NikiError(
                f"There is no motion {whose} in {', '.join(order.mocap)}", "give more: --mocap DIR"
            )
    blazepose = BlazePose("cpu", threads=1)
    for path in order.shards:
        if path.exists():
            continue
        lock = Lock(path.with_suffix(".lock"))
        if not lock.acquire():
            continue
        try:
            if not path.exists():
                shard, line = make_shard(order.seed, path.stem, people, motions, blazepose)
                save_npz(path, shard)
                _note(order.folder, path, shard)
                report(sum(p.exists() for p in order.shards), len(order.shards), line)
        finally:
            lock.discard()


def make_shard(
    seed: int, name: str, people: People, motions: dict[str, Motions], blazepose: BlazePose
) -> tuple[dict, str]:
    """The arrays of the shard ``name``, which with ``seed`` determines them, and a line about the work."""
    import cv2

    from .scene import Scene

    cv2.setNumThreads(1)
    split, _, digits = name.partition("_")
    number = int(digits)
    clips, spent, made = [], {"drawing": 0.0, "painting": 0.0, "reading": 0.0}, 0
    for clip in range(CLIPS):
        rng = np.random.default_rng([seed, SPLITS.index(split), number, clip])
        start = time.perf_counter()
        window = motions[split].draw(rng)
        person = int(rng.integers(*((FIRST_HELD_OUT, COUNT) if split == "test" else (0, FIRST_HELD_OUT))))
        kind = PROPORTIONS[(number * CLIPS + clip) % len(PROPORTIONS)]
        scene = Scene(people, people.figure(person, kind, rng), window, rng)
        drawn = time.perf_counter()
        frames = list(scene.frames())
        painted = time.perf_counter()
        readings = read_frames(blazepose, frames, scene.placed.camera)
        spent["drawing"] += drawn - start
        spent["painting"] += painted - drawn
        spent["reading"] += time.perf_counter() - painted
        made += len(scene)
        if readings["seen"].sum() >= _FEWEST_SEEN:
            clips.append((scene, readings, window, person, kind))
    parts = ", ".join(f"{part} {1000 * seconds / made:.1f}" for part, seconds in spent.items())
    shard = _gathered(clips)
    seen = shard["seen"].mean() if clips else 0
    return shard, f"{name}: {len(clips)} clips, {made} frames, seen {seen:.0%}; ms a frame: {parts}"


def _gathered(clips: list) -> dict[str, np.ndarray]:
    """The fields of a shard: what a Corpus has, and the rate."""
    frames: dict[str, list] = {}
    about: dict[str, list] = {"clip_name": [], "clip_subject": [], "clip_kind": [], "clip_numbers": []}
    for number, (scene, readings, window, person, kind) in enumerate(clips):
        placed, joints = scene.placed, scene.placed.see(scene.joints)
        rotations = scene.rotations.copy()
        rotations[:, 0] = CAMERA_TO_LIBRARY @ placed.turn @ rotations[:, 0]
        fields = {name: values.astype(_SHORT) for name, values in readings.items() if name != "seen"}
        fields |= {
            "truth": (joints - joints[:, :1]).astype(_SHORT),
            "root": joints[:, 0].astype(np.float32),
            "rot6d": sixd_from_matrix(rotations).astype(_SHORT),
            "seen": readings["seen"],
            "unoccluded": scene.unoccluded,
            "clip": np.full(len(scene), number, np.int32),
        }
        for name, values in fields.items():
            frames.setdefault(name, []).append(values)
        numbers = (
            window.start, window.mirrored, person, placed.camera.focal, *placed.camera.size, placed.tilt,
            len(scene.things), *placed.turn.reshape(-1), *placed.place,
        )  # fmt: skip
        for name, value in zip(about, (window.name, window.subject, kind, numbers), strict=True):
            about[name].append(value)
    shard = {name: np.concatenate(values) for name, values in frames.items()}
    shard |= {name: np.array(values) for name, values in about.items() if name != "clip_numbers"}
    return shard | {"clip_numbers": np.array(about["clip_numbers"], np.float32), "rate": np.array(RATE)}


def _check_packages() -> None:
    """Raise NikiError before the work where a package is missing."""
    for module in ("numba", "anny", "onnxruntime", "cv2"):
        try:
            __import__(module)
        except ImportError:
            raise NikiError(
                f"Rendering people needs {module}", 'run: pip install "niki[train,capture]"'
            ) from None


def _people(order: Order) -> People:
    path = order.folder / "people.npz"
    with _alone(order.folder):
        if not path.exists():
            make_people(order.seed).save(path)
    return People.load(path)


def _begin(order: Order) -> None:
    """Write the manifest, or find that the one that is there says the same."""
    wanted = {
        "version": __version__,
        "seed": order.seed,
        "shards": len(order.shards),
        "mocap": sorted(digest(poses) for poses in order.poses),
    }
    path = order.folder / "manifest.json"
    with _alone(order.folder):
        if path.exists():
            manifest = _read_manifest(path)
            for name in ("seed", "mocap", "version"):
                if manifest.get(name) != wanted[name]:
                    raise NikiError(
                        f"{order.folder} holds a corpus made with another {name}", "choose another folder"
                    )
            wanted["made"] = manifest.get("made", {})
        _write_manifest(path, {"made": {}} | wanted)


def _note(folder: Path, shard: Path, values: dict[str, np.ndarray]) -> None:
    """Add a shard to the manifest."""
    path = folder / "manifest.json"
    with _alone(folder):
        manifest = _read_manifest(path)
        manifest["made"][shard.name] = {
            "clips": len(values["clip_name"]),
            "frames": len(values["clip"]),
            "seen": int(values["seen"].sum()),
        }
        _write_manifest(path, manifest)


def _read_manifest(path: Path) -> dict:
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(manifest, dict) and isinstance(manifest.get("made"), dict):
            return manifest
    except ValueError:
        pass
    raise NikiError(f"{path} is damaged", "choose another folder")


def _write_manifest(path: Path, manifest: dict) -> None:
    made = manifest["made"].values()
    manifest["frames"] = sum(shard["frames"] for shard in made)
    with writing(path) as temporary:
        temporary.write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n", encoding="utf-8")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """While no other process is doing the same in this folder."""
    lock = Lock(folder / "manifest.lock")
    while not lock.acquire():
        time.sleep(_WAIT)
    try:
        yield
    finally:
        lock.discard()


def as_folder(path: str | os.PathLike) -> Path:
    """The folder to write to.

    Raises:
        NikiError: it is a file.
    """
    folder = Path(path)
    if folder.exists() and not folder.is_dir():
        raise NikiError(f"{path} is not a folder", "choose another name")
    return folder
