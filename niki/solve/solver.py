"""Joints with their uncertainty -> pose, and back: NIKI ready for use. numpy only."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from ..body import rotation as rot
from ..body.kinematics import analytic_ik, forward_kinematics, swing_and_twist
from ..body.skeleton import JOINTS, NUM_BONES, NUM_JOINTS, Bodies, Body
from ..errors import NikiError
from ..network.model import Network, Observation, Solution, error_features, log_error, observe
from ..network.uncertainty import KNOWN_BELOW, TOGETHER, metres_from_sigma, sigma_from_metres
from .refinement import independent_turns, refine

WEIGHTS = Path(__file__).parent.parent / "network" / "weights" / "niki-open-2.npz"
EXACT = 0.004
"""Metres of mean standard error from which on the network alone decides. Below, the analytic solution is
blended in; at zero it is all of the result."""

FARTHEST = 100.0
"""Metres from the median of all joints to which farther joints are clipped."""
ERROR_RANGE = (1e-4, 10.0)
"""Metres: the smallest and largest expected error."""
AS_ONE = 6
"""Where joints err together, so many of them tell refinement as much as one that errs by itself."""
LEAST_ERROR = 0.001
"""Metres added to every standard error before refinement, so that no joint has infinite weight."""
STIFFNESS, LEARNED_STIFFNESS = np.radians(4), np.radians(6)
"""Radians by which refinement readily turns a bone, about the mean of what the network knows of how bones turn together,
if it does."""


@dataclass(eq=False)
class Pose:
    """A solved pose, batched like the joints that it was solved from.

    Attributes:
        rotations: (..., 24, 3, 3) parent-relative matrices; the pelvis's is in the joints' frame.
        translation: (..., 3) metres, as :func:`~niki.body.kinematics.forward_kinematics` takes it.
        body: the proportions.
        latents: (..., n) the part of the joints that the pose does not explain, their error; near zero for
            exact joints.
        error: (..., 29) metres: the expected error of each solved joint relative to the pelvis; NaN if the
            network does not predict it.
    """

    rotations: np.ndarray
    translation: np.ndarray
    body: Body | Bodies
    latents: np.ndarray | None
    error: np.ndarray

    @property
    def confidence(self) -> np.ndarray:
        """(..., 29) in [0, 1]: 1 for an expected error of zero, one half for 10 cm."""
        return 1 - sigma_from_metres(self.error)

    @property
    def swing(self) -> np.ndarray:
        """(..., 24, 3, 3): the swing part of the rotations; for the pelvis, its whole rotation."""
        return swing_and_twist(self.rotations, self.body)[0]

    @property
    def twist(self) -> np.ndarray:
        """(..., 23, 2): cosine and sine of the twist of joints 1..23 about their bones."""
        return swing_and_twist(self.rotations, self.body)[1]


class Solver:
    """Inverse kinematics by a trained network: uncertain joints -> a plausible pose, and back.

    >>> solver = Solver()
    >>> joints = Body.default().rest_joints  # a T-pose
    >>> pose = solver.inverse(joints, sigma=np.zeros(29))  # all joints exact
    >>> pose.rotations.shape
    (24, 3, 3)
    >>> bool(np.abs(solver.forward(pose) - joints).max() < 0.001)
    True

    Args:
        network: the network; default the one that comes with the program.
        blend: blend in the analytic solution where joints are nearly exact, so that exact joints are met
            exactly.
        refine: move the result towards the observed joints (:mod:`niki.solve.refinement`).
    """

    def __init__(self, network: Network | None = None, blend: bool = True, refine: bool = True):
        self.network, self._blend, self._refine = network or _default_network(), blend, refine
        self._covariance = turns_of(self.network)

    @classmethod
    def load(cls, path: str | os.PathLike) -> Solver:
        """A solver with the weights in the file ``path``.

        Raises:
            NikiError: the file cannot be read or is not a NIKI network.
        """
        return cls(Network.load(path))

    def inverse(
        self,
        joints: ArrayLike,
        sigma: ArrayLike,
        twist: ArrayLike | None = None,
        body: Body | Bodies | None = None,
        view: ArrayLike | None = None,
        together: ArrayLike = False,
    ) -> Pose:
        """Joint positions with their uncertainty -> pose.

        Args:
            joints: (..., 29, 3) metres, in any frame that is not mirrored.
            sigma: (..., 29) or (..., 29, 2) from 0 (exact) to 1 (unknown), one half for a standard error of
                10 cm per axis; two columns are across and along ``view``. The position of an unknown joint
                is ignored.
            twist: (..., 23, 2) cosine and sine of the twist of joints 1..23 about their bones, NaN or zero
                where unknown; default all unknown.
            body: the proportions; default :meth:`Body.default`.
            view: (3,) or (..., 3) direction of view in the joints' frame; required where the columns of
                sigma differ.
            together: bool or (...) bool: joints err together, as a front end's do, and sigma states
                :data:`~niki.network.uncertainty.TOGETHER` of the standard error. Refinement, which counts each joint
                by itself, then trusts them less.

        Returns:
            the pose, batched like ``joints``.

        Raises:
            NikiError: an argument has the wrong shape or a value that is not finite, sigma is not in
                [0, 1], or view is missing; the message names the argument.
        """
        body = Body.default() if body is None else body
        joints, sigma, view = checked_joints(joints, sigma, view)
        twist, known = checked_twist(twist, joints.shape[:-2])
        middle = np.median(joints, axis=-2)  # far from the origin, single precision would be too coarse
        joints = np.clip(joints - middle[..., None, :], -FARTHEST, FARTHEST)
        observation = observe(
            *(np.asarray(part, np.float32) for part in (joints, sigma, view, twist, known)), body=body
        )
        solution = self.network.inverse(observation)
        rotations = _rotations_of(solution, observation)
        translation = fit_translation(rotations, joints, sigma, body)
        if self._refine:
            rotations, translation = refine_observed(
                rotations, translation, joints, sigma, view, body, self._covariance, together
            )
        if self._blend:
            rotations, translation = exact_where_certain(
                rotations, translation, joints, sigma, twist, known, body
            )
        error = expected_error(self.network.weights, observation, rotations, body)
        return Pose(rotations, translation + middle, body, solution.latents, error)

    def forward(self, pose: Pose, body: Body | Bodies | None = None) -> np.ndarray:
        """Pose -> joint positions (..., 29, 3) in metres, on the pose's own body or on another ``body``."""
        return forward_kinematics(pose.rotations, pose.body if body is None else body, pose.translation)[0]


def expected_error(
    weights: dict, observation: Observation, rotations: np.ndarray, body: Body | Bodies
) -> np.ndarray:
    """(..., 29) metres that joints may be wrong by, as :func:`result_features` takes them; NaN if the weights
    have no error head."""
    if "error.last.bias" not in weights:
        return np.full(rotations.shape[:-3] + (NUM_JOINTS,), np.nan)
    logarithm = log_error(weights, result_features(observation, rotations, body)).astype(float)
    return np.exp(np.clip(logarithm, *np.log(ERROR_RANGE)))


def result_features(observation: Observation, rotations: np.ndarray, body: Body | Bodies) -> np.ndarray:
    """(..., ERROR_INPUTS) values from which the error of a result is predicted.

    Args:
        observation: what the pose was solved from.
        rotations: (..., 24, 3, 3) the result, the root's in the frame of the input joints.
        body: the proportions.
    """
    positions = forward_kinematics(rotations, body)[0]
    into = rot.transpose(observation.frame)[..., None, :, :]
    return error_features(observation, rot.apply(into, positions - positions[..., :1, :]).astype(np.float32))


def _rotations_of(solution: Solution, observation: Observation):
    """(..., 24, 3, 3), the root's in the frame of the input joints."""
    pose = solution.pose
    rotations = rot.matrix_from_6d(pose.reshape(*pose.shape[:-1], NUM_BONES, 6)).astype(float)
    rotations[..., 0, :, :] = observation.frame @ rotations[..., 0, :, :]
    return rotations


@cache
def _default_network() -> Network:
    return Network.load(WEIGHTS)


@cache
def weights_hash(path: Path = WEIGHTS) -> str:
    """The first 12 digits of the SHA-256 of weights that come with the program."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def checked_joints(
    joints: ArrayLike, sigma: ArrayLike, view: ArrayLike | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Joints, sigma (..., 29, 2) and unit views (..., 3) as :meth:`Solver.inverse` takes them; NikiError if wrong."""
    joints, sigma = np.asarray(joints, float), np.asarray(sigma, float)
    if joints.shape[-2:] != (NUM_JOINTS, 3):
        raise NikiError(f"joints must have shape (..., {NUM_JOINTS}, 3), not {joints.shape}")
    batch = joints.shape[:-2]
    if sigma.shape[-1:] == (NUM_JOINTS,):
        sigma = np.repeat(sigma[..., None], 2, -1)
    if sigma.shape[-2:] != (NUM_JOINTS, 2):
        raise NikiError(
            f"sigma must have shape (..., {NUM_JOINTS}) or (..., {NUM_JOINTS}, 2), not {sigma.shape}"
        )
    for name, value in (("joints", joints), ("sigma", sigma)):
        bad = np.argwhere(~np.isfinite(value))
        if len(bad):
            raise NikiError(f"{name} has a value that is not finite at {JOINTS[bad[0][-2]]}")
    if (sigma < 0).any() or (sigma > 1).any():
        raise NikiError("sigma must lie between 0 (exact) and 1 (unknown)")
    if view is None:
        if (sigma[..., 0] != sigma[..., 1]).any():
            raise NikiError("view is needed where sigma differs across and along the view")
        view = np.zeros(3)
    view = np.asarray(view, float)
    if view.shape[-1:] != (3,) or not np.isfinite(view).all():
        raise NikiError("view must be a finite direction (3,) or (..., 3)")
    try:
        sigma = np.broadcast_to(sigma, (*batch, NUM_JOINTS, 2))
        view = np.broadcast_to(rot.normalize(view), (*batch, 3))
    except ValueError:
        raise NikiError(f"sigma and view must have the batch shape of joints, {batch}") from None
    return joints, sigma, view


def checked_twist(twist, batch) -> tuple[np.ndarray, np.ndarray]:
    """Unit twists (..., 23, 2), and 1 where they are known (..., 23)."""
    shape = (*batch, NUM_BONES - 1, 2)
    if twist is None:
        twist = np.zeros(shape)
    twist = np.asarray(twist, float)
    if twist.shape[-2:] != shape[-2:]:
        raise NikiError(f"twist must have shape (..., {NUM_BONES - 1}, 2), not {twist.shape}")
    if np.isinf(twist).any():
        raise NikiError("twist has a value that is infinite; use NaN where it is unknown")
    twist = np.broadcast_to(twist, shape)
    known = np.isfinite(twist).all(-1) & (np.nan_to_num(twist) != 0).any(-1)
    twist = rot.normalize(np.where(known[..., None], np.nan_to_num(twist), 0), fallback=[1.0, 0.0])
    return twist, known.astype(float)


def turns_of(network: Network) -> np.ndarray:
    """(72, 72) radians squared: how bones turn together about the network's pose, as refinement takes it."""
    if "turns" not in network.weights:
        return independent_turns(STIFFNESS)
    root = network.weights["turns"].astype(float)
    return LEARNED_STIFFNESS**2 * (root @ root.T)


def refine_observed(
    rotations, translation, joints, sigma, view, body, covariance, together: ArrayLike = False
):
    """A pose moved towards the observed joints, as :class:`Solver` does; arguments as it has them."""
    error = metres_from_sigma(np.where(sigma < KNOWN_BELOW, sigma, 1.0)) + LEAST_ERROR
    error = error * np.where(together, np.sqrt(AS_ONE) / TOGETHER, 1)[..., None, None]
    return refine(rotations, translation, joints, error, view, body, covariance)


def exact_where_certain(rotations, translation, joints, sigma, twist, known, body):
    """The network's pose with the analytic one blended in as the joints' error goes to zero; where the twist is
    unknown, it is the network's."""
    error = metres_from_sigma(np.minimum(sigma, 0.99)).mean((-2, -1))
    share = np.clip(error / EXACT, 0, 1)[..., None, None]
    if (share >= 1).all():
        return rotations, translation
    network_twist = swing_and_twist(rotations, body)[1]
    exact = analytic_ik(joints, body, np.where(known[..., None] > 0, twist, network_twist))
    blended = (1 - share) * rot.sixd_from_matrix(exact) + share * rot.sixd_from_matrix(rotations)
    rotations = np.where(share[..., None] >= 1, rotations, rot.matrix_from_6d(blended))
    return rotations, np.where(
        share[..., 0] >= 1, translation, fit_translation(rotations, joints, sigma, body)
    )


def fit_translation(rotations, joints, sigma, body) -> np.ndarray:
    """(..., 3) metres: the translation that fits the body to the joints, certain joints with more weight."""
    error = metres_from_sigma(np.clip(sigma, 0, 1 - 1e-6))
    weights = 1 / ((2 * error[..., 0] ** 2 + error[..., 1] ** 2) / 3 + 1e-6)
    offsets = joints - forward_kinematics(rotations, body)[0]
    return (offsets * weights[..., None]).sum(-2) / weights.sum(-1)[..., None]
