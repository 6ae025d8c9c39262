"""BlazePose's 33 landmarks: the points made of them, what anatomy says of these, and the twist they betray."""

from __future__ import annotations

import numpy as np

from ....body.rotation import cross, dot, normalize
from ....body.skeleton import JOINTS, NUM_BONES

POINTS = {  # what depth is refined on: each a mean of landmarks, left before right
    "left_shoulder": [11], "right_shoulder": [12], "left_elbow": [13], "right_elbow": [14],
    "left_wrist": [15], "right_wrist": [16], "left_hip": [23], "right_hip": [24],
    "left_knee": [25], "right_knee": [26], "left_ankle": [27], "right_ankle": [28],
    "left_heel": [29], "right_heel": [30], "left_toe": [31], "right_toe": [32],
    "left_knuckles": [17, 19], "right_knuckles": [18, 20], "ears": [7, 8],
}  # fmt: skip
_NAMES = list(POINTS)
_SIDED = [
    ("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"),
    ("ankle", "heel"), ("ankle", "toe"), ("heel", "toe"), ("wrist", "knuckles"), ("shoulder", "hip"),
]  # fmt: skip
_BONE_NAMES = [(f"{s}_{a}", f"{s}_{b}") for a, b in _SIDED for s in ("left", "right")] + [
    ("left_shoulder", "right_shoulder"), ("left_hip", "right_hip"),
    ("left_shoulder", "ears"), ("right_shoulder", "ears"),
]  # fmt: skip
BONES = [(_NAMES.index(a), _NAMES.index(b)) for a, b in _BONE_NAMES]
MIRRORED_BONES = [k ^ 1 for k in range(2 * len(_SIDED))] + [18, 19, 21, 20]

MIRRORED_POINTS = [k ^ 1 for k in range(18)] + [18]
"""Of the points: each one's counterpart."""

_LEFT_EAR, _RIGHT_EAR, _NOSE = 7, 8, 0
HIPS = [23, 24]
"""Of the landmarks: the hips."""
HANDS = [17, 18, 19, 20]
"""Of the landmarks: the little fingers' knuckles, left and right, then the index fingers'."""
_NOSE_BELOW_EARS = np.radians(17)  # how far the nose is below the ears, seen from between them
_TOE_AHEAD, _HEEL_AHEAD = 0.17, -0.05  # metres before the ankle
_KNEE_AHEAD, _KNEE_LIMIT = 0.03, 0.15  # metres: the least bend, and how far a knee is moved

REST_HINTS = np.zeros((NUM_BONES, 3))
"""(24, 3): the side of each bone whose direction ``twist_hints`` gives, in the rest pose."""
for _name in ("hip", "knee", "shoulder", "elbow", "wrist", "hand"):
    REST_HINTS[[JOINTS.index(f"{side}_{_name}") for side in ("left", "right")]] = [0, 0, 1]
for _name in ("ankle", "foot"):
    REST_HINTS[[JOINTS.index(f"{side}_{_name}") for side in ("left", "right")]] = [0, 1, 0]
for _name in ("spine1", "spine2", "neck", "head"):
    REST_HINTS[JOINTS.index(_name)] = [1, 0, 0]


def points_of(landmarks: np.ndarray) -> np.ndarray:
    """Landmarks (..., 33, n) -> the points of :data:`POINTS` (..., 19, n)."""
    return np.stack([landmarks[..., POINTS[name], :].mean(-2) for name in _NAMES], -2)


def point(points: np.ndarray, name: str) -> np.ndarray:
    """(..., 3) one of the points (..., 19, 3), by its name."""
    return points[..., _NAMES.index(name), :]


def sides(points: np.ndarray, kind: str) -> np.ndarray:
    """(..., 2, 3) the left and the right point of a kind."""
    return np.stack([point(points, f"{side}_{kind}") for side in ("left", "right")], -2)


def mid_hip(points: np.ndarray) -> np.ndarray:
    """(..., 3) the middle of the hips, of points (..., 19, 3)."""
    return sides(points, "hip").mean(-2)


def legs_as_anatomy_has_them(points: np.ndarray) -> np.ndarray:
    """Points (T, 19, 3), view axes, with the legs' depth where the picture leaves it open.

    A foot that points along the view is a dot in the picture, and a leg seen from the front or back
    looks the same bent either way. The detector then guesses; but feet point where the body faces
    and knees bend that way only.
    """
    points = points.copy()

    def at(name):
        return points[:, _NAMES.index(name)]

    hips = at("left_hip") - at("right_hip")
    up = at("left_shoulder") + at("right_shoulder") - at("left_hip") - at("right_hip")
    facing = normalize(cross(hips, up))
    for side in ("left", "right"):
        hip, knee, ankle = at(f"{side}_hip"), at(f"{side}_knee"), at(f"{side}_ankle")
        ahead = ((knee - (hip + ankle) / 2) * facing).sum(-1)
        wanted = np.maximum(np.abs(ahead), _KNEE_AHEAD)
        slope = facing[:, 2]
        shift = (wanted - ahead) * slope / np.maximum(slope**2, 0.25)
        knee[:, 2] += np.clip(shift, -_KNEE_LIMIT, _KNEE_LIMIT)
        shin = normalize(ankle - knee)
        ahead = normalize(facing - dot(facing, shin) * shin)[:, 2]
        for name, reach in (("toe", _TOE_AHEAD), ("heel", _HEEL_AHEAD)):
            depth = at(f"{side}_{name}")[:, 2]
            depth[:] = ankle[:, 2] + (depth - ankle[:, 2] + reach * ahead) / 2
    return points


def head_frame(world: np.ndarray) -> np.ndarray:
    """World landmarks (T, 33, 3) -> the head's left, up, forward as columns (T, 3, 3)."""
    left = normalize(world[:, _LEFT_EAR] - world[:, _RIGHT_EAR])
    nose = world[:, _NOSE] - (world[:, _LEFT_EAR] + world[:, _RIGHT_EAR]) / 2
    ahead = normalize(nose - dot(nose, left) * left)
    above = cross(ahead, left)
    forward = np.cos(_NOSE_BELOW_EARS) * ahead + np.sin(_NOSE_BELOW_EARS) * above
    return np.stack([left, cross(forward, left), forward], -1)


def twist_hints(joints: np.ndarray, hands: np.ndarray, head: np.ndarray) -> np.ndarray:
    """Where the sides named by :data:`REST_HINTS` point.

    Knees and elbows are hinges, so a bent limb shows how its upper bone is turned, and a straight
    one takes it from the foot or the palm; the feet keep their backs under the shins; the spine
    shares out the turn between hips and shoulders, the neck that between shoulders and head.

    Args:
        joints: (T, 29, 3). hands: (T, 4, 3) the landmarks :data:`HANDS`, same axes. head: (T, 3, 3).

    Returns:
        (T, 24, 3), NaN where nothing tells.
    """
    hints = np.full((len(joints), NUM_BONES, 3), np.nan)

    def at(name):
        return joints[:, JOINTS.index(name)]

    def put(name, value):
        hints[:, JOINTS.index(name)] = value

    for k, side in enumerate(("left", "right")):
        hip, knee, ankle = at(f"{side}_hip"), at(f"{side}_knee"), at(f"{side}_ankle")
        toes = normalize(at(f"{side}_big_toe") - ankle)
        kneecap = knee - (hip + ankle) / 2
        bend = np.linalg.norm(kneecap, axis=-1, keepdims=True) / np.linalg.norm(
            hip - ankle, axis=-1, keepdims=True
        )
        ahead = normalize(normalize(kneecap) * np.minimum(8 * bend, 2) + toes)
        put(f"{side}_hip", ahead)
        put(f"{side}_knee", normalize(ahead + toes))
        put(f"{side}_ankle", knee - ankle)
        put(f"{side}_foot", knee - ankle)
        shoulder, elbow, wrist = at(f"{side}_shoulder"), at(f"{side}_elbow"), at(f"{side}_wrist")
        palm = normalize(hands[:, 2 + k] - hands[:, k])
        upper, fore = normalize(elbow - shoulder), normalize(wrist - elbow)
        bend = fore - dot(fore, upper) * upper
        inner = normalize(3 * bend + 0.3 * palm)
        put(f"{side}_shoulder", inner)
        # The forearm turns half of the way from the elbow's hinge to the palm, the hand the rest.
        hinge = normalize(dot(upper, fore) * bend - dot(bend, bend) * upper)
        straight = np.linalg.norm(bend, axis=-1, keepdims=True) < 0.15
        put(f"{side}_elbow", normalize(palm + np.where(straight, palm, hinge)))
        put(f"{side}_wrist", palm)
        put(f"{side}_hand", palm)
    pelvis = normalize(at("left_hip") - at("right_hip"))
    chest = normalize(at("left_shoulder") - at("right_shoulder"))
    put("spine1", 2 * pelvis + chest)
    put("spine2", pelvis + 2 * chest)
    put("neck", chest + head[..., 0])
    put("head", head[..., 0])
    return hints
