"""Long motions are worked through a block of frames at a time, so that what is made on the way stays small."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

FRAMES = 512
"""The most in a block. Clips no longer than that are worked through at once."""


def split_into_blocks(count: int) -> list[slice]:
    """Slices of at most :data:`FRAMES` that share out ``count`` frames evenly."""
    edges = np.linspace(0, count, -(-count // FRAMES) + 1).astype(int)
    return [slice(int(start), int(stop)) for start, stop in pairwise(edges)]
