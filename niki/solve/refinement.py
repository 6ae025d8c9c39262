"""A few Gauss-Newton steps from a pose towards the observed joints: a maximum a posteriori estimate whose
prior is the pose. numpy."""

from __future__ import annotations

import numpy as np

from ..body import rotation as rot
from ..body.kinematics import forward_kinematics, joint_jacobian, parent_orientations, turn_bones
from ..body.skeleton import NUM_BONES, NUM_JOINTS, Bodies, Body

_DIAGONAL = np.arange(3 * NUM_BONES + 3)
_PLACE = _DIAGONAL[-3:]
_CHUNK = 32


def refine(
    rotations: np.ndarray,
    translation: np.ndarray,
    joints: np.ndarray,
    error: np.ndarray,
    view: np.ndarray,
    body: Body | Bodies,
    covariance: np.ndarray,
    steps: int = 3,
) -> tuple[np.ndarray, np.ndarray]:
    """Bring the joints of a pose nearer to the observed ones, as far as their errors and the pose allow.

    Minimises the squared distances of the joints in units of their standard errors, plus the
    squared angles by which bones turn, weighed by ``covariance``.

    Args:
        rotations: (..., 24, 3, 3) of the pose to start from, which is also the prior.
        translation: (..., 3) metres, of the same pose.
        joints: (..., 29, 3) metres, as observed.
        error: (..., 29, 2) metres: standard errors per axis, across and along ``view``; infinite for
            joints to ignore.
        view: (..., 3) unit direction of view, or zero.
        body: the proportions.
        covariance: (72, 72) radians squared: how bones readily turn away from the prior, about the axes of their parents,
            the pelvis about its own (:func:`independent_turns`).
        steps: number of Gauss-Newton steps.

    Returns:
        rotations (..., 24, 3, 3) and translation (..., 3), never NaN for finite input.
    """
    batch = joints.shape[:-2]
    translation = translation + body.pelvis
    flat = [
        np.broadcast_to(part, (*batch, *part.shape[len(part.shape) - keep :])).reshape(-1, *part.shape[part.ndim - keep :])
        for part, keep in ((rotations, 3), (translation, 1), (joints, 2), (error, 2), (view, 1))
    ]  # fmt: skip
    offsets = np.broadcast_to(body.offsets, (*batch, NUM_JOINTS, 3)).reshape(-1, NUM_JOINTS, 3)
    precision = np.zeros((3 * NUM_BONES + 3,) * 2)
    precision[:-3, :-3] = np.linalg.inv(covariance)
    precision[_PLACE, _PLACE] = 1e-4  # the body as a whole is free to move
    parts = []
    for start in range(0, len(offsets), _CHUNK):
        part = slice(start, start + _CHUNK)
        parts.append(
            _refine_chunk(
                *(values[part] for values in flat),
                bodies=Bodies(offsets[part]),
                precision=precision,
                steps=steps,
            )
        )
    rotations = np.concatenate([r for r, _ in parts]).reshape(*batch, NUM_BONES, 3, 3)
    return rotations, np.concatenate([t for _, t in parts]).reshape(*batch, 3) - body.pelvis


def independent_turns(stiffness: float) -> np.ndarray:
    """(72, 72) the covariance of bones that turn by themselves, each about any axis by so many radians."""
    return stiffness**2 * np.eye(3 * NUM_BONES)


def _refine_chunk(rotations, translation, joints, error, view, bodies, precision, steps):
    # In axes along the view, a joint's error is one number per axis.
    axes = rot.axes_along(view)
    rotations = np.concatenate([axes[:, None] @ rotations[:, :1], rotations[:, 1:]], 1)
    translation, joints = rot.apply(axes, translation), rot.apply(axes[:, None], joints)
    certainty = _certainty(error)
    count, pelvis = len(rotations), rotations[:, :1]
    world_axes = np.broadcast_to(np.eye(3), (count, 1, 3, 3))
    moved = np.zeros((count, 3 * NUM_BONES + 3))
    for _ in range(steps):
        positions, world = forward_kinematics(rotations, bodies, translation)
        parents = parent_orientations(world)
        frames = np.concatenate([pelvis, parents[:, 1:], world_axes], 1)  # (n, 25, 3, 3): what steps are in
        residual = (certainty * (joints - positions)).reshape(count, -1)
        rows = (certainty[..., None, None] * joint_jacobian(positions)).reshape(count, -1, NUM_BONES + 1, 3)
        rows = np.swapaxes(np.swapaxes(rows, 1, 2) @ frames, 1, 2).reshape(*residual.shape, -1)
        transposed = np.swapaxes(rows, 1, 2)
        normal = transposed @ rows + precision
        normal[:, _DIAGONAL, _DIAGONAL] += 1e-9
        gradient = rot.apply(transposed, residual) - moved @ precision
        step = np.linalg.solve(normal, gradient[..., None])[..., 0]
        moved = moved + step
        turns = rot.apply(frames, step.reshape(count, NUM_BONES + 1, 3))
        translation = translation + turns[:, -1]
        turns = rot.matrix_from_axis_angle(_limit_turns(turns[:, :-1]))
        rotations = rot.matrix_from_6d(rot.sixd_from_matrix(turn_bones(rotations, parents, turns)))
    back = rot.transpose(axes)
    rotations = np.concatenate([back[:, None] @ rotations[:, :1], rotations[:, 1:]], 1)
    return rotations, rot.apply(back, translation)


def _certainty(error):
    """(N, 29, 3): the inverse of the standard error, in axes along the view; zero for unknown joints."""
    with np.errstate(divide="ignore"):
        certainty = np.where(np.isinf(error), 0, 1 / np.maximum(error, 1e-9))
    return certainty[..., [0, 0, 1]]


def _limit_turns(turns, limit: float = 0.7):
    """The turns cut to ``limit`` radians, beyond which the linear model is wrong."""
    return turns * np.minimum(1, limit / np.maximum(rot.norm(turns), 1e-9))
