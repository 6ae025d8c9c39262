"""Blocks of frames: long motions are processed block by block to keep intermediate results small."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

FRAMES = 512
"""Largest number of frames in a block; shorter clips are one block."""


def split_into_blocks(count: int) -> list[slice]:
    """Slices of at most :data:`FRAMES` frames, of even length, that cover ``count`` frames.

    >>> split_into_blocks(1000)
    [slice(0, 500, None), slice(500, 1000, None)]
    """
    edges = np.linspace(0, count, -(-count // FRAMES) + 1).astype(int)
    return [slice(int(start), int(stop)) for start, stop in pairwise(edges)]
