"""Joint errors as the literature defines them, in the units of the input.

Joints that are NaN in the truth are not scored. Joints that the truth has and the estimate lacks raise an
error, because leaving them out would improve the score.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ..body.rotation import kabsch
from ..errors import NikiError


def mpjpe(estimated: np.ndarray, truth: np.ndarray) -> float:
    """Mean per-joint position error of (T, K, 3), over the joints that the truth has.

    Raises:
        NikiError: the estimate lacks one of them, or there are none.
    """
    known = _known(estimated, truth)
    return float(np.linalg.norm((estimated - truth)[known], axis=-1).mean())


def about_root(joints: np.ndarray, root: Sequence[int]) -> np.ndarray:
    """Joints (T, K, 3) relative to the mean of the joints with the indices ``root``."""
    return joints - joints[:, root].mean(1, keepdims=True)


def procrustes_aligned(estimated: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Each frame of (T, K, 3) aligned to the truth by a similarity transform, for PA-MPJPE; NaN for frames
    without truth.

    Raises:
        NikiError: as for :func:`mpjpe`.
    """
    known = _known(estimated, truth)[..., None]
    count = known.sum(1, keepdims=True)
    with np.errstate(invalid="ignore"):
        middle, middle_truth = (
            np.where(known, p, 0).sum(1, keepdims=True) / count for p in (estimated, truth)
        )
        a, b = (np.where(known, p - m, 0) for p, m in ((estimated, middle), (truth, middle_truth)))
        turn = np.swapaxes(kabsch(a, b), -1, -2)
        scale = ((a @ turn) * b).sum((1, 2)) / (a * a).sum((1, 2))
        return (estimated - middle) @ turn * scale[:, None, None] + middle_truth


def across_and_along(
    estimated: np.ndarray, truth: np.ndarray, view: ArrayLike = (0.0, 0.0, 1.0)
) -> tuple[float, float]:
    """Mean error across and along the unit direction ``view``, over the joints that the truth has.

    Raises:
        NikiError: as for :func:`mpjpe`.
    """
    error, view = (estimated - truth)[_known(estimated, truth)], np.asarray(view)
    along = error @ view
    across = np.linalg.norm(error - along[..., None] * view, axis=-1)
    return float(across.mean()), float(np.abs(along).mean())


def _known(estimated, truth) -> np.ndarray:
    """(T, K) bool: the joints that are scored."""
    known = np.isfinite(truth).all(-1)
    lacking = known & ~np.isfinite(estimated).all(-1)
    if lacking.any():
        raise NikiError(
            f"The estimate lacks {lacking.sum()} of {known.sum()} joints that the truth has",
            "fill them in, or set them to NaN in the truth and say so",
        )
    if not known.any():
        raise NikiError("The truth has no joint")
    return known
