"""Corrections of a captured motion: blend a pose into neighboring frames, and pin joints in place.

A correction is a layer in rotation space: the turn of a bone at one frame, faded out, is added to its
rotations at the other frames, so that the captured detail stays. numpy only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..body import rotation as rot
from ..body.kinematics import forward_kinematics
from ..body.skeleton import JOINTS, Body
from ..errors import NikiError
from ..motion.blending import faded, smoothly
from ..motion.motion import Motion
from .planting import planted_foot
from .posing import Poser
from .targets import Posture, Target

CATCH_UP = 0.3
"""Metres per second by which a joint that is let go may exceed the motion's own speed."""
_FEET = np.array(
    [[JOINTS.index(f"{side}_{part}") for part in ("ankle", "foot", "big_toe")] for side in ("left", "right")]
)


def posture_at(motion: Motion, index: int) -> Posture:
    """The motion's pose at frame ``index``, from 0.

    Raises:
        NikiError: the motion has no such frame.
    """
    if not 0 <= index < len(motion):
        raise NikiError(f"There is no frame {index}", f"the motion has frames 0 to {len(motion) - 1}")
    return Posture(rot.matrix_from_axis_angle(motion.poses[index].reshape(-1, 3)), motion.trans[index])


def fade_weights(count: int, index: int, before: int, after: int) -> np.ndarray:
    """(count,) weights from 1 at frame ``index`` down to 0 more than ``before`` frames before and ``after`` after it."""
    away = np.arange(count) - index
    share = np.where(away < 0, -away / (before + 1), away / (after + 1))
    return smoothly(1 - share)


def blend_pose(motion: Motion, index: int, posture: Posture, before: int, after: int) -> Motion:
    """The motion with ``posture`` at frame ``index`` and the change blended into the neighboring frames.

    Args:
        index: the frame, from 0.
        before, after: number of frames over which the change fades out; 0 for none.

    Raises:
        NikiError: the motion has no such frame.
    """
    was = posture_at(motion, index)
    weight = fade_weights(len(motion), index, before, after)
    changed = weight > 0
    rotations, trans = layer_change(
        motion.rotations[changed], motion.trans[changed], was, posture, weight[changed]
    )
    return _with_poses(motion, changed, rotations, trans)


def layer_change(
    rotations: np.ndarray, translation: np.ndarray, was: Posture, now: Posture, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rotations (T, 24, 3, 3) and translations (T, 3) plus the change from ``was`` to ``now`` times ``weight`` (T,)."""
    turns = rot.axis_angle_from_matrix(rot.transpose(was.rotations) @ now.rotations)
    layer = rot.matrix_from_axis_angle(weight[:, None, None] * turns)
    return rotations @ layer, translation + weight[:, None] * (now.translation - was.translation)


def pin_joint(
    motion: Motion, joint: str, first: int, last: int, blend: int = 5, free: np.ndarray | None = None
) -> Motion:
    """:func:`hold_joints` for one joint, with the change faded as :func:`choose_fades` says.

    Args:
        blend: the least number of frames over which the change fades in and out.
    """
    held = hold_joints(motion, [joint], first, last, free)
    fades = choose_fades(motion, held, [joint], first, last, blend)
    return fade_with_feet(motion, held, [joint], first, last, *fades, free)


def hold_joints(
    motion: Motion, joints: Sequence[str], first: int, last: int, free: np.ndarray | None = None
) -> Motion:
    """The motion with joints fixed from frame ``first`` to ``last`` at their positions at ``first``.

    An ankle's foot keeps its orientation too, and its toes stay bent as they are. A foot that is not held keeps to
    its own path. Other frames do not change, so the motion jumps after ``last``: see :func:`fade_with_feet`.

    Args:
        joints: names from :data:`niki.body.skeleton.JOINTS`.
        first, last: frames from 0, both included.
        free: (25, 3, 3) what may move, as :class:`niki.pose.posing.Poser` takes it; default all.

    Raises:
        NikiError: the frames are not in the motion, or there is no such joint.
    """
    for joint in joints:
        if joint not in JOINTS:
            raise NikiError(f"There is no joint '{joint}'", f"choose from: {', '.join(JOINTS)}")
    if last < first:
        raise NikiError("The range is empty: its last frame is before its first")
    posture_at(motion, last)
    poser, start = Poser(motion.body, free=free), posture_at(motion, first)
    pins, others = [_pin(name, start, motion.body) for name in joints], _other_ankles(joints)
    toes = [JOINTS.index(name.replace("ankle", "foot")) for name in joints if name.endswith("ankle")]
    inside, solved = np.arange(first, last + 1), []
    for k in inside:
        posture = posture_at(motion, k)
        own = [_pin(name, posture, motion.body) for name in others]
        posture.rotations[toes] = start.rotations[toes]
        solved.append(poser.solve(posture, [*pins, *own], plant_feet=False))
    return _with_postures(motion, inside, solved)


def fade_around(motion: Motion, held: Motion, first: int, last: int, fade_in: int, fade_out: int) -> Motion:
    """The motion with the poses of ``held`` from ``first`` to ``last``, and their change faded around them."""
    turns = rot.axis_angle_from_matrix(rot.transpose(motion.rotations) @ held.rotations)
    change = np.concatenate([turns.reshape(len(motion), -1), held.trans - motion.trans], 1)[first : last + 1]
    start, stop = max(0, first - fade_in), min(len(motion), last + 1 + fade_out)
    change = spread_change(change, first - start, stop - last - 1, fade_in, fade_out)
    layer = rot.matrix_from_axis_angle(change[:, :-3].reshape(len(change), -1, 3))
    part = slice(start, stop)
    changed = np.zeros(len(motion), bool)
    changed[part] = True
    return _with_poses(motion, changed, motion.rotations[part] @ layer, motion.trans[part] + change[:, -3:])


def fade_with_feet(
    motion: Motion,
    held: Motion,
    joints: Sequence[str],
    first: int,
    last: int,
    fade_in: int,
    fade_out: int,
    free: np.ndarray | None = None,
) -> Motion:
    """:func:`fade_around`, but meanwhile the held joints alone leave their paths, and feet go no lower than elsewhere.

    Args:
        joints: those that are held. free: as for :func:`hold_joints`.
    """
    faded, poser = fade_around(motion, held, first, last, fade_in, fade_out), Poser(motion.body, free=free)
    start, stop = max(0, first - fade_in), min(len(motion), last + 1 + fade_out)
    frames = np.concatenate([np.arange(start, first), np.arange(last + 1, stop)])
    lowest = np.minimum(motion.solved_joints(), held.solved_joints())[start:stop, _FEET, 1].min((0, 1))
    others, solved = _other_ankles(joints), []
    for k in frames:
        posture, own = posture_at(faded, k), posture_at(motion, k)
        places = poser.joints(posture)
        pins = [_pin(name, own, motion.body) for name in others]
        for name in joints:
            pin = _pin(name, posture, motion.body)
            if name.endswith("ankle"):
                side = _FEET[("left_ankle", "right_ankle").index(name)]
                up = max(0.0, (lowest - places[side, 1]).max())
                pin = replace(pin, position=pin.place + [0, up, 0])
            pins.append(pin)
        solved.append(poser.solve(posture, pins, plant_feet=False))
    return _with_postures(faded, frames, solved)


def spread_change(change: np.ndarray, before: int, after: int, fade_in: int, fade_out: int) -> np.ndarray:
    """(before + T + after, C) a change (T, C), faded in over the frames before it and out over those after it.

    Its rate is continuous. What changes by one frame only fades with the weights of :func:`fade_weights`.
    """
    padded = np.pad(change, ((before, after), (0, 0)))
    known = np.zeros(len(padded), bool)
    known[before : before + len(change)] = True
    result = faded(padded, known, fade_out)
    result[:before] = faded(padded, known, fade_in)[:before]
    return result


def choose_fades(
    motion: Motion, held: Motion, joints: Sequence[str], first: int, last: int, least: int
) -> tuple[int, int]:
    """Frames over which the change of held joints fades in and out.

    They are so many that no joint moves faster than it does somewhere in the motion, but for a little. Give it the
    motion nearby.

    Args:
        least: frames that are always faded over.
    """
    indices = [JOINTS.index(joint) for joint in joints]
    peaks = _steps(motion, indices).max(0, initial=0) + CATCH_UP / motion.mocap_framerate

    def is_calm(fade_in: int, fade_out: int, part: slice) -> bool:
        steps = _steps(fade_around(motion, held, first, last, fade_in, fade_out), indices)[part]
        return bool((steps <= peaks).all())

    def shortest(available: int, calm) -> int:
        longest = max(least, available)
        return next((n for n in range(least, longest) if calm(n)), longest)

    fade_in = shortest(first, lambda n: is_calm(n, least, slice(None, first)))
    fade_out = shortest(len(motion) - 1 - last, lambda n: is_calm(least, n, slice(last, None)))
    return fade_in, fade_out


def _steps(motion: Motion, joints: list[int]) -> np.ndarray:
    """(T - 1, n) how far joints move from each frame to the next."""
    return np.linalg.norm(np.diff(motion.solved_joints()[:, joints], axis=0), axis=-1)


def _other_ankles(joints: Sequence[str]) -> list[str]:
    """The ankles of legs none of whose joints is among ``joints``."""
    return [
        f"{side}_ankle"
        for side in ("left", "right")
        if not {f"{side}_{part}" for part in ("hip", "knee", "ankle", "foot")} & set(joints)
    ]


def _pin(joint: str, posture: Posture, body: Body) -> Target:
    """A joint where it is; an ankle's foot also keeps its orientation."""
    positions, world = forward_kinematics(posture.rotations, body, posture.translation)
    j = JOINTS.index(joint)
    if joint.endswith("ankle"):
        return planted_foot(j, positions, world)
    return Target(joint, positions[j], pinned=True)


def _with_postures(motion: Motion, frames: np.ndarray, postures: list[Posture]) -> Motion:
    """The motion with the given poses at ``frames``."""
    if not postures:
        return motion
    rotations, trans = (
        np.stack([getattr(p, name) for p in postures]) for name in ("rotations", "translation")
    )
    return _with_poses(motion, frames, rotations, trans)


def _with_poses(motion: Motion, changed, rotations, translation) -> Motion:
    """The motion with the given poses at frames, by index or where ``changed`` (T,) is true."""
    poses, trans = motion.poses.copy(), motion.trans.copy()
    poses[changed] = rot.axis_angle_from_matrix(rotations).reshape(-1, 72)
    trans[changed] = translation
    return replace(motion, poses=poses, trans=trans)
