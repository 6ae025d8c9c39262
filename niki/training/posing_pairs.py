"""Examples for the posing network: two poses of one clip, and which joints are pulled from the first to the second."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..body import rotation as rot
from ..body.kinematics import forward_kinematics
from ..body.skeleton import JOINTS, NUM_BONES, NUM_JOINTS, Bodies, Body
from ..mocap.collection import Poses
from ..mocap.rare import rare_poses
from ..network.posing import Pull, facing
from .augmentation import mirror_poses

_LAGS = (2, 60)
"""Frames between the two poses, at 30 per second. Their square root is even: a third are within a third of a second."""
_OTHERS_BODY = 0.4
"""Share of pairs with another person's proportions."""
_RARE = 3.0
"""How much more often rare poses are drawn."""
_LOCAL = 0.35
"""Share of pairs in which only limbs that hold a pulled joint move."""
_PLANTED, _ONE_FOOT = 0.45, 0.5
"""Share of pairs in which feet are planted and the body moves over them, and share of those of them in which only one
foot stays in place that are kept."""
_JITTER, _JITTERED = 0.08, 0.5
"""Radians by which bones of both poses are turned alike, and the share of pairs in which they are: the same movement
from another pose, as on a skeleton with other axes."""
_STAYS = 0.04
"""Metres that the other foot may have moved and still count as planted."""
_HELD = 0.1
"""Share of the joints that did not move, in such pairs, that are held in place."""

_WRISTS = [JOINTS.index("left_wrist"), JOINTS.index("right_wrist")]
_ANKLES = [JOINTS.index("left_ankle"), JOINTS.index("right_ankle")]
_EFFECTORS = [0, *_WRISTS, *_ANKLES, JOINTS.index("head")]
_LIMBS = (
    ("collar", "shoulder", "elbow", "wrist", "hand", "middle_finger"),
    ("hip", "knee", "ankle", "foot", "big_toe"),
    ("neck", "head", "head_top"),
)
_TRUNK = 2 * len(_LIMBS)


def _limb(joint: str) -> int:
    """A number for the limb that holds a joint; the spine and the pelvis are one."""
    for k, kinds in enumerate(_LIMBS):
        if joint.removeprefix("left_").removeprefix("right_") in kinds:
            return 2 * k + joint.startswith("right_")
    return _TRUNK


LIMB = torch.tensor([_limb(joint) for joint in JOINTS])
"""(29,) a number for the limb that holds each joint."""
_IN_LIMB = torch.nn.functional.one_hot(LIMB, _TRUNK + 1).bool()  # (29, 7)
_LEGS = LIMB[_ANKLES]


@dataclass(eq=False)
class Batch:
    """N examples, in the frame that the first pose faces. torch, float32.

    Attributes:
        pull: what is pulled, from the first pose to the second.
        end: (N, 24, 3, 3) rotations of the second pose.
        move: (N, 3) metres by which the body has moved; zero where the pelvis is pulled.
        bodies: the proportions, pelvis at the origin.
    """

    pull: Pull
    end: torch.Tensor
    move: torch.Tensor
    bodies: Bodies

    def joints(self) -> torch.Tensor:
        """(N, 29, 3) metres: the second pose's joints, where the first pose's pelvis is at the origin."""
        return forward_kinematics(self.end, self.bodies)[0] + self.move[:, None]


class Pairs:
    """Draws examples from the clips of ``poses``."""

    def __init__(self, poses: Poses):
        usual = Body.default().bone_lengths
        lengths = np.where((poses.lengths > 0) & np.isfinite(poses.lengths), poses.lengths, usual)
        self._offsets = torch.tensor(Bodies.from_bone_lengths(lengths).offsets, dtype=torch.float32)
        self._rotations, self._clip = torch.as_tensor(poses.rotations), torch.as_tensor(poses.clip)
        weight = np.where(rare_poses(poses.rotations), _RARE, 1.0).cumsum()
        self._until = torch.as_tensor(weight / weight[-1])

    def __len__(self) -> int:
        return len(self._clip)

    def draw(
        self, count: int, generator: torch.Generator, follow: float | None = None, planted: bool | None = None
    ) -> Batch:
        """``count`` examples, half of them mirrored.

        Args:
            follow: 0 or 1 for all; default mixed. planted: whether feet are, for all; default mixed.
        """

        def chance(share: float, *more: int) -> torch.Tensor:
            return torch.rand(count, *more, generator=generator) < share

        starts, ends = self._indices(count, generator)
        clips = torch.randint(len(self._offsets), (count,), generator=generator)
        clips = torch.where(chance(_OTHERS_BODY), clips, self._clip[ends])
        bodies = Bodies(self._offsets[clips])
        flip = chance(0.5)
        start, end = self._rotations[starts], self._rotations[ends]
        into = facing(start[:, 0]).transpose(-1, -2)
        start, end = (_posed(x, into, flip) for x in (start, end))
        jitter = (
            _JITTER * torch.randn(count, NUM_BONES, 3, generator=generator) * chance(_JITTERED)[:, None, None]
        )
        jitter[:, 0] = 0
        jitter = rot.matrix_from_axis_angle(jitter)
        start, end = start @ jitter, end @ jitter
        pulled = draw_pulled(count, generator)
        stood = chance(_PLANTED if planted is None else float(planted))
        follows = ~chance(_LOCAL if follow is None else 1.0 - follow)
        before = forward_kinematics(start, bodies)[0]
        move, stays = _planted_move(before, forward_kinematics(end, bodies)[0])
        stood &= stays.all(1) | chance(_ONE_FOOT)
        move = torch.where(stood[:, None], move, 0)
        pulled[:, _ANKLES] |= stood[:, None]
        moving = _moving_limbs(pulled, stood, stays) | follows[:, None]
        end = torch.where(moving[:, LIMB[:NUM_BONES], None, None], end, start)
        move = torch.where(moving[:, _TRUNK, None], move, 0)
        after = forward_kinematics(end, bodies)[0]
        displacement = after + move[:, None] - before
        still = displacement.square().sum(-1) < 1e-8
        pulled |= still & ~follows[:, None] & chance(_HELD, NUM_JOINTS)
        held = pulled[:, 0, None]
        displacement = (displacement - torch.where(held, displacement[:, 0], 0)[:, None]) * pulled[..., None]
        pull = Pull(start, before, displacement, pulled.float(), bodies.bone_lengths, follows.float())
        return Batch(pull, end, torch.where(held, 0, move), bodies)

    def _indices(self, count, generator):
        """Indices (count,) of the first and of the second poses, before or after each other in a clip."""
        first, last = _LAGS
        found: list[torch.Tensor] = []
        while sum(len(part) for part in found) < count:
            chances = torch.rand(3, 2 * count, generator=generator)
            ends = torch.searchsorted(self._until, chances[0].double()).clamp(max=len(self._clip) - 1)
            root = first**0.5 + chances[1] * ((last + 1) ** 0.5 - first**0.5)
            lag = root.square().long()
            starts = ends + torch.where(chances[2] < 0.5, lag, -lag)
            inside = (starts >= 0) & (starts < len(self._clip))
            inside &= self._clip[starts.clamp(0, len(self._clip) - 1)] == self._clip[ends]
            found.append(torch.stack([starts[inside], ends[inside]], 1))
        return torch.cat(found)[:count].unbind(1)


def draw_pulled(count: int, generator: torch.Generator) -> torch.Tensor:
    """(count, 29) bool: pulled joints, as animators and the benchmark choose them: one wrist, one joint, three, the
    effectors, or several."""
    kind = torch.rand(count, generator=generator)
    rank = torch.rand(count, NUM_JOINTS, generator=generator).argsort(1).argsort(1)
    number = torch.where((kind >= 0.5) & (kind < 0.7), 3, 1)
    number = torch.where(kind >= 0.85, torch.randint(2, 8, (count,), generator=generator), number)
    pulled = rank < number[:, None]
    wrist = torch.tensor(_WRISTS)[torch.randint(2, (count,), generator=generator)]
    pulled = torch.where((kind < 0.35)[:, None], torch.arange(NUM_JOINTS) == wrist[:, None], pulled)
    effectors = torch.zeros(NUM_JOINTS, dtype=torch.bool)
    effectors[_EFFECTORS] = True
    return torch.where(((kind >= 0.7) & (kind < 0.85))[:, None], effectors, pulled)


def _posed(rotations, into, flip):
    """Poses with the pelvis turned by ``into`` (N, 3, 3), those to ``flip`` (N,) mirrored."""
    rotations = torch.cat([(into @ rotations[:, 0])[:, None], rotations[:, 1:]], 1)
    return torch.where(flip[:, None, None, None], mirror_poses(rotations), rotations)


def _planted_move(before, after):
    """(N, 3) metres by which the body has moved if its lower foot stayed in place, and (N, 2) which feet stay."""
    slid = before[:, _ANKLES] - after[:, _ANKLES]
    height = (before + after)[:, _ANKLES, 1]
    lower = height.argmin(1)
    move = slid[torch.arange(len(slid)), lower]
    both = (slid[:, 0] - slid[:, 1]).square().sum(-1) < _STAYS**2
    move = torch.where(both[:, None], slid.mean(1), move)
    return move, both[:, None] | (torch.arange(2) == lower[:, None])


def _moving_limbs(pulled, planted, stays):
    """(N, 7) bool: the limbs that move where only those with a pulled joint do. A foot that stays pulls nothing, but
    legs whose feet are ``planted`` (N,) move under a moving trunk."""
    pulled = pulled.clone()
    pulled[:, _ANKLES] &= ~(planted[:, None] & stays)
    moving = (pulled[..., None] & _IN_LIMB).any(1)
    moving[:, _LEGS] |= (planted & moving[:, _TRUNK])[:, None]
    return moving
