"""What every run of training does alike: steps whose size warms up and falls, a checkpoint that resumes, a log."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import torch

from ..errors import NikiError
from ..files import writing

CHECKPOINT, LOG = "checkpoint.pt", "log.jsonl"


class Settings(Protocol):
    """The settings, in a data class, that every run has."""

    steps: int
    batch: int
    learning_rate: float
    warm_up: int
    weight_decay: float
    clip: float
    seed: int
    threads: int
    save_every: int


class Descent:
    """AdamW with a learning rate that warms up and falls along a cosine to a hundredth.

    Args:
        parameters: what is trained.
        config: the settings of the run.
    """

    def __init__(self, parameters: Iterable[torch.nn.Parameter], config: Settings):
        self._parameters, self._config = list(parameters), config
        self.optimizer = torch.optim.AdamW(
            self._parameters, config.learning_rate, betas=(0.9, 0.98), weight_decay=config.weight_decay,
            fused=True,
        )  # fmt: skip

    def step(self, losses: dict[str, torch.Tensor], step: int) -> dict[str, float]:
        """Take step number ``step`` down the sum of the losses; the losses as numbers. Losses that are not finite
        change nothing."""
        config = self._config
        warm = min(1.0, (step + 1) / config.warm_up)
        fall = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * step / config.steps))
        for group in self.optimizer.param_groups:
            group["lr"] = config.learning_rate * warm * fall
        self.optimizer.zero_grad(set_to_none=True)
        sum(losses.values()).backward()  # pyright: ignore[reportAttributeAccessIssue]
        size = torch.nn.utils.clip_grad_norm_(self._parameters, config.clip)
        if torch.isfinite(size):
            self.optimizer.step()
        return {name: float(value.detach()) for name, value in losses.items()}


def save_checkpoint(
    folder: Path,
    config: Any,
    step: int,
    seconds: float,
    weights: dict,
    optimizer: torch.optim.Optimizer | None,
) -> None:
    """Write the checkpoint of a run, replacing the last one in one step."""
    state = {
        "config": asdict(config), "step": step, "spent": seconds,
        "weights": {name: value.detach() for name, value in weights.items()},
        "optimizer": optimizer.state_dict() if optimizer else None,
    }  # fmt: skip
    with writing(folder / CHECKPOINT) as temporary:
        torch.save(state, temporary)


def load_checkpoint(folder: Path, config: Any, alike: tuple[str, ...]) -> dict | None:
    """What an interrupted run left: its step, the seconds spent, weights and optimizer; None if there is nothing.

    Args:
        alike: the settings in which the run must be like ``config``.

    Raises:
        NikiError: it differs in one of them.
    """
    path = folder / CHECKPOINT
    if not path.is_file():
        return None
    state, mine = torch.load(path, weights_only=True), asdict(config)
    for name in alike:
        if json.dumps(state["config"][name]) != json.dumps(mine[name]):
            raise NikiError(
                f"{path} is a checkpoint with another '{name}'",
                "use the same configuration, or another folder to start over",
            )
    return state


def append_log(folder: Path, step: int, seconds: float, **values) -> None:
    """Add a line to the log of a run."""
    entry = {"step": step, "seconds": round(seconds, 1), **values}
    with open(folder / LOG, "a") as stream:
        stream.write(json.dumps(entry) + "\n")
