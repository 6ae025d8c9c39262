"""Motion capture as recorded: any skeleton, its zero pose and its rotations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from ..body import rotation as rot
from ..errors import NikiError

_MOST = 1e9  # largest length, position or angle


@dataclass(eq=False)
class Recording:
    """T frames of a skeleton of n nodes, parents before children.

    Attributes:
        names: n node names; bone ends without a rotation of their own are ``NAME_end``.
        parents: (n,) index of each node's parent, -1 for the root.
        offsets: (n, 3) metres: position of each node relative to its parent in the zero pose.
        rotations: (T, n, 3, 3) parent-relative, identity in the zero pose.
        rate: frames per second.
    """

    names: list[str]
    parents: np.ndarray
    offsets: np.ndarray
    rotations: np.ndarray
    rate: float

    def __len__(self) -> int:
        return len(self.rotations)

    def positions_and_rotations(self) -> tuple[np.ndarray, np.ndarray]:
        """Positions (T, n, 3) in metres, root at the origin, and world rotations (T, n, 3, 3)."""
        world, positions = self.rotations.copy(), np.zeros(self.rotations.shape[:-1])
        for i, parent in enumerate(self.parents):
            if parent >= 0:
                world[:, i] = world[:, parent] @ self.rotations[:, i]
                positions[:, i] = positions[:, parent] + rot.apply(world[:, parent], self.offsets[i])
        return positions, world

    def zero_positions(self) -> np.ndarray:
        """(n, 3) metres: positions in the zero pose, root at the origin."""
        positions = np.zeros((len(self.names), 3))
        for i, parent in enumerate(self.parents):
            if parent >= 0:
                positions[i] = positions[parent] + self.offsets[i]
        return positions

    def with_zero_pose(self, world: np.ndarray) -> Recording:
        """The same motion relative to another zero pose, given by its world rotations (n, 3, 3)."""
        above = world[np.maximum(self.parents, 0)]
        local = above @ self.rotations @ rot.transpose(world)
        local[:, 0] = self.rotations[:, 0] @ world[0].T
        return Recording(self.names, self.parents, rot.apply(above, self.offsets), local, self.rate)

    def thin(self, step: int) -> Recording:
        """Every ``step``-th frame."""
        return Recording(
            self.names, self.parents, self.offsets, self.rotations[::step].copy(), self.rate / step
        )


def rotation_from_euler(angles: np.ndarray, order: str) -> np.ndarray:
    """Product, left to right, of turns about the axes in ``order`` ("ZYX"): (..., k) radians."""
    product = np.eye(3)
    for k, axis in enumerate(order.upper()):
        unit = np.eye(3)["XYZ".index(axis)]
        product = product @ rot.matrix_from_axis_angle(angles[..., k, None] * unit)
    return product


def iterate_lines(text: str, start: int = 0) -> Iterator[str]:
    """The lines of ``text`` from index ``start`` on, one at a time; a list of them can take ten times the
    memory of the text."""
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        yield text[start:end]
        start = end + 1


def parse_numbers(words: Iterable[str], what: str) -> np.ndarray:
    """(n,) the numbers in ``words``.

    Raises:
        NikiError: a word is not a finite number below 1e9; the message begins with ``what``.
    """
    try:
        values = np.array([float(word) for word in words])
    except (ValueError, OverflowError):
        raise NikiError(f"{what} must hold numbers") from None
    if not (np.abs(values) < _MOST).all():
        raise NikiError(f"{what} must hold finite numbers below {_MOST:g}")
    return values
