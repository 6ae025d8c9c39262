"""Forward kinematics and the analytic inverse by swing and twist (HybrIK, CVPR 2021, section 3).

Works on numpy and torch arrays, batched over leading dimensions. Rotations are parent-relative
matrices; positions are metres in library space or in any frame that shares its handedness. ``body``
is one :class:`Body` for the whole batch, or :class:`Bodies`, one each.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from . import rotation as rot
from .rotation import Array
from .skeleton import ANCESTRY, BONE_CHILD, NUM_BONES, NUM_JOINTS, PARENTS, TREE_ORDER, Bodies, Body

PELVIS, SPINE3 = 0, 9
# (29, 24): 1 where a bone moves a joint: those above it, not its own.
_MOVES = (ANCESTRY - np.eye(NUM_JOINTS))[:, :NUM_BONES]
_BONE_PARENTS = list(PARENTS[1:NUM_BONES])
_SEVERAL_CHILDREN = {j: [i for i, p in enumerate(PARENTS) if p == j] for j in (PELVIS, SPINE3)}


def forward_kinematics(
    rotations: Array, body: Body | Bodies, translation: Array | None = None
) -> tuple[Array, Array]:
    """Pose -> joint positions and the bones' orientations.

    >>> rest = np.tile(np.eye(3), (24, 1, 1))
    >>> positions, orientations = forward_kinematics(rest, Body.default())
    >>> np.allclose(positions, Body.default().rest_joints)
    True

    Args:
        rotations: (..., 24, 3, 3) parent-relative matrices.
        body: the proportions.
        translation: (..., 3) metres added to every joint, like AMASS's ``trans``; default zero, which
            leaves the pelvis at ``body.pelvis``.

    Returns:
        positions (..., 29, 3) in metres and world rotations (..., 24, 3, 3).
    """
    world = _world_rotations(rotations)
    limbs = rot.apply(world[..., list(PARENTS), :, :], rot.cast_like(body.offsets, rotations))
    start = rot.cast_like(body.pelvis, rotations)
    start = start if translation is None else start + translation
    return rot.cast_like(ANCESTRY, rotations) @ limbs + start[..., None, :], world


def _world_rotations(rotations):
    xp = rot.namespace(rotations)
    if xp is np and rotations.ndim == 3:  # one pose: calls cost more than products
        chain = [rotations[0]]
        for bone in range(1, NUM_BONES):
            chain.append(chain[PARENTS[bone]].dot(rotations[bone]))
        return np.array(chain)
    last, levels = rotations[..., :1, :, :], [rotations[..., :1, :, :]]
    for bones, parents in _LEVELS:
        last = last[..., parents, :, :] @ rotations[..., bones, :, :]
        levels.append(last)
    return xp.concatenate(levels, -3)[..., _POSITIONS_IN_LEVELS, :, :]


def _levels():
    """The bones level by level, so that a level is one array operation.

    Returns:
        for each level its bones and the indices of their parents in the level above; then each bone's
        index in the order of all levels.
    """
    last, levels, order = [0], [], [0]
    while len(order) < NUM_BONES:
        bones = [i for i in range(NUM_BONES) if i and PARENTS[i] in last]
        levels.append((bones, [last.index(PARENTS[i]) for i in bones]))
        last, order = bones, order + bones
    return levels, [order.index(i) for i in range(NUM_BONES)]


_LEVELS, _POSITIONS_IN_LEVELS = _levels()


def analytic_ik(
    joints: Array,
    body: Body | Bodies,
    twist: Array | None = None,
    hints: Array | None = None,
    rest_hints: Array | None = None,
) -> Array:
    """Joint positions -> pose by swing and twist, without iteration.

    The pelvis and the chest, which carry several bones, take the least-squares rotation of all of
    them. Every other bone takes the smallest swing onto its target direction, after a twist about
    itself. Joints of a skeleton with the body's own proportions are reproduced exactly, others in
    direction. A bone whose end points coincide or are NaN stays at rest relative to its parent.

    Args:
        joints: (..., 29, 3) metres.
        body: the proportions.
        twist: (..., 23, 2) cosine and sine of the twist about the bones of joints 1..23 (HybrIK's
            phi); default no twist.
        hints: (..., 24, 3) instead of ``twist``: the direction in which one side of each bone points;
            NaN where it is unknown, which gives no twist there.
        rest_hints: (24, 3) the directions of the same sides in the rest pose.

    Returns:
        parent-relative matrices (..., 24, 3, 3), always proper rotations without NaN.
    """
    xp = rot.namespace(joints)
    identity = rot.cast_like(np.eye(3), joints) + xp.zeros_like(_finite(joints[..., 0, :])[..., None])
    axes, offsets = rot.cast_like(body.bone_axes, joints), rot.cast_like(body.offsets, joints)
    if twist is not None:
        known = xp.isfinite(twist) & (rot.norm(xp.nan_to_num(twist)) > 0)
        twist = rot.normalize(xp.where(known, xp.nan_to_num(twist), rot.cast_like([1.0, 0.0], joints)))
    local, world = {}, {}
    for j in (0, *(i for i in TREE_ORDER if i < NUM_BONES)):
        parent = world[PARENTS[j]] if j else identity
        into_parent = rot.transpose(parent)
        swing = _aim(joints, j, axes[..., j, :], into_parent, identity)
        if j in _SEVERAL_CHILDREN:
            local[j] = _least_squares(joints, j, offsets, into_parent, swing)
        elif hints is not None:
            local[j] = _twist_towards(
                swing,
                axes[..., j, :],
                rot.cast_like(rest_hints[j], joints),  # pyright: ignore[reportOptionalSubscript]
                hints[..., j, :],
                into_parent,
            )
        elif twist is not None:
            local[j] = rot.compose_swing_twist(swing, axes[..., j, :], twist[..., j - 1, :])
        else:
            local[j] = swing
        world[j] = parent @ local[j]
    return xp.stack([local[j] for j in range(NUM_BONES)], -3)


def parent_orientations(world: np.ndarray) -> np.ndarray:
    """(..., 24, 3, 3): the orientation of each bone's parent in the world; the identity for the pelvis."""
    pelvis = np.broadcast_to(np.eye(3), world[..., :1, :, :].shape)
    return np.concatenate([pelvis, world[..., _BONE_PARENTS, :, :]], -3)


def turn_bones(rotations: np.ndarray, parents: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """Parent-relative rotations (..., 24, 3, 3) after each bone is turned about the world's axes. numpy.

    Args:
        rotations: (..., 24, 3, 3) parent-relative.
        parents: (..., 24, 3, 3) from :func:`parent_orientations`.
        turns: (..., 24, 3, 3) matrices about the world's axes.
    """
    return rot.transpose(parents) @ turns @ parents @ rotations


def joint_jacobian(positions: np.ndarray, joints: Sequence[int] | slice = slice(None)) -> np.ndarray:
    """Derivatives of joint positions with respect to turns of the bones and a move of the body. numpy.

    Args:
        positions: (..., 29, 3) of all joints, metres.
        joints: the K joints to differentiate; default all.

    Returns:
        (..., K, 3, 25, 3) for turns of the 24 bones about the world's axes and, last, for a move of the
        whole body.
    """
    chosen = positions[..., joints, :]
    arm = (chosen[..., None, :] - positions[..., None, :NUM_BONES, :]) * _MOVES[joints][..., None]
    rows = np.zeros((*chosen.shape, NUM_BONES + 1, 3))
    for row, (plus, minus) in enumerate(((1, 2), (2, 0), (0, 1))):  # of turn x arm
        rows[..., row, :NUM_BONES, plus] = arm[..., minus]
        rows[..., row, :NUM_BONES, minus] = -arm[..., plus]
        rows[..., row, NUM_BONES, row] = 1
    return rows


def swing_and_twist(rotations: Array, body: Body | Bodies) -> tuple[Array, Array]:
    """Pose -> swing (..., 24, 3, 3) and twist (..., 23, 2), cosine and sine, of joints 1..23 about their bones.

    The pelvis is not split: its swing is its rotation.
    """
    axes = rot.cast_like(body.bone_axes, rotations)
    swing, twist = rot.swing_twist(rotations[..., 1:, :, :], axes[..., 1:, :])
    swing = rot.namespace(rotations).concatenate([rotations[..., :1, :, :], swing], -3)
    return swing, twist


def _usable(v):
    """Whether each finite vector (..., 3) -> (..., 1) is long enough to have a direction."""
    return rot.norm(v) > 1e-6


def _finite(v):
    """``v`` with every vector that holds a NaN or infinity set to zero."""
    xp = rot.namespace(v)
    finite = xp.isfinite(v).all(-1)[..., None]
    return xp.where(finite, v, xp.zeros_like(v))


def _aim(joints, j, axis, into_parent, identity):
    target = _finite(joints[..., BONE_CHILD[j], :] - joints[..., j, :])
    xp = rot.namespace(joints)
    usable = _usable(target)
    direction = rot.normalize(xp.where(usable, rot.apply(into_parent, target), axis))
    return xp.where(usable[..., None], rot.swing_between(axis + 0 * direction, direction), identity)


def _least_squares(joints, j, offsets, into_parent, swing):
    xp = rot.namespace(joints)
    children = _SEVERAL_CHILDREN[j]
    targets = _finite(joints[..., children, :] - joints[..., [j], :])
    local = rot.apply(into_parent[..., None, :, :], targets)
    one = xp.ones_like(targets[..., :1])
    weights = xp.where(_usable(targets), one, 0 * one)[..., 0]
    fitted = rot.kabsch(offsets[..., children, :] + 0 * local, local, weights)
    enough = (weights.sum(-1) >= 2)[..., None, None]
    return xp.where(enough, fitted, swing)


def _twist_towards(swing, axis, rest_side, hint, into_parent):
    """The swing after the twist that brings ``rest_side`` of the bone as near to ``hint`` as possible."""
    xp = rot.namespace(swing)
    hint = _finite(hint)
    side = rot.normalize(rest_side - rot.dot(rest_side, axis) * axis)
    target = rot.apply(rot.transpose(swing), rot.apply(into_parent, hint))
    cos_sin = xp.concatenate([rot.dot(target, side), rot.dot(target, rot.cross(axis, side) + 0 * target)], -1)
    return rot.compose_swing_twist(swing, axis + 0 * target, rot.normalize(cos_sin, fallback=[1.0, 0.0]))
