"""What the network expects of a pull, the same for both sides of the body. numpy only."""

from __future__ import annotations

import numpy as np

from ..body.skeleton import MIRROR, NUM_BONES
from ..network.posing import PosingNetwork, Pull, mirror_change

_SIDES, _BONES = list(MIRROR), list(MIRROR[:NUM_BONES])
_FLIP = np.array([-1, 1, 1], np.float32)
_FLIP_TURNS = _FLIP[:, None] * _FLIP


def expected_change(
    network: PosingNetwork,
    rotations: np.ndarray,
    joints: np.ndarray,
    lengths: np.ndarray,
    displacement: np.ndarray,
    pulled: np.ndarray,
    follow: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Turns (24, 3), radians, and the move of the whole body (3,), metres, as :meth:`PosingNetwork.predict` gives them.

    The network is asked about the pull and about its mirror image, and the mean of both answers counts: trained on people,
    it prefers a side, and would bend a kneeling body sideways whose hips are pulled straight up.

    Args:
        rotations, joints, lengths, displacement, pulled: as those of one :class:`Pull`, but of any type.
        follow: how much the rest of the body follows.
    """
    rotations, joints, lengths, displacement, pulled = (
        part.astype(np.float32) for part in (rotations, joints, lengths, displacement, pulled)
    )
    pull = Pull(
        np.stack([rotations, rotations[_BONES] * _FLIP_TURNS]),
        np.stack([joints, joints[_SIDES] * _FLIP]),
        np.stack([displacement, displacement[_SIDES] * _FLIP]),
        np.stack([pulled, pulled[_SIDES]]),
        np.stack([lengths, lengths[_SIDES]]),
        np.full(2, follow, np.float32),
    )
    turns, move = network.predict(pull)
    change = np.concatenate([turns.reshape(2, -1), move], 1).astype(float)
    change = (change[0] + mirror_change(change[1])) / 2
    return change[:-3].reshape(NUM_BONES, 3), change[-3:]
