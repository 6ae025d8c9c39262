"""Depth from constant bone lengths: the picture fixes each joint's ray, the bones fix how far.

A detector knows directions across the view well and depth badly. Each joint is kept on its ray
and slid along it until the bones have the lengths they have in the rest of the clip.
"""

from __future__ import annotations

import numpy as np

from ..footage.camera import Camera

_BONE_SD, _DEPTH_SD, _ROOT_SD = 0.02, 0.10, 0.15  # metres


def distances(points: np.ndarray, bones) -> np.ndarray:
    """(..., B) metres between the ends of ``bones`` (B, 2), of points (..., K, 3)."""
    bones = np.asarray(bones)
    return np.linalg.norm(points[..., bones[:, 0], :] - points[..., bones[:, 1], :], axis=-1)


def bone_lengths(lengths: np.ndarray, mirrored) -> np.ndarray:
    """Median length of each bone over the clip, left and right made equal.

    Args:
        lengths: (T, B) from :func:`distances`; NaN frames are ignored. mirrored: (B,) index of each
            bone's counterpart.
    """
    lengths = np.nanmedian(lengths, 0)
    return (lengths + lengths[mirrored]) / 2


def refine_depth(points, pixels, bones, lengths, camera: Camera, iterations: int = 12) -> np.ndarray:
    """Slide each point along its ray so that bones get their lengths, near where it was.

    Gauss-Newton on ``sum ((|bone| - length) / 2 cm)² + sum (slide / 10 cm)² + (root / 15 cm)²``,
    every frame by itself.

    Args:
        points: (T, K, 3) camera space, absolute. pixels: (T, K, 2). bones: (B, 2). lengths: (B,).

    Returns:
        (T, K, 3), each on the ray of its pixel.
    """
    rays, depth = camera.rays(pixels), points[..., 2]
    bones = np.asarray(bones)
    frames, count = depth.shape
    slide = np.zeros((frames, count + 1))  # of each point, and of all together
    prior = np.append(np.full(count, _DEPTH_SD**-2), _ROOT_SD**-2)
    rows = np.arange(len(bones))

    def place():
        return rays * np.maximum(depth + slide[:, :-1] + slide[:, -1:], 0.1)[..., None]

    for _ in range(iterations):
        placed = place()
        vector = placed[:, bones[:, 0]] - placed[:, bones[:, 1]]
        length = np.maximum(np.linalg.norm(vector, axis=-1), 1e-6)
        unit = vector / length[..., None]
        jacobian = np.zeros((frames, len(bones), count + 1))
        jacobian[:, rows, bones[:, 0]] = (unit * rays[:, bones[:, 0]]).sum(-1)
        jacobian[:, rows, bones[:, 1]] = -(unit * rays[:, bones[:, 1]]).sum(-1)
        jacobian[..., -1] = jacobian[..., :-1].sum(-1)
        jacobian /= _BONE_SD
        residual = (length - lengths) / _BONE_SD
        normal = np.einsum("tbi,tbj->tij", jacobian, jacobian) + np.diag(prior)
        gradient = np.einsum("tbi,tb->ti", jacobian, residual) + prior * slide
        step = np.linalg.solve(normal, gradient[..., None])[..., 0]
        slide -= np.clip(step, -0.1, 0.1)
    return place()
