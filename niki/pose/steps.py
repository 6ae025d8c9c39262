"""One step of damped least squares, in the frames in which bones turn. Works on numpy arrays and torch tensors.

A step is 24 turns, each a rotation vector in a frame of its own: that of the bone's parent, and for the pelvis the
heading. A bone's new rotation in that frame is the turn's times the old one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..body import rotation as rot
from ..body.rotation import Array
from ..body.skeleton import ANCESTRY, KINDS, NUM_BONES, NUM_JOINTS

MOVES = (ANCESTRY - np.eye(NUM_JOINTS))[:, :NUM_BONES]
"""(29, 24): 1 where a bone moves a joint: those above it, not its own."""

_STIFFNESS = {  # degrees by which a bone readily turns, without a network
    "pelvis": 5, "hip": 8, "knee": 10, "ankle": 5, "foot": 3, "spine1": 3, "spine2": 3, "spine3": 3, "neck": 4,
    "head": 4, "collar": 3, "shoulder": 10, "elbow": 12, "wrist": 5, "hand": 0,
}  # fmt: skip
_STIFF = np.radians([_STIFFNESS[kind] for kind in KINDS[:NUM_BONES]])
_STIFF_TRANSLATION = 0.03  # metres: the whole body

_PIVOTS, _TINY = 100, 1e-10

_CROSS = np.zeros((3, 3, 3))  # v -> the matrix of a cross product from the right: M @ u = u x v
for _i, _j, _k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
    _CROSS[_i, _j, _k], _CROSS[_i, _k, _j] = 1, -1
_CROSS = _CROSS.reshape(3, 9)


def turn_derivatives(arms: Array, frames: Array) -> Array:
    """Derivatives of joints' positions with respect to turns.

    Args:
        arms: (..., K, 24, 3) metres from each bone's start to each joint; zero where the bone does not move it.
        frames: (..., 24, 3, 3) orientations of the frames that bones turn in.

    Returns:
        (..., K, 3, 24, 3)
    """
    across = (arms @ rot.cast_like(_CROSS, arms)).reshape(*arms.shape, 3)
    return rot.namespace(arms).swapaxes(across @ frames[..., None, :, :, :], -3, -2)


def turn_matrices(turns: Array) -> Array:
    """Rotation vectors (..., 3) -> matrices (..., 3, 3), in few calls and with a gradient at zero."""
    xp = rot.namespace(turns)
    squared = (turns * turns).sum(-1)[..., None, None] + (1e-16 if turns.itemsize == 8 else 1e-8)
    angle = xp.sqrt(squared)
    across = (turns @ rot.cast_like(-_CROSS, turns)).reshape(*turns.shape, 3)
    half = xp.sin(0.5 * angle) / angle
    return (
        rot.cast_like(np.eye(3), turns) + xp.sin(angle) / angle * across + 2 * half * half * (across @ across)
    )


def step_towards(
    residual: Array, rows: Array, errors: Array, spread: Array, moved: Array | None = None
) -> Array:
    """The step that a Kalman filter would take: bones turn as their covariance has it, targets are measurements.

    Args:
        residual: (..., n) what is missing to the targets. rows: (..., n, m) its derivatives with respect to a step.
        errors: (..., n) standard errors of the targets.
        spread: (..., n, m) ``rows`` times the covariance of a step.
        moved: (..., m) what has been moved from the prior, to which the step pulls back; None not to pull back.
    """
    xp = rot.namespace(rows)
    system = spread @ rot.transpose(rows)
    if xp is np and system.ndim == 2:
        system.flat[:: len(system) + 1] += errors * errors
    else:
        system = system + errors[..., None] ** 2 * rot.cast_like(np.eye(errors.shape[-1]), errors)
    if moved is not None:
        residual = residual + rot.apply(rows, moved)
    step = rot.apply(rot.transpose(spread), xp.linalg.solve(system, residual[..., None])[..., 0])
    return step if moved is None else step - moved


def bounded_step(
    residual: np.ndarray,
    rows: np.ndarray,
    errors: np.ndarray,
    spread: Callable[[np.ndarray], np.ndarray],
    bounds: tuple[np.ndarray, np.ndarray, np.ndarray],
    moved: np.ndarray | None = None,
) -> np.ndarray:
    """The step of :func:`step_towards`, within bounds. numpy.

    Which bounds act comes out of the step, so that it changes continuously with the pose and its targets. A bound that acted
    only once it is passed would make the pose jump.

    Args:
        residual, rows, errors, moved: as those of :func:`step_towards`.
        spread: rows (n, m) -> these times the covariance of a step.
        bounds: residual, rows and errors of further measurements, in which the step may give more than is missing.
    """
    back = 0.0 if moved is None else moved
    least, across, bound_errors = bounds
    near = spread(rows)
    system = near @ rows.T
    system.flat[:: len(system) + 1] += errors * errors
    missing = residual + rows @ moved if moved is not None else residual
    step = near.T @ np.linalg.solve(system, missing) - back
    short = least - across @ step
    if not (short > 0).any():
        return step
    far = spread(across)
    coupling = near @ across.T
    eased = np.linalg.solve(system, coupling)
    system = far @ across.T - coupling.T @ eased
    system.flat[:: len(system) + 1] += bound_errors * bound_errors
    pressure = pressing(system, short)
    return step + far.T @ pressure - near.T @ (eased @ pressure)


def pressing(system: np.ndarray, short: np.ndarray) -> np.ndarray:
    """(n,) x, not negative, for which ``system @ x`` is ``short`` where x is positive, and at least that elsewhere.

    By block principal pivoting (Júdice and Pires, Computers & Operations Research 21, 1994).

    Args:
        system: (n, n) symmetric and positive definite. short: (n,).
    """
    acting, fewest, patience = short > 0, len(short) + 1, 3
    x = np.zeros(len(short))
    for _ in range(_PIVOTS):
        x = np.zeros(len(short))
        k = np.flatnonzero(acting)
        x[k] = np.linalg.solve(system[np.ix_(k, k)], short[k])
        wrong = np.flatnonzero(np.where(acting, x, system @ x - short) < -_TINY)
        if not len(wrong):
            break
        if len(wrong) < fewest:
            fewest, patience = len(wrong), 3
        elif patience:
            patience -= 1
        else:
            wrong = wrong[-1:]
        acting[wrong] ^= True
    return np.maximum(x, 0)


def conditional_covariance(covariance: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Covariance (m, m) given that the values that are not ``free`` (m,) bool are zero, where it is zero. numpy."""
    result = np.zeros_like(covariance)
    rest = covariance[np.ix_(free, free)]
    fixed = ~free & (np.diagonal(covariance) > 0)
    if fixed.any():
        across = covariance[np.ix_(fixed, free)]
        rest = rest - across.T @ np.linalg.solve(covariance[np.ix_(fixed, fixed)], across)
    result[np.ix_(free, free)] = (rest + rest.T) / 2
    return result


def less_coupled(covariance: np.ndarray, part: np.ndarray, share: float) -> np.ndarray:
    """Covariance (m, m) in which a ``part`` (m,) bool goes along with the rest only by a ``share`` of what it did. numpy."""
    across = part[:, None] != part
    return np.where(across, share * covariance, covariance)


def usual_covariance() -> np.ndarray:
    """(75, 75) of a step without a network: each bone turns by itself."""
    return np.diag(np.repeat(np.append(_STIFF, _STIFF_TRANSLATION) ** 2, 3))
