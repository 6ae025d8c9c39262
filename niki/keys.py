"""As few keyframes as an error bound allows. numpy only."""

from __future__ import annotations

import numpy as np

from . import rotation as rot
from .kinematics import forward_kinematics
from .motion import Motion


def interpolated(motion: Motion, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What linear keys at frames ``keys`` (ascending, the motion's first and last among them) make of the
    motion, as Blender has it: quaternions component by component, then normalised.

    Returns:
        rotations (T, 24, 3, 3) and translation (T, 3).
    """
    frames = np.arange(len(motion))
    quaternions = rot.continuous_quaternions(rot.quaternion_from_matrix(motion.rotations[keys]))
    after = np.clip(np.searchsorted(keys, frames), 1, max(len(keys) - 1, 1)) if len(keys) > 1 else frames * 0
    before = np.maximum(after - 1, 0)
    span = np.maximum(keys[after] - keys[before], 1)
    t = ((frames - keys[before]) / span)[:, None]
    turned = (1 - t[..., None]) * quaternions[before] + t[..., None] * quaternions[after]
    place = (1 - t) * motion.trans[keys][before] + t * motion.trans[keys][after]
    return rot.matrix_from_quaternion(turned), place


def deviation(motion: Motion, keys: np.ndarray) -> np.ndarray:
    """(T,) metres by which linear keys at frames ``keys`` put the joint that is furthest off."""
    rotations, translation = interpolated(motion, keys)
    places = forward_kinematics(rotations, motion.body, translation)[0]
    return np.linalg.norm(places - motion.solved_joints(), axis=-1).max(1)


def reduced_keys(motion: Motion, bound: float) -> np.ndarray:
    """Frames to key for no joint to be off by more than ``bound`` metres at any frame: between the ends,
    the worst frames are added until none is worse (Ramer, 1972; Douglas and Peucker, 1973)."""
    last = len(motion) - 1
    keys = np.unique([0, last])
    while True:
        off = deviation(motion, keys)
        off[keys] = 0
        if off.max(initial=0) <= bound:
            return keys
        gaps = np.split(off, keys[1:-1]) if len(keys) > 2 else [off]
        starts = keys[:-1]
        worst = [s + int(g.argmax()) for s, g in zip(starts, gaps, strict=True) if g.max(initial=0) > bound]
        keys = np.union1d(keys, worst)
