"""``niki train`` and ``niki export-weights``."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ..corpus.examples import load_examples
from ..corpus.shards import load_corpus
from ..mocap.collection import load_collections
from .depth import DEPTH_NETWORK, DepthConfig, save_depth, score_depth, train_depth
from .posing import POSING_NETWORK, PosingConfig, PosingTraining, export_posing
from .settings import read_kind
from .temporal import TemporalConfig, TemporalTraining
from .train import Config, Training, export

_FLOW, _DEPTH, _TEMPORAL, _POSING = "niki", "depth", "temporal", "posing"


def train(config: str | os.PathLike, folder: str | os.PathLike, quiet: bool = False) -> None:
    """Train with the configuration file ``config`` (TOML) in ``folder``. Its ``kind`` says what: "niki", the
    default, "temporal", "posing" or "depth"."""
    kind = read_kind(config, (_FLOW, _TEMPORAL, _POSING, _DEPTH))
    if kind == _DEPTH:
        _train_depth(DepthConfig.read(config), Path(folder), quiet)
    elif kind == _TEMPORAL:
        _train_temporal(TemporalConfig.read(config), folder, quiet)
    elif kind == _POSING:
        _train_posing(PosingConfig.read(config), folder, quiet)
    else:
        _train_flow(Config.read(config), folder, quiet)


def _train_depth(config: DepthConfig, folder: Path, quiet: bool) -> None:
    """Train what corrects readings, write it to ``folder`` and print how well it does on people held out."""
    folder.mkdir(parents=True, exist_ok=True)
    names = {"up": "gravity", "depth": "depth"}
    with tqdm(
        total=config.members * (config.up_epochs + config.depth_epochs), unit=" epochs", disable=quiet
    ) as bar:

        def show(name: str, done: int, total: int) -> None:
            bar.set_description(names[name])
            bar.update()

        weights = train_depth(config, show)
    save_depth(weights, folder / DEPTH_NETWORK)
    count = sum(values.size for values in weights.values())
    print(
        f"{folder / DEPTH_NETWORK}: {count:,} weights, {os.path.getsize(folder / DEPTH_NETWORK) / 1e6:.1f} MB"
    )
    scores = score_depth(weights, load_examples(load_corpus(config.data, "test")))
    print(f"on people held out, {len(scores.up)} clips:")
    for name, degrees in (("level camera", scores.level), ("gravity", scores.up)):
        print(
            f"  {name:13s} off by {degrees.mean():.1f} degrees in the mean, {np.median(degrees):.1f} in the median,"
            f" {np.percentile(degrees, 90):.1f} at 90 %"
        )
    print(f"  {'':13s} expected: {scores.up_error.mean():.1f} degrees in the mean")
    print(
        f"  depth         {scores.placed:.0f} mm off along the view as placed, {scores.corrected:.0f} corrected"
    )


def _train_flow(settings: Config, folder: str | os.PathLike, quiet: bool) -> None:
    """Train a NIKI network, and print how well it does on people held out."""
    training = Training(settings, folder, load_collections(settings.data).split())
    _run(training, "expected errors", quiet, ("pose", "joints"))
    for case, scores in training.evaluate().items():
        print(f"  {case:20s} {scores['mpjpe']:6.1f} mm {scores['rotation']:5.1f} degrees")


def _train_posing(settings: PosingConfig, folder: str | os.PathLike, quiet: bool) -> None:
    """Train a posing network."""
    poses = load_collections(settings.data).split()[0]
    _run(PosingTraining(settings, folder, poses), "metric", quiet, ("joints", "rotation", "inverse", "mm"))


def _train_temporal(settings: TemporalConfig, folder: str | os.PathLike, quiet: bool) -> None:
    """Train a network over time."""
    poses = load_collections(settings.data).split()[0]
    _run(TemporalTraining(settings, folder, poses), "expected errors", quiet, ("pose", "joints", "motion"))


def _run(
    training: Training | PosingTraining | TemporalTraining, last: str, quiet: bool, shown: tuple[str, ...]
) -> None:
    """Train to the end, resuming an interrupted run, with progress.

    Args:
        last: what is trained afterwards, in words. shown: the losses to show.
    """
    folder, steps = training.folder, training.config.steps
    if training.step:
        print(f"resuming {folder} at step {training.step} of {steps}")
    with tqdm(total=steps, initial=training.step, unit=" steps", disable=quiet) as bar:

        def show(done: int, total: int, losses: dict) -> None:
            bar.set_postfix({name: f"{losses[name]:.4f}" for name in shown if name in losses})
            bar.update(done - bar.n)

        training.run(show)
    with tqdm(desc=last, unit=" steps", disable=quiet) as bar:

        def count(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        training.finish(count)
    print(
        f"{folder}: {training.network.size:,} weights, {training.step} steps, {training.seconds / 60:.0f} minutes"
    )


def export_weights(folder: str | os.PathLike, path: str | os.PathLike) -> None:
    """Write the network of the run in ``folder`` to ``path``, in half precision."""
    posing = (Path(folder) / POSING_NETWORK).is_file()
    network = export_posing(folder, path) if posing else export(folder, path)
    print(f"{path}: {network.size:,} weights, {os.path.getsize(path) / 1e6:.1f} MB")
