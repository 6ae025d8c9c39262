"""Examples for the posing network: two poses of one clip, and which joints are pulled from the first to the second."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..body.kinematics import forward_kinematics
from ..body.skeleton import JOINTS, NUM_BONES, NUM_JOINTS, Bodies, Body
from ..mocap.collection import Poses
from ..mocap.rare import rare_poses
from ..network.posing import facing
from .augmentation import mirror_poses

EFFECTORS = tuple(
    JOINTS.index(n) for n in ("pelvis", "left_wrist", "right_wrist", "left_ankle", "right_ankle", "head")
)
_WRISTS = [JOINTS.index("left_wrist"), JOINTS.index("right_wrist")]
_LAGS = (2, 60)
"""Frames between the two poses, at 30 per second; short ones are as frequent as long ones."""
_OTHERS_BODY = 0.4
"""Share of pairs with another person's proportions."""
_RARE = 3.0
"""How much more often rare poses are drawn."""

_LIMBS = (
    "collar shoulder elbow wrist hand middle_finger",
    "hip knee ankle foot big_toe",
    "neck head head_top",
)


def _limbs() -> torch.Tensor:
    """(29, 24) bool: the bones of the limb that holds a joint; the spine and pelvis are one."""
    limb = [len(_LIMBS) * 2] * NUM_JOINTS
    for j, name in enumerate(JOINTS):
        for k, kinds in enumerate(_LIMBS):
            if name.removeprefix("left_").removeprefix("right_") in kinds.split():
                limb[j] = 2 * k + name.startswith("right_")
    limbs = torch.tensor(limb)
    return limbs[:, None] == limbs[None, :NUM_BONES]


IN_LIMB = _limbs()


@dataclass(eq=False)
class Batch:
    """N examples, in the frame that the first pose faces, the pelvis of both at the origin. torch, float32.

    Attributes:
        start, end: (N, 24, 3, 3) rotations.
        bodies: the proportions.
        pulled: (N, 29) bool, which joints of ``end`` are given.
        follow: (N,) 0: only limbs with a pulled joint moved; 1: as recorded.
    """

    start: torch.Tensor
    end: torch.Tensor
    bodies: Bodies
    pulled: torch.Tensor
    follow: torch.Tensor


class Pairs:
    """Draws examples from the clips of ``poses``."""

    def __init__(self, poses: Poses):
        usual = Body.default().bone_lengths
        lengths = np.where((poses.lengths > 0) & np.isfinite(poses.lengths), poses.lengths, usual)
        scale = lengths / np.where(usual > 0, usual, 1)
        self._offsets = torch.tensor(Body.default().offsets * scale[..., None], dtype=torch.float32)
        self._rotations, self._clip = torch.as_tensor(poses.rotations), torch.as_tensor(poses.clip)
        weight = np.where(rare_poses(poses.rotations), _RARE, 1.0).cumsum()
        self._until = torch.as_tensor(weight / weight[-1])

    def draw(self, count: int, generator: torch.Generator) -> Batch:
        """``count`` examples, half of them mirrored, half of them with ``follow`` 0."""

        def chance() -> torch.Tensor:
            return torch.rand(count, generator=generator)

        ends, starts = self._indices(count, generator)
        start, end = self._rotations[starts], self._rotations[ends]
        own = chance() >= _OTHERS_BODY
        clip = torch.where(
            own, self._clip[ends], torch.randint(len(self._offsets), (count,), generator=generator)
        )
        into = facing(start[:, 0]).transpose(-1, -2)
        start, end = (torch.cat([(into @ x[:, 0])[:, None], x[:, 1:]], 1) for x in (start, end))
        flip = (chance() < 0.5)[:, None, None, None]
        start, end = (torch.where(flip, mirror_poses(x), x) for x in (start, end))
        pulled, follow = draw_pulled(count, generator), (chance() < 0.5).float()
        stays = (follow == 0)[:, None] & ~(pulled[:, :, None] & IN_LIMB).any(1)
        end = torch.where(stays[..., None, None], start, end)
        return Batch(start, end, Bodies(self._offsets[clip]), pulled, follow)

    def _indices(self, count, generator):
        """Indices (count,) of the end poses and of the start poses, before or after them in the same clip."""
        first, last = _LAGS
        chances = torch.rand(3, 4 * count, generator=generator)
        ends = torch.searchsorted(self._until, chances[0].double()).clamp(max=len(self._clip) - 1)
        lag = (first * torch.exp(chances[1] * np.log((last + 1) / first))).long()
        starts = ends + torch.where(chances[2] < 0.5, lag, -lag)
        inside = (starts >= 0) & (starts < len(self._clip))
        starts = starts.clamp(0, len(self._clip) - 1)
        inside &= self._clip[starts] == self._clip[ends]
        return ends[inside][:count], starts[inside][:count]


def draw_pulled(count: int, generator: torch.Generator) -> torch.Tensor:
    """(count, 29) bool: pulled joints, as animators and the benchmark choose them: one wrist, one joint, three, the
    effectors, or several."""
    kind = torch.rand(count, generator=generator)
    rank = torch.rand(count, NUM_JOINTS, generator=generator).argsort(1).argsort(1)
    number = torch.ones(count, dtype=torch.long)
    number = torch.where((kind >= 0.5) & (kind < 0.7), 3, number)
    several = torch.randint(2, 8, (count,), generator=generator)
    number = torch.where(kind >= 0.85, several, number)
    pulled = rank < number[:, None]
    wrist = torch.tensor(_WRISTS)[torch.randint(2, (count,), generator=generator)]
    one = torch.arange(NUM_JOINTS) == wrist[:, None]
    pulled = torch.where((kind < 0.35)[:, None], one, pulled)
    effectors = torch.zeros(NUM_JOINTS, dtype=torch.bool)
    effectors[list(EFFECTORS)] = True
    return torch.where(((kind >= 0.7) & (kind < 0.85))[:, None], effectors, pulled)


def joints_of(rotations: torch.Tensor, bodies: Bodies) -> torch.Tensor:
    """(N, 29, 3) joint positions, metres, pelvis at the origin."""
    return forward_kinematics(rotations, bodies)[0]
