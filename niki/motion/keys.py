"""A motion as the channels that Blender keyframes, and what it plays between linear keys. numpy only."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from ..body import rotation as rot
from ..body.kinematics import forward_kinematics
from ..body.skeleton import NUM_BONES
from ..errors import NikiError
from .channels import channel_values, rotations_from_channels
from .motion import Motion


class KeyedMotion:
    """A motion as the channels that Blender keyframes, and its linear interpolation from some of its frames.

    Args:
        motion: the motion.
        modes: the rotation mode of each of the 24 bones, from :data:`niki.motion.channels.MODES`; default
            quaternions.
        axes: (24, 3, 3) whose columns are each bone's x, y and z axes at rest in library space, about which
            Euler angles turn; default the library's axes.

    Attributes:
        values: for each bone (T, n), the values to keyframe, from
            :func:`niki.motion.channels.channel_values`.

    Raises:
        NikiError: there are not 24 modes, or there is no such mode.
    """

    def __init__(self, motion: Motion, modes: Sequence[str] | None = None, axes: np.ndarray | None = None):
        modes = ["QUATERNION"] * NUM_BONES if modes is None else list(modes)
        if len(modes) != NUM_BONES:
            raise NikiError(f"There must be a rotation mode for each of {NUM_BONES} bones, not {len(modes)}")
        self._motion = motion
        self._axes = (
            np.broadcast_to(np.eye(3), (NUM_BONES, 3, 3)) if axes is None else np.asarray(axes, float)
        )
        quaternions = rot.quaternion_from_axis_angle(motion.poses.reshape(-1, NUM_BONES, 3))
        quaternions[..., 1:] = rot.apply(rot.transpose(self._axes), quaternions[..., 1:])
        self._groups = []  # bones of one mode at once
        self.values = [np.empty(0)] * NUM_BONES
        for mode in sorted(set(modes)):
            bones = [b for b in range(NUM_BONES) if modes[b] == mode]
            values = channel_values(quaternions[:, bones], mode)
            self._groups.append((mode, bones, values))
            for n, bone in enumerate(bones):
                self.values[bone] = values[:, n]

    @cached_property
    def _joints(self) -> np.ndarray:
        return self._motion.solved_joints()

    def interpolated(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The motion between linear keyframes, interpolated as in Blender, channel by channel.

        Args:
            keys: frames with keyframes, ascending, the first and last frame included.

        Returns:
            rotations (T, 24, 3, 3), parent-relative in library axes, and translation (T, 3) metres.
        """
        frames = np.arange(len(self._motion))
        after = (
            np.clip(np.searchsorted(keys, frames), 1, max(len(keys) - 1, 1)) if len(keys) > 1 else frames * 0
        )
        before = np.maximum(after - 1, 0)
        t = (frames - keys[before]) / np.maximum(keys[after] - keys[before], 1)

        def between(values):
            share = t.reshape(-1, *[1] * (values.ndim - 1))
            return (1 - share) * values[keys[before]] + share * values[keys[after]]

        local = np.empty((len(frames), NUM_BONES, 3, 3))
        for mode, bones, values in self._groups:
            local[:, bones] = rotations_from_channels(between(values), mode)
        return self._axes @ local @ rot.transpose(self._axes), between(self._motion.trans)

    def deviation(self, keys: np.ndarray) -> np.ndarray:
        """(T,) metres: the largest error of a joint between linear keyframes at the frames ``keys``."""
        rotations, translation = self.interpolated(keys)
        positions = forward_kinematics(rotations, self._motion.body, translation)[0]
        return np.linalg.norm(positions - self._joints, axis=-1).max(1)


def linear_keys(values: np.ndarray, bound: float) -> np.ndarray:
    """Frames (K,) whose values, joined by lines, are nowhere further than ``bound`` from ``values`` (T,).

    The first and the last frame are among them (Ramer, Douglas and Peucker, with vertical distances).
    """
    keys = [0, len(values) - 1]
    k = 0
    while k + 1 < len(keys):
        first, last = keys[k], keys[k + 1]
        line = np.interp(np.arange(first, last + 1), [first, last], values[[first, last]])
        away = np.abs(values[first : last + 1] - line)
        if away.max() > bound:
            keys.insert(k + 1, first + int(away.argmax()))
        else:
            k += 1
    return np.unique(keys)
