"""Frames without a person, bridged."""

from __future__ import annotations

import numpy as np

from ..body import rotation as rot
from ..body.skeleton import NUM_BONES
from .blocks import split_into_blocks


class Gaps:
    """Fills frames where nobody was seen: the body turns and moves evenly between their neighbours;
    before the first and after the last, it holds.

    Args:
        seen: (T,) bool, true somewhere.
    """

    def __init__(self, seen: np.ndarray):
        known, frames = np.flatnonzero(seen), np.flatnonzero(~np.asarray(seen))
        after = np.searchsorted(known, frames)
        self._frames = frames
        self._before, self._after = known[np.maximum(after - 1, 0)], known[np.minimum(after, len(known) - 1)]
        span = np.maximum(self._after - self._before, 1)
        self._t = np.clip((frames - self._before) / span, 0, 1)
        self.edges: np.ndarray = np.union1d(self._before, self._after)
        """The seen frames between which gaps are bridged."""
        self._turns = np.empty((len(self.edges), NUM_BONES, 4))

    def remember(self, frames: np.ndarray, rotations: np.ndarray) -> None:
        """Take note of the pose at seen frames (n,), rotations (n, 24, 3, 3), where it is needed."""
        chosen = np.isin(frames, self.edges)
        places = np.searchsorted(self.edges, frames[chosen])
        self._turns[places] = rot.quaternion_from_matrix(rotations[chosen])

    def bridge(self, poses: np.ndarray, trans: np.ndarray) -> None:
        """Fill in poses (T, 72), axis-angle, and trans (T, 3). All seen frames must have been remembered."""
        for part in split_into_blocks(len(self._frames)):
            ends = [
                self._turns[np.searchsorted(self.edges, end[part])] for end in (self._before, self._after)
            ]
            turned = rot.matrix_from_quaternion(rot.slerp(*ends, t=self._t[part, None, None]))
            poses[self._frames[part]] = rot.axis_angle_from_matrix(turned).reshape(-1, 3 * NUM_BONES)
        t = self._t[:, None]
        trans[self._frames] = (1 - t) * trans[self._before] + t * trans[self._after]


def bridged(
    rotations: np.ndarray, translation: np.ndarray, seen: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rotations (T, 24, 3, 3) and translation (T, 3) of a clip that is held as a whole, those of frames that are not
    ``seen`` (T,) filled in; as they are if none is."""
    if seen.all() or not seen.any():
        return rotations, translation
    gaps, poses = Gaps(seen), np.zeros((len(seen), 3 * NUM_BONES))
    gaps.remember(np.flatnonzero(seen), rotations[seen])
    translation = translation.copy()
    gaps.bridge(poses, translation)
    turned = rot.matrix_from_axis_angle(poses.reshape(-1, NUM_BONES, 3))
    return np.where(seen[:, None, None, None], rotations, turned), translation
