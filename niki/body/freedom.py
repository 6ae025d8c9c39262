"""Locked channels: the directions in which a bone may still turn and the body may still move. numpy only."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from ..errors import NikiError
from . import rotation as rot
from .skeleton import BONES, NUM_BONES


def free_directions(axes: ArrayLike, locked: ArrayLike) -> np.ndarray:
    """Projections (..., 3, 3) onto the directions that remain free when some of three axes are locked.

    >>> free_directions(np.eye(3), [True, False, False]) @ [1, 2, 3]
    array([0., 2., 3.])


    Args:
        axes: (..., 3, 3) whose columns are the axes that the three channels turn about or move along.
            They need not be perpendicular.
        locked: (..., 3) bool, one for each column.
    """
    free = np.asarray(axes, float) * ~np.asarray(locked, bool)[..., None, :]
    u, size, _ = np.linalg.svd(free)
    u = u * (size > 1e-6)[..., None, :]
    return u @ rot.transpose(u)


def _complement(projection: np.ndarray) -> np.ndarray:
    """(n, 3) unit vectors perpendicular to each other and to all that a projection (3, 3) leaves."""
    size, directions = np.linalg.eigh(projection)
    return directions.T[size < 0.5]


class _Pose(Protocol):
    """Rotations (24, 3, 3) and translation (3,), as a posture has them."""

    rotations: np.ndarray
    translation: np.ndarray


class Freedom:
    """The directions in which the bones of one pose may turn and the whole body may move.

    Args:
        free: (25, 3, 3) as :class:`niki.pose.posing.Poser` takes it.

    Attributes:
        locked: (25,) bool: whether the bone, or last the whole body, cannot move at all.

    Raises:
        NikiError: the shape is wrong, or a matrix is not a symmetric projection.
    """

    def __init__(self, free: ArrayLike):
        free = np.asarray(free, float)
        if free.shape != (NUM_BONES + 1, 3, 3):
            raise NikiError(f"free must have shape ({NUM_BONES + 1}, 3, 3), not {free.shape}")
        good = np.isfinite(free).all((1, 2))
        matrices = np.where(good[:, None, None], free, 0)
        good &= np.abs(matrices - rot.transpose(matrices)).max((1, 2)) < 1e-5
        good &= np.abs(matrices @ matrices - matrices).max((1, 2)) < 1e-5
        if not good.all():
            name = [*BONES, "the whole body"][int(good.argmin())]
            raise NikiError(f"free must hold symmetric projections; the matrix of {name} is not one")
        rank = np.round(np.trace(free, axis1=1, axis2=2)).astype(int)
        self._free = free
        self.locked = rank == 0
        partly = np.flatnonzero((rank == 1) | (rank == 2))
        self._bones, self._moves_partly = partly[partly < NUM_BONES], NUM_BONES in partly
        self._barred = [  # index into partly, and a direction that is not free
            (k, direction) for k, part in enumerate(partly) for direction in _complement(free[part])
        ]

    def restore_locked(
        self, rotations: np.ndarray, translation: np.ndarray, start: _Pose
    ) -> tuple[np.ndarray, np.ndarray]:
        """The pose with everything that is locked put back to where it is in ``start``.

        Bones that cannot move at all are equal to ``start`` to the last bit.

        Args:
            rotations: (24, 3, 3) parent-relative. translation: (3,) metres.
            start: the posture before the drag.
        """
        rotations, bones = rotations.copy(), self._bones
        if len(bones):
            vectors = rot.apply(self._free[bones], self._vectors(rotations, start))
            rotations[bones] = rot.matrix_from_axis_angle(vectors) @ start.rotations[bones]
        locked = self.locked[:NUM_BONES]
        rotations[locked] = start.rotations[locked]
        if self.locked[NUM_BONES]:
            translation = start.translation.copy()
        elif self._moves_partly:
            translation = start.translation + self._free[NUM_BONES] @ (translation - start.translation)
        return rotations, translation

    def locked_directions(self, rotations: np.ndarray, start: _Pose) -> np.ndarray:
        """(n, 75) directions in which a step may not go: the step times each is zero.

        A step is 24 turns, rotation vectors in the axes of each bone's parent, and a move of the whole body. Bones
        that cannot move at all are not among them.

        Args:
            rotations: (24, 3, 3) of the present pose. start: the posture before the drag.
        """
        rows = np.zeros((len(self._barred), 3 * NUM_BONES + 3))
        if len(self._bones):
            jacobians = rot.rotation_vector_jacobian(self._vectors(rotations, start))
        for row, (k, direction) in zip(rows, self._barred, strict=True):
            if k < len(self._bones):
                # A turn for which the rotation vector since the start stays within the free directions.
                bone = self._bones[k]
                row[3 * bone : 3 * bone + 3] = direction @ jacobians[k]
            else:
                row[-3:] = direction
        return rows

    def _vectors(self, rotations, start):
        """(k, 3) rotation vectors of the partly locked bones since the start, in their parents' axes."""
        since = rotations[self._bones] @ rot.transpose(start.rotations[self._bones])
        return rot.axis_angle_from_matrix(since)
