"""A recording of any skeleton -> rotations of our skeleton.

Rest poses differ between sources, so rotations cannot be copied as they are. For each bone a constant
correction turns our T-pose into the source's zero pose; the pose is then the source's world rotation times
that correction, twist included. Limbs are corrected by bone direction. Trunk, neck, head and collars are
not: their bones run differently in every skeleton, and the trunk should be upright in both. Feet follow the
shins, hands the forearms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..body import rotation as rot
from ..body.skeleton import (
    BONE_CHILD,
    JOINTS,
    KINDS,
    MIRROR,
    NUM_BONES,
    NUM_JOINTS,
    PARENTS,
    TREE_ORDER,
    Body,
)
from ..errors import NikiError
from .recording import Recording


def _convention(trunk: dict, side: dict, left: str, right: str) -> dict[str, list[str]]:
    bones = {ours: theirs.split() for ours, theirs in trunk.items()}
    for name, word in (("left", left), ("right", right)):
        for ours, theirs in side.items():
            bones[f"{name}_{ours}"] = theirs.replace("*", word).replace("@", name).split()
    return bones


CONVENTIONS = {
    "acclaim": _convention(
        {"pelvis": "root", "spine1": "lowerback", "spine2": "upperback", "spine3": "thorax",
         "neck": "lowerneck upperneck", "head": "head"},
        {"hip": "*femur", "knee": "*tibia", "ankle": "*foot", "foot": "*toes", "collar": "*clavicle",
         "shoulder": "*humerus", "elbow": "*radius *wrist", "wrist": "*hand", "hand": "*fingers"},
        "l", "r",
    ),
    "acclaim without hands and toes": _convention(
        {"pelvis": "root", "spine1": "lowerback", "spine2": "lowerback thorax", "spine3": "thorax",
         "neck": "lowerneck head", "head": "head"},
        {"hip": "*femur", "knee": "*tibia", "ankle": "*foot", "foot": "*foot", "collar": "*clavicle",
         "shoulder": "*humerus", "elbow": "*radius *wrist", "wrist": "*wrist", "hand": "*wrist"},
        "l", "r",
    ),
    "cgspeed": _convention(
        {"pelvis": "Hips", "spine1": "LowerBack", "spine2": "Spine", "spine3": "Spine1",
         "neck": "Neck Neck1", "head": "Head"},
        {"hip": "*UpLeg", "knee": "*Leg", "ankle": "*Foot", "foot": "*ToeBase", "collar": "*Shoulder",
         "shoulder": "*Arm", "elbow": "*ForeArm *Hand", "wrist": "*FingerBase", "hand": "*HandIndex1"},
        "Left", "Right",
    ),
    "motionbuilder": _convention(
        {"pelvis": "Hips", "spine1": "Spine", "spine2": "Spine1", "spine3": "Spine2", "neck": "Neck",
         "head": "Head"},
        {"hip": "*UpLeg", "knee": "*Leg", "ankle": "*Foot", "foot": "*ToeBase", "collar": "*Shoulder",
         "shoulder": "*Arm", "elbow": "*ForeArm", "wrist": "*Hand", "hand": "*Hand"},
        "Left", "Right",
    ),
    "lafan": _convention(
        {"pelvis": "Hips", "spine1": "Spine", "spine2": "Spine1", "spine3": "Spine2", "neck": "Neck",
         "head": "Head"},
        {"hip": "*UpLeg", "knee": "*Leg", "ankle": "*Foot", "foot": "*Toe", "collar": "*Shoulder",
         "shoulder": "*Arm", "elbow": "*ForeArm", "wrist": "*Hand", "hand": "*Hand"},
        "Left", "Right",
    ),
    "bvh11": _convention(
        {"pelvis": "Hips", "spine1": "lowerback", "spine2": "Chest", "spine3": "Chest2",
         "neck": "lowerneck Neck", "head": "Head"},
        {"hip": "*Hip", "knee": "*Knee", "ankle": "*Ankle", "foot": "*Toe", "collar": "*Collar",
         "shoulder": "*Shoulder", "elbow": "*Elbow", "wrist": "*Wrist", "hand": "*Wrist"},
        "Left", "Right",
    ),
    "poser": _convention(
        {"pelvis": "hip", "spine1": "abdomen", "spine2": "abdomen chest", "spine3": "chest",
         "neck": "neck", "head": "head"},
        {"hip": "*Thigh", "knee": "*Shin", "ankle": "*Foot", "foot": "*Foot", "collar": "*Collar",
         "shoulder": "*Shldr", "elbow": "*ForeArm", "wrist": "*Hand", "hand": "*Hand"},
        "l", "r",
    ),
    "bandai": _convention(
        {"pelvis": "Hips", "spine1": "Spine", "spine2": "Spine Chest", "spine3": "Chest",
         "neck": "Neck", "head": "Head"},
        {"hip": "UpperLeg_*", "knee": "LowerLeg_*", "ankle": "Foot_*", "foot": "Toes_*",
         "collar": "Shoulder_*", "shoulder": "UpperArm_*", "elbow": "LowerArm_*", "wrist": "Hand_*",
         "hand": "Hand_*"},
        "L", "R",
    ),
    "ammarkov": _convention(  # CMU's bones in lower case
        {"pelvis": "hip", "spine1": "lowerback", "spine2": "abdomen", "spine3": "chest",
         "neck": "neck neck1", "head": "head"},
        {"hip": "*hip", "knee": "*knee", "ankle": "*foot", "foot": "@toebase", "collar": "*collar",
         "shoulder": "*shoulder", "elbow": "*elbow *hand", "wrist": "@fingerbase", "hand": "@handindex1"},
        "l", "r",
    ),
    "unreal": _convention(
        {"pelvis": "pelvis", "spine1": "spine_01", "spine2": "spine_02", "spine3": "spine_03",
         "neck": "neck_01", "head": "head"},
        {"hip": "thigh_*", "knee": "calf_*", "ankle": "foot_*", "foot": "ball_*", "collar": "clavicle_*",
         "shoulder": "upperarm_*", "elbow": "lowerarm_*", "wrist": "hand_*", "hand": "hand_*"},
        "l", "r",
    ),
    "smpl": _convention(
        {"pelvis": "Pelvis", "spine1": "Spine1", "spine2": "Spine2", "spine3": "Spine3", "neck": "Neck",
         "head": "Head"},
        {"hip": "*_Hip", "knee": "*_Knee", "ankle": "*_Ankle", "foot": "*_Foot", "collar": "*_Collar",
         "shoulder": "*_Shoulder", "elbow": "*_Elbow", "wrist": "*_Wrist", "hand": "*_Hand"},
        "L", "R",
    ),
}  # fmt: skip
"""For each naming convention, the source's bones for each of ours. Of two bones, the rotation halfway counts."""

UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001, "ft": 0.3048, "in": 0.0254, "cmu": 0.0254 / 0.45}
"""Metres per unit, for common units; CMU's is an inch over 0.45, the scale given in its files."""
_LEGS = (0.5, 1.1)  # metres from hip to ankle along the leg: people of about 1.0 to 2.2 m
_ALIGNED = {"hip", "knee", "shoulder", "elbow"}
_LIKE_PARENT = {"ankle", "foot", "wrist", "hand"}
_REST = 60.0  # degrees that a rest pose's trunk and thighs may lean and its knees and elbows bend


@dataclass(eq=False)
class Refitted:
    """A recording transferred to our skeleton.

    Attributes:
        rotations: (T, 24, 3, 3) parent-relative.
        body: our skeleton in the recorded person's bone lengths.
        residual: (29,) mean distance in mm between our joints, on the source's own zero pose, and the
            source's; NaN where the source has no such joint. Large where a parent or correction is wrong.
    """

    rotations: np.ndarray
    body: Body
    residual: np.ndarray
    rate: float


def refit(recording: Recording, rest: np.ndarray | None = None) -> Refitted:
    """Transfer ``recording`` to our skeleton.

    Args:
        rest: (n, 3, 3) the rest pose from :func:`best_rest`; default: found here.

    Raises:
        NikiError: the bones' names follow no known convention, or no upright pose can serve as rest pose.
    """
    bones = _bones(recording)
    rest = best_rest([recording]) if rest is None else rest
    if rest is not None:
        recording = recording.with_zero_pose(rest)
    turn = _facing(recording.zero_positions(), bones)
    zero = recording.zero_positions() @ turn.T
    positions, world = recording.positions_and_rotations()
    positions, world = positions @ turn.T, turn @ world @ turn.T
    sources = _sources(recording, bones)
    correction = _corrections(zero, sources)
    ours = np.stack([_halfway(world[:, bones[JOINTS[j]]]) @ correction[j] for j in range(NUM_BONES)], 1)
    local = ours.copy()
    for j in range(1, NUM_BONES):
        local[:, j] = rot.transpose(ours[:, PARENTS[j]]) @ ours[:, j]
    return Refitted(
        local, _body(zero, sources), _residual(ours, correction, zero, positions, sources), recording.rate
    )


def metres_per_unit(recording: Recording) -> float:
    """Metres per unit of a recording whose offsets are in an unknown unit: the one of :data:`UNITS` in which
    the legs are as long as a person's. Legs, because the zero pose need not stand upright, and skeletons end
    anywhere in fingers and heads.

    Raises:
        NikiError: no unit fits, or the bones' names follow no known convention.
    """
    bones, positions = _bones(recording), recording.zero_positions()
    legs = [[bones[side + joint][0] for joint in ("hip", "knee", "ankle")] for side in ("left_", "right_")]
    length = np.mean([np.linalg.norm(np.diff(positions[leg], axis=0), axis=-1).sum() for leg in legs])
    # No two units are less than a factor of 2.2 apart: at most one of them fits.
    for unit in UNITS.values():
        if _LEGS[0] <= length * unit <= _LEGS[1]:
            return unit
    raise NikiError(f"Legs {length:g} long are not a person's in any common unit", "give the unit: --unit cm")


def _bones(recording: Recording) -> dict[str, list[int]]:
    """Our bones -> the recording's nodes."""
    index = {name.rpartition(":")[2].removeprefix("Neo_"): i for i, name in enumerate(recording.names)}
    missing = {}
    for title, convention in CONVENTIONS.items():
        lacking = [name for names in convention.values() for name in names if name not in index]
        if not lacking:
            return {ours: [index[name] for name in names] for ours, names in convention.items()}
        missing[title] = lacking
    nearest = min(missing, key=lambda title: len(missing[title]))
    raise NikiError(
        "The names of the skeleton's bones follow no known convention",
        f"the nearest is '{nearest}', which also needs: {', '.join(missing[nearest][:6])}",
    )


def _sources(recording: Recording, bones: dict[str, list[int]]) -> np.ndarray:
    """(29,) the source's node at each of our joints; -1 where it has none."""
    sources = np.full(NUM_JOINTS, -1)
    for j in range(NUM_BONES):
        node = bones[JOINTS[j]][0]
        sources[j] = -1 if node in sources else node
    for j in range(NUM_BONES, NUM_JOINTS):
        ends = np.flatnonzero(recording.parents == bones[JOINTS[PARENTS[j]]][-1])
        if len(ends) == 1 and sources[PARENTS[j]] >= 0:
            sources[j] = ends[0]
    return sources


def best_rest(recordings: list[Recording]) -> np.ndarray | None:
    """World rotations (n, 3, 3) of the frame that is most like a rest pose, or None if the zero pose is one.

    Args:
        recordings: recordings of one skeleton.

    Raises:
        NikiError: neither the zero pose nor any frame can serve as rest pose.
    """
    bones, zero = _bones(recordings[0]), recordings[0].zero_positions()
    up = rot.normalize(zero[bones["head"][0]] - zero[bones["pelvis"][0]])
    if _unrest(zero, bones, up) < _REST:
        return None
    least, rest = _REST, None
    for recording in recordings:
        positions, world = recording.positions_and_rotations()
        spine = positions[:, bones["head"][0]] - positions[:, bones["pelvis"][0]]
        up = np.eye(3)[1 + np.argmax(spine.mean(0)[1:])]  # Y or Z
        unrest = _unrest(positions, bones, up)
        if unrest.min() < least:
            least, rest = unrest.min(), world[np.argmin(unrest)]
    if rest is None:
        raise NikiError(
            "Neither the zero pose nor any frame stands upright with straight limbs",
            "one such pose is needed to find the bones' orientations at rest",
        )
    return rest


def _unrest(positions, bones, up) -> np.ndarray:
    """How far from a rest pose, in degrees: the worst lean of trunk and thighs, bend of knees and
    elbows, raise of the arms. positions (..., n, 3), up (3,) -> (...)."""

    def bone(start, end):
        return rot.normalize(positions[..., bones[end][0], :] - positions[..., bones[start][0], :])

    cosines = [(bone("pelvis", "neck") * up).sum(-1)]
    for side in ("left_", "right_"):
        thigh, shin = bone(side + "hip", side + "knee"), bone(side + "knee", side + "ankle")
        arm, forearm = bone(side + "shoulder", side + "elbow"), bone(side + "elbow", side + "wrist")
        raised = np.maximum((arm * up).sum(-1), 0)
        cosines += [-(thigh * up).sum(-1), (thigh * shin).sum(-1), (arm * forearm).sum(-1), 1 - raised]
    return np.degrees(np.arccos(np.clip(np.min(cosines, axis=0), -1, 1)))


def _facing(zero: np.ndarray, bones) -> np.ndarray:
    """(3, 3) rotation that makes the zero pose stand upright and face +Z, between axes where possible."""
    left = rot.normalize(zero[bones["left_hip"][0]] - zero[bones["right_hip"][0]])
    up = zero[bones["neck"][0]] - zero[bones["pelvis"][0]]
    axes = np.stack([s * row for row in np.eye(3) for s in (1, -1)])
    up = axes[np.argmax(axes @ up)]
    along = axes[np.argmax(axes @ left)]
    if along @ left < np.cos(np.radians(20)):
        along = rot.normalize(left - (left @ up) * up)
    return np.stack([along, up, np.cross(along, up)])


def _corrections(zero: np.ndarray, sources: np.ndarray) -> np.ndarray:
    """(24, 3, 3) from our T-pose to the source's zero pose."""
    axes = Body.default().bone_axes
    correction = np.tile(np.eye(3), (NUM_BONES, 1, 1))
    for j in range(1, NUM_BONES):
        parent = correction[PARENTS[j]]
        if KINDS[j] in _ALIGNED:
            bone = rot.normalize(zero[sources[BONE_CHILD[j]]] - zero[sources[j]])
            correction[j] = parent @ rot.swing_between(axes[j], parent.T @ bone)
        elif KINDS[j] in _LIKE_PARENT:
            correction[j] = parent
    return correction


def _halfway(world: np.ndarray) -> np.ndarray:
    """(T, 1 or 2, 3, 3) -> (T, 3, 3): the only rotation, or the one halfway between the two."""
    if world.shape[1] == 1:
        return world[:, 0]
    quaternions = rot.quaternion_from_matrix(world)
    half = np.full((len(world), 1), 0.5)
    return rot.matrix_from_quaternion(rot.slerp(quaternions[:, 0], quaternions[:, 1], half))


def _body(zero: np.ndarray, sources: np.ndarray) -> Body:
    """Our skeleton with the lengths of the source's limbs; other bones are scaled to match."""
    usual = Body.default().bone_lengths
    lengths = np.full(NUM_JOINTS, np.nan)
    for j, kind in enumerate(KINDS):
        if kind in ("knee", "ankle", "elbow", "wrist"):
            lengths[j] = np.linalg.norm(zero[sources[j]] - zero[sources[PARENTS[j]]])
    lengths = (lengths + lengths[list(MIRROR)]) / 2
    return Body.from_bone_lengths(np.where(np.isnan(lengths), usual * np.nanmean(lengths / usual), lengths))


def _residual(ours, correction, zero, positions, sources) -> np.ndarray:
    """(29,) mm: positions by our world rotations on the source's zero pose against the source's positions."""
    ours_at = {0: positions[:, sources[0]]}
    residual = np.full(NUM_JOINTS, np.nan)
    for j in TREE_ORDER:
        if sources[j] < 0:
            continue
        parent = PARENTS[j]
        while parent not in ours_at:
            parent = PARENTS[parent]
        offset = correction[parent].T @ (zero[sources[j]] - zero[sources[parent]])
        ours_at[j] = ours_at[parent] + rot.apply(ours[:, parent], offset)
        residual[j] = 1000 * np.linalg.norm(ours_at[j] - positions[:, sources[j]], axis=-1).mean()
    return residual
