"""Random proportions to train on."""

from __future__ import annotations

import torch

from ..body.skeleton import KINDS, Bodies, Body

STATURE, SEGMENT, LARGEST = 0.07, 0.05, 0.3
"""Standard deviations of the logarithm: of all bones together (men and women with some children), of
one kind of bone against the others (adults' limb proportions vary by 4 to 5 %), and the limit."""


def random_bodies(count: int, generator: torch.Generator) -> Bodies:
    """``count`` bodies with the default body's bones scaled at random, left and right alike."""
    kinds = sorted(set(KINDS))
    common = torch.randn(count, 1, generator=generator) * STATURE
    each = torch.randn(count, len(kinds), generator=generator) * SEGMENT
    scale = (common + each).clamp(-LARGEST, LARGEST).exp()
    scale = scale[:, [kinds.index(kind) for kind in KINDS]]
    return Bodies(torch.tensor(Body.default().offsets, dtype=torch.float32) * scale[..., None])


def mismeasure_bodies(bodies: Bodies, error: torch.Tensor, generator: torch.Generator) -> Bodies:
    """``bodies`` with measurement errors: each kind of bone off by the relative standard error ``error`` (N,)."""
    kinds = sorted(set(KINDS))
    off = torch.randn(len(error), len(kinds), generator=generator)[:, [kinds.index(kind) for kind in KINDS]]
    return Bodies(bodies.offsets * (1 + error[:, None] * off)[..., None])
