"""How near the poses that a network was trained on come to those it is measured on."""

from __future__ import annotations

import numpy as np

from ...mocap.collection import Poses
from ...network.posing import facing

_MOST, _BLOCK = 1500, 8192


def nearest_training_poses(measured: Poses, training: Poses) -> dict[str, np.ndarray]:
    """Degrees, as the root of the mean square over the bones, to the nearest pose trained on, whichever way it faces:
    the least, the 5th percentile and the median over each person's poses; for more than 12 people, over all together.

    Args:
        measured: of which 1500 are looked at, spread evenly.
    """
    picked = np.linspace(0, len(measured) - 1, min(_MOST, len(measured))).astype(int)
    queries = _facing_ahead(measured.rotations[picked])
    nearest = np.full(len(queries), np.inf)
    for start in range(0, len(training), _BLOCK):
        block = _facing_ahead(training.rotations[start : start + _BLOCK])
        squared = (block**2).sum(1) - 2 * queries @ block.T
        nearest = np.minimum(nearest, squared.min(1))
    squared = np.maximum(nearest + (queries**2).sum(1), 0)
    # Two rotations an angle a apart differ by 2 sqrt(2) sin(a / 2) in all nine entries, about sqrt(2) a.
    degrees = np.degrees(np.sqrt(squared / (2 * measured.rotations.shape[1])))
    people = measured.subjects[measured.clip[picked]]
    names = np.unique(people)
    groups = {str(name): people == name for name in names} if len(names) <= 12 else {"all": people == people}
    return {name: np.percentile(degrees[chosen], (0, 5, 50)) for name, chosen in groups.items()}


def _facing_ahead(rotations: np.ndarray) -> np.ndarray:
    """(N, 216) the poses turned to face one way."""
    turned = rotations.astype(np.float32)
    turned[:, 0] = np.swapaxes(facing(turned[:, 0]), -1, -2) @ turned[:, 0]
    return turned.reshape(len(turned), -1)
