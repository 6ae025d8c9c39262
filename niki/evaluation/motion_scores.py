"""What solved motion is scored by: how near it is to the truth, how smoothly it moves, and how it stands. numpy only."""

from __future__ import annotations

import numpy as np

from ..body import rotation as rot
from ..body.skeleton import JOINTS
from ..mocap.collection import RATE
from ..motion.contacts import FEET, SOLE, TOUCHES
from .metrics import acceleration_error, procrustes_aligned
from .motion_cases import Case
from .motion_windows import Solved
from .standing import touching

COLUMNS = {
    "mpjpe": "MPJPE", "pa": "PA", "across": "across", "along": "along", "rotation": "rotation", "acceleration": "acceleration",
    "place": "of the pelvis", "jitter": "jitter", "slide": "foot slide", "penetration": "penetration", "float": "float",
    "contacts": "contact F1", "peak": "peak speed", "hidden": "hidden",
}  # fmt: skip
"""Headings by score."""

_WRISTS = [JOINTS.index(f"{side}_wrist") for side in ("left", "right")]
_PEAK = 1.0  # metres per second, from which on a wrist's fastest moment counts


def scores(case: Case, solved: Solved) -> dict[str, float]:
    """Scores of what was solved, by ``COLUMNS``.

    MPJPE, PA-MPJPE, errors across and along the view (mm, about the pelvis) and of rotations (degrees) are means over the
    frames that are scored, ``hidden`` (mm) over the hidden joints in them. The others are of whole windows:
    ``acceleration`` of joints about the pelvis and ``place``, that of the pelvis (m/s^2, errors); ``jitter``, the mean
    length of the third difference of joints about the pelvis (mm per frame^3, at 30 frames per second, of the motion itself: the truth has
    some); ``slide`` (mm per frame), ``float`` and ``penetration`` (mm): see :func:`standing_scores`; ``contacts``: see
    :func:`contact_score`; ``peak``: see :func:`peak_speed_kept`.
    """
    truth, scored = case.windows.joints, case.scored
    view = rot.normalize(truth[:, :, :1])
    about, about_truth = solved.joints - solved.joints[:, :, :1], truth - truth[:, :, :1]
    error = about - about_truth
    along = rot.dot(error, view)
    distance = np.linalg.norm(error, axis=-1)
    flat, flat_truth = about[scored], about_truth[scored]
    aligned = procrustes_aligned(flat, flat_truth) - flat_truth
    angles = rot.angle_between(solved.rotations, case.windows.rotations)[scored]
    hidden = case.seen.hidden & (scored & ~case.seen.missing)[..., None]
    return {
        "mpjpe": 1000 * distance[scored].mean(),
        "pa": 1000 * np.linalg.norm(aligned, axis=-1).mean(),
        "across": 1000 * np.linalg.norm(error - along * view, axis=-1)[scored].mean(),
        "along": 1000 * np.abs(along[scored]).mean(),
        "rotation": float(np.degrees(angles).mean()),
        "acceleration": _mean_acceleration(about, about_truth),
        "place": _mean_acceleration(solved.joints[:, :, :1], truth[:, :, :1]),
        "jitter": 1000 * np.linalg.norm(np.diff(about, 3, axis=1), axis=-1).mean(),
        **standing_scores(case, solved),
        "contacts": contact_score(case, solved.contacts),
        "peak": peak_speed_kept(about, about_truth),
        "hidden": 1000 * distance[hidden].mean() if hidden.any() else float("nan"),
    }  # fmt: skip


def standing(case: Case) -> np.ndarray:
    """(N, T, 4) bool: which points of the feet touch the ground in truth, heels and toes."""
    windows = case.windows
    truth = Solved(windows.rotations, windows.joints, windows.offsets)
    lowest = (windows.joints * windows.up[:, None, None]).sum(-1).min((1, 2))
    return touching(truth.foot_points(), windows.up, lowest - SOLE, RATE)


def standing_scores(case: Case, solved: Solved) -> dict[str, float]:
    """How feet that truly stand do: ``slide``, by how many mm their points move per frame; ``float`` and ``penetration``, by
    how many mm they are on average above and below the floor, which is where most of them are, along the true vertical. NaN
    without rotations."""
    stand, points = standing(case), solved.foot_points()
    moved = np.linalg.norm(np.diff(points, axis=1), axis=-1)[stand[:, 1:] & stand[:, :-1]]
    height = (points * case.windows.up[:, None, None]).sum(-1)
    above = [heights[s] - np.median(heights[s]) for heights, s in zip(height, stand, strict=True) if s.any()]
    above = np.concatenate(above) if above else np.full(1, np.nan)
    return {
        "slide": 1000 * float(moved.mean()) if len(moved) else float("nan"),
        "penetration": 1000 * float(np.maximum(0, -above).mean()),
        "float": 1000 * float(np.maximum(0, above).mean()),
    }


def contact_score(case: Case, contacts: np.ndarray | None) -> float:
    """F1 of the feet among contacts (N, T, 6), from 0 to 1, in the frames in which somebody is seen; NaN where none were looked for."""
    if contacts is None:
        return float("nan")
    seen = ~case.seen.missing
    found, true = contacts[..., FEET][seen] >= TOUCHES, standing(case)[seen]
    return float(2 * (found & true).sum() / max(1, found.sum() + true.sum()))


def peak_speed_kept(joints: np.ndarray, truth: np.ndarray) -> float:
    """Mean share of a wrist's greatest speed about the pelvis (N, T, 29, 3) that is left, in its direction and at its
    time: noise does not add to it, and smoothing takes from it. Wrists that are never fast are left out."""
    velocity, true = (np.gradient(j[:, :, _WRISTS], axis=1) * RATE for j in (joints, truth))
    speed = np.linalg.norm(true, axis=-1)
    at = speed.argmax(1)[:, None]
    velocity, true = (np.take_along_axis(v, at[..., None], 1)[:, 0] for v in (velocity, true))
    fastest = np.take_along_axis(speed, at, 1)[:, 0]
    share = (velocity * true).sum(-1) / np.maximum(fastest, 1e-9) ** 2
    counts = fastest > _PEAK
    return float(share[counts].mean()) if counts.any() else float("nan")


def _mean_acceleration(joints, truth) -> float:
    return float(np.mean([acceleration_error(a, b, RATE) for a, b in zip(joints, truth, strict=True)]))
