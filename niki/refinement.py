"""A few Gauss-Newton steps from a pose towards what was seen: maximum a posteriori with the pose given
as prior. numpy."""

from __future__ import annotations

import numpy as np

from . import rotation as rot
from .kinematics import forward_kinematics
from .skeleton import ANCESTRY, NUM_BONES, NUM_JOINTS, PARENTS, Bodies, Body

# Bones whose turning moves a joint: those above it, not its own.
_MOVES = (ANCESTRY - np.eye(NUM_JOINTS))[:, :NUM_BONES]
_PARENTS = list(PARENTS[1:NUM_BONES])
_CHUNK = 256


def refine(rotations, translation, joints, error, view, body: Body | Bodies, stiffness, steps: int = 3):
    """Bring the joints of a pose nearer to the given ones, as far as their errors and the pose allow.

    Minimises the squared distances of the joints in units of their standard errors, plus the
    squared angles by which bones turn in units of ``stiffness``.

    Args:
        rotations: (..., 24, 3, 3), translation: (..., 3): where to start, and the prior.
        joints: (..., 29, 3) metres. error: (..., 29, 2) standard errors per axis in metres, across
            and along ``view`` (..., 3); infinite: the joint does not count.
        stiffness: (24,) radians.

    Returns:
        rotations and translation, never NaN for finite input.
    """
    batch = joints.shape[:-2]
    translation = translation + body.pelvis
    flat = [
        np.broadcast_to(part, (*batch, *part.shape[len(part.shape) - keep :])).reshape(-1, *part.shape[part.ndim - keep :])
        for part, keep in ((rotations, 3), (translation, 1), (joints, 2), (error, 2), (view, 1))
    ]  # fmt: skip
    offsets = np.broadcast_to(body.offsets, (*batch, NUM_JOINTS, 3)).reshape(-1, NUM_JOINTS, 3)
    done = []
    for start in range(0, len(offsets), _CHUNK):
        part = slice(start, start + _CHUNK)
        done.append(_refined(*(values[part] for values in flat), Bodies(offsets[part]), stiffness, steps))
    rotations = np.concatenate([r for r, _ in done]).reshape(*batch, NUM_BONES, 3, 3)
    return rotations, np.concatenate([t for _, t in done]).reshape(*batch, 3) - body.pelvis


def _refined(rotations, translation, joints, error, view, bodies, stiffness, steps):
    whitening = _whitening(error, view)
    stiff = np.repeat(1 / np.asarray(stiffness), 3)
    stiff = np.concatenate([stiff, np.full(3, 1e-2)])  # the body as a whole is free to move
    moved = np.zeros((len(rotations), 3 * NUM_BONES + 3))
    for _ in range(steps):
        placed, world = forward_kinematics(rotations, bodies, translation)
        residual = rot.apply(whitening, joints - placed).reshape(len(rotations), -1)
        jacobian = whitening[:, :, None] @ _derivative(placed)
        jacobian = np.concatenate(
            [np.swapaxes(jacobian, 2, 3).reshape(len(rotations), -1, 3 * NUM_BONES), whitening.reshape(len(rotations), -1, 3)],
            -1,
        )  # fmt: skip
        transposed = np.swapaxes(jacobian, 1, 2)
        normal = transposed @ jacobian + np.diag(stiff**2 + 1e-9)
        gradient = rot.apply(transposed, residual) - stiff**2 * moved
        step = np.linalg.solve(normal, gradient[..., None])[..., 0]
        moved = moved + step
        translation = translation + step[:, -3:]
        turns = rot.matrix_from_axis_angle(_limited(step[:, :-3].reshape(-1, NUM_BONES, 3)))
        above = np.concatenate([np.tile(np.eye(3), (len(world), 1, 1, 1)), world[:, _PARENTS]], 1)
        rotations = rot.matrix_from_6d(rot.sixd_from_matrix(rot.transpose(above) @ turns @ above @ rotations))
    return rotations, translation


def _whitening(error, view):
    """(N, 29, 3, 3): a joint's residual -> in units of its standard error; zero for unknown joints."""
    with np.errstate(divide="ignore"):
        across, along = (
            np.where(np.isinf(e), 0, 1 / np.maximum(e, 1e-9))[..., None, None]
            for e in (error[..., 0], error[..., 1])
        )
    through = (view[:, :, None] * view[:, None, :])[:, None]
    return across * (np.eye(3) - through) + along * through


def _derivative(placed):
    """(N, 29, 24, 3, 3): how each joint moves as each bone turns about the world's axes."""
    arm = (placed[:, :, None] - placed[:, None, :NUM_BONES]) * _MOVES[..., None]
    x, y, z = arm[..., 0], arm[..., 1], arm[..., 2]
    o = np.zeros_like(x)
    rows = [np.stack([o, z, -y], -1), np.stack([-z, o, x], -1), np.stack([y, -x, o], -1)]
    return np.stack(rows, -2)


def _limited(turns, limit: float = 0.7):
    """No bone turns further than ``limit`` radians in one step: beyond, the linear model is wrong."""
    return turns * np.minimum(1, limit / np.maximum(rot.norm(turns), 1e-9))
