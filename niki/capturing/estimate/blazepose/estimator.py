"""The default estimator: BlazePose, made steady, its depth refined, mapped to our joints."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ....body.rotation import apply, transpose
from ....body.skeleton import JOINTS, KINDS, NUM_BONES, NUM_JOINTS
from ....errors import NikiError
from ....motion.blocks import split_into_blocks
from ....motion.smoothing import whittaker
from ....network.uncertainty import TOGETHER, sigma_from_metres
from ...footage.camera import Camera
from ...footage.camera_motion import NOTHING_SEEN, SEEN, CameraWatcher, camera_turns, camera_zoom
from ...footage.video import Frame
from ..calibration import STANDARD_ERROR, WHEN_HIDDEN
from ..estimator import Estimate
from ..gravity import LEVEL, camera_up, clip_up
from ..journal import Journal
from . import correction, landmarks, steps
from .inputs import Sizes, limb_sizes, network_inputs
from .joints import joints_of, torso_lengths
from .networks import VARIANTS, BlazePose, Landmarks
from .outliers import repair_outliers
from .people import Follower
from .placing import Placed, keep_bone_lengths, place
from .reading import Reading, true_runs

_MADE_FROM = {  # landmarks whose visibility speaks for a joint; the rest goes by the torso
    "shoulder": [11, 12], "elbow": [13, 14], "wrist": [15, 16], "hand": [17, 18],
    "middle_finger": [19, 20], "hip": [23, 24], "knee": [25, 26], "ankle": [27, 28],
    "foot": [31, 32], "big_toe": [31, 32],
}  # fmt: skip
_ACROSS_HZ, _DEPTH_HZ, _DISTANCE_HZ = 6.0, 2.0, 1.5


class BlazePoseEstimator:
    """See ``JointEstimator``. Quality: how many crops are read per frame (``blazepose.VARIANTS``)."""

    def __init__(
        self, quality: str = "best", subject: tuple[float, float] | None = None, device: str = "cpu"
    ):
        self.name = f"blazepose:{quality}" + ("@{:.0f},{:.0f}".format(*subject) if subject else "")
        self._variants, self._subject = VARIANTS[quality], subject
        self.width = Landmarks.width(len(self._variants)) + SEEN
        self._blazepose = BlazePose(device)

    def estimate(self, frames: Iterable[Frame], journal: Journal, camera: Camera, rate: float) -> Estimate:
        follower = Follower(self._blazepose, self._variants, self._subject, round(rate))
        _go_on(follower, journal)
        watch = CameraWatcher()
        for frame in frames:
            reading = follower(frame.rgb)
            if reading is None:
                watch(frame.rgb, None)
                journal.append(frame.number, frame.time, None)
            else:
                seen = watch(frame.rgb, (reading.roi.x, reading.roi.y, reading.roi.side))
                journal.append(frame.number, frame.time, np.concatenate([reading.as_vector(), seen]))
        return estimate_from_journal(journal, camera, rate)


def estimate_from_journal(journal: Journal, camera: Camera, rate: float) -> Estimate:
    """What the readings in a journal come to, a block of frames at a time.

    Raises:
        NikiError: no frame shows a person.
    """
    found = journal.found
    if not found.any():
        raise NikiError("No person was found in the footage", "the whole body should be in view and lit")
    background = _background(journal)
    turns = camera_turns(background, camera)
    estimate = estimate_from_reading(
        Reading.of(journal), found, camera, rate, journal.numbers, journal.times, turns
    )
    estimate.zoom = camera_zoom(background)
    return estimate


def _background(journal: Journal) -> np.ndarray:
    """(T, SEEN) what was seen of the camera's motion; nothing where nobody was found."""
    seen = np.tile(NOTHING_SEEN, (len(journal), 1))
    for part in split_into_blocks(len(journal)):
        rows, found = journal.readings(part.start, part.stop), journal.found[part]
        seen[part][found] = rows[found, -SEEN:]
    return seen


def _go_on(follower: Follower, journal: Journal) -> None:
    """Take up where the journal ends."""
    found = journal.found
    for part in split_into_blocks(len(journal)):
        for row, was_found in zip(journal.readings(part.start, part.stop), found[part], strict=True):
            follower.go_on_after(Landmarks.from_vector(row[:-SEEN]) if was_found else None)


def estimate_from_reading(
    reading: Reading,
    found: np.ndarray,
    camera: Camera,
    rate: float,
    numbers: np.ndarray,
    times: np.ndarray,
    turns: np.ndarray | None = None,
) -> Estimate:
    """What a reading comes to.

    Args:
        reading: of the found frames; it is changed. found: (T,) frames in which the person was found.
        numbers, times: (T,) of the frames in the footage, and seconds.
        turns: (T, 3, 3) of the camera, as ``Estimate`` has them.
    """
    parts, frames = split_into_blocks(len(reading.world)), np.flatnonzero(found)
    repair_outliers(reading, found, rate)
    placed = place(reading, camera)
    distance = landmarks.mid_hip(placed.points)[:, 2]
    jumps = steps.find_jumps(
        _point_pixels(reading, slice(None)), distance / camera.focal, times[frames], rate
    )
    sizes = limb_sizes(reading, placed)
    turned = np.tile(np.eye(3), (len(frames), 1, 1)) if turns is None else turns[frames]
    up, up_error = _up(reading, placed, sizes, camera, turned, parts)
    _correct_depth(reading, placed, sizes, camera, apply(turned, up), parts)
    head, hands = _head_and_hands(reading, placed, parts)
    done = 0
    for run in true_runs(found):
        run = slice(done, done + run.stop - run.start)
        placed.points[run] = _smoothed(placed.points[run], camera, rate)
        head[run], hands[run] = (whittaker(values[run], rate, _ACROSS_HZ) for values in (head, hands))
        done = run.stop
    torso = float(np.median(np.concatenate([torso_lengths(placed.points[part]) for part in parts])))

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
        up=up,
        up_error=up_error,
        turns=turns,
        jumps=frames[jumps],
        errors_last=True,
    )
    for part in parts:
        at, points = frames[part], placed.points[part]
        joints = joints_of(points, head[part], torso)
        estimate.joints[at] = joints
        estimate.sigma[at] = _sigma(
            reading.visibility[part], reading.agreement[part], camera.project(joints), camera
        )
        estimate.keypoints[at] = _keypoints(joints, points, _point_pixels(reading, part), camera)
        estimate.hints[at] = landmarks.twist_hints(joints, hands[part], head[part])
    return estimate


def _point_pixels(reading: Reading, part: slice) -> np.ndarray:
    return landmarks.points_of(reading.pixels[part])


def _up(
    reading: Reading, placed: Placed, sizes: Sizes, camera: Camera, turned: np.ndarray, parts
) -> tuple[np.ndarray, float]:
    """Up in the first frame's camera axes (3,) and its error in degrees, as ``Estimate`` has them; the camera has
    ``turned`` (F, 3, 3) since."""
    if camera.tilt is not None and camera.roll is not None:
        return camera_up(camera, LEVEL, np.nan)
    told = [correction.frame_up(network_inputs(reading, placed, sizes, camera, part)) for part in parts]
    ups = [
        apply(transpose(turned[part]), correction.up_in_camera(up, placed.view[part]))
        for (up, _), part in zip(told, parts, strict=True)
    ]
    return camera_up(camera, *clip_up(np.concatenate(ups), np.concatenate([error for _, error in told])))


def _correct_depth(reading: Reading, placed: Placed, sizes: Sizes, camera: Camera, up, parts) -> None:
    """Slide the points along their rays to where the network puts them, the person as large as before. ``up`` (F, 3)
    is in each frame's camera axes."""
    corrected, sums = np.empty_like(placed.points), np.zeros(2)
    for part in parts:
        inputs, view = network_inputs(reading, placed, sizes, camera, part), placed.view[part]
        corrected[part] = correction.correct_points(inputs, apply(view, up[part]), sizes.placed)
        sums += correction.scale_across(placed.points[part], view, corrected[part])
    for part in parts:
        placed.points[part] = correction.with_depth(
            placed.points[part], placed.view[part], corrected[part], sums[0] / sums[1]
        )
    keep_bone_lengths(reading, placed, camera)  # the network sees a frame, not the clip


def _head_and_hands(reading: Reading, placed: Placed, parts) -> tuple[np.ndarray, np.ndarray]:
    """The head's frame (F, 3, 3) and the landmarks ``landmarks.HANDS`` (F, 4, 3), camera axes."""
    count = len(reading.world)
    head, hands = np.empty((count, 3, 3)), np.empty((count, len(landmarks.HANDS), 3))
    for part in parts:
        head[part] = transpose(placed.view[part]) @ landmarks.head_frame(reading.world[part])
        hands[part] = reading.world[part][:, landmarks.HANDS] @ placed.view[part]
    return head, hands


def _smoothed(points: np.ndarray, camera: Camera, rate: float) -> np.ndarray:
    """Smooth a run of (T, K, 3): gently across the view, more along it, most the distance."""
    distance = points[..., 2:].mean(1, keepdims=True)
    relative = whittaker(points[..., 2:] - distance, rate, _DEPTH_HZ)
    slope = whittaker(points[..., :2] / points[..., 2:], rate, _ACROSS_HZ)
    depths = np.maximum(whittaker(distance, rate, _DISTANCE_HZ) + relative, 0.1)
    return np.concatenate([slope * depths, depths], -1)


def _keypoints(joints, points, point_pixels, camera: Camera) -> np.ndarray:
    """(T, 29, 2): where the estimate projects; of the limbs, moved by what smoothing has moved the landmark."""
    keypoints = camera.project(joints)
    moved = point_pixels - camera.project(points)
    for k, name in enumerate(landmarks.POINTS):
        if name in JOINTS and "hip" not in name:
            keypoints[:, JOINTS.index(name)] += moved[:, k]
    return keypoints


def _sigma(visibility, agreement, pixels, camera: Camera) -> np.ndarray:
    """(T, 29, 2): half the calibrated error, raised where the joint is hidden, outside the picture, or
    where the crops disagree."""
    error = np.array([STANDARD_ERROR[kind] for kind in KINDS])
    factor = np.full((len(visibility), NUM_JOINTS), TOGETHER)
    for j, (name, kind) in enumerate(zip(JOINTS, KINDS, strict=True)):
        if kind in _MADE_FROM:
            landmark = _MADE_FROM[kind]["right_" in name]
            factor[:, j] *= 1 + WHEN_HIDDEN * np.clip(1 - visibility[:, landmark] / 0.3, 0, 1) ** 2
    factor *= (1 + np.clip(0.7 - agreement, 0, None))[:, None]
    outside = (pixels < 0).any(-1) | (pixels > np.array(camera.size)).any(-1)
    factor = np.where(outside, factor * 3, factor)
    return sigma_from_metres(error * factor[..., None])
