"""The joints of a clip with their uncertainty -> poses, all frames together: temporal NIKI ready for use. numpy only."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from ..body import rotation as rot
from ..body.kinematics import forward_kinematics
from ..body.skeleton import NUM_BONES, Bodies, Body
from ..checks import number_between
from ..errors import NikiError
from ..motion.blocks import split_into_blocks
from ..motion.gaps import bridged
from ..network.model import Observation, observe
from ..network.temporal import RATE, WINDOW, TemporalNetwork, observe_window
from ..network.uncertainty import KNOWN_BELOW, metres_from_sigma
from .grid import Grid
from .refinement import independent_turns, refine
from .solver import (
    FARTHEST,
    LEAST_ERROR,
    Pose,
    checked_joints,
    checked_twist,
    exact_where_certain,
    expected_error,
)

WEIGHTS = Path(__file__).parent.parent / "network" / "weights" / "temporal-1.npz"

_AT_ONCE = 16  # windows
_OWN = 0.005
"""Metres of standard error from which on a joint is drawn less to where it is seen in a frame than to where it is seen
in the frames around it too."""
_CHANGING = 0.25
"""Share of what joints differ by that changes from frame to frame, below which errors last; of drawn errors it is 0.02
where they last, and 0.3 to 0.7 where they do not."""
_DOUBT = 5.0
"""How many times more than stated joints may be wrong where errors last. On people set aside."""
_STIFFNESS = np.radians(6)
"""Radians by which refinement readily turns each bone."""
_RISE = np.minimum(np.arange(1, WINDOW + 1), np.arange(WINDOW, 0, -1)).astype(float)
"""What a window's frames count for where windows overlap: most in its middle."""


@dataclass(eq=False)
class Observed:
    """What is known of N frames of a clip.

    Attributes:
        joints: (N, 29, 3) metres. sigma: (N, 29, 2); 1 throughout where nobody is seen.
        twist: (N, 23, 2). known: (N, 23) 1 where the twist is known. view: (N, 3).
    """

    joints: np.ndarray
    sigma: np.ndarray
    twist: np.ndarray
    known: np.ndarray
    view: np.ndarray

    def __getitem__(self, rows) -> Observed:
        return Observed(**{name: value[rows] for name, value in vars(self).items()})

    @property
    def seen(self) -> np.ndarray:
        """(N,) bool."""
        return (self.sigma < KNOWN_BELOW).any((-1, -2))

    @classmethod
    def checked(cls, joints, sigma, twist=None, view=None) -> Observed:
        """Arguments as :meth:`TemporalSolver.inverse` takes them.

        Raises:
            NikiError: one of them is wrong.
        """
        joints, sigma, view = checked_joints(joints, sigma, view)
        if joints.ndim != 3:
            raise NikiError(f"joints must have shape (T, 29, 3), the frames of a clip, not {joints.shape}")
        twist, known = checked_twist(twist, joints.shape[:-2])
        return cls(joints, sigma, twist, known, view)


class TemporalSolver:
    """Inverse kinematics of a whole clip: what frames say of each other is used, where each frame errs by itself.

    A clip of any length is solved in windows of two seconds that overlap. The network knows 30 frames per second: at
    twice the rate every other frame is a clip of its own, and so on; between the frames of slower clips there are
    frames in which nobody is seen.

    Args:
        network: the network; default the one that comes with the program.
        blend: blend in the analytic solution where joints are nearly exact, so that exact joints are met exactly.
        refine: move the result towards the observed joints.
    """

    def __init__(self, network: TemporalNetwork | None = None, blend: bool = True, refine: bool = True):
        self.network, self._blend, self._refine = network or _default_network(), blend, refine

    @classmethod
    def load(cls, path: str | os.PathLike) -> TemporalSolver:
        """A solver with the weights in the file ``path``.

        Raises:
            NikiError: the file cannot be read or is not a temporal NIKI network.
        """
        return cls(TemporalNetwork.load(path))

    def inverse(
        self,
        joints: ArrayLike,
        sigma: ArrayLike,
        twist: ArrayLike | None = None,
        body: Body | Bodies | None = None,
        view: ArrayLike | None = None,
        rate: float = RATE,
    ) -> Pose:
        """The joints of a clip with their uncertainty -> poses.

        Args:
            joints: (T, 29, 3) metres, in any frame that is not mirrored and stands still.
            sigma, twist, view: (T, ...) or without T, as for :meth:`niki.solve.solver.Solver.inverse`. Frames with no
                sigma below 1 are frames in which nobody is seen; they are bridged.
            body: the person's proportions; default :meth:`Body.default`.
            rate: frames per second.

        Returns:
            the poses (T, ...).

        Raises:
            NikiError: as for :class:`~niki.solve.solver.Solver`, or ``rate`` is not above zero.
        """
        observed = Observed.checked(joints, sigma, twist, view)
        body = Body.default() if body is None else body
        parts = [pose for _, pose in self.solve(len(observed.joints), rate, observed.__getitem__, body)]
        if not parts:
            raise NikiError("joints has no frames")
        rotations, translation, latents, error = (
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("rotations", "translation", "latents", "error")
        )
        # What the network makes of frames in which nobody is seen is further from the truth (``niki eval motion``).
        rotations, translation = bridged(rotations, translation, observed.seen)
        return Pose(rotations, translation, body, latents, error)

    def solve(
        self, count: int, rate: float, read: Callable[[np.ndarray], Observed], body: Body | Bodies
    ) -> Iterator[tuple[slice, Pose]]:
        """A clip of ``count`` frames block by block, so that no more of it than needed is held.

        Args:
            read: gives what is known of frames (N,), in ascending order.

        Yields:
            the frames of each block, in order, and their poses; frames in which nobody is seen are not bridged.
        """
        rate = number_between("The frame rate", rate, 1e-3, 1e6, "frames per second")
        grid = Grid(count, rate)
        for block in split_into_blocks(count):
            wider = slice(max(0, block.start - grid.reach), min(count, block.stop + grid.reach))
            rows = grid.windows(wider)
            frames = np.unique(rows[rows >= 0])
            observed = read(frames)
            places = np.where(rows < 0, -1, np.searchsorted(frames, np.maximum(rows, 0)))
            blended = self._blended(observed, places, body)
            inside = (frames >= wider.start) & (frames < wider.stop)
            observed, blended = observed[inside], blended[inside]
            yield block, self._finished(grid, observed, blended, block, wider, body)

    def _blended(self, observed: Observed, rows: np.ndarray, body) -> np.ndarray:
        """(N, 144 + 3 + latents) of N frames: poses in 6D, the root's in the joints' frame, translations and latents,
        averaged over windows with rows (W, 64)."""
        total, weight = None, np.zeros(len(observed.joints))
        for start in range(0, len(rows), _AT_ONCE):
            some = rows[start : start + _AT_ONCE]
            values = self._windows(observed, some, body)
            there = some >= 0
            shares = np.broadcast_to(_RISE[: some.shape[1]], some.shape)
            if total is None:
                total = np.zeros((len(weight), values.shape[-1]))
            np.add.at(total, some[there], values[there] * shares[there][:, None])
            np.add.at(weight, some[there], shares[there])
        return total / np.maximum(weight, 1e-9)[:, None]

    def _windows(self, observed: Observed, rows: np.ndarray, body) -> np.ndarray:
        """(W, 64, ...) as :meth:`_blended`, of windows with rows (W, 64) of what is observed; -1 for none."""
        part = observed[np.maximum(rows, 0)]
        there = rows >= 0
        sigma = np.where(there[..., None, None], part.sigma, 1.0)
        seen = there & (sigma < KNOWN_BELOW).any((-1, -2))
        middle = np.stack(  # far from the origin, single precision would be too coarse
            [np.median(j[s] if s.any() else j, (0, 1)) for j, s in zip(part.joints, seen, strict=True)]
        )
        joints = np.clip(part.joints - middle[:, None, None], -FARTHEST, FARTHEST)
        known = part.known * there[..., None]
        values = (joints, sigma, part.view, part.twist, known)
        present = np.arange(rows.shape[1]) <= np.where(there, np.arange(rows.shape[1]), -1).max(1)[:, None]
        observation = observe_window(
            *(np.asarray(value, np.float32) for value in values), body=body, present=present
        )
        solution = self.network.inverse(observation)
        frames = observation.frames
        pose = solution.pose.astype(float)
        rotations = rot.matrix_from_6d(pose.reshape(*pose.shape[:-1], NUM_BONES, 6))
        rotations[..., 0, :, :] = frames.frame @ rotations[..., 0, :, :]
        pelvis = frames.origin + rot.apply(frames.frame, solution.place)
        sixd = rot.sixd_from_matrix(rotations).reshape(pose.shape)
        return np.concatenate([sixd, pelvis - body.pelvis + middle[:, None], solution.latents], -1)

    def _finished(self, grid: Grid, observed: Observed, blended, block: slice, wider: slice, body) -> Pose:
        """The poses of a block, of what the network says of the wider range."""
        inside = slice(block.start - wider.start, block.stop - wider.start)
        blended = grid.evened(blended)
        rotations = rot.matrix_from_6d(blended[:, : 6 * NUM_BONES].reshape(-1, NUM_BONES, 6))
        translation, latents = blended[:, 6 * NUM_BONES : 6 * NUM_BONES + 3], blended[:, 6 * NUM_BONES + 3 :]
        seen = observed.seen
        if self._refine and seen.any():
            rotations, translation = self._refined(grid, observed, rotations, translation, body, inside)
        else:
            rotations, translation = rotations[inside], translation[inside]
        part = observed[inside]
        if self._blend:
            rotations, translation = exact_where_certain(
                rotations, translation, part.joints, part.sigma, part.twist, part.known, body
            )
        error = expected_error(
            self.network.weights, observed_by_frame(part, rotations, body), rotations, body
        )
        return Pose(rotations, translation, body, latents[inside], error)

    def _refined(self, grid, observed: Observed, rotations, translation, body, inside):
        """Poses moved towards the observed joints, by what these differ over several frames running: what a joint
        differs by in one frame alone is its error there, unless it is certain. Where differences change from frame to
        frame, their average is more certain than one of them; where they last, the network has made of the joints
        what can be made, and they are followed less."""
        solved = forward_kinematics(rotations, body, translation)[0]
        error = metres_from_sigma(np.where(observed.sigma < KNOWN_BELOW, observed.sigma, 1.0)) + LEAST_ERROR
        apart = observed.joints - solved
        certainty = (1 / error**2).mean(-1)[..., None]  # zero where nothing is known
        steady = grid.steady(certainty * apart) / np.maximum(grid.steady(certainty), 1e-12)
        own = 1 / (1 + (error.min(-1)[..., None] / _OWN) ** 2)
        target = solved + own * apart + (1 - own) * steady
        changing, all_ = (
            grid.steady((certainty * rot.dot(part, part)).sum((1, 2))) for part in (apart - steady, apart)
        )
        changing = np.clip(changing / np.maximum(all_, 1e-12), 0, 1)[:, None, None]
        lasting = np.maximum(0, 1 - changing / _CHANGING)
        error = error * np.sqrt(1 - (1 - own) * changing * (1 - 1 / grid.steadied))
        error = error * (1 + _DOUBT * (1 - own) * lasting)
        view = observed.view[inside]
        return refine(
            rotations[inside],
            translation[inside],
            target[inside],
            error[inside],
            view,
            body,
            independent_turns(_STIFFNESS),
        )


def observed_by_frame(observed: Observed, rotations: np.ndarray, body: Body | Bodies) -> Observation:
    """What is known of each frame by itself, in the body's own frame; of frames in which nobody is seen, where they were
    solved (N, 24, 3, 3) to be. The error of a result is predicted from it."""
    solved = forward_kinematics(rotations, body)[0]
    shown = np.where(observed.seen[:, None, None], observed.joints, solved)
    values = (shown - shown[:, :1], observed.sigma, observed.view, observed.twist, observed.known)
    return observe(*(np.asarray(value, np.float32) for value in values), body=body)


@cache
def _default_network() -> TemporalNetwork:
    return TemporalNetwork.load(WEIGHTS)
