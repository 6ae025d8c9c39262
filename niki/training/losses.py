"""NIKI's losses (Li et al., CVPR 2023, section 3.4). Each can be switched off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from ..body import rotation as rot
from ..body.kinematics import forward_kinematics
from ..body.skeleton import NUM_BONES, Bodies
from ..network.model import Network, Solution
from .batches import Batch

_SAMPLE = 96  # poses compared for independence: the kernel grows with their square


@dataclass
class LossWeights:
    """The weight of each loss; 0 switches it off.

    Attributes:
        pose: rotations in 6D, from corrupted joints. joints: joint positions of the same, in metres.
        swing: swing of the first stage of the same.
        clean: all three from exact joints (the boundary condition in the inverse direction).
        zero_error: latents of exact joints are zero.
        forward: exact joints from true rotations and zero latents (the boundary condition in the forward
            direction).
        independence: MMD between (pose, latents) and (true pose, normal noise).
    """

    pose: float = 6.0
    joints: float = 3.0
    swing: float = 3.0
    clean: float = 1.0
    zero_error: float = 0.1
    forward: float = 1.0
    independence: float = 0.05


def losses(
    network: Network, batch: Batch, weights: LossWeights, clean_share: int = 8, half: bool = False
) -> dict[str, torch.Tensor]:
    """Each loss times its weight, by name.

    Args:
        clean_share: one in this many poses is used for the losses from exact joints.
        half: let the network, and nothing else, multiply in bfloat16.
    """

    def multiplying():
        return torch.autocast("cpu", torch.bfloat16, enabled=half)

    with multiplying():
        solved = network.inverse(batch.observation)
    parts = _inverse(solved, batch.pose, batch.swing, batch.joints, batch.bodies, weights)
    if network.spec.kind == "regressor":
        return parts
    if weights.independence:
        parts["independence"] = weights.independence * _independence(solved, batch.pose)
    few = batch.part(slice(0, max(1, len(batch.kind) // clean_share)))
    if weights.clean:
        with multiplying():
            solved = network.inverse(few.clean)
        joints = few.clean.joints - few.clean.joints[:, :1]
        clean = _inverse(solved, few.clean_pose, few.clean_swing, joints, few.bodies, weights)
        parts |= {f"clean_{name}": weights.clean * value for name, value in clean.items()}
        if weights.zero_error:
            parts["zero_error"] = weights.zero_error * (solved.latents**2).mean()  # pyright: ignore[reportOptionalOperand]
    if weights.forward:
        with multiplying():
            parts["forward"] = weights.forward * _forward(network, few)
    return parts


def _inverse(solved: Solution, pose, swing, joints, bodies: Bodies, weights: LossWeights) -> dict:
    parts = {"pose": weights.pose * ((solved.pose - pose) ** 2).mean()}
    if weights.joints:
        rotations = rot.matrix_from_6d(solved.pose.reshape(-1, NUM_BONES, 6))
        error = forward_kinematics(rotations, bodies)[0] - joints
        parts["joints"] = weights.joints * error.abs().mean()
    if weights.swing and solved.swing is not None:
        parts["swing"] = weights.swing * ((solved.swing - swing) ** 2).mean()
    return parts


def _forward(network: Network, batch: Batch):
    """Loss of joints, twist and swing computed from true rotations, and of nonzero padding."""
    joints, twist, swing, padding = network.forward(batch.clean_pose, batch.clean)
    exact = batch.clean
    known = exact.known[..., None]
    loss = 3 * (joints - exact.joints).abs().mean() + ((twist - exact.twist) ** 2 * known).mean()
    if swing is not None:
        loss = loss + ((swing - batch.clean_swing) ** 2).mean()
    return loss + (padding**2).mean() if padding.shape[-1] else loss


def _independence(solved: Solution, pose):
    latents = solved.latents[:_SAMPLE]  # pyright: ignore[reportOptionalSubscript]
    noise = torch.randn_like(latents)
    sample = torch.cat([solved.pose[:_SAMPLE].detach(), latents], -1)
    reference = torch.cat([pose[:_SAMPLE], noise], -1)
    return discrepancy(sample, reference) + discrepancy(latents, noise)


def discrepancy(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Maximum mean discrepancy (Gretton et al., 2012) of two samples (N, n), inverse multiquadric
    kernels with a half, once and twice the median squared distance as bandwidths: with NIKI's
    fixed ones nearly all pairs of so many dimensions are infinitely far apart."""
    both = torch.cat([x, y]).float()
    squared = torch.cdist(both, both) ** 2
    median = squared.detach()[: len(x), len(x) :].median().clamp_min(1e-6)
    kernel: Any = sum(factor * median / (factor * median + squared) for factor in (0.5, 1.0, 2.0))
    n = len(x)
    return kernel[:n, :n].mean() + kernel[n:, n:].mean() - 2 * kernel[:n, n:].mean()
