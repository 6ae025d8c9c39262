"""BVH export: a T-pose with zero rotations at rest, metres, Y up."""

from __future__ import annotations

import os

import numpy as np

from ..body import rotation as rot
from ..body.skeleton import BONES, NUM_BONES, PARENTS
from ..files import writing
from ..motion.motion import Motion

_CHANNELS = "Zrotation Xrotation Yrotation"


def save_bvh(motion: Motion, path: str | os.PathLike) -> None:
    """Write ``motion`` as BVH: metres, Y up, bones named as in Blender, and position channels for the root only.

    Raises:
        NikiError: the path cannot be written.
    """
    offsets = motion.body.offsets.copy()
    offsets[0] = motion.rest_joints[0]
    lines = ["HIERARCHY", *_hierarchy(0, offsets, depth=0), "MOTION"]
    lines += [f"Frames: {len(motion)}", f"Frame Time: {1 / motion.mocap_framerate:.9f}"]
    # A BVH root's position channels replace its offset.
    root = motion.trans + motion.rest_joints[0]
    angles = np.degrees(_euler_zxy(motion.rotations))[:, _depth_first()]
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


def _euler_zxy(rotations: np.ndarray) -> np.ndarray:
    """(T, 24, 3) radians in the order of ``_CHANNELS``: a BVH's first rotation is the outermost."""
    return rot.continuous_eulers(rotations, "YXZ")[..., [2, 0, 1]]
