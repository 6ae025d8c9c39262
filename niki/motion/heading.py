"""Where a body heads: how it is turned about the vertical, without the sway of its steps. numpy only."""

from __future__ import annotations

import numpy as np

from ..body import rotation as rot
from .blending import bell

_SWAY = 0.3  # seconds: the standard deviation of the bell over which turns are averaged
_UP = np.array([0.0, 1.0, 0.0])


def headings(pelvis: np.ndarray, rate: float) -> np.ndarray:
    """(T,) radians about the vertical, counterclockwise seen from above, continuous; 0 for a body that faces +Z.

    A body that bends, or turns over forwards or sideways, heads where it did.

    Args:
        pelvis: (T, 3, 3) the orientations of the pelvis, library space. rate: frames per second.
    """
    cos_sin = rot.swing_twist(pelvis, _UP)[1]
    angles = np.unwrap(np.arctan2(cos_sin[:, 1], cos_sin[:, 0]))
    weights = bell(_SWAY * rate)
    return np.convolve(np.pad(angles, len(weights) // 2, mode="edge"), weights / weights.sum(), "valid")
