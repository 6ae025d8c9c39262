"""Training: a configuration -> a network. Resumes where it was stopped; the same seed gives the same network."""

from __future__ import annotations

import json
import math
import os
import time
import tomllib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import numpy as np
import torch

from ..errors import NikiError
from ..evaluation.cases import draw_truth, make_cases, scores
from ..files import writing
from ..network import Network, NetworkSpec
from ..solver import Solver
from .batches import CHUNK, BatchMaker, means
from .corruption import KINDS_OF_CORRUPTION
from .error_head import train_error_head
from .losses import LossWeights, losses
from .mocap import Poses

CHECKPOINT, LOG, NETWORK = "checkpoint.pt", "log.jsonl", "network.npz"
_EVALUATED = 300  # held-out poses that progress is measured on


@dataclass
class Config:
    """What to train and how. Read from TOML; ``network``, ``losses`` and ``mix`` are tables. A file
    may name another as ``base``, whose settings it then changes.

    Attributes:
        data: folder with the mocap archives, relative to the configuration.
        start: weights (.npz) to start from, relative to the configuration; default random ones.
        steps, batch: how long, and how many poses a step. error_steps: how long, then, to learn what
            errors to expect. learning_rate: the highest; it warms up
            over ``warm_up`` steps and falls as a cosine to a hundredth.
        mix: share of each kind of corruption (``KINDS_OF_CORRUPTION``).
        save_every, evaluate_every: in steps.
    """

    network: NetworkSpec = field(default_factory=NetworkSpec)
    losses: LossWeights = field(default_factory=LossWeights)
    mix: dict[str, float] = field(
        default_factory=lambda: dict(zip(KINDS_OF_CORRUPTION, (0.10, 0.20, 0.28, 0.20, 0.22), strict=True))
    )
    data: str = "../../../../shared/data/mocap"
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
    save_every: int = 400
    evaluate_every: int = 2000

    @classmethod
    def read(cls, path: str | os.PathLike) -> Config:
        """Raises NikiError where the file cannot be read or has an unknown setting."""
        values = _read_toml(Path(path))
        unknown = sorted(values.keys() - {f.name for f in fields(cls)})
        if unknown:
            raise NikiError(f"{path} has an unknown setting '{unknown[0]}'")
        for name, kind in (("network", NetworkSpec), ("losses", LossWeights)):
            try:
                values[name] = kind(**values.get(name, {}))
            except TypeError:
                raise NikiError(f"{path} has an unknown setting in [{name}]") from None
        config = cls(**values)
        folder = Path(path).resolve().parent
        config.data = str((folder / config.data).resolve())
        config.start = str((folder / config.start).resolve()) if config.start else ""
        return config


def _read_toml(path: Path) -> dict:
    """The file's settings over those of the file that it names as ``base``."""
    try:
        values = tomllib.loads(path.read_text())
    except OSError as error:
        raise NikiError(f"{path} cannot be read: {error.strerror}") from None
    except tomllib.TOMLDecodeError as error:
        raise NikiError(f"{path} is not valid TOML: {error}") from None
    base = values.pop("base", None)
    return (_read_toml(path.parent / base) if base else {}) | values


class Training:
    """One run, in a folder of its own.

    Args:
        config: what to train. folder: where the checkpoint and the log go; a checkpoint found there
            is taken up. poses: training and held-out poses.

    Raises:
        NikiError: the checkpoint is of another network.
    """

    def __init__(self, config: Config, folder: str | os.PathLike, poses: tuple[Poses, Poses]):
        self.config, self.folder = config, Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        if config.threads:
            torch.set_num_threads(config.threads)
        training, self._held_out = poses
        reference = config.network.reference
        self._maker = BatchMaker(training.rotations, config.mix, config.seed, reference)
        self.step, self.seconds = 0, 0.0
        network = self._initial()
        trained = {n: not n.startswith("mean_") for n in network.weights}
        self._weights = {
            n: torch.nn.Parameter(torch.tensor(w), requires_grad=trained[n])
            for n, w in network.weights.items()
        }
        self.network = Network(config.network, self._weights)
        self._parameters = [w for w in self._weights.values() if w.requires_grad]
        self._optimizer = torch.optim.AdamW(
            self._parameters,
            config.learning_rate,
            betas=(0.9, 0.98),
            weight_decay=config.weight_decay,
            fused=True,
        )
        self._resume()

    def run(self, progress: Callable[[int, int, dict], None] = lambda *_: None) -> None:
        """Train to the end; ``progress`` is called with steps done, steps in all and losses."""
        per_chunk, smooth = CHUNK // self.config.batch, {}
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
            for every, act in ((self.config.save_every, self.save), (self.config.evaluate_every, self._log)):
                if self.step % every < per_chunk or self.step >= self.config.steps:
                    act(smooth) if act == self._log else act()

    def finish(self, progress: Callable[[int, int], None] = lambda *_: None) -> Network:
        """Teach the trained network what errors to expect of itself, and write the whole to
        ``NETWORK``."""
        config = self.config
        network = train_error_head(self.trained(), self._maker, config.error_steps, config.seed, progress)
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
        """Write the checkpoint, whole or not at all."""
        state = {
            "config": asdict(self.config), "step": self.step, "spent": self.seconds,
            "weights": {n: w.detach() for n, w in self._weights.items()},
            "optimizer": self._optimizer.state_dict(),
        }  # fmt: skip
        with writing(self.folder / CHECKPOINT) as temporary:
            torch.save(state, temporary)

    def evaluate(self) -> dict[str, dict[str, float]]:
        """Scores on held-out people, by case."""
        return evaluate(self.trained(), self._held_out, _EVALUATED)

    def _take_step(self, batch) -> dict[str, float]:
        config = self.config
        warm = min(1.0, (self.step + 1) / config.warm_up)
        fall = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * self.step / config.steps))
        for group in self._optimizer.param_groups:
            group["lr"] = config.learning_rate * warm * fall
        parts = losses(self.network, batch, config.losses)
        self._optimizer.zero_grad(set_to_none=True)
        sum(parts.values()).backward()
        size = torch.nn.utils.clip_grad_norm_(self._parameters, config.clip)
        if torch.isfinite(size):
            self._optimizer.step()
        return {n: float(v.detach()) for n, v in parts.items()}

    def _initial(self) -> Network:
        config = self.config
        if config.start:
            network = Network.load(config.start)
            if network.spec != config.network:
                raise NikiError(f"{config.start} holds a network of another shape than the configuration's")
            return network
        self._maker.skip_to(0, config.seed + 17)
        return Network.initial(config.network, means(self._maker), np.random.default_rng(config.seed))

    def _resume(self) -> None:
        path = self.folder / CHECKPOINT
        if not path.is_file():
            return
        state = torch.load(path, weights_only=True)
        mine = asdict(self.config)
        for name in ("network", "seed", "batch", "steps"):
            if json.dumps(state["config"][name]) != json.dumps(mine[name]):
                raise NikiError(
                    f"{path} is a checkpoint with another '{name}'",
                    "give the same configuration, or another folder to start anew",
                )
        for name, value in state["weights"].items():
            self._weights[name].data.copy_(value)
        self._optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds = state["step"], state["spent"]

    def _log(self, smooth: dict) -> None:
        entry = {
            "step": self.step, "seconds": round(self.seconds, 1),
            "losses": {n: round(v, 5) for n, v in smooth.items()},
            "held_out": {c: {n: round(float(v), 2) for n, v in s.items()} for c, s in self.evaluate().items()},
        }  # fmt: skip
        with open(self.folder / LOG, "a") as stream:
            stream.write(json.dumps(entry) + "\n")


def evaluate(network: Network, held_out: Poses, count: int) -> dict[str, dict[str, float]]:
    """Scores of the bare network, no analytic part, on ``count`` held-out poses: by case."""
    truth = draw_truth(held_out, count)
    solver = Solver(network, blend=False, refine=False)
    return {
        name: scores(truth, case, solver.inverse(case.joints, case.sigma, case.twist, truth.bodies, case.view).rotations)
        for name, case in make_cases(truth).items()
    }  # fmt: skip


def export(folder: str | os.PathLike, path: str | os.PathLike) -> Network:
    """A finished run's network -> weights in half precision, for use.

    Raises:
        NikiError: there is no finished run in ``folder``.
    """
    source = Path(folder) / NETWORK
    if not source.is_file():
        raise NikiError(f"There is no {NETWORK} in {folder}", "let it finish: niki train --config ...")
    network = Network.load(source)
    network.save(path, **network.remarks)
    return network
