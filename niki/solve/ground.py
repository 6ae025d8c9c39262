"""What the ground says of a motion, as terms of the clip solver: feet that touch it stay where they are, and it carries the body.
numpy only."""

from __future__ import annotations

import numpy as np

from ..body import rotation as rot
from ..body.skeleton import JOINTS, Bodies, Body
from .balance import MASSES, nearest_support
from .banded import BandedNormal
from .clip_weights import share_counted

FOOT_JOINTS = [JOINTS.index(f"{side}_{name}") for side in ("left", "right") for name in ("ankle", "foot")]
"""Joints above what touches the ground, in the order of contacts: left heel, left toe, right heel, right toe."""

_STANDS, _ON_FLOOR = 0.006, 0.03
"""Metres by which a foot that touches the ground moves from frame to frame, and is off the floor; held tighter, feet that are
taken to stand too early or too late hold the body back."""
_STRAY = 4.0
"""Degrees of freedom of these moves: a foot that clearly moves is let go."""
_STEP = 0.5
"""Seconds over which balance is looked at, as the standard deviation of a bell."""
_BESIDE, _OF_PACE, _WALKS = 0.02, 0.06, 0.6
"""Metres by which the center of mass is beside the feet of somebody who stands, and of a second's way of somebody who walks,
up to this speed (recorded people: medians of 2, 6 and 6 cm below 0.15, 0.5 and 1 m/s)."""
_UPRIGHT = 0.8
"""Of the leg's length: how high the pelvis of somebody who stands is over the ankles at least."""
_TAIL = 4.0


class Ground:
    """Feet that touch the ground, and the body that they carry.

    Args:
        body: the proportions. rate: frames per second. contacts: (T, 4) from 0 to 1, whether ``FOOT_JOINTS`` touch the ground.
        floor: its height along ``up`` (3,), metres, or None where nobody knows it.
        balance: how many times further beside their feet than usual people are; 0 where nothing is said of it.
    """

    def __init__(
        self, body: Body | Bodies, rate: float, contacts: np.ndarray, floor: float | None, up, balance: float
    ):
        self._contacts, self._up, self._balance, self._width = contacts, up, balance, _STEP * rate
        beyond = np.pad(contacts, ((1, 1), (0, 0)), mode="edge")
        self._firm = np.minimum(
            np.minimum(beyond[:-2], beyond[2:]), contacts
        )  # its first and last frame may be none yet
        self._rate, self._level = rate, rot.axes_along(up[None])[0, :2]
        lengths = body.bone_lengths
        self._leg = sum(lengths[..., JOINTS.index(f"left_{joint}")] for joint in ("knee", "ankle"))
        height = body.rest_joints[:, 1]
        self._floor = None if floor is None else floor + height[FOOT_JOINTS] - height.min()

    def add(self, normal: BandedNormal, positions: np.ndarray, slopes: np.ndarray) -> None:
        """Add the terms. positions: (T, 29, 3) metres. slopes: (T, 29, 3, n) their derivatives."""
        self._add_contacts(normal, positions[:, FOOT_JOINTS], slopes[:, FOOT_JOINTS])
        if self._balance:
            self._add_balance(normal, positions, slopes)

    def _add_contacts(self, normal, feet, rows):
        """Feet that touch the ground stay where they are, on the floor."""
        count = len(feet)
        stays = np.minimum(self._firm[1:], self._firm[:-1])[..., None] / _STANDS**2
        step = feet[1:] - feet[:-1]
        stays = stays * share_counted(rot.dot(step, step) / _STANDS**2, _STRAY) ** 2
        stays = np.repeat(stays, 3, -1).reshape(count - 1, 3 * len(FOOT_JOINTS))
        step = step.reshape(count - 1, 3 * len(FOOT_JOINTS))
        flat = rows.reshape(count, 3 * len(FOOT_JOINTS), -1)
        transposed = np.swapaxes(flat, 1, 2)
        for at, sign in ((slice(1, None), -1), (slice(None, -1), 1)):
            normal.same[at] += transposed[at] @ (stays[..., None] * flat[at])
            normal.gradient[at] += sign * rot.apply(transposed[at], stays * step)
        normal.next -= transposed[1:] @ (stays[..., None] * flat[:-1])
        if self._floor is not None:
            upward = np.einsum("i,tkij->tkj", self._up, rows)
            weight = self._firm / _ON_FLOOR**2
            normal.same += np.swapaxes(upward, 1, 2) @ (weight[..., None] * upward)
            normal.gradient += np.einsum("tkj,tk->tj", upward, weight * (self._floor - feet @ self._up))

    def _add_balance(self, normal, positions, slopes):
        """The center of mass is over the feet that carry it, on average over a step: no force would hold it elsewhere."""
        touches = self._contacts >= 0.5
        carried = touches.any(1) & self._is_up(positions)
        if not carried.any() or len(positions) < 2:
            return
        center = np.einsum("j,tji,ki->tk", MASSES, positions, self._level)
        along = np.broadcast_to(MASSES, positions.shape[:2]).copy()
        along[:, FOOT_JOINTS] -= nearest_support(center, positions[:, FOOT_JOINTS] @ self._level.T, touches)
        beside = np.einsum("tj,tji,ki->tk", along, positions, self._level)
        pace = rot.norm(np.gradient(_averaged(center, self._width / 2), 1 / self._rate, axis=0))
        # What is beside the feet lasts for as long as the mean is taken over: so many frames say it once.
        usual = self._balance * (_BESIDE + _OF_PACE * np.minimum(pace, _WALKS))
        once = 2 * np.sqrt(np.pi) * self._width
        weight = carried[:, None] / (usual * np.sqrt(once))
        far = _averaged(weight * beside, self._width)
        weight = weight * share_counted(once * rot.dot(far, far), _TAIL)
        rows = np.einsum("tj,tjiu,ki->tku", along, slopes, self._level, optimize=True)
        transposed = np.swapaxes(rows, 1, 2)
        # The curvature is that of frames by themselves, which is more than that of means: no step goes too far.
        normal.same += transposed @ (weight[..., None] ** 2 * rows)
        normal.gradient -= rot.apply(transposed, weight * _averaged(weight * beside, self._width))

    def _is_up(self, positions):
        """(T,) whether the pelvis is so high over the feet that they must carry it: there may be a chair."""
        ankles = positions[:, [FOOT_JOINTS[0], FOOT_JOINTS[2]]].mean(1)
        return (positions[:, 0] - ankles) @ self._up > _UPRIGHT * self._leg


def _averaged(values, width):
    """(T, C) the mean over time under a bell of ``width`` frames; a positive operator that is its own transpose."""
    frames = np.arange(len(values))
    bell = np.exp(-0.5 * ((frames[:, None] - frames) / max(width, 1e-6)) ** 2)
    share = 1 / np.sqrt(bell.sum(1))[:, None]
    return share * (bell @ (share * values))
