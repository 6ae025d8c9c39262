"""``niki train`` and ``niki export-weights``."""

from __future__ import annotations

import os

from tqdm import tqdm

from ..mocap.collection import cached_archives
from .train import Config, Training, export


def train(config: str | os.PathLike, folder: str | os.PathLike, quiet: bool = False) -> None:
    """Train with the configuration file ``config`` (TOML) in ``folder``, resuming an interrupted run."""
    settings = Config.read(config)
    training = Training(settings, folder, cached_archives(settings.data).split())
    if training.step:
        print(f"resuming {folder} at step {training.step} of {settings.steps}")
    with tqdm(total=settings.steps, initial=training.step, unit=" steps", disable=quiet) as bar:

        def show(done: int, total: int, losses: dict) -> None:
            bar.set_postfix(
                {name: f"{value:.4f}" for name, value in losses.items() if name in ("pose", "joints")}
            )
            bar.update(done - bar.n)

        training.run(show)
    with tqdm(desc="expected errors", unit=" steps", disable=quiet) as bar:

        def count(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        training.finish(count)
    print(
        f"{folder}: {training.network.size:,} weights, {training.step} steps, {training.seconds / 60:.0f} minutes"
    )
    for case, scores in training.evaluate().items():
        print(f"  {case:20s} {scores['mpjpe']:6.1f} mm {scores['rotation']:5.1f} degrees")


def export_weights(folder: str | os.PathLike, path: str | os.PathLike) -> None:
    """Write the network of the run in ``folder`` to ``path``, in half precision."""
    network = export(folder, path)
    print(f"{path}: {network.size:,} weights, {os.path.getsize(path) / 1e6:.1f} MB")
