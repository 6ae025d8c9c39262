"""The motion file: one person's animation, with what it was estimated from.

An ``.npz`` with AMASS's field names where AMASS has them. Everything is in library space (metres,
Y up): a tool that expects AMASS's Z up must turn the root by +90 degrees about X. The pelvis is
at ``rest_joints[0] + trans``.
"""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import numpy as np

from . import rotation as rot
from .errors import NikiError
from .files import save_npz
from .kinematics import forward_kinematics
from .skeleton import NUM_JOINTS, Body

_SHAPES = {  # T is the number of frames
    "poses": ("T", 72),
    "trans": ("T", 3),
    "betas": (10,),
    "gender": (),
    "mocap_framerate": (),
    "rest_joints": (NUM_JOINTS, 3),
    "confidence": ("T", NUM_JOINTS),
    "joints": ("T", NUM_JOINTS, 3),
    "keypoints": ("T", NUM_JOINTS, 2),
    "frames": ("T",),
    "times": ("T",),
    "camera": (3, 3),
    "camera_pose": (4, 4),
    "image_size": (2,),
    "footage": (),
    "source": (),
}
_TEXT = {"gender", "footage", "source"}
_MAY_HOLD_NAN = {"joints", "keypoints"}


@dataclass(eq=False)
class Motion:
    """An animation of T frames. All arrays are checked on construction.

    Attributes:
        poses: (T, 72) parent-relative axis-angle of the 24 rotating joints, radians.
        trans: (T, 3) metres, added to all joints.
        mocap_framerate: frames per second.
        rest_joints: (29, 3) metres, the person's T-pose.
        frames: (T,) frame numbers in the footage, from 0.
        times: (T,) seconds, each frame's own time stamp.
        confidence: (T, 29) in [0, 1]; 0 where the frame was a gap and is bridged.
        joints: (T, 29, 3) metres as estimated, before the solver; NaN in gaps.
        keypoints: (T, 29, 2) pixels as estimated; NaN in gaps.
        camera: (3, 3) intrinsics in pixels, OpenCV's.
        camera_pose: (4, 4) from OpenCV camera space (X right, Y down, Z forward) to library space.
        image_size: (2,) width and height of the footage in pixels.
        betas, gender: SMPL's shape, zeros and "neutral" where unknown.
        footage: path of the footage. source: what made the file.

    Raises:
        NikiError: names the field that is missing, misshapen or not finite.
    """

    poses: np.ndarray
    trans: np.ndarray
    mocap_framerate: float
    rest_joints: np.ndarray
    frames: np.ndarray = None
    times: np.ndarray = None
    confidence: np.ndarray = None
    joints: np.ndarray = None
    keypoints: np.ndarray = None
    camera: np.ndarray = field(default_factory=lambda: np.eye(3))
    camera_pose: np.ndarray = field(default_factory=lambda: np.diag([1.0, -1.0, -1.0, 1.0]))
    image_size: np.ndarray = field(default_factory=lambda: np.zeros(2, int))
    betas: np.ndarray = field(default_factory=lambda: np.zeros(10))
    gender: str = "neutral"
    footage: str = ""
    source: str = ""

    def __post_init__(self):
        count = len(self.poses) if np.ndim(self.poses) else 0
        rate = float(self.mocap_framerate)
        if not (np.isfinite(rate) and rate > 0):
            raise NikiError(f"mocap_framerate must be a positive number, not {rate}")
        if self.frames is None:
            self.frames = np.arange(count)
        if self.times is None:
            self.times = np.asarray(self.frames) / rate
        if self.confidence is None:
            self.confidence = np.ones((count, NUM_JOINTS))
        if self.joints is None:
            self.joints = np.full((count, NUM_JOINTS, 3), np.nan)
        if self.keypoints is None:
            self.keypoints = np.full((count, NUM_JOINTS, 2), np.nan)
        for name, shape in _SHAPES.items():
            setattr(self, name, _checked(name, getattr(self, name), shape, count))
        if count == 0:
            raise NikiError("poses holds no frame")

    def __len__(self) -> int:
        return len(self.poses)

    @property
    def body(self) -> Body:
        """The person's proportions."""
        return Body(self.rest_joints)

    @property
    def seen(self) -> np.ndarray:
        """(T,) bool: frames where the person was seen; the others are bridged."""
        return self.confidence.any(1)

    @property
    def rotations(self) -> np.ndarray:
        """(T, 24, 3, 3) parent-relative matrices."""
        return rot.matrix_from_axis_angle(self.poses.reshape(-1, 24, 3))

    def solved_joints(self) -> np.ndarray:
        """(T, 29, 3) metres, library space: the joints of the animated body."""
        return forward_kinematics(self.rotations, self.body, self.trans)[0]

    def projected(self, joints: np.ndarray | None = None) -> np.ndarray:
        """(T, ..., 2) pixels of ``joints`` (default: the solved ones) in the footage."""
        joints = self.solved_joints() if joints is None else joints
        in_camera = (joints - self.camera_pose[:3, 3]) @ self.camera_pose[:3, :3]
        image = in_camera @ self.camera.T
        return image[..., :2] / image[..., 2:]

    def resampled(self, rate: float) -> Motion:
        """The same motion at another frame rate: rotations turn evenly between frames (slerp),
        places move evenly; what was estimated from the footage (joints, keypoints, frame numbers) is
        the nearest frame's."""
        count = max(1, round((len(self) - 1) * rate / self.mocap_framerate) + 1)
        at = np.minimum(np.arange(count) * self.mocap_framerate / rate, len(self) - 1)
        before = np.floor(at).astype(int)
        after, t = np.minimum(before + 1, len(self) - 1), at - before
        quaternions = rot.quaternion_from_matrix(self.rotations)
        turned = rot.slerp(quaternions[before], quaternions[after], t[:, None, None])
        nearest = np.where(t < 0.5, before, after)
        sure = self.seen[before] & (self.seen[after] | (t < 1e-9))

        def between(values):
            return values[before] + t[:, None] * (values[after] - values[before])

        return replace(
            self,
            poses=rot.axis_angle_from_matrix(rot.matrix_from_quaternion(turned)).reshape(count, 72),
            trans=between(self.trans),
            mocap_framerate=rate,
            confidence=np.where(sure[:, None], between(self.confidence), 0.0),
            times=between(self.times[:, None])[:, 0],
            frames=self.frames[nearest],
            joints=self.joints[nearest],
            keypoints=self.keypoints[nearest],
        )

    def save(self, path: str | os.PathLike) -> None:
        """Write the file, whole or not at all.

        Raises:
            NikiError: the path cannot be written.
        """
        values = {name: getattr(self, name) for name in _SHAPES}
        save_npz(path, values)

    @classmethod
    def load(cls, path: str | os.PathLike) -> Motion:
        """Read a file written by :meth:`save`.

        Raises:
            NikiError: not a motion file, or names the field that is wrong.
        """
        path = Path(path)
        try:
            with np.load(path, allow_pickle=False) as archive:
                values = {name: archive[name] for name in archive.files if name in _SHAPES}
        except FileNotFoundError:
            raise NikiError(f"There is no file {path}") from None
        except OSError as error:
            raise NikiError(f"{path} cannot be read: {error.strerror or error}") from None
        except (ValueError, EOFError, zipfile.BadZipFile, AttributeError, TypeError):
            raise NikiError(
                f"{path} is not a motion file", "expected the .npz that niki capture writes"
            ) from None
        required = {f.name for f in fields(cls)} - {"betas", "gender", "footage", "source"}
        missing = sorted(required - values.keys())
        if missing:
            raise NikiError(f"{path} lacks the field '{missing[0]}'")
        try:
            return cls(**values)
        except NikiError as error:
            raise NikiError(f"{path}: {error.message}") from None


def _checked(name: str, value, shape: tuple, count: int):
    """``value`` as the field's type, or NikiError naming the field."""
    value = np.asarray(value)
    expected = tuple(count if n == "T" else n for n in shape)
    if value.shape != expected:
        raise NikiError(f"{name} must have shape {expected}, not {value.shape}")
    if name in _TEXT:
        return str(value)
    if value.dtype.kind not in "iufb":
        raise NikiError(f"{name} must hold numbers, not {value.dtype}")
    if name in ("frames", "image_size"):
        return value.astype(np.int64)
    value = value.astype(np.float64)
    if name not in _MAY_HOLD_NAN and not np.isfinite(value).all():
        raise NikiError(f"{name} has a value that is not finite")
    return value if value.ndim else float(value)
