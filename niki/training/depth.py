"""Training of what corrects a reading (``blazepose/correction.py``): gravity and depth, on rendered people.

A run takes minutes and is not resumed. The same seed gives the same networks.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from ..body.rotation import apply, transpose
from ..capturing.estimate.blazepose import correction, joint_map
from ..capturing.estimate.blazepose.inputs import (
    limb_lengths,
    mirrored,
    mirrored_points,
    mirrored_vectors,
    points_among,
    points_in_view,
    rolled,
    rolled_vectors,
)
from ..capturing.estimate.gravity import LEVEL, clip_up
from ..corpus.examples import Examples, load_examples
from ..corpus.shards import load_corpus
from ..errors import NikiError
from ..evaluation.metrics import angle_of_directions
from ..files import save_npz
from ..network.layers import initial_residual_mlp
from .settings import Settings, check_least

DEPTH_NETWORK = "depth.npz"
Progress = Callable[[str, int, int], None]
"""Called with the network's name, epochs done and epochs expected."""

_LEAST_SPREAD = 0.05  # an input that never changes is not blown up
_USUAL_VARIANCE = 0.03  # squared error of a direction


@dataclass
class DepthConfig(Settings):
    """What to train and how. Read from TOML.

    Attributes:
        data: folder with a corpus (``niki render-corpus``), relative to the file that names it.
        share: of the corpus's clips to train on. without: people whose clips are left out, separated by spaces.
        members: how many networks of each kind are trained, whose answers are averaged.
        up_hidden, up_blocks, up_epochs: of the network that tells gravity.
        depth_hidden, depth_blocks, depth_epochs: of the network that corrects depth.
        roll: degrees by which cameras are rolled at random, at most. rolled: share of cameras that are.
        up_noise: degrees by which gravity is off, as the depth network is shown it in training.
        across: weight of errors across the view, those along it weigh 1.
        dropout: share of inputs that are blanked.
    """

    data: list[str] = field(default_factory=list)
    share: float = 1.0
    without: str = ""
    members: int = 2
    up_hidden: int = 256
    up_blocks: int = 2
    up_epochs: int = 12
    depth_hidden: int = 352
    depth_blocks: int = 3
    depth_epochs: int = 8
    roll: float = 35.0
    rolled: float = 0.5
    up_noise: float = 4.0
    across: float = 0.5
    dropout: float = 0.05
    batch: int = 512
    learning_rate: float = 1e-3
    up_weight_decay: float = 0.05
    depth_weight_decay: float = 0.01
    seed: int = 0
    threads: int = 1

    def check(self) -> None:
        if not self.data:
            raise NikiError("'data' is missing", "name the folder with the corpus")
        if not 0 < self.share <= 1:
            raise NikiError(f"'share' must be above 0 and at most 1, not {self.share}")
        within = {
            "dropout": (0, 0.9),
            "rolled": (0, 1),
            "roll": (0, 180),
            "up_noise": (0, 90),
            "across": (0, 10),
        }
        for name, (low, high) in within.items():
            if not low <= getattr(self, name) <= high:
                raise NikiError(f"'{name}' must be from {low} to {high}, not {getattr(self, name)}")
        if not self.learning_rate > 0 or min(self.up_weight_decay, self.depth_weight_decay) < 0:
            raise NikiError("'learning_rate' must be above zero, a weight decay not below")
        counts = (
            "members",
            "up_hidden",
            "up_blocks",
            "up_epochs",
            "depth_hidden",
            "depth_blocks",
            "depth_epochs",
        )
        check_least(self, {"seed": 0} | dict.fromkeys((*counts, "batch", "threads"), 1))


@dataclass(eq=False)
class _Lessons:
    """What both networks learn from N frames: inputs (N, INPUTS), up (N, 3) and shift (N, 19, 3), the true points
    less the placed ones in units of the person, all in view axes."""

    inputs: np.ndarray
    up: np.ndarray
    shift: np.ndarray

    @classmethod
    def of(cls, examples: Examples) -> _Lessons:
        truth = points_in_view(true_points(examples), examples.view)
        for clip in examples.clips():
            truth[clip] /= np.median(limb_lengths(truth[clip]))
        return cls(
            examples.inputs,
            apply(examples.view, examples.up),
            (truth - points_among(examples.inputs)).astype(np.float32),
        )


def true_points(examples: Examples) -> np.ndarray:
    """(N, 19, 3) where the detector should mark the people, camera space."""
    return joint_map.points_on(examples.joints, examples.orientations).astype(np.float32)


def train_depth(config: DepthConfig, progress: Progress = lambda *_: None) -> dict[str, np.ndarray]:
    """Both networks' weights, as ``correction.load_weights`` has them."""
    torch.set_num_threads(config.threads)
    corpus = load_corpus(config.data, "train")
    unknown = sorted({*config.without.split()} - {*map(str, corpus.clip_subject)})
    if unknown:
        raise NikiError(f"'without' names people who are not in the corpus: {', '.join(unknown)}")
    chosen = np.random.default_rng(config.seed).random(corpus.clips) < config.share
    corpus = corpus.of_clips(chosen & ~np.isin(corpus.clip_subject, config.without.split()))
    lessons = _Lessons.of(load_examples(corpus))
    rng = np.random.default_rng(config.seed)
    roll, noise = np.radians(config.roll), np.radians(config.up_noise)

    def draw_roll(count):
        return rng.uniform(-roll, roll, count) * (rng.random(count) < config.rolled)

    def show_up(rows):
        inputs, up = lessons.inputs[rows], lessons.up[rows]
        angles = draw_roll(len(rows))
        inputs, up = rolled(inputs, angles), rolled_vectors(up, angles)
        return (mirrored(inputs), mirrored_vectors(up)) if rng.random() < 0.5 else (inputs, up)

    def show_depth(rows):
        inputs, up, shift = lessons.inputs[rows], lessons.up[rows], lessons.shift[rows]
        angles = draw_roll(len(rows))
        inputs, up, shift = rolled(inputs, angles), rolled_vectors(up, angles), rolled_vectors(shift, angles)
        up = up + rng.normal(0, noise, up.shape)
        up = up / np.linalg.norm(up, axis=-1, keepdims=True)
        if rng.random() < 0.5:
            inputs, up, shift = mirrored(inputs), mirrored_vectors(up), mirrored_points(shift)
        return np.concatenate([inputs, up], 1), shift

    def up_loss(weights, name, inputs, up):
        guess, log_variance = correction.predict_up(weights, name, inputs)
        log_variance = log_variance + np.log(_USUAL_VARIANCE)
        return (log_variance + (guess - up).pow(2).sum(-1) * torch.exp(-log_variance)).mean()

    def depth_loss(weights, name, inputs, shift):
        off = correction.predict_points(weights, name, inputs) - shift
        return (off * torch.tensor([config.across, config.across, 1.0])).norm(dim=-1).mean()

    torch.manual_seed(config.seed)
    weights: dict[str, np.ndarray] = {}
    for k in range(config.members):
        weights |= _fit("up", k, config, show_up, up_loss, len(lessons.inputs), rng, progress)
        weights[f"up{k}.last.bias"][3] += np.log(_USUAL_VARIANCE)
        weights |= _fit("depth", k, config, show_depth, depth_loss, len(lessons.inputs), rng, progress)
    return weights


def _fit(
    kind: str, member: int, config: DepthConfig, show, loss, count: int, rng, progress: Progress
) -> dict[str, np.ndarray]:
    """The weights of one network, with the ``mean`` and ``spread`` of its inputs."""
    name = f"{kind}{member}"
    epochs, blocks, hidden = (getattr(config, f"{kind}_{part}") for part in ("epochs", "blocks", "hidden"))
    outputs = {"up": correction.UP_OUTPUTS, "depth": correction.DEPTH_OUTPUTS}[kind]
    sample, _ = show(rng.choice(count, min(count, 20_000), replace=False))
    scale = {
        f"{name}.mean": sample.mean(0).astype(np.float32),
        f"{name}.spread": np.maximum(sample.std(0), _LEAST_SPREAD).astype(np.float32),
    }
    initial = initial_residual_mlp(name, sample.shape[1], hidden, blocks, outputs, rng)
    weights: dict[str, Any] = {key: torch.nn.Parameter(torch.tensor(value)) for key, value in initial.items()}
    optimizer = torch.optim.AdamW(
        weights.values(), config.learning_rate, weight_decay=getattr(config, f"{kind}_weight_decay")
    )
    batches = max(1, count // config.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.learning_rate, epochs * batches, pct_start=0.1
    )
    for epoch in range(epochs):
        order = rng.permutation(count)
        for k in range(batches):
            inputs, wanted = show(order[k * config.batch : (k + 1) * config.batch])
            shown = torch.from_numpy(correction.normalized(scale, name, inputs))
            shown = shown * (torch.rand_like(shown) > config.dropout)
            value = loss(weights, name, shown, torch.tensor(wanted, dtype=torch.float32))
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            schedule.step()
        progress(kind, epoch + 1, epochs)
    return {key: value.detach().numpy().copy() for key, value in weights.items()} | scale


@dataclass(eq=False)
class DepthScores:
    """On clips: degrees of the angle between a clip's up and the true one, level camera and learnt (C,), and the
    error that was expected; millimetres along the view, of points as placed and as corrected."""

    level: np.ndarray
    up: np.ndarray
    up_error: np.ndarray
    placed: float
    corrected: float


def score_depth(weights: dict, examples: Examples) -> DepthScores:
    """How well the networks do on ``examples``."""
    truth = points_in_view(true_points(examples), examples.view)
    placed = points_in_view(examples.points, examples.view)
    level, learnt, errors, before, after = [], [], [], [], []
    for clip in examples.clips():
        up, error = correction.frame_up(examples.inputs[clip], weights)
        view = examples.view[clip]
        clip_direction, clip_error = clip_up(apply(transpose(view), up), error)
        true = examples.up[clip.start]
        level.append(float(angle_of_directions(LEVEL, true)))
        learnt.append(float(angle_of_directions(clip_direction, true)))
        errors.append(clip_error)
        size = float(examples.size[clip.start])
        found = correction.correct_points(examples.inputs[clip], apply(view, clip_direction), size, weights)
        above, below = correction.scale_across(examples.points[clip], view, found)
        before.append(np.abs(placed[clip] - truth[clip])[..., 2])
        after.append(np.abs(found[..., 2] * above / below - truth[clip][..., 2]))
    placed_off, corrected_off = (1000 * float(np.concatenate(parts).mean()) for parts in (before, after))
    return DepthScores(np.array(level), np.array(learnt), np.array(errors), placed_off, corrected_off)


def save_depth(weights: dict[str, np.ndarray], path: str | os.PathLike) -> None:
    """Write the weights in half precision."""
    save_npz(path, {name: values.astype(np.float16) for name, values in weights.items()})
