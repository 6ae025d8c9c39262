"""The default estimator: BlazePose, made steady, its depth refined, mapped to our joints."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ....body.skeleton import JOINTS, KINDS, NUM_BONES, NUM_JOINTS
from ....errors import NikiError
from ....motion.blocks import split_into_blocks
from ....motion.smoothing import whittaker
from ....network.uncertainty import sigma_from_metres
from ...footage.camera import Camera, solve_translation
from ...footage.video import Frame
from .. import depth
from ..calibration import STANDARD_ERROR
from ..estimator import Estimate
from ..journal import Journal
from . import hypotheses, landmarks, steps
from .networks import VARIANTS, BlazePose, Landmarks
from .people import Follower

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
        follower = Follower(self._blazepose, self._variants, self._subject, round(rate))
        _go_on(follower, journal)
        for frame in frames:
            reading = follower(frame.rgb)
            journal.append(frame.number, frame.time, None if reading is None else reading.as_vector())
        return estimate_from_journal(journal, camera, rate)


def estimate_from_journal(journal: Journal, camera: Camera, rate: float) -> Estimate:
    """What the readings in a journal come to, a block of frames at a time.

    Raises:
        NikiError: no frame shows a person.
    """
    found = journal.found
    if not found.any():
        raise NikiError("No person was found in the footage", "the whole body should be in view and lit")
    return _estimate(_Reading.of(journal), found, camera, rate, journal.numbers, journal.times)


def _go_on(follower: Follower, journal: Journal) -> None:
    """Take up where the journal ends."""
    found = journal.found
    for part in split_into_blocks(len(journal)):
        for row, was_found in zip(journal.readings(part.start, part.stop), found[part], strict=True):
            follower.go_on_after(Landmarks.from_vector(row) if was_found else None)


@dataclass(eq=False)
class _Reading:
    """The one steady reading of the F frames in which the person was found.

    points (F, 19, 3) metres about mid-hip and pixels (F, 19, 2), as ``landmarks.points_of`` orders them;
    visibility (F, 33); agreement (F,) share of the crops that say the same; head (F, 3, 3) as
    ``landmarks.head_frame`` gives it; hands (F, 4, 3) the world landmarks ``landmarks.HANDS``.
    """

    points: np.ndarray
    pixels: np.ndarray
    visibility: np.ndarray
    agreement: np.ndarray
    head: np.ndarray
    hands: np.ndarray

    @classmethod
    def of(cls, journal: Journal) -> _Reading:
        """Choose among the crops' readings of each frame, and average those that agree."""
        count = int(journal.found.sum())
        shapes = ((len(landmarks.POINTS), 3), (len(landmarks.POINTS), 2), (33,), (), (3, 3), (4, 3))
        reading = cls(*(np.empty((count, *shape)) for shape in shapes))
        done = 0
        for run in true_runs(journal.found):
            parts = [
                slice(run.start + p.start, run.start + p.stop)
                for p in split_into_blocks(run.stop - run.start)
            ]
            path = hypotheses.steadiest_path(_stacked(journal, part, "world")[0] for part in parts)
            for part in parts:
                chosen = path[part.start - run.start : part.stop - run.start]
                reading._fill(slice(done, done + len(chosen)), journal, part, chosen)
                done += len(chosen)
        return reading

    def _fill(self, target: slice, journal: Journal, source: slice, path: np.ndarray) -> None:
        world, pixels, visibility = _stacked(journal, source, "world", "pixels", "visibility")
        agree = hypotheses.agreement_mask(world, path)
        world, pixels = hypotheses.masked_mean(world, agree), hypotheses.masked_mean(pixels, agree)
        self.points[target], self.pixels[target] = landmarks.points_of(world), landmarks.points_of(pixels)
        self.visibility[target] = hypotheses.masked_mean(visibility, agree)
        self.agreement[target] = agree.mean(1)
        self.head[target], self.hands[target] = landmarks.head_frame(world), world[:, landmarks.HANDS]


def _stacked(journal: Journal, part: slice, *names: str) -> list[np.ndarray]:
    """The attributes ``names`` of all Landmarks of some frames: (n, V, ...) each."""
    seen = [Landmarks.from_vector(row) for row in journal.readings(part.start, part.stop)]
    return [np.stack([getattr(s, name) for s in seen]) for name in names]


def true_runs(mask: np.ndarray) -> list[slice]:
    """Each stretch of consecutive true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [slice(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]


def _estimate(reading: _Reading, found, camera: Camera, rate, numbers, times) -> Estimate:
    parts, bones = split_into_blocks(len(reading.points)), landmarks.BONES
    lengths = np.concatenate([depth.distances(reading.points[part], bones) for part in parts])
    lengths = depth.bone_lengths(lengths, landmarks.MIRRORED_BONES)
    placed, head, hands = reading.points, reading.head, reading.hands
    distance = np.empty(len(placed))
    for part in parts:
        placed[part], distance[part] = _placed(reading, part, lengths, camera)
    frames = np.flatnonzero(found)
    jumps = steps.find_jumps(reading.pixels, distance / camera.focal, times[frames], rate)
    done = 0
    for run in true_runs(found):
        run = slice(done, done + run.stop - run.start)
        placed[run] = _smoothed(placed[run], camera, rate)
        head[run], hands[run] = (whittaker(values[run], rate, _ACROSS_HZ) for values in (head, hands))
        done = run.stop
    torso = np.nanmedian(np.concatenate([landmarks.torso_lengths(placed[part]) for part in parts]))

    def gaps(*shape, value=np.nan):
        return np.full((len(found), *shape), value)

    estimate = Estimate(
        joints=gaps(NUM_JOINTS, 3),
        sigma=gaps(NUM_JOINTS, 2, value=1.0),
        keypoints=gaps(NUM_JOINTS, 2),
        hints=gaps(NUM_BONES, 3),
        seen=found,
        frames=numbers,
        times=times,
        jumps=frames[jumps],
    )
    for part in parts:
        at, joints = frames[part], landmarks.joints_of(placed[part], head[part], torso)  # pyright: ignore[reportArgumentType]
        estimate.joints[at] = joints
        estimate.sigma[at] = _sigma(
            reading.visibility[part], reading.agreement[part], camera.project(joints), camera
        )
        estimate.keypoints[at] = _keypoints(joints, reading.pixels[part], camera)
        estimate.hints[at] = landmarks.twist_hints(joints, hands[part], head[part])
    return estimate


def _placed(reading: _Reading, part: slice, lengths, camera: Camera):
    """Points in camera space with their depth refined (n, 19, 3), and the body's distance (n,)."""
    points, pixels = landmarks.legs_as_anatomy_has_them(reading.points[part]), reading.pixels[part]
    visibility = landmarks.points_of(reading.visibility[part, :, None])[..., 0]
    root = solve_translation(points, pixels, np.maximum(visibility, _WEIGHT_SEEN), camera)
    placed = depth.refine_depth(points + root[:, None], pixels, landmarks.BONES, lengths, camera)
    return placed, root[:, 2]


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
