"""Training: a configuration -> a network. An interrupted run resumes; the same seed gives the same network."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from ..corpus.observed import cached_observed
from ..errors import NikiError
from ..evaluation.cases import make_cases, scores, solve_case
from ..mocap.collection import Poses
from ..network.model import Network, NetworkSpec
from ..network.stored import kind_of
from ..network.temporal import TemporalNetwork
from ..solve.solver import Solver
from .batches import CHUNK, BatchMaker, clean_means
from .corruption import KINDS_OF_CORRUPTION
from .error_head import train_error_head
from .losses import LossWeights, losses
from .readings import Readings
from .runs import Descent, append_log, load_checkpoint, save_checkpoint
from .settings import Settings, check_least
from .turns import learn_turns

NETWORK = "network.npz"
_EVALUATED = 300  # held-out poses that progress is measured on


@dataclass
class Config(Settings):
    """What to train and how. Read from TOML, where ``network``, ``losses`` and ``mix`` are tables. A file may
    name another one as ``base`` and then only lists the settings that differ.

    Attributes:
        data: folders with mocap archives, relative to the file that names them.
        corpus: folder with rendered people, relative to the file that names it; needed for a share of readings.
        start: weights (.npz) to start from, relative to the file that names them; default random ones.
        steps, batch: number of steps, and poses per step.
        error_steps: number of steps in which the error head is trained afterwards.
        learning_rate: the highest; it warms up over ``warm_up`` steps and falls along a cosine to a
            hundredth.
        mix: share of each kind of corruption (``KINDS_OF_CORRUPTION``).
        threads: of the processor; 0 for all.
        half: multiply in half precision (bfloat16), where the processor can: two to three times as fast.
        save_every, evaluate_every: in steps.
    """

    network: NetworkSpec = field(default_factory=NetworkSpec)
    losses: LossWeights = field(default_factory=LossWeights)
    mix: dict[str, float] = field(
        default_factory=lambda: dict(
            zip(KINDS_OF_CORRUPTION, (0.10, 0.20, 0.14, 0.20, 0.20, 0.16, 0), strict=True)
        )
    )
    data: list[str] = field(default_factory=list)
    corpus: str = ""
    start: str = ""
    steps: int = 20000
    error_steps: int = 2000
    batch: int = 256
    learning_rate: float = 1e-3
    warm_up: int = 100
    weight_decay: float = 1e-4
    clip: float = 1.0
    seed: int = 0
    threads: int = 0
    half: bool = False
    save_every: int = 400
    evaluate_every: int = 2000

    def check(self) -> None:
        least = {"steps": 1, "error_steps": 0, "batch": 1, "warm_up": 1, "save_every": 1, "evaluate_every": 1,
                 "threads": 0, "seed": 0}  # fmt: skip
        check_least(self, least)
        if not (self.learning_rate > 0 and self.clip > 0 and self.weight_decay >= 0):
            raise NikiError("'learning_rate' and 'clip' must be above zero, 'weight_decay' not below")
        if set(self.mix) != set(KINDS_OF_CORRUPTION):
            raise NikiError(
                f"[mix] must have a share for each of {', '.join(KINDS_OF_CORRUPTION)}, and no other"
            )
        if min(self.mix.values()) < 0 or sum(self.mix.values()) <= 0:
            raise NikiError("The shares in [mix] must not be negative or all zero")
        if self.network.kind not in ("flow", "regressor"):
            raise NikiError(f"'kind' in [network] must be flow or regressor, not {self.network.kind}")
        if not self.data:
            raise NikiError("'data' is missing", "name the folder with the mocap archives")
        if self.mix["reading"] and not self.corpus:
            raise NikiError(
                "'corpus' is missing", "name the folder with rendered people, or set reading in [mix] to 0"
            )


class Training:
    """One run, in a folder of its own.

    Args:
        config: what to train.
        folder: of the checkpoint and the log; a checkpoint there is resumed.
        poses: training and held-out poses.

    Raises:
        NikiError: the checkpoint is of another configuration.
    """

    def __init__(self, config: Config, folder: str | os.PathLike, poses: tuple[Poses, Poses]):
        self.config, self.folder = config, Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        if config.threads:
            torch.set_num_threads(config.threads)
        training, self._held_out = poses
        reference = config.network.reference
        readings = Readings(cached_observed(config.corpus, "train")) if config.mix["reading"] else None
        self._maker = BatchMaker(training.rotations, config.mix, config.seed, reference, readings)
        self.step, self.seconds = 0, 0.0
        network = self._initial()
        trained = {n: not n.startswith("mean_") for n in network.weights}
        self._weights = {
            n: torch.nn.Parameter(torch.tensor(w), requires_grad=trained[n])
            for n, w in network.weights.items()
        }
        self.network = Network(config.network, self._weights)
        self._parameters = [w for w in self._weights.values() if w.requires_grad]
        self._descent = Descent(self._parameters, config)
        self._resume()

    def run(self, progress: Callable[[int, int, dict], None] = lambda *_: None) -> None:
        """Train to the end. ``progress`` is called with steps done, total steps and losses."""
        per_chunk, smooth = max(1, CHUNK // self.config.batch), {}
        while self.step < self.config.steps:
            started = time.monotonic()
            chunk = self.step // per_chunk
            self._maker.skip_to(chunk, self.config.seed)
            torch.manual_seed(self.config.seed * 1_000_003 + chunk)
            for batch in self._maker.batches(self.config.batch):
                parts = self._take_step(batch)
                smooth = {n: 0.98 * smooth.get(n, v) + 0.02 * v for n, v in parts.items()}
                self.step += 1
            self.seconds += time.monotonic() - started
            progress(self.step, self.config.steps, smooth)
            done = self.step >= self.config.steps
            if done or self.step % self.config.save_every < per_chunk:
                self.save()
            if done or self.step % self.config.evaluate_every < per_chunk:
                self._log(smooth)

    def finish(self, progress: Callable[[int, int], None] = lambda *_: None) -> Network:
        """Learn how bones turn together about the trained network's poses, train its error head, and write all to
        ``NETWORK``."""
        config = self.config
        network = learn_turns(self.trained(), self._maker, config.seed)
        network = train_error_head(network, self._maker, config.error_steps, config.seed, progress)
        network.save(
            self.folder / NETWORK,
            np.float32,
            trained=f"{self.step} of {config.steps} steps of {config.batch}, seed {config.seed},"
            f" {self.seconds / 60:.0f} minutes",
        )
        return network

    def trained(self) -> Network:
        """The network so far, in numpy."""
        return Network(self.config.network, {n: w.detach().numpy().copy() for n, w in self._weights.items()})

    def save(self) -> None:
        """Write the checkpoint, replacing the last one in one step."""
        save_checkpoint(
            self.folder, self.config, self.step, self.seconds, self._weights, self._descent.optimizer
        )

    def evaluate(self) -> dict[str, dict[str, float]]:
        """Scores on held-out people, by case."""
        return evaluate(self.trained(), self._held_out, _EVALUATED)

    def _take_step(self, batch) -> dict[str, float]:
        parts = losses(self.network, batch, self.config.losses, half=self.config.half)
        return self._descent.step(parts, self.step)

    def _initial(self) -> Network:
        config = self.config
        if config.start:
            network = Network.load(config.start)
            if network.spec != config.network:
                raise NikiError(f"{config.start} holds a network of another shape than the configuration's")
            return network
        self._maker.skip_to(0, config.seed + 17)
        return Network.initial(config.network, clean_means(self._maker), np.random.default_rng(config.seed))

    def _resume(self) -> None:
        state = load_checkpoint(self.folder, self.config, ("network", "seed", "batch", "steps", "mix"))
        if state is None:
            return
        for name, value in state["weights"].items():
            self._weights[name].data.copy_(value)
        self._descent.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds = state["step"], state["spent"]

    def _log(self, smooth: dict) -> None:
        append_log(
            self.folder, self.step, self.seconds,
            losses={n: round(v, 5) for n, v in smooth.items()},
            held_out={c: {n: round(float(v), 2) for n, v in s.items()} for c, s in self.evaluate().items()},
        )  # fmt: skip


def evaluate(network: Network, held_out: Poses, count: int) -> dict[str, dict[str, float]]:
    """Scores by case of the network alone, without the analytic part, on ``count`` held-out poses."""
    solver = Solver(network, blend=False, refine=False)
    return {
        name: scores(case, solve_case(solver, case).rotations)
        for name, case in make_cases(held_out, count).items()
    }  # fmt: skip


def export(folder: str | os.PathLike, path: str | os.PathLike) -> Network | TemporalNetwork:
    """Write a finished run's network to ``path`` in half precision.

    Raises:
        NikiError: there is no finished run in ``folder``.
    """
    source = Path(folder) / NETWORK
    if not source.is_file():
        raise NikiError(f"There is no {NETWORK} in {folder}", "let it finish: niki train --config ...")
    load = TemporalNetwork.load if kind_of(source) == "temporal" else Network.load
    network = load(source)
    network.save(path, **network.remarks)
    return network
