"""BVH export: a T-pose with zero rotations at rest, metres, Y up."""

from __future__ import annotations

import os

import numpy as np

from ..body.skeleton import BONES, NUM_BONES, PARENTS
from ..files import writing
from ..motion.motion import Motion

_CHANNELS = "Zrotation Xrotation Yrotation"


def save_bvh(motion: Motion, path: str | os.PathLike) -> None:
    """Write ``motion`` as BVH: bones named as in Blender, root with six channels.

    Raises:
        NikiError: the path cannot be written.
    """
    offsets = motion.body.offsets.copy()
    offsets[0] = motion.rest_joints[0]
    lines = ["HIERARCHY", *_hierarchy(0, offsets, depth=0), "MOTION"]
    lines += [f"Frames: {len(motion)}", f"Frame Time: {1 / motion.mocap_framerate:.9f}"]
    # A BVH root's position channels replace its offset.
    root = motion.trans + motion.rest_joints[0]
    angles = np.degrees(_continuous(_euler_zxy(motion.rotations)))[:, _depth_first()]
    table = np.concatenate([root, angles.reshape(len(motion), -1)], axis=1)
    lines += [" ".join(f"{v:.6f}" for v in row) for row in table]
    with writing(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n")


def _children(j: int) -> list[int]:
    return [i for i, parent in enumerate(PARENTS) if parent == j]


def _depth_first(j: int = 0) -> list[int]:
    return [j] + [k for c in _children(j) if c < NUM_BONES for k in _depth_first(c)]


def _hierarchy(j: int, offsets: np.ndarray, depth: int) -> list[str]:
    pad = "\t" * depth
    offset = " ".join(f"{v:.6f}" for v in offsets[j])
    if j >= NUM_BONES:
        return [f"{pad}End Site", f"{pad}{{", f"{pad}\tOFFSET {offset}", f"{pad}}}"]
    kind = "JOINT" if j else "ROOT"
    channels = f"CHANNELS 3 {_CHANNELS}"
    if j == 0:
        channels = f"CHANNELS 6 Xposition Yposition Zposition {_CHANNELS}"
    lines = [f"{pad}{kind} {BONES[j]}", f"{pad}{{", f"{pad}\tOFFSET {offset}", f"{pad}\t{channels}"]
    for child in _children(j):
        lines += _hierarchy(child, offsets, depth + 1)
    return [*lines, f"{pad}}}"]


def _euler_zxy(m: np.ndarray) -> np.ndarray:
    """Angles (T, ..., 3) with m = Rz(a) Rx(b) Ry(c). At |b| = 90 degrees, where only a and c together
    count, c stays what it was in the frame before (0 in the first)."""
    b = np.arcsin(np.clip(m[..., 2, 1], -1, 1))
    locked = np.abs(m[..., 2, 1]) > 1 - 1e-12
    a = np.where(locked, np.arctan2(m[..., 1, 0], m[..., 0, 0]), np.arctan2(-m[..., 0, 1], m[..., 1, 1]))
    c = np.where(locked, 0.0, np.arctan2(-m[..., 2, 0], m[..., 2, 2]))
    for t in np.flatnonzero(locked.reshape(len(m), -1).any(1)):
        before = np.where(locked[t], c[max(t - 1, 0)], 0.0)
        a[t] -= np.where(locked[t], np.sign(b[t]) * before, 0.0)
        c[t] += before
    return np.stack([a, b, c], -1)


def _continuous(angles: np.ndarray) -> np.ndarray:
    """The same rotations (T, ..., 3) in angles that never jump: a curve between two frames turns a bone
    the short way. There are two triples for each rotation, (a, b, c) and (a + 180, 180 - b, c + 180), and
    any number of full turns more; each frame takes those that are nearest to the frame before."""

    def apart(x, y):
        return np.abs(np.remainder(x - y + np.pi, 2 * np.pi) - np.pi).sum(-1)

    other = angles * [1, -1, 1] + np.pi
    changes = apart(other[1:], angles[:-1]) < apart(angles[1:], angles[:-1])
    # Which of the two a frame takes depends on the frame before only through this: has it changed?
    second = np.cumsum(changes, axis=0) % 2 == 1
    second = np.concatenate([np.zeros((1, *angles.shape[1:-1]), bool), second])
    return np.unwrap(np.where(second[..., None], other, angles), axis=0)
