"""The one steady reading of each frame, made of the readings of all its crops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ....motion.blocks import split_into_blocks
from ...footage.camera_motion import SEEN
from ..journal import Journal
from . import hypotheses
from .networks import NUM_LANDMARKS, Landmarks

Crops = Callable[[slice], tuple[np.ndarray, np.ndarray, np.ndarray]]
"""World landmarks (n, V, 33, 3), pixels (n, V, 33, 2) and visibility (n, V, 33) of some frames in a row, in all of
which the person was found."""


@dataclass(eq=False)
class Reading:
    """What is read of the F frames in which the person was found.

    Attributes:
        world: (F, 33, 3) metres about mid-hip, in the axes of a camera that looks straight at it.
        pixels: (F, 33, 2). visibility: (F, 33).
        agreement: (F,) share of the crops that say the same.
    """

    world: np.ndarray
    pixels: np.ndarray
    visibility: np.ndarray
    agreement: np.ndarray

    @classmethod
    def of(cls, journal: Journal) -> Reading:
        """From the readings in a journal."""

        def crops(part: slice):
            seen = [Landmarks.from_vector(row[:-SEEN]) for row in journal.readings(part.start, part.stop)]
            world, pixels, visibility = (
                np.stack([getattr(s, name) for s in seen]) for name in ("world", "pixels", "visibility")
            )
            return world, pixels, visibility

        return cls.from_crops(crops, journal.found)

    @classmethod
    def from_crops(cls, crops: Crops, found: np.ndarray) -> Reading:
        """Choose among the crops' readings of each frame and among the ways to tell their sides apart, and
        average those that agree.

        Args:
            crops: called a few times with parts of runs of found frames, whose length is bounded.
            found: (T,) frames in which the person was found.
        """
        count = int(found.sum())
        shapes = ((NUM_LANDMARKS, 3), (NUM_LANDMARKS, 2), (NUM_LANDMARKS,), ())
        world, pixels, visibility, agreement = (np.empty((count, *shape)) for shape in shapes)
        reading = cls(world, pixels, visibility, agreement)
        done = 0
        for run in true_runs(found):
            parts = [
                slice(run.start + p.start, run.start + p.stop)
                for p in split_into_blocks(run.stop - run.start)
            ]
            path = hypotheses.steadiest_path(crops(part)[0] for part in parts)
            for part in parts:
                chosen = path[part.start - run.start : part.stop - run.start]
                reading._fill(slice(done, done + len(chosen)), *crops(part), chosen)
                done += len(chosen)
        return reading

    def _fill(self, target: slice, world, pixels, visibility, path: np.ndarray) -> None:
        agree, way = hypotheses.agreement(world, path)
        world, pixels, visibility = hypotheses.exchange(world, pixels, visibility, way)
        self.world[target] = hypotheses.masked_mean(world, agree)
        self.pixels[target] = hypotheses.masked_mean(pixels, agree)
        self.visibility[target] = hypotheses.masked_mean(visibility, agree)
        self.agreement[target] = agree.mean(1)


def true_runs(mask: np.ndarray) -> list[slice]:
    """Each stretch of consecutive true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [slice(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]
