"""How wrong is each joint of a solved pose? A small network beside a trained one learns to say."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from .. import rotation as rot
from ..kinematics import forward_kinematics
from ..layers import initial_residual_mlp
from ..network import ERROR_INPUTS, Network, error_features
from ..skeleton import NUM_BONES, NUM_JOINTS
from .batches import BatchMaker

HIDDEN, BLOCKS, BATCH = 192, 1, 512
LEARNING_RATE = 2e-3


def train_error_head(
    network: Network,
    maker: BatchMaker,
    steps: int,
    seed: int,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Network:
    """``network`` (numpy) with a head that predicts the mean error of each joint it solves.

    The loss is the negative log-likelihood of an exponential distribution, whose best parameter is
    the mean: the prediction is calibrated by construction on what it is trained on.
    """
    weights = {n: torch.tensor(w) for n, w in network.weights.items() if not n.startswith("error.")}
    frozen = Network(network.spec, weights)
    rng = np.random.default_rng(seed)
    fresh = initial_residual_mlp("error", ERROR_INPUTS, HIDDEN, BLOCKS, NUM_JOINTS, rng)
    head = {n: torch.nn.Parameter(torch.tensor(w)) for n, w in fresh.items()}
    optimizer = torch.optim.AdamW(head.values(), LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    learning = Network(network.spec, weights | head)
    step = 0
    while step < steps:
        maker.skip_to(step, seed + 29)
        for batch in maker.batches(BATCH):
            if step == steps:
                break
            with torch.no_grad():
                solution = frozen.inverse(batch.observation)
                rotations = rot.matrix_from_6d(solution.pose.reshape(-1, NUM_BONES, 6))
                solved = forward_kinematics(rotations, batch.bodies)[0]
                error = (solved - batch.joints).norm(dim=-1).clamp_min(1e-4)
                features = error_features(batch.observation, solved)
            logarithm = learning.log_error(features)
            loss = (logarithm + error * (-logarithm).exp()).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            step += 1
        progress(step, steps)
    return Network(network.spec, network.weights | {n: w.detach().numpy() for n, w in head.items()})
