"""Joint limits: the range of each component of a bone's rotation vector, in the rest pose's axes.

The ranges start from the normal ones of the American Academy of Orthopaedic Surgeons (Joint Motion: Method
of Measuring and Recording, 1965), divided among the spine's joints and measured from the T-pose. They are
widened where recorded people go further: of a thousand recorded poses, only a few exceed the range of a
given joint (``niki bench posing`` prints how many poses exceed any). A box of rotation-vector components is
exact for hinges and coarse for shoulders and hips.
"""

from __future__ import annotations

import numpy as np

from . import rotation as rot
from .skeleton import JOINTS, KINDS, NUM_BONES

_DEGREES = {  # left side and midline: about x (towards the left), y (up) and z (forward)
    "hip": ((-125, 30), (-45, 45), (-35, 55)), "knee": ((-6, 150), (-32, 28), (-35, 25)),
    "ankle": ((-50, 55), (-40, 48), (-20, 32)), "foot": ((-50, 65), (-8, 8), (-8, 20)),
    "spine1": ((-26, 56), (-16, 16), (-24, 24)), "spine2": ((-22, 24), (-18, 18), (-14, 14)),
    "spine3": ((-28, 18), (-14, 14), (-18, 18)), "neck": ((-38, 35), (-42, 42), (-30, 30)),
    "head": ((-50, 54), (-38, 38), (-32, 32)), "collar": ((-12, 12), (-24, 24), (-10, 45)),
    "shoulder": ((-112, 90), (-125, 60), (-102, 60)), "elbow": ((-92, 92), (-150, 5), (-92, 78)),
    "wrist": ((-85, 65), (-65, 68), (-50, 75)), "hand": ((-10, 10), (-10, 10), (-10, 10)),
}  # fmt: skip


def _ranges() -> np.ndarray:
    """(24, 3, 2) radians."""
    ranges = np.full((NUM_BONES, 3, 2), (-np.inf, np.inf))  # the pelvis has no limits
    for j in range(1, NUM_BONES):
        left = np.radians(_DEGREES[KINDS[j]])
        ranges[j] = np.stack([left[0], -left[1, ::-1], -left[2, ::-1]]) if "right_" in JOINTS[j] else left
    return ranges


RANGES = _ranges()
"""(24, 3, 2) radians: smallest and largest component of the rotation vector about x, y and z."""


def exceeds_limits(rotations: np.ndarray, tolerance: float = np.radians(3)) -> np.ndarray | np.bool_:
    """(...) bool: whether a joint of the pose (..., 24, 3, 3) exceeds its range by more than ``tolerance`` radians."""
    return (np.abs(nearest_in_range(rotations, RANGES)[1]) > tolerance).any((-1, -2))


def widen_ranges(rotations: np.ndarray) -> np.ndarray:
    """Ranges (24, 3, 2), radians, widened to include a pose (24, 3, 3): captured poses are not corrected."""
    vectors = nearest_in_range(rotations, RANGES)[0]
    return np.stack([np.minimum(RANGES[..., 0], vectors), np.maximum(RANGES[..., 1], vectors)], -1)


def rotation_vectors(rotations: np.ndarray) -> np.ndarray:
    """As :func:`niki.body.rotation.axis_angle_from_matrix`, in fewer calls where no rotation is near half a turn."""
    flat = rotations.reshape(*rotations.shape[:-2], 9)
    twice = flat[..., _OFF_DIAGONAL] - flat[..., _OPPOSITE]  # the axis times twice the angle's sine
    cosine = 0.5 * (flat[..., 0] + flat[..., 4] + flat[..., 8] - 1)
    if (cosine < _FAR_ROUND).any():
        return rot.axis_angle_from_matrix(rotations)
    sine = 0.5 * np.sqrt((twice * twice).sum(-1))
    share = np.where(sine > 1e-9, np.arctan2(sine, cosine) / np.maximum(sine, 1e-9), 1.0)
    return twice * (0.5 * share)[..., None]


_OFF_DIAGONAL, _OPPOSITE, _FAR_ROUND = [7, 2, 3], [5, 6, 1], -0.95


def nearest_in_range(
    rotations: np.ndarray, ranges: np.ndarray, fade: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Rotation vectors, each the nearer of two to its range, and by how much they exceed it.

    A rotation has two vectors: one of up to 180 degrees, and one the other way round that completes the
    full turn. Somewhere opposite a range both exceed it equally, and no direction back is right.

    Args:
        rotations: (..., n, 3, 3) parent-relative.
        ranges: (n, 3, 2) radians; each includes zero.
        fade: fade the excess to zero towards that place, so that it changes no faster than the rotation
            does, up to a small factor. It fades where one way back is less than twice as long as the
            other: from 18 degrees beyond the range of the shoulders, which is the widest, 37 beyond that
            of the elbows and 55 beyond that of the hips.

    Returns:
        vectors (..., n, 3) and signed excess (..., n, 3), zero within the range; radians.
    """
    vectors = rotation_vectors(rotations)
    over = vectors - np.clip(vectors, ranges[..., 0], ranges[..., 1])
    if not over.any():  # the usual case, and this runs at every step of a drag
        return vectors, over
    flat, flat_over = vectors.reshape(-1, 3), over.reshape(-1, 3)
    outside = np.flatnonzero(flat_over.any(-1))
    vector, first, limits = flat[outside], flat_over[outside], ranges[outside % len(ranges)]
    other = vector - vector * (2 * np.pi / rot.norm(vector))
    second = other - np.clip(other, limits[..., 0], limits[..., 1])
    size, other_size = rot.norm(first), rot.norm(second)
    swap = other_size < size
    flat[outside], nearest = np.where(swap, other, vector), np.where(swap, second, first)
    if fade:
        least = np.minimum(size, other_size)
        nearest = nearest * np.clip(np.abs(size - other_size) / np.maximum(least, 1e-12), 0, 1)
    flat_over[outside] = nearest
    return flat.reshape(vectors.shape), flat_over.reshape(over.shape)
