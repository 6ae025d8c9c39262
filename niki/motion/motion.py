"""The motion file: one person's animation, with the estimates that it comes from.

An ``.npz`` with AMASS's field names where AMASS has them. Everything is in library space (metres, Y up); a
tool that expects AMASS's Z up must turn the root by +90 degrees about X. The pelvis is at
``rest_joints[0] + trans``.
"""

from __future__ import annotations

import os
from dataclasses import InitVar, dataclass, field, fields, replace
from typing import Any

import numpy as np

from ..body import rotation as rot
from ..body.kinematics import forward_kinematics
from ..body.skeleton import NUM_BONES, NUM_JOINTS, Body
from ..errors import NikiError
from ..files import MOST_BYTES, read_npz, save_npz
from .blocks import split_into_blocks

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
    "camera_turns": ("T", 3, 3),
    "contacts": ("T", 6),
    "image_size": (2,),
    "footage": (),
    "source": (),
}
_READINGS = {
    "sigma": ("T", NUM_JOINTS, 2),
    "hints": ("T", NUM_BONES, 3),
    "errors_last": (),
    "jumps": ("T",),
}
"""Fields that a motion may lack: what it was solved from, beside ``joints``."""
MOST_FRAMES = MOST_BYTES // 3184
"""Longest motion that can be loaded again: :func:`niki.files.read_npz` reads no more."""
_TEXT = {"gender", "footage", "source"}
_MAY_HOLD_NAN = {"joints", "keypoints", "hints"}
_SINGLE = {"sigma", "hints"}  # precision: enough, and large
_ZERO_OR_ONE = {"errors_last", "jumps"}
_WHOLE = {"frames", "image_size"}
_FILLED_IN: Any = None  # by __post_init__
_MOST = 1e12  # largest absolute value; squares of larger ones would be lost to rounding
_FASTEST = 100_000  # frames per second


@dataclass(eq=False)
class Motion:
    """An animation of T frames. All arrays are checked on construction.

    Attributes:
        poses: (T, 72) parent-relative axis-angle of the 24 rotating joints, radians.
        trans: (T, 3) metres, added to all joints.
        mocap_framerate: frames per second.
        rest_joints: (29, 3) metres, the person's T-pose.
        frames: (T,) frame numbers in the footage, from 0.
        times: (T,) seconds, the time stamp of each frame.
        confidence: (T, 29) in [0, 1]; it falls in gaps, which are filled in, or is 0 there.
        joints: (T, 29, 3) metres as estimated, before the solver; NaN in gaps.
        keypoints: (T, 29, 2) pixels as estimated; NaN in gaps.
        camera: (3, 3) intrinsics in pixels, OpenCV's.
        camera_pose: (4, 4) from OpenCV camera space (X right, Y down, Z forward) to library space, of the first
            frame.
        camera_turns: (T, 3, 3) from the camera space of the first frame to that of each frame: the identity
            where the camera is still, which is the default. It turns, but stays where it is.
        contacts: (T, 6) from 0 to 1: which points of the feet touch the ground, and which hands are held where they are, in
            the order of :data:`niki.motion.contacts.CONTACTS`; by default none.
        image_size: (2,) width and height of the footage in pixels.
        sigma: (T, 29, 2) uncertainty of ``joints`` across and along the view, 0 exact .. 1 unknown; None, as the
            three that follow, where the motion has no readings: it cannot be solved again.
        hints: (T, 24, 3) where the side of each bone points, library space; NaN where nothing tells.
        errors_last: whether what is wrong in one frame is wrong in those after it too.
        jumps: (T,) true where a frame follows from a step that no body makes: the person may be another.
        betas, gender: SMPL's shape, zeros and "neutral" where unknown.
        footage: path of the footage. source: the program that made the file.
        copy: whether to copy arrays; otherwise the motion may share them.

    Raises:
        NikiError: a field has the wrong shape or impossible values; the message names it.
    """

    poses: np.ndarray
    trans: np.ndarray
    mocap_framerate: float
    rest_joints: np.ndarray
    frames: np.ndarray = _FILLED_IN
    times: np.ndarray = _FILLED_IN
    confidence: np.ndarray = _FILLED_IN
    joints: np.ndarray = _FILLED_IN
    keypoints: np.ndarray = _FILLED_IN
    camera: np.ndarray = field(default_factory=lambda: np.eye(3))
    camera_pose: np.ndarray = field(default_factory=lambda: np.diag([1.0, -1.0, -1.0, 1.0]))
    camera_turns: np.ndarray = _FILLED_IN
    contacts: np.ndarray = _FILLED_IN
    image_size: np.ndarray = field(default_factory=lambda: np.zeros(2, int))
    sigma: np.ndarray | None = None
    hints: np.ndarray | None = None
    errors_last: bool | None = None
    jumps: np.ndarray | None = None
    betas: np.ndarray = field(default_factory=lambda: np.zeros(10))
    gender: str = "neutral"
    footage: str = ""
    source: str = ""
    copy: InitVar[bool] = True

    def __post_init__(self, copy: bool):
        count = len(self.poses) if np.ndim(self.poses) else 0
        if count == 0:
            raise NikiError("poses must have at least one frame")
        if count > MOST_FRAMES:
            raise NikiError(
                f"A motion may have at most {MOST_FRAMES:,} frames, not {count:,}", "split it into parts"
            )
        rate = _checked("mocap_framerate", self.mocap_framerate, (), count, copy)
        if not 1 / _FASTEST <= rate <= _FASTEST:
            raise NikiError(
                f"mocap_framerate must be a positive number of at most {_FASTEST} a second, not {rate:g}"
            )
        if self.frames is None:
            self.frames = np.arange(count)
        self.frames = _checked("frames", self.frames, _SHAPES["frames"], count, copy)
        if (np.diff(self.frames) < 0).any():
            raise NikiError("frames must not go back")
        if self.times is None:
            self.times = self.frames / rate
        if self.confidence is None:
            self.confidence = np.ones((count, NUM_JOINTS))
        if self.joints is None:
            self.joints = np.full((count, NUM_JOINTS, 3), np.nan)
        if self.keypoints is None:
            self.keypoints = np.full((count, NUM_JOINTS, 2), np.nan)
        if self.camera_turns is None:
            self.camera_turns = np.tile(np.eye(3), (count, 1, 1))
        if self.contacts is None:
            self.contacts = np.zeros((count, 6))
        for name, shape in _SHAPES.items():
            setattr(self, name, _checked(name, getattr(self, name), shape, count, copy))
        lacking = [name for name in _READINGS if getattr(self, name) is None]
        if lacking and len(lacking) < len(_READINGS):
            raise NikiError(f"{lacking[0]} is missing: readings are kept whole or not at all")
        for name, shape in _READINGS.items() if not lacking else ():
            setattr(self, name, _checked(name, getattr(self, name), shape, count, copy))
        if self.sigma is not None and not ((self.sigma >= 0) & (self.sigma <= 1)).all():
            raise NikiError("sigma must be from 0 to 1")
        Body(self.rest_joints)
        if not ((self.confidence > -1e-6) & (self.confidence < 1 + 1e-6)).all():
            raise NikiError("confidence must be from 0 to 1")
        if not ((self.contacts >= 0) & (self.contacts <= 1)).all():
            raise NikiError("contacts must be from 0 to 1")
        if not (self.image_size >= 0).all():
            raise NikiError("image_size must not be negative")
        if not (self.camera[0, 0] > 0 and self.camera[1, 1] > 0):
            raise NikiError("camera must have positive focal lengths")
        turn = self.camera_pose[:3, :3]
        if not np.abs(turn @ turn.T - np.eye(3)).max() < 1e-3:
            raise NikiError("camera_pose must hold a rotation")
        gram = self.camera_turns @ rot.transpose(self.camera_turns)
        if not (np.abs(gram - np.eye(3)).max() < 1e-3 and (np.linalg.det(self.camera_turns) > 0).all()):
            raise NikiError("camera_turns must hold rotations")

    def __len__(self) -> int:
        return len(self.poses)

    @property
    def body(self) -> Body:
        """The person's proportions."""
        return Body(self.rest_joints)

    @property
    def seen(self) -> np.ndarray:
        """(T,) bool: frames in which the person was detected; the others are filled in. Without joints as they were estimated,
        frames that are trusted at all, gaps that the clip solver filled among them."""
        found = np.isfinite(self.joints).all((1, 2))
        return found if found.any() else self.confidence.any(1)

    @property
    def rotations(self) -> np.ndarray:
        """(T, 24, 3, 3) parent-relative matrices."""
        matrices = np.empty((len(self), NUM_BONES, 3, 3))
        for part in split_into_blocks(len(self)):
            matrices[part] = rot.matrix_from_axis_angle(self.poses[part].reshape(-1, NUM_BONES, 3))
        return matrices

    @property
    def has_readings(self) -> bool:
        """Whether it holds what it was solved from."""
        return self.sigma is not None

    def solved_joints(self) -> np.ndarray:
        """(T, 29, 3) metres, library space: the joints of the animated body."""
        joints, body = np.empty((len(self), NUM_JOINTS, 3)), self.body
        for part in split_into_blocks(len(self)):
            rotations = rot.matrix_from_axis_angle(self.poses[part].reshape(-1, NUM_BONES, 3))
            joints[part] = forward_kinematics(rotations, body, self.trans[part])[0]
        return joints

    @property
    def camera_is_still(self) -> bool:
        """Whether the camera never turns."""
        return bool((self.camera_turns == np.eye(3)).all())

    def in_camera(self, joints: np.ndarray, frames: slice = slice(None)) -> np.ndarray:
        """(T, K, 3) joints of library space, of all frames or some, in the camera space of each frame."""
        first = (joints - self.camera_pose[:3, 3]) @ self.camera_pose[:3, :3]
        return first @ rot.transpose(self.camera_turns[frames])

    def projected(self, joints: np.ndarray | None = None, frames: slice = slice(None)) -> np.ndarray:
        """(T, K, 2) pixels of ``joints`` (T, K, 3) in the footage; default the solved ones, or of some ``frames``."""
        joints = self.solved_joints() if joints is None else joints
        image = self.in_camera(joints, frames) @ self.camera.T
        return image[..., :2] / image[..., 2:]

    def resampled(self, rate: float) -> Motion:
        """The same motion at another frame rate.

        Rotations are interpolated by slerp and translations linearly; estimates from the footage (joints,
        keypoints, frame numbers) are those of the nearest frame, and the readings, to solve it again from, are left out.

        Args:
            rate: frames per second.
        """
        count = max(1, round((len(self) - 1) * rate / self.mocap_framerate) + 1)
        at = np.minimum(np.arange(count) * self.mocap_framerate / rate, len(self) - 1)
        before = np.floor(at).astype(int)
        after, t = np.minimum(before + 1, len(self) - 1), at - before
        quaternions = rot.quaternion_from_matrix(self.rotations)
        slerped = rot.slerp(quaternions[before], quaternions[after], t[:, None, None])
        nearest = np.where(t < 0.5, before, after)
        sure = self.seen[before] & (self.seen[after] | (t < 1e-9))

        def between(values):
            return values[before] + t[:, None] * (values[after] - values[before])

        return replace(
            self,
            poses=rot.axis_angle_from_matrix(rot.matrix_from_quaternion(slerped)).reshape(count, 72),
            trans=between(self.trans),
            mocap_framerate=rate,
            confidence=np.where(
                sure[:, None],
                between(self.confidence),
                np.minimum(self.confidence[before], self.confidence[after]),
            ),
            times=between(self.times[:, None])[:, 0],
            frames=self.frames[nearest],
            joints=self.joints[nearest],
            keypoints=self.keypoints[nearest],
            camera_turns=self.camera_turns[nearest],
            contacts=self.contacts[nearest],
            **dict.fromkeys(_READINGS),
        )

    def save(self, path: str | os.PathLike) -> None:
        """Write the file, replacing an existing one in one step.

        Raises:
            NikiError: the path cannot be written.
        """
        values = {name: getattr(self, name) for name in _SHAPES}
        if self.camera_is_still:
            del values["camera_turns"]
        if not self.contacts.any():
            del values["contacts"]
        if self.has_readings:
            values |= {name: getattr(self, name) for name in _READINGS}
        save_npz(path, values)

    @classmethod
    def load(cls, path: str | os.PathLike) -> Motion:
        """Read a file written by :meth:`save`.

        Raises:
            NikiError: the file cannot be read, is not a motion file or has a wrong field, which the message names.
        """
        values: dict[str, Any] = read_npz(
            path, [*_SHAPES, *_READINGS], "a motion file", "expected the .npz that niki capture writes"
        )
        optional = {"betas", "gender", "footage", "source", "camera_turns", "contacts", *_READINGS}
        required = {f.name for f in fields(cls)} - optional
        missing = sorted(required - values.keys())
        if missing:
            raise NikiError(f"{path} lacks the field '{missing[0]}'")
        try:
            return cls(**values, copy=False)
        except NikiError as error:
            raise NikiError(f"{path}: {error.message}") from None


def _checked(name: str, value, shape: tuple, count: int, copy: bool) -> Any:
    """``value`` as the field's type, or NikiError naming the field."""
    if name in _TEXT:
        return _text(name, value)
    value = np.asarray(value)
    expected = tuple(count if n == "T" else n for n in shape)
    if value.dtype.kind not in "iufb":
        raise NikiError(f"{name} must hold numbers, not {value.dtype}")
    if value.shape != expected:
        raise NikiError(f"{name} must have shape {expected}, not {value.shape}")
    with np.errstate(over="ignore"):
        value = value.astype(np.float32 if name in _SINGLE else np.float64, copy=copy)
    if name not in _MAY_HOLD_NAN and not np.isfinite(value).all():
        raise NikiError(f"{name} has a value that is not finite")
    if (np.abs(value) > _MOST).any():
        raise NikiError(f"{name} has a value above {_MOST:g}")
    if name in _WHOLE:
        if (value != np.round(value)).any():
            raise NikiError(f"{name} must hold whole numbers")
        return value.astype(np.int64)
    if name in _ZERO_OR_ONE:
        if not np.isin(value, (0, 1)).all():
            raise NikiError(f"{name} must hold zeros and ones")
        return value.astype(bool) if value.ndim else bool(value)
    return value if value.ndim else float(value)


def _text(name: str, value) -> str:
    """``value`` as text, also from an array of one, or of bytes as older numpy wrote them."""
    value = value.item() if isinstance(value, np.ndarray) and value.size == 1 else value
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str | os.PathLike):
        raise NikiError(f"{name} must be text")
    return str(value)
