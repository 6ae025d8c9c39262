"""Joint errors as the literature defines them, in the units of the input."""

from __future__ import annotations

import numpy as np

from ..rotation import kabsch


def mpjpe(estimated: np.ndarray, truth: np.ndarray) -> float:
    """Mean per-joint position error of (T, K, 3); frames with NaN are left out."""
    return float(np.nanmean(np.linalg.norm(estimated - truth, axis=-1)))


def about_root(joints: np.ndarray, root) -> np.ndarray:
    """Joints (T, K, 3) relative to the mean of the joints ``root`` (a list of indices)."""
    return joints - joints[:, root].mean(1, keepdims=True)


def procrustes_aligned(estimated: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Each frame of (T, K, 3) moved, turned and scaled onto the truth (for PA-MPJPE)."""
    a, b = estimated - estimated.mean(1, keepdims=True), truth - truth.mean(1, keepdims=True)
    turned = a @ np.swapaxes(kabsch(a, b), -1, -2)
    scale = (turned * b).sum((1, 2)) / (a * a).sum((1, 2))
    return turned * scale[:, None, None] + truth.mean(1, keepdims=True)


def across_and_along(estimated, truth, view=(0.0, 0.0, 1.0)) -> tuple[float, float]:
    """Mean error across and along the unit direction ``view``."""
    error, view = estimated - truth, np.asarray(view)
    along = error @ view
    return float(np.nanmean(np.linalg.norm(error - along[..., None] * view, axis=-1))), float(
        np.nanmean(np.abs(along))
    )
