"""How captures stand and walk: feet, floor, path and shaking, against the truth where there is one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..body import rotation as rot
from ..body.skeleton import JOINTS, NUM_BONES, NUM_JOINTS
from ..capturing.solving import frames_seen, solve
from ..motion.contacts import CONTACTS, FEET, SOLE, TOUCHES
from ..motion.floor import camera_height, points_of, stand_on_floor
from ..motion.gaps import bridged
from ..motion.motion import Motion
from ..motion.smoothing import whittaker
from .standing import touching

WRISTS = [JOINTS.index("left_wrist"), JOINTS.index("right_wrist")]
_WALKING = 1.0  # hertz: what the pelvis does faster is no path that it goes


def frame_by_frame(readings: Motion, solver: str = "niki") -> Motion:
    """What a capture was before clips were solved as one: each frame by itself, gaps bridged, no contacts, the lowest joint on
    the floor."""
    camera, seen, count = readings.camera_pose[:3, 3], frames_seen(readings), len(readings)
    rotations, trans = np.tile(np.eye(3), (count, NUM_BONES, 1, 1)), np.zeros((count, 3))
    confidence = np.zeros((count, NUM_JOINTS))
    for at, turned, place, sure in solve(readings, solver):
        rotations[at], trans[at], confidence[at] = turned, place, sure
    rotations, trans = bridged(rotations, trans, seen)
    poses = rot.axis_angle_from_matrix(rotations).reshape(count, -1)
    motion = replace(readings, poses=poses, trans=trans + camera, confidence=confidence)
    return stand_on_floor(motion, np.zeros((count, len(CONTACTS))))


def slide(points: np.ndarray, stands: np.ndarray) -> float:
    """Millimetres that points (T, K, 3) move per frame on average while ``stands`` (T, K) is true; NaN if none does."""
    moved = np.linalg.norm(np.diff(points, axis=0), axis=-1)[stands[1:] & stands[:-1]]
    return 1000 * float(moved.mean()) if len(moved) else float("nan")


def lowest_points(motion: Motion, stands: np.ndarray) -> np.ndarray:
    """(n,) millimetres above the floor, y = 0: the sole under the lowest point of the feet, in frames in which one of
    ``stands`` (T, K) is true."""
    return 1000 * (points_of(motion)[..., 1].min(1) - SOLE)[stands.any(1)]


def float_and_penetration(heights: np.ndarray) -> dict[str, float]:
    """How far heights (n,) are above and below zero on average; NaN without any."""
    if not len(heights):
        return {"float": float("nan"), "penetration": float("nan")}
    return {
        "float": float(np.maximum(0, heights).mean()),
        "penetration": float(np.maximum(0, -heights).mean()),
    }


def path_length(places: np.ndarray, rate: float) -> float:
    """Metres that somebody goes over the ground, from places (T, 3), Y up: shaking and swaying are no path."""
    smooth = whittaker(places[:, [0, 2]], rate, _WALKING)
    return float(np.linalg.norm(np.diff(smooth, axis=0), axis=-1).sum())


def wrist_shaking(joints: np.ndarray, seen: np.ndarray) -> float:
    """The 95th percentile of the wrists' second difference in joints (T, 29, 3), in mm per frame^2, where three frames in a
    row are ``seen`` (T,)."""
    changes = np.linalg.norm(np.diff(joints[:, WRISTS], 2, axis=0), axis=-1)[
        seen[2:] & seen[1:-1] & seen[:-2]
    ]
    return 1000 * float(np.percentile(changes, 95)) if len(changes) else float("nan")


def against_a_true_motion(motion: Motion, truth: Motion) -> dict[str, float]:
    """How a capture stands and walks, against the same motion, known exactly, its floor at y = 0.

    Returns:
        ``slide``, mm per frame, and ``float`` and ``penetration``, mm, while a foot truly stands; in cm, the error of the
        ``camera height`` and, as a mean, how far off the ``floor`` is under the true feet where they stand, seen from the
        camera; ``path``, by how many percent of its length the path is too long.
    """
    feet = points_of(truth)
    stands = touching(feet, np.array([0.0, 1, 0]), 0.0, truth.mocap_framerate)
    on_floor = feet[stands] * [1, 0, 1]
    seen = (on_floor - truth.camera_pose[:3, 3]) @ truth.camera_pose[:3, :3]
    ours = seen @ motion.camera_pose[:3, :3].T + motion.camera_pose[:3, 3]
    lengths = [path_length(m.solved_joints()[:, 0], m.mocap_framerate) for m in (motion, truth)]
    return {
        "slide": slide(points_of(motion), stands),
        "camera height": 100 * (camera_height(motion) - camera_height(truth)),
        "floor": 100 * float(np.abs(ours[:, 1]).mean()) if len(ours) else float("nan"),
        "path": 100 * (lengths[0] / lengths[1] - 1),
        **float_and_penetration(lowest_points(motion, stands)),
    }


def by_its_contacts(motion: Motion, contacts: np.ndarray) -> dict[str, float]:
    """How a capture without truth stands while contacts (T, 6) say that feet do: ``slide``, mm per frame, ``float`` and
    ``penetration``, mm, ``within 1 cm``, the share of frames in which the lowest point is that near to the floor, and
    ``wrists``, see :func:`wrist_shaking`."""
    stands = contacts[:, FEET] >= TOUCHES
    lowest = lowest_points(motion, stands)
    return {
        "contact": float(stands.any(1).mean()),
        "slide": slide(points_of(motion), stands),
        **float_and_penetration(lowest),
        "within 1 cm": float((np.abs(lowest) < 10).mean()) if len(lowest) else float("nan"),
        "wrists": wrist_shaking(motion.solved_joints(), motion.seen),
    }
