"""Choosing among several readings of the same frame.

A single reading of an ambiguous view flips left and right now and then; several crops of the same
frame rarely all flip. The steadiest path through them is kept (Viterbi, 1967), and readings that
agree with it are averaged; averaging before choosing would mix a body with its mirror image.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

BODY = [11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28]
"""BlazePose's shoulders, elbows, wrists, hips, knees and ankles."""

_STEP_SCALE = 0.03  # metres a joint moves between frames before a change looks odd
_STEP_LIMIT = 0.30  # a cut or a fast move costs no more than this
_OUTVOTED = 0.3  # what it costs to be far from the other readings: little, or a long flip would win
_AGREE_WITHIN = 0.10


def steadiest_path(blocks: Iterable[np.ndarray]) -> np.ndarray:
    """Index of the reading to trust in each frame.

    Args:
        blocks: consecutive frames without gaps, any number at a time: (n, V, 33, 3) metres about mid-hip.
            One block is held at a time.

    Returns:
        (T,) indices into V.
    """
    cost, before, back = 0, None, []
    for world in blocks:
        body = world[:, :, BODY]
        spread = _distance(body[:, :, None], body[:, None])
        spread = _OUTVOTED * np.minimum(spread / _AGREE_WITHIN, 1).mean(-1)
        choices = np.zeros(spread.shape, np.uint8)
        for t in range(len(body)):
            if before is not None:
                step = np.minimum(_distance(before[:, None], body[t][None]), _STEP_LIMIT) / _STEP_SCALE
                total = cost[:, None] + step  # pyright: ignore[reportIndexIssue]
                choices[t], cost = total.argmin(0), total.min(0)
            cost = cost + spread[t]
            before = body[t]
        back.append(choices)
    path = [int(cost.argmin())]  # pyright: ignore[reportAttributeAccessIssue]
    for choices in reversed(np.concatenate(back)[1:]):
        path.append(int(choices[path[-1]]))
    return np.array(path[::-1])


def agreement_mask(world: np.ndarray, path: np.ndarray) -> np.ndarray:
    """(T, V) bool: readings within 10 cm, on average over the body, of the chosen one."""
    body = world[:, :, BODY]
    chosen = np.take_along_axis(body, path[:, None, None, None], 1)
    return _distance(body, chosen) < _AGREE_WITHIN


def masked_mean(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Mean over V of ``values`` (T, V, ...) where ``mask`` (T, V)."""
    weights = mask / mask.sum(1, keepdims=True)
    return np.einsum("tv,tv...->t...", weights, values)


def _distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.linalg.norm(a - b, axis=-1).mean(-1)
