"""Training of the network over time. An interrupted run resumes; the same seed gives the same network."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from ..body import rotation as rot
from ..body.kinematics import forward_kinematics
from ..body.skeleton import NUM_BONES, Bodies
from ..errors import NikiError
from ..mocap.collection import Poses
from ..network.temporal import TemporalNetwork, TemporalSpec, WindowSolution
from .runs import Descent, append_log, load_checkpoint, save_checkpoint
from .settings import Settings, check_least
from .temporal_batches import ERRORS, WindowBatch, WindowMaker, mean_values
from .temporal_error import with_error_head
from .train import NETWORK


@dataclass
class TemporalConfig(Settings):
    """What to train and how. Read from TOML, where ``network`` and ``mix`` are tables.

    Attributes:
        data: folders with mocap archives, relative to the file that names them.
        steps, batch: number of steps, and windows per step.
        error_steps: number of steps in which the error head is trained afterwards.
        learning_rate: the highest; it warms up over ``warm_up`` steps and falls along a cosine to a hundredth.
        mix: share of windows with each kind of errors (``ERRORS``).
        threads: of the processor; 0 for all. half: multiply in half precision (bfloat16).
    """

    network: TemporalSpec = field(default_factory=TemporalSpec)
    mix: dict[str, float] = field(default_factory=lambda: {"lasting": 0.4, "independent": 0.5, "clean": 0.1})
    data: list[str] = field(default_factory=list)
    steps: int = 10000
    error_steps: int = 2000
    batch: int = 16
    learning_rate: float = 1e-3
    warm_up: int = 100
    weight_decay: float = 1e-4
    clip: float = 1.0
    seed: int = 0
    threads: int = 1
    half: bool = True
    save_every: int = 200

    def check(self) -> None:
        least = {
            "steps": 1,
            "error_steps": 0,
            "batch": 1,
            "warm_up": 1,
            "save_every": 1,
            "threads": 0,
            "seed": 0,
        }
        check_least(self, least)
        if not (self.learning_rate > 0 and self.clip > 0 and self.weight_decay >= 0):
            raise NikiError("'learning_rate' and 'clip' must be above zero, 'weight_decay' not below")
        if set(self.mix) != set(ERRORS) or min(self.mix.values()) < 0 or sum(self.mix.values()) <= 0:
            raise NikiError(f"[mix] must have a share for each of {', '.join(ERRORS)}, and no other")
        if not self.data:
            raise NikiError("'data' is missing", "name the folder with the mocap archives")


class TemporalTraining:
    """One run, in a folder of its own.

    Args:
        config: what to train.
        folder: of the checkpoint and the log; a checkpoint there is resumed.
        poses: to train on.

    Raises:
        NikiError: the checkpoint is of another configuration.
    """

    def __init__(self, config: TemporalConfig, folder: str | os.PathLike, poses: Poses):
        self.config, self.folder = config, Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        if config.threads:
            torch.set_num_threads(config.threads)
        self.maker = WindowMaker(poses, config.mix)
        self.step, self.seconds = 0, 0.0
        state = load_checkpoint(self.folder, config, ("network", "seed", "batch", "steps", "mix"))
        network = self._initial() if state is None else TemporalNetwork(config.network, state["weights"])
        self._weights = {
            name: torch.nn.Parameter(
                torch.as_tensor(value).clone(), requires_grad=not name.startswith("mean_")
            )
            for name, value in network.weights.items()
        }
        self.network = TemporalNetwork(config.network, self._weights)
        self._parameters = [w for w in self._weights.values() if w.requires_grad]
        self._descent = Descent(self._parameters, config)
        if state is not None:
            self._descent.optimizer.load_state_dict(state["optimizer"])
            self.step, self.seconds = state["step"], state["spent"]

    def run(self, progress: Callable[[int, int, dict], None] = lambda *_: None) -> None:
        """Train to the end. ``progress`` is called with steps done, total steps and losses."""
        config, smooth = self.config, {}
        while self.step < config.steps:
            started = time.monotonic()
            batch, clean = self.maker.batch(config.batch, [config.seed, 1, self.step])
            parts = self._take_step(batch, clean)
            smooth = {name: 0.98 * smooth.get(name, value) + 0.02 * value for name, value in parts.items()}
            self.step += 1
            self.seconds += time.monotonic() - started
            progress(self.step, config.steps, smooth)
            if self.step % config.save_every == 0 or self.step == config.steps:
                self.save(smooth)

    def trained(self) -> TemporalNetwork:
        """The network so far, in numpy."""
        weights = {name: value.detach().numpy().copy() for name, value in self._weights.items()}
        return TemporalNetwork(self.config.network, weights)

    def save(self, losses: dict) -> None:
        """Write the checkpoint, replacing the last one in one step, and a line of the log."""
        save_checkpoint(
            self.folder, self.config, self.step, self.seconds, self._weights, self._descent.optimizer
        )
        append_log(self.folder, self.step, self.seconds, **{n: round(v, 5) for n, v in losses.items()})

    def finish(self, progress: Callable[[int, int], None] = lambda *_: None) -> TemporalNetwork:
        """Train the error head of the trained network, and write both to ``NETWORK``."""
        network = with_error_head(
            self.trained(), self.maker, self.config.error_steps, self.config.seed, progress
        )
        done = f"{self.step} steps of {self.config.batch} windows, seed {self.config.seed}"
        network.save(self.folder / NETWORK, np.float32, trained=f"{done}, {self.seconds / 60:.0f} minutes")
        return network

    def _take_step(self, batch: WindowBatch, clean: WindowBatch) -> dict[str, float]:
        parts = window_losses(self.network, batch, clean if self.step % 2 == 0 else None, self.config.half)
        return self._descent.step(parts, self.step)

    def _initial(self) -> TemporalNetwork:
        means = mean_values(self.maker, self.config.seed)
        return TemporalNetwork.initial(self.config.network, means, np.random.default_rng(self.config.seed))


def window_losses(
    network: TemporalNetwork, batch: WindowBatch, clean: WindowBatch | None, half: bool = False
) -> dict[str, torch.Tensor]:
    """Each loss times its weight, by name: poses, joints and how joints move from frame to frame; with ``clean``
    windows also that exact joints have zero latents and, forward, come back.

    Args:
        half: let the network, and nothing else, multiply in bfloat16.
    """

    def multiplying():
        return torch.autocast("cpu", torch.bfloat16, enabled=half)

    with multiplying():
        solved = network.inverse(batch.observation)
    parts = _inverse(solved, batch)
    if clean is None:
        return parts
    with multiplying():
        solved = network.inverse(clean.observation)
        true = WindowSolution(clean.pose, clean.place, torch.zeros_like(solved.latents))
        joints, twist, padding = network.forward(true, clean.observation)
    parts["clean"] = 3 * ((solved.pose - clean.pose) ** 2).mean() + (solved.place - clean.place).abs().mean()
    parts["zero_error"] = 0.1 * (solved.latents**2).mean()
    exact = clean.observation.frames
    known = exact.known[..., None]
    parts["forward"] = 3 * (joints - exact.joints).abs().mean() + ((twist - exact.twist) ** 2 * known).mean()
    parts["forward"] = parts["forward"] + (padding**2).mean()
    return parts


def _inverse(solved: WindowSolution, batch: WindowBatch) -> dict[str, torch.Tensor]:
    rotations = rot.matrix_from_6d(solved.pose.reshape(*solved.pose.shape[:-1], NUM_BONES, 6))
    joints = forward_kinematics(rotations, Bodies(batch.offsets))[0]

    def motion(values):
        return values[:, 1:] - values[:, :-1]

    return {
        "pose": 6 * ((solved.pose - batch.pose) ** 2).mean(),
        "joints": 5 * (joints - batch.joints).abs().mean(),
        "place": 2 * (solved.place - batch.place).abs().mean(),
        "motion": 8 * (motion(joints) - motion(batch.joints)).abs().mean()
        + 2 * (motion(solved.place) - motion(batch.place)).abs().mean(),
    }
