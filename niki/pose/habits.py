"""What people do with the rest of their body when they kneel, sit down or step: targets besides those asked for.

They grow with the pull, from nothing, so that the pose never jumps. numpy only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..body import rotation as rot
from ..body.kinematics import forward_kinematics
from ..body.skeleton import JOINTS, PARENTS, Body
from ..motion.blending import smoothly
from .floor import FLESH, Floor
from .targets import Posture, Target

_SIDES = {side: [JOINTS.index(f"{side}_{kind}") for kind in ("knee", "ankle")] for side in ("left", "right")}
_ANKLES = {f"{side}_ankle" for side in _SIDES}
_KNEELING = (0.06, 0.48)  # metres: with a knee so high the foot is stretched; this high, flat
_INSTEP = np.radians(130)  # by which a foot is turned that rests on its instep
_SITTING = (0.12, 0.42)  # metres: hips so high sit on the floor, hips this high do not
_IN_FRONT = 0.52  # of a leg: how far in front of the hips the feet of somebody are who sits on the floor
_FOOT, _RESTING = 0.5, 0.5  # weights of soft targets
_FREED, _LIFTED = 0.05, 0.1  # metres down, of the knee, and up, of the hips, at which a foot goes along
_SITS = 0.15  # metres that a foot is in front of its knee by which nobody kneels down
_OVER_SHINS = 0.75  # of the way from the ankles to the knees: before it somebody's weight is who kneels
_STRIDE = 1.7  # metres of a step for each metre that the body leans too far
_LONGEST = 0.8  # of a leg
_LEAST = 1e-3
_HIPS, _KNEES = {"pelvis", "left_hip", "right_hip"}, {"left_knee", "right_knee"}
_KEPT = {"spine3": 0.45, "pelvis": 0.3}  # weights of the turns that are kept
_TRUNK_KEPT = 0.2  # metres down that knees are pulled by when the trunk is kept most


def kneeling_feet(
    floor: Floor,
    asked: Sequence[Target],
    positions: np.ndarray,
    world: np.ndarray,
    heading: np.ndarray,
    body: Body,
) -> list[Target]:
    """Soft targets for the feet of knees that are pulled down: on the floor behind them, a shin's length away, and stretched.

    Args:
        floor: the floor. asked: what the user pulls. positions: (29, 3) metres, world: (24, 3, 3) orientations of the
            bones, of the pose before. heading: (3, 3) the upright frame that the pose faces.
    """
    pulled, resting, found = _positioned(asked), floor.resting(positions), []
    for side, (knee, ankle) in _SIDES.items():
        target = pulled.get(f"{side}_knee")
        if target is None or target.pinned or f"{side}_ankle" in pulled or not resting[ankle]:
            continue
        place, down = np.array(target.place), positions[knee, 1] - target.place[1]
        low = floor.height + FLESH[ankle]
        flat = max(positions[ankle, 1] - low, 0.0)
        shin, height = body.bone_lengths[ankle], max(place[1], low + FLESH[knee] - FLESH[ankle])
        stretched = _share_below(place[1] - floor.height, _KNEELING)
        low += flat * (1 - stretched)
        place -= heading[:, 2] * np.sqrt(max(shin**2 - (height - low) ** 2, 0.0))
        place[1] = low
        in_front = float((positions[ankle] - positions[knee]) @ heading[:, 2])
        weight = _FOOT * smoothly(down / _FREED) * (1 - smoothly(in_front / _SITS))
        if weight > _LEAST:
            sole = rot.matrix_from_axis_angle(heading[:, 0] * stretched * _INSTEP) @ world[ankle]
            found.append(Target(JOINTS[ankle], place, sole, weight=weight))
    return found


def fold_shins(posture: Posture, asked: Sequence[Target], feet: Sequence[Target], body: Body) -> Posture:
    """The pose with the shins of kneeling legs towards ``feet``, of :func:`kneeling_feet`."""
    pulled, rotations = _positioned(asked), posture.rotations.copy()
    for foot in feet:
        knee, ankle = _SIDES[foot.joint.removesuffix("_ankle")]
        positions, world = forward_kinematics(rotations, body, posture.translation)
        shin = foot.place - pulled[JOINTS[knee]].place
        swing = rot.swing_between(rot.normalize(positions[ankle] - positions[knee]), rot.normalize(shin))
        turn = rot.matrix_from_axis_angle(foot.weight / _FOOT * rot.axis_angle_from_matrix(swing))
        rotations[knee] = world[PARENTS[knee]].T @ turn @ world[knee]
    return replace(posture, rotations=rotations)


def kneeling_support(floor: Floor, asked: Sequence[Target], feet: Sequence[Target]) -> np.ndarray:
    """(n, 2) what bears a body on the floor whose knees are pulled down: ``feet`` of :func:`kneeling_feet`, and the shins,
    the nearer the knees are to the floor the more."""
    pulled, points = _positioned(asked), []
    for foot in feet:
        ankle, knee = foot.place, pulled[foot.joint.replace("ankle", "knee")].place
        touching = _share_below(knee[1] - floor.height, _KNEELING)
        points += [ankle, ankle + _OVER_SHINS * touching * (knee - ankle)]
    return np.array(points).reshape(-1, 3)[:, [0, 2]]


def resting_feet(
    floor: Floor, asked: Sequence[Target], targets: Sequence[Target], positions: np.ndarray
) -> list[Target]:
    """Soft targets that leave feet on the floor which nothing holds, while the hips go down; see :func:`kneeling_feet`.
    Without them, the whole leg would be pushed into the floor."""
    goals, resting, found = _positioned(asked), floor.resting(positions), []
    held = {t.joint for t in targets}
    for side, (_, ankle) in _SIDES.items():
        if not resting[ankle] or f"{side}_ankle" in held:
            continue
        leading = [t for name in ("pelvis", f"{side}_hip") if (t := goals.get(name))]
        if not leading:
            continue
        up = max(t.place[1] - positions[t.index, 1] for t in leading)
        weight = _RESTING * (1 - smoothly(up / _LIFTED))
        if weight > _LEAST:
            found.append(Target(JOINTS[ankle], positions[ankle], weight=weight))
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
    share = _share_below(hips.place[1] - floor.height, _SITTING)
    share = max(0.0, share - _share_below(positions[hips.index, 1] - floor.height, _SITTING))
    kept, ahead = [], heading[:, 2]
    for t in targets:
        if (
            t.joint in _ANKLES
            and t.pinned
            and t.orientation is not None
            and positions[t.index, 1] < floor.height + 0.2
        ):
            in_front = (t.position - hips.place) @ ahead
            slide = share * max(0.0, _IN_FRONT * leg - in_front)
            t = replace(t, position=t.place + slide * ahead)
        kept.append(t)
    return kept


def upright_trunk(asked: Sequence[Target], positions: np.ndarray, world: np.ndarray) -> list[Target]:
    """Soft targets that keep the chest as it is turned while hips are pulled, or knees down, and then the hips too.

    Args:
        asked: what the user pulls. positions: (29, 3) metres, world: (24, 3, 3) orientations of the bones, of the pose
            before.
    """
    pulled = {joint: t for joint, t in _positioned(asked).items() if not t.pinned}
    down = max(
        (positions[t.index, 1] - t.place[1] for t in pulled.values() if t.joint in _KNEES), default=0.0
    )
    kneeling = smoothly(down / _TRUNK_KEPT)
    shares = {"spine3": 1.0 if _HIPS & pulled.keys() else kneeling, "pelvis": kneeling}
    turned = {t.joint for t in asked if t.orientation is not None}
    return [
        Target(joint, orientation=world[JOINTS.index(joint)], weight=weight * shares[joint])
        for joint, weight in _KEPT.items()
        if shares[joint] > _LEAST and joint not in turned
    ]


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
    first = sideways > 0 if abs(sideways) > 0.35 else (feet[0].place - feet[1].place) @ way <= 0
    moving = feet[0] if first else feet[1]
    return [replace(t, position=t.position + length * way) if t is moving else t for t in targets]


def _positioned(targets: Sequence[Target]) -> dict[str, Target]:
    """The targets that have a position, by joint."""
    return {t.joint: t for t in targets if t.position is not None}


def _share_below(height: float, span: tuple[float, float]) -> float:
    """1 below the span, 0 above it, smooth between."""
    return smoothly((span[1] - height) / (span[1] - span[0]))
