"""Training batches: poses, bodies, observations of them, and the values that the network should return."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
import torch

from ..body import rotation as rot
from ..body.kinematics import forward_kinematics, swing_and_twist
from ..body.skeleton import Bodies
from ..errors import NikiError
from ..evaluation.front_end import WINDOW, FrontEnd, random_cameras
from ..mocap.rare import rare_poses
from ..network.model import Observation, observe
from .augmentation import augment_poses
from .bodies import mismeasure_bodies, random_bodies
from .corruption import KINDS_OF_CORRUPTION, Corrupted, Corrupter
from .readings import Readings

CHUNK = 2048  # poses made at once: many small tensor operations cost little each
_CLUSTERS = 512
_RARE = 4.0  # times as often as their number says


@dataclass(eq=False)
class Batch:
    """N poses with observations of them, all in the frame of the observation.

    Attributes:
        kind: (N,) index into ``KINDS_OF_CORRUPTION``.
        observation: with noise. pose, swing: (N, 144) true, in 6D. joints: (N, 29, 3) true, pelvis
            at the origin. offsets: (N, 29, 3) the bodies. hidden: (N, 29).
        clean: observations of the same poses without error. clean_pose, clean_swing: (N, 144).
    """

    kind: torch.Tensor
    observation: Observation
    pose: torch.Tensor
    swing: torch.Tensor
    joints: torch.Tensor
    offsets: torch.Tensor
    hidden: torch.Tensor
    clean: Observation
    clean_pose: torch.Tensor
    clean_swing: torch.Tensor

    @property
    def bodies(self) -> Bodies:
        """The proportions."""
        return Bodies(self.offsets)

    def part(self, rows: slice) -> Batch:
        """A batch of some of the rows."""
        return _rows(self, rows)


def _rows(value, rows):
    if isinstance(value, torch.Tensor):
        return value[rows]
    return type(value)(*(_rows(getattr(value, f.name), rows) for f in fields(value)))


class BatchMaker:
    """An endless, seeded stream of batches.

    Args:
        rotations: (N, 24, 3, 3) float32, the poses.
        mix: share of each kind of corruption, by name.
        seed: same seed, same stream.
        reference: keep the frame of the input joints, as the published network does.
        readings: of a corpus; needed where the mix has a share of them.
    """

    def __init__(
        self,
        rotations: np.ndarray,
        mix: dict[str, float],
        seed: int,
        reference: bool = False,
        readings: Readings | None = None,
    ):
        self._poses = torch.as_tensor(rotations)
        self._shares = torch.tensor([float(mix[name]) for name in KINDS_OF_CORRUPTION])
        self._generator = torch.Generator().manual_seed(seed)
        self._corrupt = Corrupter(self._generator)
        self._reference, self._readings = reference, readings
        self._weights = even_weights(self._poses) * rare_weights(rotations)

    def skip_to(self, chunk: int, seed: int) -> None:
        """Continue after ``chunk`` chunks; each chunk has its own seed, derived from ``seed``."""
        self._generator.manual_seed(seed * 1_000_003 + chunk)

    def batches(self, size: int) -> Iterator[Batch]:
        """Batches of ``size`` poses cut from one chunk, which holds at least one batch."""
        count = max(CHUNK, size)
        chunk = self.chunk(count)
        for start in range(0, count - size + 1, size):
            yield chunk.part(slice(start, start + size))

    @torch.no_grad()
    def chunk(self, count: int) -> Batch:
        """``count`` new poses and observations."""
        generator = self._generator
        kind = torch.multinomial(self._shares, count, replacement=True, generator=generator)
        rotations = augment_poses(self._draw(count), self._draw(count), generator)
        others = self._draw(count)
        rotations[:, 0] = _turned(rotations[:, 0], generator)
        others[:, 0] = _nearly(rotations[:, 0], generator)
        bodies = random_bodies(count, generator)
        mistake = 0.03 * torch.rand(count, generator=generator)
        mistake = torch.where(torch.rand(count, generator=generator) < 0.4, mistake, 0.0)
        measured = mismeasure_bodies(bodies, mistake * (kind > 0), generator)
        joints, other_joints = (forward_kinematics(r, bodies)[0] for r in (rotations, others))
        twist = swing_and_twist(rotations, bodies)[1]
        seen = self._corrupt(kind, joints, other_joints, twist)
        drawn = torch.nonzero(kind == KINDS_OF_CORRUPTION.index("front end"))[:, 0]
        if len(drawn):
            self._draw_front_end(drawn, seen, joints, bodies, measured)
        read = torch.nonzero(kind == KINDS_OF_CORRUPTION.index("reading"))[:, 0]
        if len(read):
            self._draw_readings(read, seen, rotations, bodies, measured)
            joints = forward_kinematics(rotations, bodies)[0]
        swing, twist = swing_and_twist(rotations, bodies)
        observation = self._observe(seen, measured)
        clean = self._observe(self._uncorrupted(joints, twist), bodies)
        pose, true_swing = (_in_frame(part, observation.frame) for part in (rotations, swing))
        into = rot.transpose(observation.frame)[:, None]
        return Batch(
            kind, observation, pose, true_swing, rot.apply(into, joints), bodies.offsets, seen.hidden, clean,
            *(_in_frame(part, clean.frame) for part in (rotations, swing)),
        )  # fmt: skip

    def _draw_front_end(self, rows, seen: Corrupted, joints, bodies: Bodies, measured: Bodies) -> None:
        """Replace what is seen in ``rows`` by what a front end makes of them, and how it measures the bodies."""
        rng = np.random.default_rng(int(torch.randint(2**62, (1,), generator=self._generator)))
        count = len(rows)
        turn, pitch, place = random_cameras(rng, count)
        in_camera = (joints[rows] - joints[rows, :1]).numpy() @ np.swapaxes(turn, 1, 2) + place[:, None]
        frame = rng.integers(WINDOW, size=(count, 1))
        drawn = FrontEnd(rng, spells=True)(in_camera[:, None], bodies.offsets[rows].numpy(), pitch, frame)
        back = [
            drawn.joints[:, 0],
            drawn.joints[:, 0, :1] / np.linalg.norm(drawn.joints[:, 0, :1], axis=-1, keepdims=True),
        ]
        seen_there, view = (torch.as_tensor((part @ turn).astype(np.float32)) for part in back)
        seen.joints[rows], seen.view[rows] = seen_there - seen_there[:, :1], view[:, 0]
        seen.sigma[rows], seen.hidden[rows] = (
            torch.as_tensor(part[:, 0]) for part in (drawn.sigma, drawn.hidden)
        )
        seen.known[rows] = 0.0
        measured.offsets[rows] = torch.as_tensor(drawn.offsets)

    def _draw_readings(self, rows, seen: Corrupted, rotations, bodies: Bodies, measured: Bodies) -> None:
        """Replace what is in ``rows``, poses and bodies included, by readings."""
        if self._readings is None:
            raise NikiError("The mix has a share of readings, but there is no corpus")
        true, reading, own, theirs = self._readings.draw(len(rows), self._generator)
        rotations[rows], bodies.offsets[rows], measured.offsets[rows] = true, own.offsets, theirs.offsets
        for field in fields(Corrupted):
            getattr(seen, field.name)[rows] = getattr(reading, field.name)
        seen.joints[rows] -= seen.joints[rows, :1].clone()

    def _draw(self, count):
        indices = torch.multinomial(self._weights, count, replacement=True, generator=self._generator)
        return self._poses[indices].clone()

    def _observe(self, seen: Corrupted, bodies) -> Observation:
        observation = observe(seen.joints, seen.sigma, seen.view, seen.twist, seen.known, bodies)
        if not self._reference:
            return observation
        unmoved = torch.eye(3).expand(len(seen.joints), 3, 3)
        joints = seen.joints - seen.joints[:, :1]
        return Observation(
            joints,
            seen.sigma,
            seen.view,
            seen.twist,
            seen.known,
            observation.lengths,
            unmoved,
            seen.joints[:, 0],
        )

    def _uncorrupted(self, joints, twist) -> Corrupted:
        count = len(joints)
        zeros = torch.zeros_like(joints)
        known = (torch.rand(count, 1, generator=self._generator) < 0.7).float().expand(-1, 23)
        return Corrupted(joints, zeros[..., :2], zeros[:, 0], twist, known, zeros[..., 0] > 0)


def _in_frame(rotations, frame):
    """Rotations with the root relative to ``frame``, in 6D: (N, 144)."""
    rotations = torch.cat([rot.transpose(frame)[:, None] @ rotations[:, :1], rotations[:, 1:]], 1)
    return rot.sixd_from_matrix(rotations).reshape(len(rotations), -1)


def _turned(root, generator):
    """Roots (N, 3, 3) turned about the vertical, and tilted some 10 degrees."""
    count = len(root)
    yaw = torch.zeros(count, 3)
    yaw[:, 1] = 2 * np.pi * torch.rand(count, generator=generator)
    tilt = 0.15 * torch.randn(count, 3, generator=generator)
    return rot.matrix_from_axis_angle(yaw) @ rot.matrix_from_axis_angle(tilt) @ root


def _nearly(root, generator):
    """Roots (N, 3, 3) some 18 degrees off."""
    return root @ rot.matrix_from_axis_angle(0.2 * torch.randn(len(root), 3, generator=generator))


@torch.no_grad()
def even_weights(poses, seed: int = 0):
    """(N,) sampling weights that favor rare poses: the inverse square root of the size of a pose's cluster."""
    generator = torch.Generator().manual_seed(seed)
    features = poses[:, 1:22, :, :2].reshape(len(poses), -1)
    picked = torch.randperm(len(poses), generator=generator)[:_CLUSTERS]
    nearest = torch.cat([torch.cdist(part, features[picked]).argmin(1) for part in features.split(4096)])
    return torch.bincount(nearest, minlength=_CLUSTERS)[nearest].float() ** -0.5


def rare_weights(rotations: np.ndarray) -> torch.Tensor:
    """(N,) more for poses that are rare."""
    return torch.as_tensor(np.where(rare_poses(rotations), np.float32(_RARE), np.float32(1)))


def clean_means(maker: BatchMaker, count: int = 20000) -> dict[str, np.ndarray]:
    """Means of clean poses, around which the network works: 6D pose and swing, twist and joints."""
    made = [maker.chunk(CHUNK) for _ in range(-(-count // CHUNK))]
    pose = torch.cat([chunk.clean_pose for chunk in made]).mean(0)
    swing = torch.cat([chunk.clean_swing for chunk in made]).mean(0)
    twist = torch.cat([chunk.clean.twist for chunk in made]).mean(0)
    joints = torch.cat([chunk.clean.joints for chunk in made]).mean(0)
    twist = twist / twist.norm(dim=-1, keepdim=True)
    return {
        "mean_pose": pose.numpy(), "mean_swing": swing.numpy(), "mean_twist": twist.reshape(-1).numpy(),
        "mean_joints": joints.numpy(),
    }  # fmt: skip
