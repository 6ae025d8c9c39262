"""Training batches of windows: motions, observations of them with errors that last and errors that do not, and what
the network over time should return."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from ..body import rotation as rot
from ..body.kinematics import swing_and_twist
from ..body.skeleton import KINDS, NUM_BONES, NUM_JOINTS, Bodies
from ..evaluation.front_end import HIDDEN_TOGETHER, Drawn, FrontEnd
from ..evaluation.independent import USUAL_ERROR, gaps, independent_errors
from ..evaluation.windows import Clips, Windows, seen_by_cameras
from ..mocap.collection import Poses
from ..network.temporal import WINDOW, WindowObservation, observe_window
from ..network.uncertainty import metres_from_sigma, sigma_from_metres
from .augmentation import augment_poses
from .batches import even_weights, rare_weights
from .bodies import mismeasure_bodies, random_bodies

_FOR_MEANS = 20  # batches
ERRORS = ("lasting", "independent", "clean")
_OFTEN_LACKING = np.array(
    [k in ("spine1", "spine2", "spine3", "collar", "hand", "middle_finger", "foot", "big_toe", "head", "head_top")
     for k in KINDS]
)  # fmt: skip


@dataclass(eq=False)
class WindowBatch:
    """N windows of T frames, in the frames of their observation.

    Attributes:
        observation: with errors. pose: (N, T, 144) true, in 6D. place: (N, T, 3) metres: the pelvis, but for the part
            of its error that is the same throughout. joints: (N, T, 29, 3) true, the pelvis at the origin.
        offsets: (N, 1, 29, 3) the people's proportions.
    """

    observation: WindowObservation
    pose: torch.Tensor
    place: torch.Tensor
    joints: torch.Tensor
    offsets: torch.Tensor


class WindowMaker:
    """Draws batches of windows, each from a seed of its own.

    Args:
        poses: of whole clips, to train on.
        mix: share of each of ``ERRORS``, by name.
    """

    def __init__(self, poses: Poses, mix: dict[str, float]):
        self._clips = Clips(poses, WINDOW)
        weights = even_weights(torch.as_tensor(poses.rotations)) * rare_weights(poses.rotations)
        chosen = weights.numpy()[self._clips.starts + WINDOW // 2].astype(float)
        self._chances = np.cumsum(chosen / chosen.sum())
        shares = np.array([mix[name] for name in ERRORS], float)
        self._shares = shares / shares.sum()

    def batch(self, count: int, seed: list[int]) -> tuple[WindowBatch, WindowBatch]:
        """``count`` windows with errors, and an eighth of them without."""
        rng = np.random.default_rng(seed)
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        rotations, others = (
            torch.as_tensor(self._clips.rotations(self._starts(rng, count))) for _ in range(2)
        )
        rotations = augment_poses(rotations, others, generator).numpy()
        windows = seen_by_cameras(rng, rotations, random_bodies(count, generator).offsets.numpy())  # pyright: ignore[reportAttributeAccessIssue]
        drawn = self._with_errors(rng, windows, generator)
        few = slice(0, max(1, count // 8))
        exact = independent_errors(
            rng, windows.joints[few], windows.offsets[few], np.zeros((1, 2), np.float32)
        )
        return _observed(rng, windows, drawn), _observed(rng, _part(windows, few), exact)

    def _starts(self, rng, count):
        picked = np.searchsorted(self._chances, rng.random(count))
        return self._clips.starts[np.minimum(picked, len(self._clips.starts) - 1)]

    def _with_errors(self, rng, windows: Windows, generator) -> Drawn:
        """Each window with errors of one kind."""
        count = len(windows)
        kinds = rng.choice(len(ERRORS), count, p=self._shares)
        joints, sigma = windows.joints.copy(), np.zeros((*windows.joints.shape[:-1], 2), np.float32)
        hidden, missing = np.zeros(sigma.shape[:-1], bool), np.zeros(sigma.shape[:2], bool)
        offsets = windows.offsets.copy()
        for name, draw in (("lasting", _lasting), ("independent", _independent)):
            rows = np.flatnonzero(kinds == ERRORS.index(name))
            if len(rows):
                drawn = draw(rng, _part(windows, rows), generator)
                joints[rows], sigma[rows], hidden[rows] = drawn.joints, drawn.sigma, drawn.hidden
                missing[rows], offsets[rows] = drawn.missing, drawn.offsets
        return Drawn(joints, sigma, hidden, missing, offsets)


def _part(windows: Windows, rows) -> Windows:
    return Windows(**{name: value[rows] for name, value in vars(windows).items()})


def _lasting(rng, windows: Windows, generator) -> Drawn:
    """As a front end makes them: :mod:`niki.evaluation.front_end`."""
    return FrontEnd(rng, spells=True)(windows.joints, windows.offsets, windows.pitch)


def _independent(rng, windows: Windows, generator) -> Drawn:
    """Of each joint and frame its own: of the default estimator's size, larger or smaller, or the same in all
    directions; with joints hidden for a while, lacking throughout, or nobody there for a while."""
    count, length = windows.joints.shape[:2]

    def chance(probability):
        return rng.random((count, 1, 1, 1)) < probability

    viewed = USUAL_ERROR * np.exp(0.4 * rng.standard_normal((count, 1, 1, 1)))
    even = np.exp(rng.uniform(np.log(0.003), np.log(0.08), (count, 1, 1, 1)))
    even = even * np.exp(0.3 * rng.standard_normal((count, 1, NUM_JOINTS, 1)))
    error = np.where(chance(0.6), viewed, even).astype(np.float32)
    error = np.broadcast_to(error, (count, length, NUM_JOINTS, 2))
    hidden = HIDDEN_TOGETHER[rng.integers(len(HIDDEN_TOGETHER), size=count)][:, None]
    hidden = hidden & (gaps(rng, count, length, 4, 40) & chance(0.35)[..., 0, 0])[..., None]
    mistake = torch.as_tensor(0.03 * rng.random(count) * (rng.random(count) < 0.6), dtype=torch.float32)
    measured = mismeasure_bodies(Bodies(torch.as_tensor(windows.offsets)), mistake, generator)
    drawn = independent_errors(
        rng,
        windows.joints,
        measured.offsets.numpy(),  # pyright: ignore[reportAttributeAccessIssue]
        np.where(hidden[..., None], 8 * error, error),  # pyright: ignore[reportAttributeAccessIssue]
    )
    stated = metres_from_sigma(drawn.sigma) * np.exp(0.15 * rng.standard_normal((count, 1, NUM_JOINTS, 1)))
    lacking = _OFTEN_LACKING & (rng.random((count, 1, NUM_JOINTS)) < 0.6) & chance(0.3)[..., 0]
    unknown = lacking | (hidden & chance(0.5)[..., 0])
    sigma = np.where(unknown[..., None], 1.0, sigma_from_metres(stated)).astype(np.float32)
    missing = gaps(rng, count, length, 4, 40) & chance(0.2)[..., 0, 0]
    return replace(drawn, sigma=sigma, hidden=hidden | lacking, missing=missing)


@torch.no_grad()
def _observed(rng, windows: Windows, drawn: Drawn) -> WindowBatch:
    """What the network is given, and what it should return. The view and twists are known in some windows only."""
    count, length = drawn.missing.shape
    sigma = np.where(drawn.missing[..., None, None], np.float32(1), drawn.sigma)
    alike = (drawn.sigma[..., 0] == drawn.sigma[..., 1]).all((1, 2))
    told = ~(alike & (rng.random(count) < 0.6))
    view = rot.normalize(drawn.joints[:, :, 0]) * told[:, None, None]
    middle = np.median(drawn.joints, (1, 2))[:, None, None]  # single precision is finer near the origin
    bodies, measured = (Bodies(torch.as_tensor(o[:, None])) for o in (windows.offsets, drawn.offsets))
    rotations = torch.as_tensor(windows.rotations)
    twist = torch.tensor([1.0, 0.0]).expand(count, length, NUM_BONES - 1, 2).clone()
    hinted = rng.random(count) < 0.2
    if hinted.any():
        own = Bodies(bodies.offsets[hinted])
        true = swing_and_twist(rotations[hinted], own)[1]
        turned = 0.2 * rng.standard_normal(true.shape[:-1]) * rng.random((len(true), 1, 1))
        c, s = (torch.as_tensor(part(turned), dtype=torch.float32) for part in (np.cos, np.sin))
        x, y = true[..., 0], true[..., 1]
        twist[hinted] = torch.stack([x * c - y * s, y * c + x * s], -1)
    known = hinted[:, None, None] & (rng.random((count, 1, NUM_BONES - 1)) < 0.7)
    known = known & ~drawn.hidden[..., 1:NUM_BONES] & ~drawn.missing[..., None]
    joints, sigma, view = (
        torch.as_tensor(np.asarray(part, np.float32)) for part in (drawn.joints - middle, sigma, view)
    )
    known = torch.as_tensor(known.astype(np.float32))
    observation = observe_window(joints, sigma, view, twist, known, measured)
    frames = observation.frames
    # How far away a person is, a front end does not know to a tenth: what is the same in all frames is not asked for.
    found = ~drawn.missing[..., None]
    away = ((drawn.joints[:, :, 0] - windows.joints[:, :, 0]) * found).sum(1) / found.sum(1)
    joints = torch.as_tensor((windows.joints + away[:, None, None] - middle).astype(np.float32))
    into = rot.transpose(frames.frame)
    root = into[:, :, None] @ rotations[:, :, :1]
    pose = rot.sixd_from_matrix(torch.cat([root, rotations[:, :, 1:]], 2)).reshape(count, length, -1)
    about = rot.apply(into[:, :, None], joints - joints[:, :, :1])
    place = rot.apply(into, joints[:, :, 0] - frames.origin)
    return WindowBatch(observation, pose, place, about, bodies.offsets)


def mean_values(maker: WindowMaker, seed: int) -> dict[str, np.ndarray]:
    """Means of exact observations, around which the network works: 6D pose, twist and joints."""
    made = [maker.batch(32, [seed, 17, k])[1] for k in range(_FOR_MEANS)]
    twist = torch.cat([b.observation.frames.twist for b in made]).mean((0, 1))
    twist = twist / twist.norm(dim=-1, keepdim=True)
    pose = torch.cat([b.pose for b in made]).mean((0, 1))
    joints = torch.cat([b.observation.frames.joints for b in made]).mean((0, 1))
    return {"mean_pose": pose.numpy(), "mean_twist": twist.reshape(-1).numpy(), "mean_joints": joints.numpy()}
