"""The default estimator: BlazePose, made steady, its depth refined, mapped to our joints."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..errors import NikiError
from ..skeleton import JOINTS, KINDS, NUM_JOINTS
from ..uncertainty import sigma_from_metres
from . import depth, hypotheses, landmarks
from .blazepose import VARIANTS, BlazePose, Landmarks
from .calibration import STANDARD_ERROR
from .camera import Camera, solve_translation
from .estimator import Estimate
from .journal import Journal
from .people import Follower
from .smoothing import whittaker
from .video import Frame

_MADE_FROM = {  # landmarks whose visibility speaks for a joint; the rest goes by the torso
    "shoulder": [11, 12], "elbow": [13, 14], "wrist": [15, 16], "hand": [17, 18],
    "middle_finger": [19, 20], "hip": [23, 24], "knee": [25, 26], "ankle": [27, 28],
    "foot": [31, 32], "big_toe": [31, 32],
}  # fmt: skip
_WHEN_HIDDEN = 8  # times the usual error: what scripts/evaluate_sample shows of ankles behind a box
_WEIGHT_SEEN = 0.05  # a hidden landmark still counts a little when the person is placed
_ACROSS_HZ, _DEPTH_HZ, _DISTANCE_HZ = 6.0, 3.0, 1.5


class BlazePoseEstimator:
    """See ``JointEstimator``. Quality: how many crops are read per frame (``blazepose.VARIANTS``)."""

    def __init__(
        self, quality: str = "best", subject: tuple[float, float] | None = None, device: str = "cpu"
    ):
        self.name = f"blazepose:{quality}" + ("@{:.0f},{:.0f}".format(*subject) if subject else "")
        self._variants, self._subject = VARIANTS[quality], subject
        self.width = Landmarks.width(len(self._variants))
        self._blazepose = BlazePose(device)

    def estimate(self, frames: Iterable[Frame], journal: Journal, camera: Camera, rate: float) -> Estimate:
        follower = Follower(self._blazepose, self._variants, self._subject)
        seen = [None if r is None else Landmarks.from_vector(r) for r in journal.readings]
        for reading in seen:
            follower.go_on_after(reading)
        for frame in frames:
            reading = follower(frame.rgb)
            seen.append(reading)
            journal.append(frame.number, frame.time, None if reading is None else reading.as_vector())
        found = np.array([s is not None for s in seen])
        if not found.any():
            raise NikiError("No person was found in the footage", "the whole body should be in view and lit")
        reading = _Reading.nothing(len(seen))
        for run in runs(found):
            reading.fill(run, [seen[t] for t in run])
        return _estimate(reading, found, camera, rate, np.array(journal.numbers), np.array(journal.times))


@dataclass(eq=False)
class _Reading:
    """The one steady reading of T frames; NaN in gaps.

    world (T, 33, 3) metres about mid-hip; pixels (T, 33, 2); visibility (T, 33); agreement (T,)
    share of the crops that say the same.
    """

    world: np.ndarray
    pixels: np.ndarray
    visibility: np.ndarray
    agreement: np.ndarray

    @classmethod
    def nothing(cls, count: int) -> _Reading:
        shapes = ((33, 3), (33, 2), (33,), ())
        return cls(*(np.full((count, *shape), np.nan) for shape in shapes))

    def fill(self, run: np.ndarray, seen: list[Landmarks]) -> None:
        """Choose among the crops' readings of consecutive frames, and average those that agree."""
        world = np.stack([s.world for s in seen])
        agree = hypotheses.agreeing(world, hypotheses.steadiest_path(world))
        self.world[run] = hypotheses.mean_of(world, agree)
        self.pixels[run] = hypotheses.mean_of(np.stack([s.pixels for s in seen]), agree)
        self.visibility[run] = hypotheses.mean_of(np.stack([s.visibility for s in seen]), agree)
        self.agreement[run] = agree.mean(1)


def runs(mask: np.ndarray) -> list[np.ndarray]:
    """Indices of each stretch of consecutive true values."""
    indices = np.flatnonzero(mask)
    return [r for r in np.split(indices, np.flatnonzero(np.diff(indices) > 1) + 1) if len(r)]


def _estimate(reading: _Reading, found, camera: Camera, rate, numbers, times) -> Estimate:
    world, pixels = reading.world[found], reading.pixels[found]
    points, point_pixels = landmarks.points_of(world), landmarks.points_of(pixels)
    visibility = landmarks.points_of(reading.visibility[found, :, None])[..., 0]
    lengths = depth.bone_lengths(points, landmarks.BONES, landmarks.MIRRORED_BONES)
    points = landmarks.legs_as_anatomy_has_them(points)
    root = solve_translation(points, point_pixels, np.maximum(visibility, _WEIGHT_SEEN), camera)
    placed = depth.refine_depth(points + root[:, None], point_pixels, landmarks.BONES, lengths, camera)
    head = landmarks.head_frame(world)
    index = np.cumsum(found) - 1
    for run in runs(found):
        placed[index[run]] = _smoothed(placed[index[run]], camera, rate)
        head[index[run]] = whittaker(head[index[run]], rate, _ACROSS_HZ)
        world[index[run]] = whittaker(world[index[run]], rate, _ACROSS_HZ)
    joints = landmarks.joints_of(placed, head)

    def with_gaps(values):
        full = np.full((len(found), *values.shape[1:]), np.nan)
        full[found] = values
        return full

    sigma = np.ones((len(found), NUM_JOINTS, 2))
    sigma[found] = _sigma(reading.visibility[found], reading.agreement[found], camera.project(joints), camera)
    return Estimate(
        joints=with_gaps(joints),
        sigma=sigma,
        keypoints=with_gaps(_keypoints(joints, point_pixels, camera)),
        hints=with_gaps(landmarks.twist_hints(joints, world, head)),
        seen=found,
        frames=numbers,
        times=times,
    )


def _smoothed(points: np.ndarray, camera: Camera, rate: float) -> np.ndarray:
    """Smooth a run of (T, K, 3): gently across the view, more along it, most the distance."""
    distance = points[..., 2:].mean(1, keepdims=True)
    relative = whittaker(points[..., 2:] - distance, rate, _DEPTH_HZ)
    slope = whittaker(points[..., :2] / points[..., 2:], rate, _ACROSS_HZ)
    depths = np.maximum(whittaker(distance, rate, _DISTANCE_HZ) + relative, 0.1)
    return np.concatenate([slope * depths, depths], -1)


def _keypoints(joints, point_pixels, camera: Camera) -> np.ndarray:
    """(T, 29, 2): limbs as the detector saw them, the others where the estimate projects."""
    keypoints = camera.project(joints)
    for k, name in enumerate(landmarks.POINTS):
        if name in JOINTS and "hip" not in name:
            keypoints[:, JOINTS.index(name)] = point_pixels[:, k]
    return keypoints


def _sigma(visibility, agreement, pixels, camera: Camera) -> np.ndarray:
    """(T, 29, 2): the calibrated floor, raised where the joint is hidden, outside the picture, or
    where the crops disagree."""
    error = np.array([STANDARD_ERROR[kind] for kind in KINDS])
    factor = np.ones((len(visibility), NUM_JOINTS))
    for j, (name, kind) in enumerate(zip(JOINTS, KINDS, strict=True)):
        if kind in _MADE_FROM:
            landmark = _MADE_FROM[kind]["right_" in name]
            factor[:, j] += _WHEN_HIDDEN * np.clip(1 - visibility[:, landmark] / 0.3, 0, 1) ** 2
    factor *= (1 + np.clip(0.7 - agreement, 0, None))[:, None]
    outside = (pixels < 0).any(-1) | (pixels > np.array(camera.size)).any(-1)
    factor = np.where(outside, factor * 3, factor)
    return sigma_from_metres(error * factor[..., None])
