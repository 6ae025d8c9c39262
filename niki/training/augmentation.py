"""Pose augmentation: mirror poses, exchange limbs between poses, turn every joint a little."""

from __future__ import annotations

import torch

from ..body import rotation as rot
from ..body.skeleton import JOINTS, MIRROR, NUM_BONES

_EXCHANGED = (  # joints and how often they come from another pose
    (("left_collar", "left_shoulder", "left_elbow", "left_wrist", "left_hand"), 0.2),
    (("right_collar", "right_shoulder", "right_elbow", "right_wrist", "right_hand"), 0.2),
    (("left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle", "left_foot",
      "right_foot"), 0.2),
    (("spine1", "spine2", "spine3"), 0.15),
    (("neck", "head"), 0.25),
)  # fmt: skip
_STIFF = ("spine1", "spine2", "spine3", "collar", "knee", "foot", "hand")
_JITTER = torch.tensor(
    [0.0] + [0.4 if name.split("_")[-1] in _STIFF else 1.0 for name in JOINTS[1:NUM_BONES]]
)
_SMALL, _LARGE = 0.02, 0.12  # radians: measurement noise, and a pose nearby


def mirror_poses(rotations: torch.Tensor) -> torch.Tensor:
    """Poses (..., 24, 3, 3) with left and right exchanged."""
    flip = torch.diag(torch.tensor([-1.0, 1.0, 1.0], dtype=rotations.dtype))
    return flip @ rotations[..., list(MIRROR[:NUM_BONES]), :, :] @ flip


def augment_poses(rotations: torch.Tensor, others: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Variations of ``rotations`` (N, ..., 24, 3, 3), with limbs from ``others`` but never their pelvis. What is drawn is the
    same for all poses of one of the N, such as the frames of a window."""
    count, alike = len(rotations), [1] * (rotations.dim() - 4)
    result = rotations.clone()
    for joints, share in _EXCHANGED:
        indices = [JOINTS.index(name) for name in joints]
        taken = torch.rand(count, generator=generator) < share
        result[..., indices, :, :] = torch.where(
            taken.reshape(-1, *alike, 1, 1, 1), others[..., indices, :, :], rotations[..., indices, :, :]
        )
    large = torch.rand(count, 1, 1, generator=generator) < 0.5
    turns = torch.randn(count, NUM_BONES, 3, generator=generator) * torch.where(large, _LARGE, _SMALL)
    turned = rot.matrix_from_axis_angle(turns * _JITTER[:, None])
    result = result @ turned.reshape(count, *alike, NUM_BONES, 3, 3)
    flip = torch.rand(count, generator=generator) < 0.5
    return torch.where(flip.reshape(-1, *alike, 1, 1, 1), mirror_poses(result), result)
