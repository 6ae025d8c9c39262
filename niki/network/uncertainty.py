"""Sigma: the uncertainty of a joint, from 0 (exact) to 1 (unknown). Works on numpy arrays and torch tensors."""

from __future__ import annotations

import numpy as np

from ..body import rotation as rot
from ..body.rotation import Array

SIGMA_SCALE = 0.1
"""Metres of standard error, per axis, at which sigma is one half."""
TOGETHER = 0.5
"""Where errors of joints go together and last, as a front end's do, sigma states this share of the standard error: the
networks take each joint's error for its own."""
KNOWN_BELOW = 1 - 1e-5
"""From this sigma on a joint is unknown, and its position is ignored."""


def sigma_from_metres(error: Array) -> Array:
    """Standard error per axis in metres [0, inf] -> sigma in [0, 1]."""
    xp = rot.namespace(error)
    error = np.asarray(error, float) if xp is np else error
    finite = xp.where(xp.isinf(error), xp.ones_like(error), error)
    return xp.where(xp.isinf(error), xp.ones_like(error), finite / (finite + SIGMA_SCALE))


def metres_from_sigma(sigma: Array) -> Array:
    """Inverse of :func:`sigma_from_metres`."""
    if rot.namespace(sigma) is not np:
        return SIGMA_SCALE * sigma / (1 - sigma)
    sigma = np.asarray(sigma, float)
    with np.errstate(divide="ignore"):
        return SIGMA_SCALE * sigma / (1 - sigma)
