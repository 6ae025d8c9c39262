"""What people do with the rest of their body when they kneel, sit down or step: targets besides those asked for.

They grow with the pull, from nothing, so that the pose never jumps. numpy only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..body.skeleton import JOINTS, Body
from .floor import FLESH, Floor, smoothly
from .targets import Target

_SIDES = {side: [JOINTS.index(f"{side}_{kind}") for kind in ("knee", "ankle")] for side in ("left", "right")}
_ANKLES = {f"{side}_ankle" for side in _SIDES}
_CHEST = JOINTS.index("spine3")
_KNEELING = (0.1, 0.35)  # metres: a knee so high kneels; the foot of a knee this high is anywhere
_SITTING = (0.12, 0.42)  # metres: hips so high sit on the floor, hips this high do not
_IN_FRONT = 0.52  # of a leg: how far in front of the hips the feet of somebody are who sits on the floor
_BEHIND = 0.92  # of a shin: how far behind the knee the foot of a kneeling leg is
_FOOT, _TRUNK = 0.5, 0.3  # weights of soft targets
_STRIDE = 1.7  # metres of a step for each metre that the body leans too far
_LONGEST = 0.8  # of a leg
_LEAST = 1e-3


def kneeling_feet(
    floor: Floor, asked: Sequence[Target], positions: np.ndarray, heading: np.ndarray, body: Body
) -> list[Target]:
    """Soft targets for the feet of knees that are pulled down to the floor: behind them.

    Args:
        floor: the floor. asked: what the user pulls. positions: (29, 3) metres, of the pose before.
        heading: (3, 3) the upright frame that the pose faces.
    """
    pulled, found = {t.joint: t for t in asked if t.position is not None}, []
    for side, (knee, ankle) in _SIDES.items():
        target = pulled.get(f"{side}_knee")
        if target is None or target.pinned or f"{side}_ankle" in pulled:
            continue
        share = _share_below(target.position[1] - floor.height, _KNEELING)
        if positions[ankle, 1] > positions[knee, 1] + FLESH[knee] or share < _LEAST:
            continue
        back = -heading[:, 2] * _BEHIND * body.bone_lengths[ankle]
        place = np.array(target.position) + back
        place[1] = floor.height + FLESH[ankle]
        found.append(Target(JOINTS[ankle], place, weight=_FOOT * share))
    return found


def sitting_feet(
    floor: Floor,
    targets: Sequence[Target],
    hips: Target,
    positions: np.ndarray,
    heading: np.ndarray,
    body: Body,
) -> list[Target]:
    """The targets, with planted feet slid ahead as far as somebody needs who sits down on the floor; see
    :func:`kneeling_feet`."""
    leg = sum(body.bone_lengths[j] for j in _SIDES["left"])
    share = _share_below(hips.position[1] - floor.height, _SITTING)
    kept, ahead = [], heading[:, 2]
    for t in targets:
        if (
            t.joint in _ANKLES
            and t.pinned
            and t.orientation is not None
            and positions[t.index, 1] < floor.height + 0.2
        ):
            in_front = (t.position - np.asarray(hips.position)) @ ahead
            slide = share * max(0.0, _IN_FRONT * leg - in_front)
            t = replace(t, position=t.position + slide * ahead)
        kept.append(t)
    return kept


def upright_trunk(floor: Floor, hips: Target, world: np.ndarray) -> list[Target]:
    """A soft target that keeps the chest as it is turned while the hips are pulled down to the floor.

    Args:
        floor: the floor. hips: their target. world: (24, 3, 3) orientations of the bones before.
    """
    share = _share_below(hips.position[1] - floor.height, (_SITTING[0], 2 * _SITTING[1]))
    return [Target("spine3", orientation=world[_CHEST], weight=_TRUNK * share)] if share > _LEAST else []


def stepped(targets: Sequence[Target], lean: np.ndarray, positions: np.ndarray, body: Body) -> list[Target]:
    """The targets, with one planted foot set where it bears a body that leans too far.

    Args:
        targets: among them the pins of planted feet. lean: (3,) metres by which the body leans too far.
        positions: (29, 3) metres, of the pose before.
    """
    distance = float(np.linalg.norm(lean))
    feet = [t for t in targets if t.joint in _ANKLES and t.pinned]
    if len(feet) < 2 or distance < _LEAST:
        return list(targets)
    way = lean / distance
    leg = sum(body.bone_lengths[j] for j in _SIDES["left"])
    length = min(_STRIDE * distance, _LONGEST * leg)
    # Sideways the near foot goes, so that legs do not cross; ahead or back, the one that lags.
    between = positions[feet[0].index] - positions[feet[1].index]
    sideways = (between @ way) / max(float(np.linalg.norm(between)), 1e-9)
    first = sideways > 0 if abs(sideways) > 0.35 else (feet[0].position - feet[1].position) @ way <= 0
    moving = feet[0] if first else feet[1]
    return [replace(t, position=t.position + length * way) if t is moving else t for t in targets]


def _share_below(height: float, span: tuple[float, float]) -> float:
    """1 below the span, 0 above it, smooth between."""
    return smoothly((span[1] - height) / (span[1] - span[0]))
