"""Motion for the rendered people: windows out of motion capture, poses that are rare drawn more often."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..body.skeleton import MIRROR, NUM_BONES
from ..mocap.collection import HELD_OUT_PEOPLE, Poses
from ..mocap.collection import RATE as MOCAP_RATE
from ..mocap.rare import rare_poses
from .shards import RATE

STEP = round(MOCAP_RATE / RATE)
SHORTEST, LONGEST = 30, 60  # frames of the corpus: 2 to 4 seconds
_FEWEST = 24  # poses of a clip that is used; a short one is played to and fro
_RARE = 0.25  # of all windows show a rare pose
_FLIP = np.diag([-1.0, 1, 1])


@dataclass(eq=False)
class Window:
    """A stretch of motion: rotations (T, 24, 3, 3), and what it was cut from."""

    rotations: np.ndarray
    name: str
    subject: str
    start: int
    mirrored: bool


class Motions:
    """The motions of one split, to draw windows from.

    Args:
        collections: of poses, as folders of motion capture give them.
        split: "test" for the people who are never trained on, "train" for all others.
    """

    def __init__(self, collections: Sequence[Poses], split: str):
        self._clips = [clip for poses in collections for clip in _clips_of(poses, split == "test")]
        lengths = np.array([len(clip.rotations) for clip in self._clips])
        groups = np.array([clip.group for clip in self._clips])
        by_length = np.sqrt(lengths)
        by_subject = np.array([1 / (groups == group).sum() for group in groups])
        self._chance = (by_length / by_length.sum() + by_subject / by_subject.sum()) / 2
        rare = np.array([clip.rare.sum() for clip in self._clips])
        self._rare_chance = np.sqrt(rare) / max(np.sqrt(rare).sum(), 1e-9)

    def __len__(self) -> int:
        return len(self._clips)

    def draw(self, rng: np.random.Generator) -> Window:
        """A window of 2 to 4 seconds: half of the draws by the clips' lengths, half by subject."""
        count = int(rng.integers(SHORTEST, LONGEST + 1))
        wants_rare = rng.random() < _RARE and self._rare_chance.any()
        clip = self._clips[rng.choice(len(self._clips), p=self._rare_chance if wants_rare else self._chance)]
        last = max(1, len(clip.rotations) - STEP * count)
        start = int(rng.integers(last))
        if wants_rare:
            start = int(rng.choice(np.flatnonzero(clip.rare)) - rng.integers(STEP * count))
            start = min(max(start, 0), last - 1)
        rotations = clip.rotations[_to_and_fro(start + STEP * np.arange(count), len(clip.rotations))]
        rotations = rotations.astype(float)
        mirrored = bool(rng.random() < 0.5)
        if mirrored:
            rotations = _FLIP @ rotations[:, list(MIRROR[:NUM_BONES])] @ _FLIP
        return Window(rotations, clip.name, clip.subject, start, mirrored)


@dataclass(eq=False)
class _Clip:
    rotations: np.ndarray
    rare: np.ndarray
    name: str
    subject: str
    group: str


def digest(poses: Poses) -> str:
    """Hash of the poses and of whose they are."""
    hashed = hashlib.sha256(np.ascontiguousarray(poses.rotations, np.float32).tobytes())
    for labels in (poses.names, poses.subjects, poses.sources):
        hashed.update("\n".join(map(str, labels)).encode())
    hashed.update(poses.clip.astype(np.int64).tobytes())
    return hashed.hexdigest()[:16]


def _clips_of(poses: Poses, held_out: bool):
    rare = rare_poses(poses.rotations)
    for number, (name, subject, source) in enumerate(
        zip(poses.names, poses.subjects, poses.sources, strict=True)
    ):
        mine = np.flatnonzero(poses.clip == number)
        if len(mine) >= _FEWEST and (subject in HELD_OUT_PEOPLE) == held_out:
            group = str(subject or source + name[:3])  # nameless archives: by kind of motion
            yield _Clip(poses.rotations[mine], rare[mine], str(name), str(subject or source), group)


def _to_and_fro(index: np.ndarray, count: int) -> np.ndarray:
    """``index`` where a clip of ``count`` frames is played forwards, backwards, forwards ..."""
    index = index % (2 * count - 2)
    return np.minimum(index, 2 * count - 2 - index)
