"""A front end's errors, drawn as they were measured: networks are trained and compared on them. numpy only.

A front end reads joints off a picture, frame by frame, and its errors are not independent: half of them last as
long as a clip, the rest for some tenths of a second; the trunk errs as one; what is bent towards the camera comes
out flat, and limbs too short; now and then a limb, or the whole person, is seen the wrong way round. Each process
below says what it was measured on: "treadmill" are four calibrated views of a man, "sample" a rendered figure,
"rendered" the people held out of a corpus. ``scripts/compare_errors`` prints the statistics of all of them beside
those of what is drawn here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..body import rotation as rot
from ..body.skeleton import ANCESTRY, JOINTS, KINDS, MIRROR, NUM_JOINTS, PARENTS
from ..capturing.estimate.calibration import STANDARD_ERROR, WHEN_HIDDEN
from ..network.uncertainty import TOGETHER, sigma_from_metres

WINDOW = 64
"""Frames, at 30 per second, through which what is constant stays constant."""

_PARENTS = [max(parent, 0) for parent in PARENTS]
_SPINE = np.array(
    [float(kind in ("spine1", "spine2", "spine3", "neck", "collar", "shoulder")) for kind in KINDS]
)
_LIMBS = [
    [JOINTS.index(f"{side}_{kind}") for kind in kinds]
    for side in ("left", "right")
    for kinds in (("elbow", "wrist", "hand", "middle_finger"), ("knee", "ankle", "foot", "big_toe"))
]
_STANDARD = np.array([STANDARD_ERROR[kind] for kind in KINDS], np.float32)

_BONE = {  # metres by which the end of a bone errs in depth against its start (treadmill, sample: rms of 40 to 120 mm)
    "pelvis": 0.0, "hip": 0.012, "knee": 0.065, "ankle": 0.060, "foot": 0.03, "big_toe": 0.02, "spine1": 0.02,
    "spine2": 0.03, "spine3": 0.03, "neck": 0.03, "collar": 0.015, "head": 0.03, "head_top": 0.03, "shoulder": 0.025,
    "elbow": 0.080, "wrist": 0.095, "hand": 0.03, "middle_finger": 0.03,
}  # fmt: skip
_BONE_ERROR = np.array([_BONE[kind] for kind in KINDS], np.float32)
_SHORT = {  # measured length of a bone, as a share of the true one (treadmill, sample)
    "elbow": (0.86, 1.0), "wrist": (0.78, 1.0), "hand": (0.85, 1.0), "middle_finger": (0.85, 1.0),
    "knee": (0.96, 1.02), "ankle": (0.90, 1.0),
}  # fmt: skip
_KIND_NAMES = sorted(set(KINDS))
_KIND = [_KIND_NAMES.index(kind) for kind in KINDS]


@dataclass(eq=False)
class Drawn:
    """What a front end makes of N windows of T frames, in camera space: metres, x right, y down, z forward.

    Attributes:
        joints: (N, T, 29, 3). sigma: (N, T, 29, 2) across and along the view, as the product states it.
        hidden: (N, T, 29) bool: joints behind something. missing: (N, T) bool: frames in which nobody is found;
            their joints are bridged.
        offsets: (N, 29, 3) the proportions as measured.
    """

    joints: np.ndarray
    sigma: np.ndarray
    hidden: np.ndarray
    missing: np.ndarray
    offsets: np.ndarray


class FrontEnd:
    """Draws a front end's errors from one seeded generator.

    Args:
        rng: the source of randomness.
        spells: let joints be hidden, and the whole person be missing, for a while now and then.
    """

    def __init__(self, rng: np.random.Generator, spells: bool = False):
        self._rng, self._spells = rng, spells

    def __call__(
        self, joints: np.ndarray, offsets: np.ndarray, pitch: np.ndarray, frames: np.ndarray | None = None
    ) -> Drawn:
        """Read the joints of windows, or of single frames of them.

        Args:
            joints: (N, T, 29, 3) true, in camera space. offsets: (N, 29, 3) the people's proportions.
            pitch: (N,) radians by which the camera looks down.
            frames: (N, T) which frames of a window of ``WINDOW`` these are; default the first T.
        """
        count, length = joints.shape[:2]
        if frames is None:
            frames = np.broadcast_to(np.arange(length), (count, length))
        joints = joints.astype(np.float32)
        hidden, missing = self._spells_of(count, frames)
        measured = self._measured(offsets.astype(np.float32))
        slopes = joints[..., :2] / joints[..., 2:] + self._across(frames, hidden) / joints[..., :1, 2:]
        depths, other_side = self._depths(joints, measured, pitch.astype(np.float32), frames, hidden)
        distance = self._distance(joints[..., 0, 2], frames)
        depths = np.maximum(depths, 0.3 - distance[..., None])
        focal = self._focal(count)
        # With another focal length slopes shrink and the distance grows; relative depth stays.
        far = distance[..., None] * focal[:, None, None] + depths
        seen = np.concatenate([slopes / focal[:, None, None, None] * far[..., None], far[..., None]], -1)
        exchanged = other_side | self._span(frames, 3, 12, 0.04)
        seen = np.where(exchanged[..., None, None], seen[:, :, list(MIRROR)], seen)
        if length >= 5:
            seen = _smoothed(seen)
        sigma = self._sigma(hidden)
        if missing.any():
            seen = _bridged(seen, missing)
            sigma = np.where(
                missing[..., None, None], sigma_from_metres(_STANDARD * TOGETHER * WHEN_HIDDEN), sigma
            )
        return Drawn(seen, sigma.astype(np.float32), hidden, missing, measured)

    # --- the body as measured ------------------------------------------------------------------

    def _measured(self, offsets):
        """Proportions as measured: forearms, upper arms and shins too short, because depth is flattened (treadmill:
        forearms 0.75 to 0.94 of the truth, upper arms 0.88 to 0.94, shins 0.91 to 0.95; rendered: 0.89, 0.92,
        0.91); each kind of bone 3 % off, and all of them 3 %."""
        count = len(offsets)
        short = np.ones((count, len(_KIND_NAMES)), np.float32)
        for kind, (low, high) in _SHORT.items():
            short[:, _KIND_NAMES.index(kind)] = low + (high - low) * self._uniform(count)
        scale = (
            short * (1 + 0.03 * self._normal(count, len(_KIND_NAMES))) * (1 + 0.03 * self._normal(count, 1))
        )
        return offsets * scale[:, _KIND, None]

    # --- across the view -----------------------------------------------------------------------

    def _across(self, frames, hidden):
        """(N, T, 29, 2) metres: half of the variance constant (treadmill: half or more), the size different from clip
        to clip, and 1.5 mm that jitter."""
        count, length = frames.shape
        size = np.exp(0.35 * self._normal(count, 1, 1))
        error = (self._mixed(frames, 2 * NUM_JOINTS, 6) * size).reshape(count, length, NUM_JOINTS, 2)
        error = error * (0.65 * _STANDARD[:, :1]) + 0.0015 * self._normal(count, length, NUM_JOINTS, 2)
        return np.where(hidden[..., None], 7 * error, error)

    # --- along the view ------------------------------------------------------------------------

    def _depths(self, joints, measured, pitch, frames, hidden):
        """(N, T, 29) metres of depth about the pelvis, and (N, T) whether the person is seen from the other side."""
        count = len(joints)
        dx, dy, dz = np.moveaxis(joints - joints[:, :, _PARENTS], -1, 0)
        lean, trunk = self._lean(frames, pitch)
        dz = dz * self._flattening(count) + self._bones(frames, hidden)
        dz += (lean[..., :1] + trunk[..., :1] * _SPINE) * dy + (lean[..., 1:] + trunk[..., 1:] * _SPINE) * dx
        for limb in _LIMBS:  # a limb that points the wrong way (treadmill, sample: 1 to 9 % of bones)
            reversed_ = self._span(frames, 5, 40, 0.06)[..., None]
            dz[..., limb] = np.where(reversed_, -dz[..., limb], dz[..., limb])
        other_side = self._span(frames, 4, 30, 0.07)  # treadmill, second view: 19 of 100 frames
        dz = np.where(other_side[..., None], -dz, dz)
        dz = self._as_long_as_measured(dx, dy, dz, measured)
        return dz @ ANCESTRY.T.astype(np.float32), other_side

    def _lean(self, frames, pitch):
        """(N, T, 2) twice, radians about x and y: the whole body turned by 5 degrees, and the trunk by another 8
        (treadmill: 4 to 13 degrees towards a level camera in 5 of 7 views; left and right shoulder err as one, 0.8 to
        1); both lean as if the camera were level, for up to a quarter and a half of its pitch."""
        count = len(frames)
        lean = math.radians(5) * self._mixed(frames, 2, 10)
        trunk = math.radians(8) * self._mixed(frames, 2, 10)
        lean[..., 0] -= (0.25 * self._uniform(count) * pitch)[:, None]
        trunk[..., 0] -= (0.5 * self._uniform(count) * pitch)[:, None]
        return lean, trunk

    def _flattening(self, count):
        """(N, 1, 1) what depth is multiplied with (treadmill, sample: slopes of -0.39 to 0 of the error on depth)."""
        flat = 1 - 0.35 * self._uniform(count, 1, 1)
        return np.where(self._chance(0.6, count, 1, 1), flat, np.float32(1))

    def _bones(self, frames, hidden):
        """(N, T, 29) metres: each bone's own error in depth."""
        scale = 0.6 + 0.8 * self._uniform(len(frames), 1, 1)
        error = self._mixed(frames, NUM_JOINTS, 7) * _BONE_ERROR * scale
        return np.where(hidden, 2.5 * error, error)

    def _as_long_as_measured(self, dx, dy, dz, measured):
        """Depths pulled by a half to the whole way towards those that give bones their measured length: front ends know
        a person's bones."""
        length = np.linalg.norm(measured, axis=-1)[:, None]
        wanted = np.sqrt(np.maximum(length**2 - dx**2 - dy**2, 0))
        share = 0.5 + 0.5 * self._uniform(len(dz), 1, 1)
        size = np.abs(dz)
        pulled = np.sign(dz) * ((1 - share) * size + share * np.minimum(wanted, size + 0.10))
        return np.where(size > 0.01, pulled, dz)

    def _distance(self, distance, frames):
        """(N, T) metres: the person's distance 4 % off, and 1 % that varies."""
        varying = self._smooth(frames, 1, 15)[..., 0]
        return distance * (1 + 0.04 * self._normal(len(frames), 1) + 0.012 * varying)

    def _focal(self, count):
        """(N,) assumed over true focal length: 12 % off in half of the clips, for which nobody knows it."""
        return np.where(self._chance(0.5, count), np.exp(0.12 * self._normal(count)), np.float32(1))

    # --- what is stated, hidden and missing ----------------------------------------------------

    def _sigma(self, hidden):
        """As the estimator states it: half the calibrated error, eight times as much where a joint is hidden."""
        error = _STANDARD * TOGETHER * np.exp(0.1 * self._normal(len(hidden), 1, 1, 1))
        return sigma_from_metres(np.where(hidden[..., None], WHEN_HIDDEN, 1.0) * error)

    def _spells_of(self, count, frames):
        """(N, T, 29) hidden joints, in a third of the windows, and (N, T) missing frames, in a seventh."""
        nobody = np.zeros(frames.shape, bool)
        if not self._spells:
            return np.repeat(nobody[..., None], NUM_JOINTS, -1), nobody
        groups = HIDDEN_TOGETHER[self._rng.integers(len(HIDDEN_TOGETHER), size=count)]
        hidden = groups[:, None] & self._span(frames, 4, 40, 0.35)[..., None]
        if frames.shape[1] == 1:
            return hidden, nobody
        missing = self._span(frames, 10, 40, 0.15)
        missing[:, [0, -1]] = False
        return hidden, missing

    # --- chance in time ------------------------------------------------------------------------

    def _mixed(self, frames, channels, scale):
        """(N, T, C) of unit variance: a quarter to most of it constant through the window (treadmill: .44 to .69 of
        the variance; sample: .14 to .35), the rest slow."""
        share = 0.25 + 0.6 * self._uniform(len(frames), 1, 1)
        constant = self._normal(len(frames), 1, channels)
        return np.sqrt(share) * constant + np.sqrt(1 - share) * self._smooth(frames, channels, scale)

    def _smooth(self, frames, channels, scale):
        """(N, T, C) of unit variance that changes in about ``scale`` frames: knots, blended (treadmill, sample: half is
        left after 0.2 s)."""
        count, length = frames.shape
        if length == 1:
            return self._normal(count, 1, channels)
        knots = self._normal(count, math.ceil(WINDOW / scale) + 3, channels)
        at = frames / scale + self._uniform(count, 1)
        before = np.minimum(at.astype(int), knots.shape[1] - 2)
        part = (at - before)[..., None].astype(np.float32)
        part = part * part * (3 - 2 * part)
        rows = np.arange(count)[:, None]
        blended = knots[rows, before] * (1 - part) + knots[rows, before + 1] * part
        return blended / np.sqrt((1 - part) ** 2 + part**2)

    def _span(self, frames, low, high, probability):
        """(N, T) bool: a stretch of ``low`` to ``high`` frames, in a share ``probability`` of the windows."""
        count = len(frames)
        length = low + (high - low + 1) * self._uniform(count, 1)
        start = self._uniform(count, 1) * (WINDOW - length / 2) - length / 4
        inside = (frames >= start) & (frames < start + length)
        return inside & self._chance(probability, count, 1)

    def _uniform(self, *shape):
        return self._rng.random(shape, np.float32)

    def _normal(self, *shape):
        return self._rng.standard_normal(shape, np.float32)

    def _chance(self, probability, *shape):
        return self._uniform(*shape) < probability


def random_cameras(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cameras as footage has them: mostly looking down a little, from 2.2 to 8 metres.

    Returns:
        turns (N, 3, 3) from library axes to camera axes, pitch (N,) in radians by which they look down, and places
        of the pelvis (N, 3) in camera space, metres.
    """
    pitch = np.clip(math.radians(10) + math.radians(14) * rng.standard_normal(count), -0.6, 0.7)
    rolled = rng.random(count) < 0.3
    roll = np.radians(rng.standard_normal(count) * np.where(rolled, 15.0, 4.0))
    down, level, zero = np.sin(pitch), np.cos(pitch), np.zeros(count)
    turn = np.stack(
        [
            np.stack([zero + 1, zero, zero], -1),
            np.stack([zero, -level, down], -1),
            np.stack([zero, -down, -level], -1),
        ],
        -2,
    )
    turn = rot.matrix_from_axis_angle(np.stack([zero, zero, roll], -1)) @ turn
    distance = np.exp(rng.uniform(math.log(2.2), math.log(8), count))
    aside = 0.12 * rng.standard_normal((count, 2))
    place = np.concatenate([aside, np.ones((count, 1))], -1) * distance[:, None]
    return turn, pitch, place


def _smoothed(seen):
    """Over five frames: front ends smooth."""
    length = seen.shape[1]
    padded = np.concatenate([seen[:, :1], seen[:, :1], seen, seen[:, -1:], seen[:, -1:]], 1)
    weights = np.array([0.1, 0.2, 0.4, 0.2, 0.1], seen.dtype)
    return np.sum([weight * padded[:, k : k + length] for k, weight in enumerate(weights)], 0)


def _bridged(seen, missing):
    """Frames in which nobody was found, filled in between their neighbours."""
    count, length = missing.shape
    time = np.broadcast_to(np.arange(length), missing.shape)
    before = np.maximum.accumulate(np.where(missing, 0, time), 1)
    after = np.minimum.accumulate(np.where(missing, length - 1, time)[:, ::-1], 1)[:, ::-1]
    part = ((time - before) / np.maximum(after - before, 1))[..., None, None].astype(np.float32)
    rows = np.arange(count)[:, None]
    return np.where(
        missing[..., None, None], seen[rows, before] * (1 - part) + seen[rows, after] * part, seen
    )


def _hidden_together() -> np.ndarray:
    """(K, 29) bool: groups of joints that an object or the edge of the picture hides together."""
    arms, legs = (
        [[JOINTS.index(f"{side}_{kind}") for kind in kinds] for side in ("left", "right")]
        for kinds in (
            ("shoulder", "elbow", "wrist", "hand", "middle_finger"),
            ("hip", "knee", "ankle", "foot", "big_toe"),
        )
    )
    head = [JOINTS.index(name) for name in ("neck", "head", "head_top")]
    limbs = [*arms, *legs]
    groups = [
        *limbs, *(limb[1:] for limb in limbs), *(limb[2:] for limb in limbs), head, legs[0] + legs[1],
        legs[0][1:] + legs[1][1:], legs[0][2:] + legs[1][2:], arms[0] + legs[0], arms[1] + legs[1],
        head + arms[0] + arms[1],
    ]  # fmt: skip
    masks = np.zeros((len(groups), NUM_JOINTS), bool)
    for mask, group in zip(masks, groups, strict=True):
        mask[group] = True
    return masks


HIDDEN_TOGETHER = _hidden_together()
"""(K, 29) bool: groups of joints that are hidden together."""
