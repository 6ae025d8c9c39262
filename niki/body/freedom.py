"""Locked channels: in which directions a bone may still turn, and the body still move. numpy only."""

from __future__ import annotations

import numpy as np

from ..errors import NikiError
from . import rotation as rot
from .skeleton import BONES, NUM_BONES


def free_directions(axes, locked) -> np.ndarray:
    """Projections (..., 3, 3) onto what is left when some of three axes are locked.

    Args:
        axes: (..., 3, 3) whose columns are the axes that the three channels turn about or move along;
            they need not be perpendicular.
        locked: (..., 3) bool, one for each column.
    """
    free = np.asarray(axes, float) * ~np.asarray(locked, bool)[..., None, :]
    u, size, _ = np.linalg.svd(free)
    u = u * (size > 1e-6)[..., None, :]
    return u @ rot.transpose(u)


class Freedom:
    """Directions in which the bones of one pose may turn, and the body as a whole may move.

    Args:
        free: (25, 3, 3) as :class:`niki.pose.posing.Poser` takes it.

    Attributes:
        locked: (25,) bool: does not move at all.

    Raises:
        NikiError: wrong shape, or no projection.
    """

    def __init__(self, free):
        free = np.asarray(free, float)
        if free.shape != (NUM_BONES + 1, 3, 3):
            raise NikiError(f"free must have shape ({NUM_BONES + 1}, 3, 3), not {free.shape}")
        good = np.isfinite(free).all((1, 2))
        matrices = np.where(good[:, None, None], free, 0)
        good &= np.abs(matrices - rot.transpose(matrices)).max((1, 2)) < 1e-5
        good &= np.abs(matrices @ matrices - matrices).max((1, 2)) < 1e-5
        if not good.all():
            name = [*BONES, "the whole body"][int(good.argmin())]
            raise NikiError(f"free must hold symmetric projections; that of {name} is none")
        rank = np.round(np.trace(free, axis1=1, axis2=2)).astype(int)
        self._free = free
        self.locked = rank == 0
        partly = np.flatnonzero((rank == 1) | (rank == 2))
        self._bones, self._moves_partly = partly[partly < NUM_BONES], NUM_BONES in partly

    def kept(self, rotations, translation, start):
        """A pose (24, 3, 3) and (3,) with all that is locked as it is in the posture ``start``; what is
        locked altogether to the last bit."""
        rotations, bones = rotations.copy(), self._bones
        if len(bones):
            vectors = rot.apply(self._free[bones], self._vectors(rotations, start))
            rotations[bones] = rot.matrix_from_axis_angle(vectors) @ start.rotations[bones]
        held = self.locked[:NUM_BONES]
        rotations[held] = start.rotations[held]
        if self.locked[NUM_BONES]:
            translation = start.translation.copy()
        elif self._moves_partly:
            translation = start.translation + self._free[NUM_BONES] @ (translation - start.translation)
        return rotations, translation

    def spread(self, rows, variance, rotations, parents, start):
        """``rows`` (n, 75) times the covariance of a step: ``variance`` (75,) in the free directions, about
        the world's axes. ``parents``: :func:`niki.body.kinematics.parent_orientations`."""
        spread = rows * variance
        bones = self._bones
        if len(bones):
            # The turns that keep the rotation vector since the start within the free directions.
            turns = np.linalg.inv(rot.rotation_vector_jacobian(self._vectors(rotations, start)))
            ways = parents[bones] @ turns @ self._free[bones]
            for bone, covariance in zip(bones, ways @ rot.transpose(ways), strict=True):
                part = slice(3 * bone, 3 * bone + 3)
                spread[:, part] = spread[:, part] @ covariance
        if self._moves_partly:
            spread[:, -3:] = spread[:, -3:] @ self._free[NUM_BONES]
        return spread

    def _vectors(self, rotations, start):
        """(k, 3) what partly locked bones have turned by since the start, in their parents' axes."""
        since = rotations[self._bones] @ rot.transpose(start.rotations[self._bones])
        return rot.axis_angle_from_matrix(since)
