"""Converts the locked channels of an armature to free directions for the solver."""

from __future__ import annotations

import bpy
import numpy as np

from ...niki.body.freedom import free_directions
from ...niki.body.rotation import euler_axes
from ...niki.body.skeleton import BONES, NUM_BONES
from .armature import rest_orientations
from .channels import as_quaternion, rotation_locks, rotation_property
from .root import root_pose
from .space import rotations_to_library, to_library

_ALL = np.eye(3)


def unlocked_directions(rig: bpy.types.Object) -> np.ndarray | None:
    """The directions that the rig's locks leave free, as :class:`niki.pose.posing.Poser` takes them.

    Returns:
        (25, 3, 3) projections: the rotations of the 24 bones, then the location of the pelvis. None if
        nothing is locked.
    """
    free = np.tile(_ALL, (NUM_BONES + 1, 1, 1))
    rest = np.swapaxes(to_library(np.swapaxes(rest_orientations(rig), 1, 2)), 1, 2)
    rest[0] = rotations_to_library(root_pose(rig)[0]) @ rest[0]
    for i, name in enumerate(BONES):
        bone = rig.pose.bones[name]
        if any(rotation_locks(bone)):
            free[i] = _free_rotations(bone, rest[i])
    pelvis = rig.pose.bones[BONES[0]]
    if any(pelvis.lock_location):
        free[NUM_BONES] = free_directions(rest[0], pelvis.lock_location)  # pyright: ignore[reportArgumentType]
    return None if (free == _ALL).all() else free


def _free_rotations(bone: bpy.types.PoseBone, rest: np.ndarray) -> np.ndarray:
    """(3, 3) the projection onto rotations that leave the locked channels unchanged.

    Args:
        rest: (3, 3) the bone's rest axes in library space, as columns.
    """
    locks, values = rotation_locks(bone), getattr(bone, rotation_property(bone))
    if len(locks) == 3:
        axes = euler_axes(np.array(values), bone.rotation_mode)
        return free_directions(rest @ axes, locks)  # pyright: ignore[reportArgumentType]
    w, x, y, z = as_quaternion(bone.rotation_mode, values)
    if all(locks) or bone.rotation_mode == "AXIS_ANGLE" or locks[0]:
        return np.zeros((3, 3))
    # How a quaternion's x, y and z change with small rotations about the rest axes.
    change = rest @ np.array([[w, -z, y], [z, w, -x], [-y, x, w]])
    locked_directions = free_directions(change, [not locked for locked in locks[1:]])  # pyright: ignore[reportArgumentType]
    return _ALL - locked_directions
