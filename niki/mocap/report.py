"""``niki mocap``: the contents of a collection, and how well it was transferred to our skeleton."""

from __future__ import annotations

import numpy as np

from ..body import rotation as rot
from ..body.kinematics import forward_kinematics, swing_and_twist
from ..body.skeleton import JOINTS, Body
from .collection import RATE, Poses

_TWISTED = ("left_hip", "left_knee", "left_ankle", "neck", "left_shoulder", "left_elbow", "left_wrist")

LOW = 0.6
_BENT = np.radians(30.0)


def describe(poses: Poses) -> str:
    """For each source its clips, people, poses and residual, and the mean twist of some bones with its
    standard deviation, left and right (mirrored) side by side. Where these differ much, or are far from zero,
    a rest pose is wrong. Where knees do not bend backward, left and right are exchanged. Then how many poses are
    rare: the pelvis low (below LOW of its height when standing, over the lowest joint), or upside down."""
    lines = []
    for source in sorted(set(poses.sources.tolist())):
        part = poses.of_clips(poses.sources == source)
        worst = np.nan_to_num(part.residual).max(0)
        joint = int(worst.argmax())
        lines += [
            f"{source}: {len(part.names)} clips of {len(set(part.subjects.tolist()))} people,"
            f" {len(part):,} poses at {RATE:.0f} per second",
            f"  residual {np.nanmean(part.residual):.2f} mm on average, at most {worst[joint]:.1f} ({JOINTS[joint]})",
            "  twist in degrees, left and right: " + ", ".join(_twists(part)),
            f"  {_knees(part)}; pelvis low in {100 * is_low(part.rotations).mean():.1f} %, upside down in"
            f" {100 * is_upside_down(part.rotations).mean():.1f} %",
        ]
    training, held_out = poses.split()
    if len(training) and len(held_out):
        lines.append("held out, with the median angle per joint to the nearest training pose:")
        nearest = nearest_poses(held_out, training)
        for clip, name in enumerate(held_out.names):
            own = held_out.clip == clip
            lines.append(f"  {name}: {own.sum()} poses, {np.median(nearest[own]):.1f} degrees")
    return "\n".join(lines) + "\n"


def nearest_poses(poses: Poses, among: Poses) -> np.ndarray:
    """(N,) root mean square angle per joint, in degrees, from each pose to the nearest of ``among``, without
    the pelvis. Near zero where a recording is in both."""
    columns = [part.rotations[:, 1:].reshape(len(part), -1) for part in (poses, among)]
    squares = [(part**2).sum(1) for part in columns]
    least = np.full(len(poses), np.inf)
    for start in range(0, len(among), 4096):
        rows = slice(start, start + 4096)
        product = columns[0] @ columns[1][rows].T
        least = np.minimum(least, (squares[0][:, None] + squares[1][rows] - 2 * product).min(1))
    # The matrices of two rotations a small angle apart differ by that angle times the square root of two.
    return np.degrees(np.sqrt(np.maximum(least, 0) / 2 / (poses.rotations.shape[1] - 1)))


def is_low(rotations: np.ndarray) -> np.ndarray:
    """(...,) whether the pelvis of the poses (..., 24, 3, 3) is at less than LOW of its height when standing,
    over the lowest joint: sitting on the floor, squatting, lying."""
    body = Body.default()
    height = forward_kinematics(rotations, body)[0][..., 1]
    standing = body.rest_joints[0, 1] - body.rest_joints[:, 1].min()
    return height[..., 0] - height.min(-1) < LOW * standing


def is_upside_down(rotations: np.ndarray) -> np.ndarray:
    """(...,) whether the chest's up of the poses (..., 24, 3, 3) points down."""
    chest = forward_kinematics(rotations, Body.default())[1][..., JOINTS.index("spine3"), :, :]
    return chest[..., 1, 1] < 0


def _knees(poses: Poses) -> str:
    knees = poses.rotations[:, [JOINTS.index("left_knee"), JOINTS.index("right_knee")]]
    bent = knees[rot.angle_between(np.eye(3, dtype=np.float32), knees) > _BENT]
    if not len(bent):
        return "no bent knees"
    return f"{100 * (bent[:, 2, 1] > 0).mean():.0f} % of bent knees bend backward"


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
