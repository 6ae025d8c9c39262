"""The frames of a clip solved as one: a maximum a posteriori estimate over all of them, in rotations.

Each frame is drawn to where its joints were seen, as certain as these are, and to the pose that a network gave it. What
joins the frames is how bodies move: they seldom change how fast their bones turn. Where errors last, most of a frame's
error is that of the frame before: then what is seen says how joints move more than where they are, and ten frames say
little more than one. Feet that touch the ground stay where they are.

All of it is least squares in how far bones turn, and each frame is joined to the two after it alone, so that Gauss-Newton
steps solve banded equations (:mod:`.banded`, which needs scipy). Long clips are solved in windows that overlap.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from ..body import rotation as rot
from ..body.skeleton import Bodies, Body
from ..checks import number_between
from ..errors import NikiError
from ..network.uncertainty import metres_from_sigma
from .clip_problem import ClipProblem
from .clip_weights import LASTING, OF_EACH_FRAME, Weights
from .solver import EXACT

WINDOW, OVERLAP = 256, 32
"""Frames that are solved at once, and how many on either side of them are solved with them and not kept."""


@dataclass(eq=False)
class Clip:
    """A solved clip.

    Attributes:
        rotations: (T, 24, 3, 3) parent-relative. translation: (T, 3) metres, as
            :func:`~niki.body.kinematics.forward_kinematics` takes it.
        error: (T, 29) metres that joints may be wrong by about the pelvis: the longer a gap, the more.
    """

    rotations: np.ndarray
    translation: np.ndarray
    error: np.ndarray

    def __getitem__(self, frames: slice) -> Clip:
        return Clip(self.rotations[frames], self.translation[frames], self.error[frames])


def solve_clip(
    rotations: np.ndarray,
    translation: np.ndarray,
    joints: np.ndarray,
    sigma: np.ndarray,
    view: np.ndarray,
    body: Body | Bodies,
    rate: float,
    covariance: np.ndarray,
    contacts: np.ndarray | None = None,
    floor: float | None = None,
    up: ArrayLike = (0.0, 1.0, 0.0),
    lasting: bool = False,
    weights: Weights | None = None,
) -> Clip:
    """Poses of a clip, frame by frame -> a motion.

    Args:
        rotations: (T, 24, 3, 3) to start from, which is also what is expected. translation: (T, 3) metres of them.
        joints: (T, 29, 3) metres as seen, in axes that stand still. sigma: (T, 29, 2) as stated, across and along the view;
            1 throughout where nobody is seen.
        view: (T, 3) unit direction of view, or zero. body: the proportions. rate: frames per second.
        covariance: (72, 72) radians squared, how bones turn together (:func:`~niki.solve.solver.turns_of`).
        contacts: (T, 4) from 0 to 1, whether ``FOOT_JOINTS`` touch the ground. floor: its height along ``up``, metres, or None where
            nobody knows it. up: (3,).
        lasting: errors go together and last, as a front end's do. weights: default by ``lasting``.

    Raises:
        NikiError: there are no frames, an array does not have T of them, or ``rate`` is not above zero.
    """
    rate = number_between("The frame rate", rate, 1e-3, 1e6, "frames per second")
    for name, value in (
        ("translation", translation),
        ("joints", joints),
        ("sigma", sigma),
        ("view", view),
        ("contacts", contacts),
    ):
        if value is not None and len(value) != len(rotations):
            raise NikiError(
                f"{name} has {len(value)} frames and rotations {len(rotations)}",
                "give every frame of the clip",
            )
    if not len(rotations):
        raise NikiError("rotations has no frames")
    weights = weights or (LASTING if lasting else OF_EACH_FRAME)
    parts = [
        solve_window(
            rotations[wider], translation[wider], joints[wider], sigma[wider], view[wider], body, rate, covariance,
            None if contacts is None else contacts[wider], floor, up, weights,
        )[own]
        for wider, own in windows(len(rotations))
    ]  # fmt: skip
    return Clip(*(np.concatenate([getattr(part, name) for part in parts]) for name in vars(parts[0])))


def windows(count: int) -> Iterator[tuple[slice, slice]]:
    """The frames that are solved at once, and which of these are kept, so that all of ``count`` frames are kept once and
    in order."""
    edges = np.linspace(0, count, -(-count // WINDOW) + 1).astype(int)
    for start, stop in pairwise(edges):
        first, last = max(0, start - OVERLAP), min(count, stop + OVERLAP)
        yield slice(int(first), int(last)), slice(int(start - first), int(stop - first))


def solve_window(
    rotations, translation, joints, sigma, view, body, rate, covariance, contacts, floor, up, weights: Weights
) -> Clip:
    """Frames that are few enough to be solved at once; arguments as :func:`solve_clip` has them."""
    problem = ClipProblem(
        joints, sigma, view, body, rate, covariance, weights, contacts, floor, np.asarray(up, float)
    )
    found, place, error = problem.solve(rotations, translation)
    # Exact joints have been met exactly already, and the motion of all frames is what they say.
    stated = metres_from_sigma(np.minimum(sigma, 0.99)).mean((1, 2))
    share = np.clip(stated / EXACT, 0, 1)[:, None]
    if (share < 1).any():
        given, solved = (rot.sixd_from_matrix(part) for part in (rotations, found))
        found = rot.matrix_from_6d((1 - share[..., None]) * given + share[..., None] * solved)
        place = (1 - share) * translation + share * place
    return Clip(found, place, error)
