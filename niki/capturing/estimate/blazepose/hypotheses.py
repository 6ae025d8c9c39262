"""Choosing among several readings of the same frame, and among ways to tell their sides apart.

A single reading of an ambiguous view takes left for right now and then: of the whole body, which is then seen
from behind, or of the arms or legs alone. Several crops of the same frame rarely all do, but they may for a
while. Each reading is therefore considered as it is and with sides exchanged, and the steadiest path through all
of these is kept (Viterbi, 1967). Readings that agree with it are averaged; averaging before choosing would mix a
body with its mirror image.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from .networks import MIRRORED, NUM_LANDMARKS

BODY = [11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28]
"""BlazePose's shoulders, elbows, wrists, hips, knees and ankles."""

_ARMS, _LEGS = range(13, 23), range(25, 33)  # landmarks beyond the shoulders and hips
_EARS, _FACE = [7, 8], [0, 1, 2, 3, 4, 5, 6, 9, 10]
_AS_READ, MIRRORED_LANDMARKS = np.arange(NUM_LANDMARKS), MIRRORED[:NUM_LANDMARKS]
EXCHANGES = np.stack(
    [
        _AS_READ,
        MIRRORED_LANDMARKS,
        *(np.where(np.isin(_AS_READ, limbs), MIRRORED_LANDMARKS, _AS_READ) for limbs in (_ARMS, _LEGS)),
    ]
)
"""(4, 33) landmarks in the order of a reading as it is; all exchanged; the arms; the legs."""
_ALL = 1

_STEP_SCALE = 0.03  # metres a joint moves between frames before a change looks odd
_STEP_LIMIT = 0.30  # a cut or a fast move costs no more than this
_OUTVOTED = 0.3  # what it costs to be far from the other readings: little, or a long flip would win
_EXCHANGED = 0.3  # what it costs a frame that sides are exchanged: the rarer way round is the wrong one
_EXCHANGING = 1.5  # what it costs to begin and to end that
_AGREE_WITHIN, _NEARER_BY = 0.10, 0.02


def relabelled(values: np.ndarray) -> np.ndarray:
    """Readings (n, V, 33, ...) -> (n, 4 V, 33, ...): each in all the ways of :data:`EXCHANGES`."""
    return np.concatenate([values[:, :, order] for order in EXCHANGES], 1)


def steadiest_path(blocks: Iterable[np.ndarray]) -> np.ndarray:
    """Index of the reading to trust in each frame.

    Args:
        blocks: consecutive frames without gaps, any number at a time: (n, V, 33, 3) metres about mid-hip.
            One block is held at a time.

    Returns:
        (T,) indices into the 4 V ways of :func:`relabelled`.
    """
    cost, before, back = 0, None, []
    switch = price = None
    for world in blocks:
        crops = world.shape[1]
        if switch is None:
            way = np.repeat(np.arange(len(EXCHANGES)), crops)
            switch, price = _EXCHANGING * (way[:, None] != way), _EXCHANGED * (way > 0)
        body = relabelled(world)[:, :, BODY]
        read = body[:, :crops]
        spread = _distance(read[:, :, None], read[:, None])
        spread = np.tile(_OUTVOTED * np.minimum(spread / _AGREE_WITHIN, 1).mean(-1), len(EXCHANGES)) + price
        choices = np.zeros(spread.shape, np.uint8)
        for t in range(len(body)):
            if before is not None:
                step = np.minimum(_distance(before[:, None], body[t][None]), _STEP_LIMIT) / _STEP_SCALE
                total = cost[:, None] + step + switch  # pyright: ignore[reportIndexIssue]
                choices[t], cost = total.argmin(0), total.min(0)
            cost = cost + spread[t]
            before = body[t]
        back.append(choices)
    path = [int(cost.argmin())]  # pyright: ignore[reportAttributeAccessIssue]
    for choices in reversed(np.concatenate(back)[1:]):
        path.append(int(choices[path[-1]]))
    return np.array(path[::-1])


def agreement(world: np.ndarray, path: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which readings say the same as the chosen one, on average within 10 cm over the body.

    Args:
        world: (T, V, 33, 3). path: (T,) as :func:`steadiest_path` gives it.

    Returns:
        agree (T, V) bool, and way (T, V): which of :data:`EXCHANGES` brings each reading nearest the chosen one.
    """
    frames, crops = world.shape[:2]
    body = relabelled(world)[:, :, BODY]
    chosen = np.take_along_axis(body, path[:, None, None, None], 1)
    apart = _distance(body, chosen).reshape(frames, len(EXCHANGES), crops)
    way = path // crops
    apart[np.arange(frames), way] -= _NEARER_BY  # where arms or legs meet, both ways are near
    nearest = apart.argmin(1)
    return apart.min(1) < _AGREE_WITHIN, nearest


def exchange(world: np.ndarray, pixels: np.ndarray, visibility: np.ndarray, way: np.ndarray):
    """Readings (T, V, 33, ...) with their sides as ``way`` (T, V) says. Whose left is taken for right is taken to face
    the other way, too: the face is put on the other side of the ears."""
    order = EXCHANGES[way]
    world = np.take_along_axis(world, order[..., None], 2)
    ears = world[:, :, _EARS, 2].mean(-1, keepdims=True)
    face = world[:, :, _FACE, 2]
    world[:, :, _FACE, 2] = np.where((way == _ALL)[..., None], 2 * ears - face, face)
    return world, np.take_along_axis(pixels, order[..., None], 2), np.take_along_axis(visibility, order, 2)


def masked_mean(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Mean over V of ``values`` (T, V, ...) where ``mask`` (T, V)."""
    weights = mask / mask.sum(1, keepdims=True)
    return np.einsum("tv,tv...->t...", weights, values)


def _distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.linalg.norm(a - b, axis=-1).mean(-1)
