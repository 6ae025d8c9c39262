"""``niki mocap``: what a collection holds, and how well it was carried over to our skeleton."""

from __future__ import annotations

import numpy as np

from ..kinematics import swing_and_twist
from ..skeleton import JOINTS, Body
from .mocap import RATE, Poses

_TWISTED = ("left_hip", "left_knee", "left_ankle", "neck", "left_shoulder", "left_elbow", "left_wrist")


def describe(poses: Poses) -> str:
    """Per source: clips, people, frames, residual, and the mean twist of some bones with its
    standard deviation, left and right (mirrored) side by side: where they differ much, or lie far
    from zero, a rest pose is wrong."""
    lines = []
    for source in sorted(set(poses.sources.tolist())):
        part = poses.of_clips(poses.sources == source)
        worst = np.nanmax(part.residual, axis=0)
        joint = int(np.nanargmax(worst))
        lines += [
            f"{source}: {len(part.names)} clips of {len(set(part.subjects.tolist()))} people,"
            f" {len(part):,} poses at {RATE:.0f} a second",
            f"  residual {np.nanmean(part.residual):.2f} mm on average, at most {worst[joint]:.1f} ({JOINTS[joint]})",
            "  twist in degrees, left and right: " + ", ".join(_twists(part)),
        ]
    return "\n".join(lines) + "\n"


def _twists(poses: Poses) -> list[str]:
    twist = swing_and_twist(poses.rotations[::5].astype(float), Body.default())[1]
    angles = np.degrees(np.arctan2(twist[..., 1], twist[..., 0]))
    words = []
    for name in _TWISTED:
        left = angles[:, JOINTS.index(name) - 1]
        text = f"{name.removeprefix('left_')} {left.mean():.0f} ± {left.std():.0f}"
        if name.startswith("left_"):
            right = -angles[:, JOINTS.index(name.replace("left", "right")) - 1]
            text += f" and {right.mean():.0f} ± {right.std():.0f}"
        words.append(text)
    return words
