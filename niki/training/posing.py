"""Training of the posing network: a configuration -> a network. An interrupted run resumes; the same seed gives the
same network."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from ..body import rotation as rot
from ..errors import NikiError
from ..mocap.collection import Poses
from ..network.posing import PosingNetwork, PosingSpec
from ..pose.steps import usual_covariance
from .posing_metric import apply_change, errors_of, measured_spread, train_metric
from .posing_pairs import Batch, Pairs
from .runs import Descent, append_log, load_checkpoint, save_checkpoint
from .settings import Settings, check_least

POSING_NETWORK = "posing.npz"
_MEASURED = 20_000  # pairs from which the spread of joints is measured
_SMOOTH = 0.99


@dataclass
class PosingConfig(Settings):
    """What to train and how. Read from TOML, where ``network`` is a table. A file may name another one as ``base`` and
    then only lists the settings that differ.

    Attributes:
        data: folders with mocap archives, relative to the file that names them.
        left_out: sources and CMU subjects, separated by spaces, that are not trained on.
        steps, batch: number of steps, and pairs of poses per step.
        metric_steps, metric_batch: the same for the metric, which is trained afterwards.
        learning_rate: the highest; it warms up over ``warm_up`` steps and falls along a cosine to a hundredth.
        rotation: metres of loss for a radian by which a bone is off.
        pulled: weight of pulled joints against others.
        inverse: weight of the loss of a flow's other direction.
        half: multiply in half precision (bfloat16), where the processor can: two to three times as fast.
        save_every: in steps.
    """

    network: PosingSpec = field(default_factory=PosingSpec)
    data: list[str] = field(default_factory=list)
    left_out: str = ""
    steps: int = 20000
    metric_steps: int = 1500
    batch: int = 384
    metric_batch: int = 192
    learning_rate: float = 1e-3
    warm_up: int = 200
    weight_decay: float = 1e-2
    clip: float = 1.0
    rotation: float = 0.4
    pulled: float = 3.0
    inverse: float = 0.1
    seed: int = 0
    threads: int = 0
    half: bool = False
    save_every: int = 500

    def check(self) -> None:
        least = {"steps": 0, "metric_steps": 0, "batch": 1, "metric_batch": 1, "warm_up": 1, "save_every": 1,
                 "threads": 0, "seed": 0, "pulled": 0, "inverse": 0, "rotation": 0, "weight_decay": 0}  # fmt: skip
        check_least(self, least)
        if not (self.learning_rate > 0 and self.clip > 0):
            raise NikiError("'learning_rate' and 'clip' must be above zero")
        if not self.data:
            raise NikiError("'data' is missing", "name the folder with the mocap archives")


class PosingTraining:
    """One run, in a folder of its own.

    Args:
        config: what to train.
        folder: of the checkpoint and the log; a checkpoint there is resumed.
        poses: to train on; of them ``config.left_out`` is left out.

    Raises:
        NikiError: the checkpoint is of another configuration.
    """

    def __init__(self, config: PosingConfig, folder: str | os.PathLike, poses: Poses):
        self.config, self.folder = config, Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        if config.threads:
            torch.set_num_threads(config.threads)
        self._pairs = Pairs(poses.without(config.left_out.split()))
        self.step, self.seconds = 0, 0.0
        generator = torch.Generator().manual_seed(config.seed + 17)
        initial = PosingNetwork.initial(
            config.network,
            np.sqrt(usual_covariance()),
            measured_spread(self._pairs, min(_MEASURED, 10 * len(self._pairs)), generator),
            np.random.default_rng(config.seed),
        )
        self._parameters = {
            name: torch.nn.Parameter(torch.tensor(value))
            for name, value in initial.weights.items()
            if name.startswith(("change.", "flow."))
        }
        self._weights = {n: torch.tensor(value) for n, value in initial.weights.items()} | self._parameters
        self.network = PosingNetwork(config.network, self._weights)
        self._descent = None
        if self._parameters:
            self._descent = Descent(self._parameters.values(), config)
        self._resume()

    def run(self, progress: Callable[[int, int, dict], None] = lambda *_: None) -> None:
        """Train to the end. ``progress`` is called with steps done, total steps and losses."""
        config, smooth = self.config, {}
        total = config.steps if self._parameters else 0
        generator = torch.Generator()
        while self.step < total:
            started = time.monotonic()
            generator.manual_seed(1_000_003 * config.seed + self.step)
            parts = self._take_step(self._pairs.draw(config.batch, generator))
            smooth = {n: _SMOOTH * smooth.get(n, v) + (1 - _SMOOTH) * v for n, v in parts.items()}
            self.step += 1
            self.seconds += time.monotonic() - started
            progress(self.step, total, smooth)
            if self.step == total or self.step % config.save_every == 0:
                self.save()
                append_log(
                    self.folder, self.step, self.seconds, **{n: round(v, 5) for n, v in smooth.items()}
                )

    def finish(self, progress: Callable[[int, int], None] = lambda *_: None) -> PosingNetwork:
        """Train the metric about the trained network's predictions, and write both to ``POSING_NETWORK``."""
        config, started = self.config, time.monotonic()
        network = train_metric(
            self.trained(),
            self._pairs,
            config.metric_steps,
            config.metric_batch,
            config.seed,
            config.rotation,
            progress,
        )
        self.seconds += time.monotonic() - started
        network.save(
            self.folder / POSING_NETWORK,
            np.float32,
            trained=f"{self.step} steps of {config.batch}, metric {config.metric_steps} of {config.metric_batch}, "
            f"seed {config.seed}, {self.seconds / 60:.0f} minutes",
            left_out=config.left_out,
        )
        return network

    def trained(self) -> PosingNetwork:
        """The network so far, in numpy."""
        weights = {n: w.detach().numpy().copy() for n, w in self._weights.items()}
        return PosingNetwork(self.config.network, weights)

    def save(self) -> None:
        """Write the checkpoint, replacing the last one in one step."""
        save_checkpoint(
            self.folder,
            self.config,
            self.step,
            self.seconds,
            self._parameters,
            self._descent.optimizer if self._descent else None,
        )

    def _take_step(self, batch: Batch) -> dict[str, float]:
        config = self.config
        with torch.autocast("cpu", torch.bfloat16, enabled=config.half):
            change = self.network.predict(batch.pull)
        off, turned = errors_of(*apply_change(*change, batch), batch)
        weight = 1 + (config.pulled - 1) * batch.pull.pulled
        parts = {"joints": (off * weight).mean(), "rotation": config.rotation * turned.mean()}
        if config.network.kind == "flow" and config.inverse:
            parts["inverse"] = config.inverse * self._inverse_loss(batch)
        assert self._descent is not None  # there is something to train
        return self._descent.step(parts, self.step) | {"mm": 1000 * float(off.detach().mean())}

    def _inverse_loss(self, batch: Batch) -> torch.Tensor:
        """How far the displacements that the true change leads to are off, metres, where something is pulled."""
        turns = rot.axis_angle_from_matrix(batch.end @ rot.transpose(batch.pull.rotations))
        with torch.autocast("cpu", torch.bfloat16, enabled=self.config.half):
            displacement, _ = self.network.forward(turns, batch.move, batch.pull)
        off = (displacement - batch.pull.displacement).square().sum(-1).add(1e-6).sqrt()
        away = batch.pull.displacement.square().sum((-1, -2)) > 1e-4
        return (off * batch.pull.pulled)[away].sum() / batch.pull.pulled[away].sum().clamp_min(1)

    def _resume(self) -> None:
        state = load_checkpoint(self.folder, self.config, ("network", "seed", "batch", "steps", "left_out"))
        if state is None:
            return
        for name, value in state["weights"].items():
            self._parameters[name].data.copy_(value)
        if self._descent:
            self._descent.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds = state["step"], state["spent"]


def export_posing(folder: str | os.PathLike, path: str | os.PathLike) -> PosingNetwork:
    """Write a finished run's posing network to ``path`` in half precision.

    Raises:
        NikiError: there is no finished run in ``folder``.
    """
    network = PosingNetwork.load(Path(folder) / POSING_NETWORK)
    network.save(path, **network.remarks)
    return network
