"""Rotations of numpy arrays or torch tensors, batched over leading dimensions.

Conventions: matrices act on column vectors; quaternions are (w, x, y, z); angles are radians;
the 6D form (Zhou et al., CVPR 2019) is the first two columns of the matrix. "Swing" and "twist"
are relative to a bone: ``matrix = swing @ twist``, twist first about the bone at rest, then the
smallest rotation that takes the resting bone onto the posed one (Li et al., HybrIK, CVPR 2021,
section 3.2).
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

Array: TypeAlias = Any
"""A numpy array or a torch tensor. A function that takes one kind returns the same kind."""


def namespace(*arrays: Array) -> ModuleType:
    """The module, numpy or torch, whose functions work on ``arrays``."""
    torch = sys.modules.get("torch")
    if torch is not None and any(isinstance(a, torch.Tensor) for a in arrays):
        return torch
    return np


def cast_like(value: ArrayLike, reference: Array) -> Array:
    """``value`` as an array of the same namespace, dtype and device as ``reference``."""
    xp = namespace(reference)
    if xp is np:
        return np.asarray(value, dtype=reference.dtype)
    value = value if isinstance(value, xp.Tensor) else np.array(value)  # a copy: torch wants it writable
    return xp.as_tensor(value, dtype=reference.dtype, device=reference.device)


def dot(a: Array, b: Array) -> Array:
    """Inner product over the last axis, kept as an axis of length 1: (..., n) -> (..., 1)."""
    return (a * b).sum(-1)[..., None]


def norm(v: Array) -> Array:
    """Euclidean length over the last axis, kept as an axis of length 1: (..., n) -> (..., 1)."""
    return namespace(v).sqrt(dot(v, v))


def normalize(v: Array, fallback: ArrayLike | None = None) -> Array:
    """``v / |v|`` over the last axis; where |v| is zero, ``fallback`` (default: zero)."""
    xp = namespace(v)
    length = norm(v)
    tiny = length <= xp.finfo(v.dtype).tiny
    unit = v / xp.where(tiny, xp.ones_like(length), length)
    return unit if fallback is None else xp.where(tiny, cast_like(fallback, v), unit)


def cross(a: Array, b: Array) -> Array:
    """Cross product over the last axis, (..., 3) x (..., 3) -> (..., 3)."""
    xp = namespace(a, b)
    ax, ay, az = a[..., 0], a[..., 1], a[..., 2]
    bx, by, bz = b[..., 0], b[..., 1], b[..., 2]
    return xp.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], -1)


def any_perpendicular(v: Array) -> Array:
    """A unit vector perpendicular to unit ``v`` (..., 3); always the same one for the same ``v``."""
    xp = namespace(v)
    x_is_small = abs(v[..., :1]) < 0.6
    helper = xp.where(x_is_small, cast_like([1.0, 0.0, 0.0], v), cast_like([0.0, 1.0, 0.0], v))
    return normalize(cross(v, helper + xp.zeros_like(v)))


def axes_along(v: np.ndarray) -> np.ndarray:
    """(..., 3, 3) rotations that turn ``v`` (..., 3) into the third axis; of any kind where it is zero. numpy."""
    third = normalize(v, fallback=[0.0, 0.0, 1.0])
    first = any_perpendicular(third)
    return np.stack([first, cross(third, first), third], -2)


def transpose(matrix: Array) -> Array:
    """Swap the last two axes; for a rotation, its inverse."""
    return namespace(matrix).swapaxes(matrix, -1, -2)


def apply(matrix: Array, v: Array) -> Array:
    """Rotate vectors: (..., 3, 3), (..., 3) -> (..., 3)."""
    return (matrix @ v[..., None])[..., 0]


# Linear maps from flat values to flat matrices: one product each, where stacking would cost many calls.
_SKEW = np.zeros((3, 3, 3))
for _i, _j, _k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
    _SKEW[_i, _k, _j], _SKEW[_i, _j, _k] = 1, -1


def _skew(v):
    return (v @ cast_like(_SKEW.reshape(3, 9), v)).reshape(*v.shape[:-1], 3, 3)


def _identity_like(matrix):
    xp = namespace(matrix)
    return cast_like(np.eye(3), matrix) + xp.zeros_like(matrix)


def about_axis(axis: Array, cos_sin: Array) -> Array:
    """Rotation about unit ``axis`` (..., 3) by the angle with ``cos_sin`` (..., 2) -> (..., 3, 3)."""
    K = _skew(axis)
    c, s = cos_sin[..., 0][..., None, None], cos_sin[..., 1][..., None, None]
    return _identity_like(K) + s * K + (1 - c) * (K @ K)


# --- axis-angle, quaternion, 6D ---------------------------------------------------------------


def quaternion_from_axis_angle(v: Array) -> Array:
    """Rotation vector (..., 3) -> unit quaternion (..., 4)."""
    xp = namespace(v)
    half = norm(v) / 2
    small = half < 1e-6
    safe = xp.where(small, xp.ones_like(half), half)
    scale = xp.where(small, 0.5 - half * half / 12, xp.sin(safe) / (2 * safe))
    return xp.concatenate([xp.cos(half), v * scale], -1)


def axis_angle_from_quaternion(q: Array) -> Array:
    """Unit quaternion (..., 4) -> rotation vector (..., 3) with angle in [0, pi]."""
    xp = namespace(q)
    q = xp.where(q[..., :1] < 0, -q, q)
    vector, sine = q[..., 1:], norm(q[..., 1:])
    small = sine < 1e-6
    safe = xp.where(small, xp.ones_like(sine), sine)
    return vector * xp.where(small, 2 / q[..., :1], 2 * xp.arctan2(safe, q[..., :1]) / safe)


def _quaternion_products():
    """(16, 9): q qT, flat -> matrix less identity, flat; and (9, 16), (16,): matrix, flat -> 4 q qT, flat."""
    to_matrix, to_products = np.zeros((4, 4, 3, 3)), np.zeros((3, 3, 4, 4))
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        w, x, y, z = 0, i + 1, j + 1, k + 1
        to_matrix[y, y, i, i] = to_matrix[z, z, i, i] = -2
        to_matrix[x, y, i, j] = to_matrix[x, y, j, i] = 2
        to_matrix[w, z, i, j], to_matrix[w, z, j, i] = -2, 2
        to_products[i, i] += np.diag([1, *(1 if n == i else -1 for n in range(3))])
        to_products[k, j, w, x] = to_products[k, j, x, w] = 1
        to_products[j, k, w, x] = to_products[j, k, x, w] = -1
        for place in ((i, j), (j, i)):
            to_products[(*place, x, y)] = to_products[(*place, y, x)] = 1
    return to_matrix.reshape(16, 9), to_products.reshape(9, 16)


_TO_MATRIX, _TO_PRODUCTS = _quaternion_products()


def matrix_from_quaternion(q: Array) -> Array:
    """Quaternion (..., 4), of any length -> matrix (..., 3, 3)."""
    q = normalize(q)
    products = (q[..., :, None] * q[..., None, :]).reshape(*q.shape[:-1], 16)
    flat = products @ cast_like(_TO_MATRIX, q) + cast_like(np.eye(3).ravel(), q)
    return flat.reshape(*q.shape[:-1], 3, 3)


def quaternion_from_matrix(m: Array) -> Array:
    """Matrix (..., 3, 3) -> unit quaternion (..., 4) with w >= 0, accurate at every angle.

    Each of the four components is a square root of a sum that may vanish; all four rows of
    ``4 q qᵀ`` are formed and the one with the largest diagonal is kept.
    """
    xp = namespace(m)
    batch = m.shape[:-2]
    rows = m.reshape(*batch, 9) @ cast_like(_TO_PRODUCTS, m) + cast_like(np.eye(4).ravel(), m)
    rows = rows.reshape(*batch, 4, 4)
    best = xp.argmax(rows[..., [0, 1, 2, 3], [0, 1, 2, 3]], -1)[..., None]
    chosen = best == xp.arange(4, **({} if xp is np else {"device": m.device}))
    q = xp.where(chosen[..., None], rows, xp.zeros_like(rows)).sum(-2)
    return normalize(xp.where(q[..., :1] < 0, -q, q))


def matrix_from_axis_angle(v: Array) -> Array:
    """Rotation vector (..., 3) in radians -> matrix (..., 3, 3).

    >>> np.round(matrix_from_axis_angle(np.array([0, 0, np.pi / 2])) @ [1, 0, 0])
    array([0., 1., 0.])
    """
    return matrix_from_quaternion(quaternion_from_axis_angle(v))


def axis_angle_from_matrix(m: Array) -> Array:
    """Matrix (..., 3, 3) -> rotation vector (..., 3) with angle in [0, pi]."""
    return axis_angle_from_quaternion(quaternion_from_matrix(m))


def rotation_vector_jacobian(v: np.ndarray) -> np.ndarray:
    """Derivative of a rotation vector (..., 3) with respect to a small turn about the fixed axes:
    (..., 3, 3), for vectors shorter than a full turn. numpy."""
    half = norm(v)[..., None] / 2
    small = half < 1e-3
    safe = np.where(small, 1.0, half)
    share = np.where(small, 1 / 12, (1 - safe / np.tan(safe)) / (4 * safe * safe))
    K = _skew(v)
    return np.eye(3) - K / 2 + share * (K @ K)


def matrix_from_6d(x: Array) -> Array:
    """First two columns, (..., 6), made orthonormal -> matrix (..., 3, 3)."""
    xp = namespace(x)
    a = normalize(x[..., :3])
    b = x[..., 3:]
    b = normalize(b - dot(a, b) * a)
    return xp.stack([a, b, cross(a, b)], -1)


def sixd_from_matrix(m: Array) -> Array:
    """Matrix (..., 3, 3) -> its first two columns (..., 6)."""
    return namespace(m).concatenate([m[..., :, 0], m[..., :, 1]], -1)


def continuous_quaternions(q: Array) -> Array:
    """Flip signs along the first axis (time) so that neighbours lie on one hemisphere.

    (T, ..., 4) -> (T, ..., 4), the same rotations; interpolation then takes the short way.
    """
    xp = namespace(q)
    agree = (q[1:] * q[:-1]).sum(-1)[..., None]
    flips = xp.where(agree < 0, -xp.ones_like(agree), xp.ones_like(agree))
    signs = xp.concatenate([xp.ones_like(q[:1, ..., :1]), xp.cumprod(flips, 0)], 0)
    return q * signs


def matrix_from_euler(angles: np.ndarray, order: str) -> np.ndarray:
    """Euler angles about x, y and z (..., 3), stored in that order whatever ``order`` is -> (..., 3, 3).

    As in Blender, "XYZ" turns about x first, then y, then z, all of them fixed axes. numpy.

    >>> np.allclose(matrix_from_euler(np.radians([90.0, 0, 90]), "XYZ") @ [0, 1, 0], [0, 0, 1])
    True
    """
    turns = [
        matrix_from_axis_angle(angles[..., "XYZ".index(a), None] * np.eye(3)["XYZ".index(a)]) for a in order
    ]
    return turns[2] @ turns[1] @ turns[0]


def euler_axes(angles: np.ndarray, order: str) -> np.ndarray:
    """The axes that a rotation's three Euler angles turn it about, in the frame outside the rotation.

    Angles (..., 3) -> (..., 3, 3), whose columns belong to x, y and z. numpy.
    """
    i, j, k = ("XYZ".index(axis) for axis in order)
    last = matrix_from_axis_angle(angles[..., k, None] * np.eye(3)[k])
    middle = last @ matrix_from_axis_angle(angles[..., j, None] * np.eye(3)[j])
    axes = np.zeros((*angles.shape[:-1], 3, 3))
    axes[..., i], axes[..., j], axes[..., k] = middle[..., i], last[..., j], np.eye(3)[k]
    return axes


def continuous_eulers(m: np.ndarray, order: str) -> np.ndarray:
    """Euler angles without jumps from frame to frame, as Blender's ``to_euler(order, compatible)`` picks them.

    Every rotation has two triples of angles, and each angle may have full turns added. Each frame takes
    the angles nearest to those of the frame before; the first takes the smallest. In gimbal lock, where
    only the sum or the difference of the first and last angle counts, the last angle stays as it was.

    Args:
        m: (T, ..., 3, 3) rotation matrices of consecutive frames. numpy.
        order: "XYZ" and so on, as :func:`matrix_from_euler` takes it.

    Returns:
        (T, ..., 3) radians about x, y and z.
    """
    i, j, k = ("XYZ".index(axis) for axis in order)
    triple = _principal_eulers(m, i, j, k)
    other = triple * [1, -1, 1] + np.pi

    def distance(difference):
        return np.abs(difference - _full_turns(difference)).sum(-1)

    # Which of the two a frame takes depends on the frame before only through this: does it change over?
    begins = distance(other[:1]) < distance(triple[:1])
    changes = distance(other[1:] - triple[:-1]) < distance(triple[1:] - triple[:-1])
    takes_other = np.cumsum(np.concatenate([begins, changes]), 0) % 2 == 1
    angles = np.where(takes_other[..., None], other, triple)
    angles = angles + np.cumsum(_full_turns(-np.diff(angles, axis=0, prepend=0)), 0)
    result = np.empty_like(angles)
    result[..., [i, j, k]] = angles + 0.0  # no zero with a minus
    return result


def _principal_eulers(m, i: int, j: int, k: int):
    """(T, ..., 3) angles about the axes i, j and k, that about j within a right angle."""
    sign = 1.0 if (j - i) % 3 == 1 else -1.0
    sine, cosine = -m[..., k, i], np.hypot(m[..., i, i], m[..., j, i])
    angles = sign * np.stack(
        [
            np.arctan2(m[..., k, j], m[..., k, k]),
            np.arctan2(sine, cosine),
            np.arctan2(m[..., j, i], m[..., i, i]),
        ],
        -1,
    )
    locked = cosine < 1e-7
    if locked.any():
        first = sign * np.arctan2(-m[..., j, k], m[..., j, j])  # the first angle if the last were zero
        for t in np.flatnonzero(locked.reshape(len(m), -1).any(1)):
            last = angles[t - 1, ..., 2] if t else np.zeros_like(first[0])
            kept = np.stack([first[t] + np.sign(sine[t]) * last, angles[t, ..., 1], last], -1)
            angles[t] = np.where(locked[t, ..., None], kept, angles[t])
    return angles


def _full_turns(angle):
    """``angle`` rounded to full turns."""
    return 2 * np.pi * np.round(angle / (2 * np.pi))


def continuous_axis_angles(q: np.ndarray) -> np.ndarray:
    """Angle and unit axis without jumps: the axis does not flip and the angle does not wrap between frames.

    Unit quaternions (T, ..., 4) -> (T, ..., 4), the angle in radians first. Frames without rotation
    take the axis of the frame before, or of the first that has one. numpy.
    """
    vectors = axis_angle_from_quaternion(q)
    angle = norm(vectors)[..., 0]
    known = angle > 1e-7
    frames = np.arange(len(q)).reshape(-1, *[1] * (known.ndim - 1))
    source = np.maximum.accumulate(np.where(known, frames, -1), 0)
    source = np.where(source < 0, known.argmax(0), source)  # before the first
    axes = normalize(vectors, fallback=[0.0, 1.0, 0.0])
    axes = np.take_along_axis(axes, np.broadcast_to(source[..., None], axes.shape), 0)
    upright = continuous_quaternions(axes)
    angle = np.where(dot(axes, upright)[..., 0] < 0, -angle, angle)
    return np.concatenate([np.unwrap(angle, axis=0)[..., None], upright], -1)


def slerp(q0: Array, q1: Array, t: Array) -> Array:
    """Spherical linear interpolation of unit quaternions (..., 4), the short way; t (..., 1) in [0, 1]."""
    xp = namespace(q0, q1)
    cosine = dot(q0, q1)
    q1 = xp.where(cosine < 0, -q1, q1)
    cosine = xp.clip(abs(cosine), 0.0, 1.0)
    angle = xp.arccos(cosine)
    near = angle < 1e-4
    sine = xp.where(near, xp.ones_like(angle), xp.sin(angle))
    w0 = xp.where(near, 1 - t, xp.sin((1 - t) * angle) / sine)
    w1 = xp.where(near, t + 0 * angle, xp.sin(t * angle) / sine)
    return normalize(w0 * q0 + w1 * q1)


def angle_between(a: Array, b: Array) -> Array:
    """Geodesic angle between two rotations, (..., 3, 3) x 2 -> (...) in [0, pi]."""
    xp = namespace(a, b)
    q = quaternion_from_matrix(transpose(a) @ b)
    return 2 * xp.arctan2(norm(q[..., 1:])[..., 0], q[..., 0])


# --- swing and twist --------------------------------------------------------------------------


def swing_between(u: Array, v: Array) -> Array:
    """The smallest rotation that takes unit ``u`` to unit ``v``: (..., 3) x 2 -> (..., 3, 3).

    It is the product of two half turns, about ``u`` and about the bisector of ``u`` and ``v``.
    Past a right angle the bisector is taken perpendicular to ``u - v``, which keeps it accurate to
    the last digits; at 180 degrees, where no swing is smallest, a fixed perpendicular stands in.
    """
    xp = namespace(u, v)
    total, difference = u + v, normalize(u - v)
    bisector = xp.where(dot(u, v) > 0, total, total - dot(total, difference) * difference)
    antiparallel = dot(bisector, bisector) < (8 * xp.finfo(u.dtype).eps) ** 2
    bisector = xp.where(antiparallel, any_perpendicular(u), normalize(bisector))
    half_turn = 2 * bisector[..., :, None] * bisector[..., None, :]
    half_turn = half_turn - cast_like(np.eye(3), u)
    return half_turn @ (2 * u[..., :, None] * u[..., None, :] - cast_like(np.eye(3), u))


def swing_twist(matrix: Array, axis: Array) -> tuple[Array, Array]:
    """Split a rotation about a bone: ``matrix = swing @ about_axis(axis, twist)``.

    Args:
        matrix: rotations (..., 3, 3).
        axis: unit direction of the bone at rest (..., 3).

    Returns:
        swing (..., 3, 3) and twist (..., 2), the cosine and sine of the angle about ``axis``.
        Defined everywhere; where the swing is 180 degrees its plane is a fixed choice and the
        pair still composes to ``matrix``.
    """
    xp = namespace(matrix)
    axis = axis + xp.zeros_like(matrix[..., 0])
    swing = swing_between(axis, normalize(apply(matrix, axis)))
    rest = transpose(swing) @ matrix
    side = any_perpendicular(axis)
    twisted = apply(rest, side)
    twist = xp.concatenate([dot(twisted, side), dot(twisted, cross(axis, side))], -1)
    return swing, normalize(twist)


def compose_swing_twist(swing: Array, axis: Array, twist: Array) -> Array:
    """Inverse of :func:`swing_twist`: (..., 3, 3), (..., 3), (..., 2) -> (..., 3, 3)."""
    return swing @ about_axis(axis, twist)


def kabsch(source: Array, target: Array, weights: Array | None = None) -> Array:
    """The rotation R that minimizes ``sum_k w_k |R source_k - target_k|²`` (Kabsch, 1976).

    Args:
        source, target: (..., K, 3). weights: (..., K), default 1.

    Returns:
        (..., 3, 3), always a proper rotation, also for collinear and mirrored points.
    """
    xp = namespace(source, target)
    if weights is not None:
        source = source * weights[..., None]
    U, _, Vt = xp.linalg.svd(transpose(source) @ target)
    V, Ut = transpose(Vt), transpose(U)
    sign = xp.linalg.det(V @ Ut)
    sign = xp.where(sign < 0, -xp.ones_like(sign), xp.ones_like(sign))
    V = xp.concatenate([V[..., :2], V[..., 2:] * sign[..., None, None]], -1)
    return V @ Ut
