"""A corpus as the solver meets it: what it is given of each frame, beside the true pose."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import platformdirs

from ..body.rotation import matrix_from_6d
from ..body.skeleton import PARENTS
from ..capturing.estimate.blazepose.estimator import estimate_from_reading
from ..capturing.footage.camera import CAMERA_TO_LIBRARY
from ..capturing.proportions import body_from_joints
from ..capturing.solving import hinted_twist, seen_by_network
from ..errors import NikiError
from ..files import read_npz, save_npz
from ..motion.camera_tilt import camera_to_library
from .examples import clip_reading
from .shards import Corpus, corpus_files, load_corpus

_MOST_BYTES = 8_000_000_000


@dataclass(eq=False)
class Observed:
    """N frames in which the person was found. Axes are the library's as far as gravity is known: what the estimate
    takes for up is +Y.

    Attributes:
        joints, sigma, twist, view: (N, 29, 3), (N, 29, 2), (N, 23, 2) and (N, 3), as
            :meth:`niki.solve.solver.Solver.inverse` takes them.
        lengths: (N, 29) metres: bone lengths as measured over the clip.
        rotations: (N, 24, 3, 3) the true ones, the root's in the same axes.
        own_lengths: (N, 29) metres: the person's bone lengths.
        clip: (N,) number of the clip; frames of a clip are together and in order.
        time: (N,) seconds since the clip's start.
        subject: (N,) whose motion it is.
    """

    joints: np.ndarray
    sigma: np.ndarray
    twist: np.ndarray
    view: np.ndarray
    lengths: np.ndarray
    rotations: np.ndarray
    own_lengths: np.ndarray
    clip: np.ndarray
    time: np.ndarray
    subject: np.ndarray

    def __len__(self) -> int:
        return len(self.clip)

    def of(self, wanted: np.ndarray) -> Observed:
        """The frames for which ``wanted`` (N,) is true."""
        return Observed(**{name: values[wanted] for name, values in vars(self).items()})


def observe_corpus(corpus: Corpus, progress: Callable[[int, int], None] = lambda *_: None) -> Observed:
    """Run the estimator on each clip, up to where the solver takes over.

    Args:
        progress: called with clips done and clips there are.

    Raises:
        NikiError: the person is found in no clip.
    """
    parts = []
    for clip in range(corpus.clips):
        part = _of_clip(corpus, clip)
        if part is not None:
            parts.append(part)
        progress(clip + 1, corpus.clips)
    if not parts:
        raise NikiError("The corpus has no clip in which somebody is found")
    return Observed(**{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Observed)})


def cached_observed(
    folder: str | os.PathLike, split: str, progress: Callable[[int, int], None] = lambda *_: None
) -> Observed:
    """:func:`observe_corpus` of the shards of ``split`` in a folder, cached in the user's cache directory until the
    shards or the estimator change."""
    cached = (
        Path(platformdirs.user_cache_dir("niki", False)) / f"observed-{split}-{_digest(folder, split)}.npz"
    )
    if cached.is_file():
        try:
            return Observed(
                **read_npz(cached, [f.name for f in fields(Observed)], "observations", most=_MOST_BYTES)
            )
        except (NikiError, TypeError):
            pass  # damaged: read the corpus again
    observed = observe_corpus(load_corpus([folder], split), progress)
    cached.parent.mkdir(parents=True, exist_ok=True)
    save_npz(cached, vars(observed), compress=False)
    return observed


def _of_clip(corpus: Corpus, clip: int) -> Observed | None:
    reading, found, camera, frames = clip_reading(corpus, clip)
    if reading is None:
        return None
    numbers, rate = np.arange(len(found)), float(corpus.clip_rate[clip])
    estimate = estimate_from_reading(reading, found, camera, rate, numbers, numbers / rate)
    to_library = camera_to_library(estimate.up)
    joints = estimate.joints[found] @ to_library.T
    body = body_from_joints(joints)
    seen = seen_by_network(joints, body)
    twist = hinted_twist(seen, estimate.hints[found] @ to_library.T)
    rotations = matrix_from_6d(corpus.rot6d[frames][found].astype(np.float64))
    rotations[:, 0] = to_library @ CAMERA_TO_LIBRARY @ rotations[:, 0]
    count, true_joints = len(joints), corpus.truth[frames][found].astype(np.float64)
    own = np.linalg.norm(true_joints - true_joints[:, list(PARENTS)], axis=-1)
    own[:, 0] = 0
    single = np.float32
    return Observed(
        seen.joints.astype(single), estimate.sigma[found].astype(single), twist.astype(single),
        seen.view.astype(single), np.tile(seen.body.bone_lengths, (count, 1)).astype(single),
        rotations.astype(single), own.astype(single), np.full(count, clip), (numbers[found] / rate).astype(single),
        np.full(count, corpus.clip_subject[clip]),
    )  # fmt: skip


def _digest(folder: str | os.PathLike, split: str) -> str:
    """Hash of what determines the observations: the shards (size and modification time), and the estimator with its weights
    and what it is made of."""
    about = []
    for file in corpus_files(folder, split):
        stat = file.stat()
        about.append([file.name, stat.st_size, stat.st_mtime_ns])
    digest = hashlib.sha256(json.dumps(about).encode())
    niki = Path(__file__).parent.parent
    capturing = niki / "capturing"
    code = [
        *capturing.glob("estimate/**/*.py"),
        *niki.glob("body/*.py"),
        *(capturing / name for name in ("proportions.py", "solving.py", "footage/camera.py")),
        *(niki / name for name in ("network/uncertainty.py", "motion/camera_tilt.py", "motion/smoothing.py")),
        *(Path(__file__).with_name(name) for name in ("observed.py", "examples.py", "shards.py")),
    ]
    for file in sorted([*capturing.glob("estimate/**/*.npz"), *code]):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]
