"""A limb of two bones, put where its end is to be. numpy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..body import rotation as rot
from ..body.skeleton import JOINTS, PARENTS
from .blending import faded

FADE = 0.2
"""Seconds in which what was changed fades before and after a contact."""
_STRAIGHT = 0.99  # of the limb's length: further it does not stretch, unless it did before
_SLIGHTLY = 0.01  # how much the usual axis counts beside the one about which the limb is bent


@dataclass(frozen=True)
class Limb:
    """A leg or an arm.

    Attributes:
        upper, lower: the bones that turn, which are the joints at their heads. end: the joint that is put somewhere, and the
            bone of the foot or hand. tip: the bone after it, of the toes or fingers.
        bends: (3,) the axis about which it bends where it is straight, in the upper bone's axes at rest.
    """

    upper: int
    lower: int
    end: int
    tip: int
    bends: tuple[float, float, float]


def _limb(*names: str, bends: tuple[float, float, float]) -> Limb:
    return Limb(*map(JOINTS.index, names), bends=bends)


LEGS = tuple(
    _limb(f"{side}_hip", f"{side}_knee", f"{side}_ankle", f"{side}_foot", bends=(1.0, 0.0, 0.0))
    for side in ("left", "right")
)
ARMS = tuple(
    _limb(f"{side}_shoulder", f"{side}_elbow", f"{side}_wrist", f"{side}_hand", bends=(0.0, down, 0.0))
    for side, down in (("left", -1.0), ("right", 1.0))
)


def reach(joints: np.ndarray, limb: Limb) -> np.ndarray:
    """(T,) metres that the limb spans at most: almost straight, or as far as it was.

    Args:
        joints: (T, 29, 3) metres.
    """
    start, middle, end = (joints[:, joint] for joint in (limb.upper, limb.lower, limb.end))
    length = np.linalg.norm(middle - start, axis=-1) + np.linalg.norm(end - middle, axis=-1)
    return np.maximum(
        _STRAIGHT * length, np.minimum(np.linalg.norm(end - start, axis=-1), length * (1 - 1e-9))
    )


def place_limb(
    rotations: np.ndarray,
    joints: np.ndarray,
    world: np.ndarray,
    limb: Limb,
    place: np.ndarray,
    end: np.ndarray,
    tip: np.ndarray,
) -> None:
    """Turn the bones of one limb so that its end is where it is to be, or as near as it reaches. It stays in the plane in
    which it is bent.

    Args:
        rotations: (T, 24, 3, 3) parent-relative; changed in place. joints: (T, 29, 3) metres, of them, like world
            (T, 24, 3, 3), the orientations of the bones.
        place: (T, 3) metres, of the end. end, tip: (T, 3, 3) how its bone and the one after it are to be turned, in the world.
    """
    start, middle, old = (joints[:, joint] for joint in (limb.upper, limb.lower, limb.end))
    thigh, shin = middle - start, old - middle
    upper, lower = (np.linalg.norm(bone, axis=-1, keepdims=True) for bone in (thigh, shin))
    before, after = rot.normalize(old - start), rot.normalize(place - start)
    axis = rot.cross(rot.normalize(thigh), rot.normalize(shin))
    axis = axis + _SLIGHTLY * rot.apply(world[:, limb.upper], np.array(limb.bends))
    axis = rot.normalize(axis - rot.dot(axis, before) * before)
    turned = rot.apply(rot.swing_between(before, after), axis)
    shortest = np.abs(upper - lower) + 1e-4
    length = np.clip(
        np.linalg.norm(place - start, axis=-1, keepdims=True), shortest, reach(joints, limb)[:, None]
    )
    cosine = np.clip((upper**2 + length**2 - lower**2) / (2 * upper * length), -1, 1)
    forward = rot.cross(after, turned)
    new_thigh = upper * (cosine * after + np.sqrt(1 - cosine**2) * forward)
    new_shin = length * after - new_thigh
    parent = world[:, PARENTS[limb.upper]]
    upper_world = _frame(new_thigh, turned) @ rot.transpose(_frame(thigh, axis)) @ world[:, limb.upper]
    lower_world = _frame(new_shin, turned) @ rot.transpose(_frame(shin, axis)) @ world[:, limb.lower]
    rotations[:, limb.upper] = rot.transpose(parent) @ upper_world
    rotations[:, limb.lower] = rot.transpose(upper_world) @ lower_world
    rotations[:, limb.end] = rot.transpose(lower_world) @ end
    rotations[:, limb.tip] = rot.transpose(end) @ tip


def towards(turned: np.ndarray, wanted: np.ndarray, on: np.ndarray, fade: int) -> np.ndarray:
    """(T, 3, 3): ``wanted`` where ``on`` (T,); from there, back to ``turned`` within ``fade`` frames."""
    change = rot.axis_angle_from_matrix(wanted @ rot.transpose(turned))
    return rot.matrix_from_axis_angle(faded(change, on, fade)) @ turned


def _frame(along, axis):
    """(T, 3, 3) an orthonormal frame: along the bone, and about the axis of bending."""
    along = rot.normalize(along)
    axis = rot.normalize(axis - rot.dot(axis, along) * along)
    return np.stack([along, axis, rot.cross(along, axis)], -1)
