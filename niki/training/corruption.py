"""Corrupts joints: errors as detectors make them, and the few joints that people set.

Each kind of corruption draws the uncertainty first and the error from it, so that sigma is the standard error
per axis that :func:`niki.network.uncertainty.metres_from_sigma` defines.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from ..body.rotation import dot
from ..body.skeleton import BONE_CHILD, JOINTS, KINDS, NUM_JOINTS
from ..capturing.estimate.calibration import STANDARD_ERROR
from ..evaluation.cases import EFFECTORS
from ..evaluation.front_end import HIDDEN_TOGETHER
from ..network.uncertainty import sigma_from_metres

KINDS_OF_CORRUPTION = ("clean", "noise", "detector", "occluded", "sparse", "front end", "reading")
"""The last two are not drawn here: :mod:`niki.evaluation.front_end` draws what a front end makes of a pose, and a reading
comes from a corpus of rendered people, with its pose."""
ERR_TOGETHER = [KINDS_OF_CORRUPTION.index(kind) for kind in ("front end", "reading")]
"""The kinds whose sigma states :data:`~niki.network.uncertainty.TOGETHER` of the standard error."""

_ARMS, _LEGS = (
    [[JOINTS.index(f"{side}_{kind}") for kind in kinds] for side in ("left", "right")]
    for kinds in (
        ("shoulder", "elbow", "wrist", "hand", "middle_finger"),
        ("hip", "knee", "ankle", "foot", "big_toe"),
    )
)
_HEAD = [JOINTS.index(name) for name in ("neck", "head", "head_top")]
LIMBS = [*_ARMS, *_LEGS]
_HIDDEN_MASKS = torch.tensor(HIDDEN_TOGETHER)

_TRUNK = [JOINTS.index(n) for n in ("pelvis", "spine1", "spine2", "spine3", "left_collar", "right_collar")]
_OUTSIDE_ZONES = torch.ones(6, NUM_JOINTS)
for _k, _group in enumerate((*LIMBS, _TRUNK, _HEAD)):
    _OUTSIDE_ZONES[_k, _group] = 0.0


@dataclass(eq=False)
class Corrupted:
    """N observations: joints (N, 29, 3), sigma (N, 29, 2), view (N, 3), twist (N, 23, 2), known (N, 23) and
    hidden (N, 29) bool, true for joints that carry no information."""

    joints: torch.Tensor
    sigma: torch.Tensor
    view: torch.Tensor
    twist: torch.Tensor
    known: torch.Tensor
    hidden: torch.Tensor


class Corrupter:
    """Draws corruptions from one seeded generator.

    Args:
        generator: the source of randomness.
    """

    def __init__(self, generator: torch.Generator):
        self._generator = generator

    def __call__(
        self, kind: torch.Tensor, joints: torch.Tensor, others: torch.Tensor, twist: torch.Tensor
    ) -> Corrupted:
        """Corrupt a batch.

        Args:
            kind: (N,) index into ``KINDS_OF_CORRUPTION``.
            joints: (N, 29, 3) true, pelvis at the origin. others: (N, 29, 3) another pose of each
                body, turned nearly the same way. twist: (N, 23, 2) true.
        """
        count = len(joints)
        is_kind = {name: kind == k for k, name in enumerate(KINDS_OF_CORRUPTION)}
        view = self._views(count)
        viewed = is_kind["detector"] | (self._chance(count, 0.4) & ~is_kind["clean"])
        view = torch.where(viewed[:, None], view, 0.0)
        error = self._standard_errors(is_kind, viewed)
        hidden, unknown = self._hidden(is_kind)
        seen = self._wrong(joints, error, view, is_kind)
        garbage, garbage_error = self._garbage(joints, others, is_kind)
        seen = torch.where(hidden[..., None], garbage, seen)
        stated = error * (0.2 * self._normal(count, NUM_JOINTS, 2)).exp()
        stated = torch.where(viewed[:, None, None], stated, stated.mean(-1, keepdim=True))
        stated = torch.where(hidden[..., None], garbage_error, stated)
        sigma = torch.where(unknown[..., None], 1.0, sigma_from_metres(stated))
        known = self._known_twists(is_kind, hidden)
        return Corrupted(seen, sigma, view, self._wrong_twists(twist, error), known, hidden)

    # --- how uncertain -------------------------------------------------------------------------

    def _standard_errors(self, is_kind, viewed):
        """(N, 29, 2) metres across and along the view, of the visible joints."""
        count = len(viewed)
        low, high = torch.tensor(0.004).log(), torch.tensor(0.11).log()
        across = (low + (high - low) * self._uniform(count)).exp()
        milder = 0.002 + 0.028 * self._uniform(count)
        across = torch.where(is_kind["occluded"] & self._chance(count, 0.6), milder, across)
        steady = self._chance(count, 0.5)[:, None]
        each = torch.where(steady, 1.0, 0.5 + self._uniform(count, NUM_JOINTS))
        ratio = torch.where(viewed, 1 + 4 * self._uniform(count), 1.0)
        ratio = torch.where(is_kind["detector"], 2 + 3 * self._uniform(count), ratio)
        usual = torch.tensor([STANDARD_ERROR[kind] for kind in KINDS])
        ours = usual * (0.35 * self._normal(count, 1, 2) + 0.2 * self._normal(count, NUM_JOINTS, 2)).exp()
        error = torch.stack([across[:, None] * each, across[:, None] * each * ratio[:, None]], -1)
        error[is_kind["detector"]] = error[is_kind["detector"]].clamp(max=0.25)
        blazepose = is_kind["detector"] & self._chance(count, 0.5)
        error = torch.where(blazepose[:, None, None], ours, error)
        small = torch.where(self._chance(count, 0.6), 0.0, 0.004 * self._uniform(count))
        exact = is_kind["clean"] | is_kind["sparse"]
        return torch.where(exact[:, None, None], small[:, None, None].expand(-1, NUM_JOINTS, 2), error)

    # --- how wrong -----------------------------------------------------------------------------

    def _wrong(self, joints, error, view, is_kind):
        """Joints with errors of the standard size ``error``: partly each joint's own, partly
        a limb's as a whole; partly normal, partly with a detector's long tails."""
        count = len(joints)
        own = self._normal(count, NUM_JOINTS, 3)
        limbs = self._normal(count, len(LIMBS) + 1, 3)
        member = torch.full((NUM_JOINTS,), len(LIMBS))
        for k, limb in enumerate(LIMBS):
            member[limb] = k
        share = (0.7 * self._uniform(count) * is_kind["detector"])[:, None, None]
        noise = (1 - share).sqrt() * own + share.sqrt() * limbs[:, member]
        tails = (0.5 * self._normal(count, NUM_JOINTS, 1)).exp() / math.exp(0.25)  # of unit mean square
        noise = noise * torch.where(is_kind["detector"][:, None, None], tails, 1.0)
        seen = self._as_detected(joints, view, is_kind["detector"], error)
        along = dot(noise, view[:, None]) * view[:, None]
        return seen + (noise - along) * error[..., :1] + along * error[..., 1:]

    def _as_detected(self, joints, view, detected, error):
        """Joints with typical detector faults: wrong scale, flattened depth, limbs flipped or swapped."""
        count = len(joints)
        scale = 1 + 0.03 * self._normal(count)
        flat = torch.where(self._chance(count, 0.3), 0.7 + 0.3 * self._uniform(count), 1.0)
        depth = dot(joints, view[:, None]) * view[:, None]
        seen = (joints + depth * (flat - 1)[:, None, None]) * scale[:, None, None]
        for limb in LIMBS:
            flipped = self._chance(count, 0.03)[:, None, None]
            back = seen[:, limb] - 2 * dot(seen[:, limb] - seen[:, limb[:1]], view[:, None]) * view[:, None]
            seen[:, limb] = torch.where(flipped, back, seen[:, limb])
        for left, right in (_ARMS, _LEGS):
            swapped = self._chance(count, 0.015)[:, None, None]
            seen[:, left + right] = torch.where(swapped, seen[:, right + left], seen[:, left + right])
        return torch.where(detected[:, None, None], seen, joints)

    def _garbage(self, joints, others, is_kind):
        """Positions of occluded joints, and the standard error stated for them (N, 29, 2)."""
        count = len(joints)
        pick = self._uniform(count)[:, None, None]
        offset = 0.25 * self._normal(count, NUM_JOINTS, 3)
        collapsed = 0.05 * self._normal(count, NUM_JOINTS, 3)
        garbage = torch.where(pick < 0.4, others, torch.where(pick < 0.85, joints + offset, collapsed))
        garbage = torch.where(is_kind["sparse"][:, None, None], others, garbage)
        stated = 0.2 * torch.exp(2.0 * self._uniform(count, NUM_JOINTS, 1)).expand(-1, -1, 2)
        even = 0.15 * torch.exp(2.3 * self._uniform(count, 1, 1)).expand(-1, NUM_JOINTS, 2)
        return garbage, torch.where(is_kind["sparse"][:, None, None], even, stated)

    # --- what is missing -----------------------------------------------------------------------

    def _hidden(self, is_kind):
        """(N, 29) bool: occluded joints, and those of them that are marked unknown."""
        count = len(is_kind["clean"])
        groups = _HIDDEN_MASKS[self._integers(len(_HIDDEN_MASKS), count)]
        second = _HIDDEN_MASKS[self._integers(len(_HIDDEN_MASKS), count)]
        groups = groups | (second & self._chance(count, 0.35)[:, None])
        scattered = self._uniform(count, NUM_JOINTS) < (0.05 + 0.5 * self._uniform(count, 1))
        occluded = torch.where(self._chance(count, 0.65)[:, None], groups, scattered)
        given, anew = self._given(count)
        hidden = occluded & is_kind["occluded"][:, None] | ~given & is_kind["sparse"][:, None]
        unknown = torch.where(is_kind["sparse"], anew, self._chance(count, 0.25))
        return hidden, hidden & unknown[:, None]

    def _given(self, count):
        """The joints that are set (N, 29), and whether the rest is unknown (N,) or comes from another pose."""
        order = self._uniform(count, NUM_JOINTS)
        one_each = torch.stack([(order + outside).argmin(1) for outside in _OUTSIDE_ZONES], 1)
        extra = torch.where(self._chance(count, 0.65), self._integers(7, count), 5 + self._integers(8, count))
        some = order.argsort(1).argsort(1) < extra[:, None]
        zoned = some.scatter(1, one_each, True)
        some = torch.where((extra < 7)[:, None] & self._chance(count, 0.85)[:, None], zoned, some)
        some[:, 0] |= ~some.any(1)
        six = torch.zeros(count, NUM_JOINTS, dtype=torch.bool)
        six[:, EFFECTORS] = True
        given = torch.where(self._chance(count, 0.4)[:, None], six, some)
        return given, self._chance(count, 0.85)

    # --- twist ---------------------------------------------------------------------------------

    def _known_twists(self, is_kind, hidden):
        """(N, 23) 1 where the twist of the bone is known."""
        count = len(hidden)
        share = torch.zeros(count)
        for name, value in (
            ("clean", 0.5),
            ("noise", 0.6),
            ("detector", 0.4),
            ("occluded", 0.5),
            ("sparse", 0.1),
        ):
            share[is_kind[name]] = value
        known = (self._uniform(count) < share)[:, None] & (self._uniform(count, NUM_JOINTS) < 0.9)
        known = torch.where(is_kind["clean"][:, None], (self._uniform(count) < share)[:, None], known)
        ends_hidden = hidden | hidden[:, [*BONE_CHILD, *range(24, NUM_JOINTS)]]
        known = known & ~(ends_hidden & ~self._chance(count, 0.2)[:, None])
        return known[:, 1:24].float()

    def _wrong_twists(self, twist, error):
        """Twists with errors in proportion to those of the joints."""
        spread = (error.mean((1, 2)) * 4).clamp(max=0.35) * (0.5 + self._uniform(len(twist)))
        angle = self._normal(*twist.shape[:-1]) * spread[:, None]
        c, s = angle.cos(), angle.sin()
        return torch.stack([twist[..., 0] * c - twist[..., 1] * s, twist[..., 1] * c + twist[..., 0] * s], -1)

    # --- chance --------------------------------------------------------------------------------

    def _views(self, count):
        """Mostly level views from all sides, some steep ones."""
        yaw = 2 * math.pi * self._uniform(count)
        pitch = torch.where(self._chance(count, 0.15), 0.8, 0.2) * self._normal(count)
        level = pitch.cos()
        return torch.stack([level * yaw.sin(), pitch.sin(), level * yaw.cos()], -1)

    def _uniform(self, *shape):
        return torch.rand(*shape, generator=self._generator)

    def _normal(self, *shape):
        return torch.randn(*shape, generator=self._generator)

    def _integers(self, below, count):
        return torch.randint(below, (count,), generator=self._generator)

    def _chance(self, count, probability):
        return self._uniform(count) < probability
