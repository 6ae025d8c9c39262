"""Windows of motion as a camera sees them: what networks that see time are trained and measured on. numpy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..body import rotation as rot
from ..body.kinematics import forward_kinematics
from ..body.skeleton import Bodies
from ..mocap.collection import Poses
from .front_end import WINDOW, random_cameras

_BROKEN = np.radians(60)  # further no bone turns in one frame: frames are missing there, or wrong
_NEAREST = 1.0  # metres from the camera to the nearest joint; nearer people step back


@dataclass(eq=False)
class Windows:
    """N windows of T frames, in camera space: metres, x right, y down, z forward.

    Attributes:
        rotations: (N, T, 24, 3, 3) true, the pelvis's from the body to camera axes.
        joints: (N, T, 29, 3) true. offsets: (N, 29, 3) the people's proportions.
        pitch: (N,) radians by which the camera looks down. up: (N, 3) unit.
    """

    rotations: np.ndarray
    joints: np.ndarray
    offsets: np.ndarray
    pitch: np.ndarray
    up: np.ndarray

    def __len__(self) -> int:
        return len(self.joints)


class Clips:
    """Recorded poses, from which windows are cut.

    Args:
        poses: of whole clips, in order.
        length: frames of a window.
    """

    def __init__(self, poses: Poses, length: int = WINDOW):
        self._rotations, self.length = poses.rotations, length
        count = max(0, len(poses) - length + 1)
        turned = rot.angle_between(poses.rotations[:-1], poses.rotations[1:]).max(1)
        broken = np.concatenate([[0], np.cumsum(turned > _BROKEN)])
        whole = (poses.clip[:count] == poses.clip[length - 1 :][:count]) & (
            broken[:count] == broken[length - 1 :][:count]
        )
        self.starts: np.ndarray = np.flatnonzero(whole)
        """The first frames of all windows that lie within one clip."""
        self._offsets = Bodies.from_bone_lengths(poses.lengths).offsets.astype(np.float32)
        self._clip = poses.clip

    def rotations(self, starts: np.ndarray) -> np.ndarray:
        """(N, T, 24, 3, 3) the windows that start at the frames ``starts`` (N,)."""
        return self._rotations[np.asarray(starts)[:, None] + np.arange(self.length)]

    def offsets(self, starts: np.ndarray) -> np.ndarray:
        """(N, 29, 3) the proportions of the people in them."""
        return self._offsets[self._clip[starts]]

    def spread(self, count: int) -> np.ndarray:
        """``count`` starts, evenly over all windows."""
        picked = np.linspace(0, len(self.starts) - 1, min(count, len(self.starts)))
        return self.starts[picked.round().astype(int)]


def seen_by_cameras(rng: np.random.Generator, rotations: np.ndarray, offsets: np.ndarray) -> Windows:
    """People who walk on the ground, each before a camera of its own.

    Args:
        rotations: (N, T, 24, 3, 3) in library axes: Y up. offsets: (N, 29, 3) their proportions.
    """
    count = len(rotations)
    facing = np.zeros((count, 3), np.float32)
    facing[:, 1] = 2 * np.pi * rng.random(count)
    rotations = rotations.astype(np.float32)
    rotations[:, :, 0] = rot.matrix_from_axis_angle(facing)[:, None] @ rotations[:, :, 0]
    joints = forward_kinematics(rotations, Bodies(offsets[:, None].astype(np.float32)))[0]
    joints = joints + _walked(joints)[:, :, None]
    turn, pitch, place = (part.astype(np.float32) for part in random_cameras(rng, count))
    middle = joints[:, :, 0].mean(1)
    joints = (joints - middle[:, None, None]) @ rot.transpose(turn)[:, None] + place[:, None, None]
    joints[..., 2] += np.maximum(0, _NEAREST - joints[..., 2].min((1, 2)))[:, None, None]
    rotations[:, :, 0] = turn[:, None] @ rotations[:, :, 0]
    return Windows(rotations, joints, offsets, pitch, turn[:, :, 1])


def _walked(joints):
    """(N, T, 3) where the body is so that its lowest joint stays where it is, on the ground."""
    lowest = joints[..., 1].argmin(-1)[..., None, None]
    below = np.take_along_axis(joints, lowest, 2)[:, :, 0]
    next_ = np.take_along_axis(joints[:, 1:], lowest[:, :-1], 2)[:, :, 0]
    step = below[:, :-1] - next_
    place = np.concatenate([np.zeros_like(step[:, :1]), np.cumsum(step, 1)], 1)
    place[..., 1] = -below[..., 1]
    return place
