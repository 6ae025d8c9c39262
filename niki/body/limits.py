"""How far joints turn: ranges of each bone's rotation vector in the rest pose's axes.

Start from the normal ranges of the American Academy of Orthopaedic Surgeons (Joint Motion: Method of
Measuring and Recording, 1965), shared out over the spine's joints and measured from the T-pose, and
are widened where recorded people go further, so that few of a thousand recorded poses have a given joint
beyond (``niki bench posing`` prints how many poses have any). A box of rotation-vector components is exact for
hinges and coarse for shoulders and hips.
"""

from __future__ import annotations

import numpy as np

from . import rotation as rot
from .skeleton import JOINTS, KINDS, NUM_BONES

_DEGREES = {  # of the left side, or the middle: about x (towards the left), y (up) and z (forward)
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
    ranges = np.full((NUM_BONES, 3, 2), (-np.inf, np.inf))  # the pelvis turns as it likes
    for j in range(1, NUM_BONES):
        left = np.radians(_DEGREES[KINDS[j]])
        ranges[j] = np.stack([left[0], -left[1, ::-1], -left[2, ::-1]]) if "right_" in JOINTS[j] else left
    return ranges


RANGES = _ranges()
"""(24, 3, 2): least and greatest rotation-vector component about x, y and z, radians."""


def excess_angles(rotations, ranges=RANGES):
    """By how much each rotation-vector component is beyond its range: (..., 24, 3) radians, signed,
    zero within. ``rotations`` (..., 24, 3, 3) are parent-relative.

    It changes no faster than the rotation does, up to a small factor. As rotations close on themselves,
    somewhere opposite a range both ways back are equally long. Where one way is less than twice as long
    as the other the excess fades, to zero at that place, where no direction is right. It fades from 18
    degrees beyond the shoulders' range, which is the widest, 37 beyond the elbows' and 55 beyond the hips'.
    """
    return nearest_in_range(rotations, ranges, fade=True)[1]


def exceeds_limits(rotations, tolerance: float = np.radians(3)):
    """(...) bool: whether a pose has a joint more than ``tolerance`` radians beyond its range."""
    return (np.abs(nearest_in_range(rotations, RANGES)[1]) > tolerance).any((-1, -2))


def widen_ranges(rotations) -> np.ndarray:
    """Ranges (24, 3, 2) that also hold the pose given: what was recorded is not put right unasked."""
    turned = nearest_in_range(rotations, RANGES)[0]
    return np.stack([np.minimum(RANGES[..., 0], turned), np.maximum(RANGES[..., 1], turned)], -1)


def nearest_in_range(rotations, ranges, fade: bool = False):
    """Rotation vectors as near to their ranges as can be, and by how much they are beyond.

    A rotation has two vectors: one up to 180 degrees long, and that of the rest of the full turn, the
    other way round.

    Args:
        rotations: (..., n, 3, 3). ranges: (n, 3, 2) radians; each holds zero.
        fade: as :func:`excess_angles` does.

    Returns:
        (..., n, 3) vectors and (..., n, 3) excess, radians.
    """
    vectors = rot.axis_angle_from_matrix(rotations)
    over = vectors - np.clip(vectors, ranges[..., 0], ranges[..., 1])
    if not over.any():  # nearly always, and asked at every step of a drag
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
