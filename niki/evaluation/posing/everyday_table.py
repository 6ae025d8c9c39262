"""How well the posing tool makes everyday poses: targets, floor, balance, limits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from ...body.kinematics import forward_kinematics
from ...body.limits import RANGES, nearest_in_range
from ...body.skeleton import JOINTS, Body
from ...meshes.mannequin import mannequin
from ...meshes.skinning import skin
from ...network.posing import PosingNetwork
from ...pose.floor import Floor
from ...pose.hull import distance_to_hull
from ...pose.posing import Poser
from ...pose.stances import relaxed_rotations
from ...pose.targets import Posture, Target
from ...solve.balance import MASSES
from .everyday import POSES, Drag, Everyday

_MOVES = 20  # of the mouse, in a drag
_TOUCHING, _SITTING = 0.03, 0.06  # metres from the floor, and from the top of a box, at which skin touches it
_BEYOND = np.radians(3)


@dataclass(frozen=True, eq=False)
class MadePose:
    """What became of a pose.

    Attributes:
        pose: what was to be made. posture: what came of it.
        missed: mm at the end of each drag, of the joint that is furthest off.
        under: mm by which the skin is under the floor.
        unbalanced: cm from the center of mass to what touches the floor or a box, as seen from above; NaN if nothing does.
        beyond: joints more than three degrees beyond their limits.
        jump: mm that a joint goes at most between two moves of the mouse, and how many times the mouse's move that is.
        slipped: mm that something goes that should stay, and which joint; "" if there is none.
    """

    pose: Everyday
    posture: Posture
    missed: tuple[float, ...]
    under: float
    unbalanced: float
    beyond: tuple[str, ...]
    jump: tuple[float, float]
    slipped: tuple[float, str]


def make_everyday_poses() -> list[MadePose]:
    """Make all twelve with the network that ships."""
    poser = Poser(Body.default(), PosingNetwork.default())
    return [make_pose(poser, pose) for pose in POSES]


def make_pose(poser: Poser, pose: Everyday, moves: int = _MOVES) -> MadePose:
    """Drag a relaxed body into a pose. Each drag starts from the pose at its press, as in the tool, and takes as many
    ``moves`` of the mouse."""
    posture = Posture(relaxed_rotations(), np.zeros(3))
    missed, jump, slipped = [], (0.0, 0.0), (0.0, "")
    for drag in pose.drags:
        before = poser.joints(posture)
        path = list(_path(poser, posture, drag, moves))
        posture = path[-1]
        places = np.stack([before, *(poser.joints(p) for p in path)])
        furthest = 1000 * float(np.linalg.norm(np.diff(places, axis=0), axis=-1).max())
        dragged = max(np.linalg.norm(to - before[JOINTS.index(joint)]) for joint, to in drag.to.items())
        jump = max(jump, (furthest, furthest / max(1000 * float(dragged) / moves, 1e-9)))
        missed.append(1000 * max(posture.error[joint] for joint in drag.to))
        for joint in {*drag.still, *drag.pins}:
            j = JOINTS.index(joint)
            slipped = max(slipped, (1000 * float(np.linalg.norm(places[-1, j] - before[j])), joint))
    surface = _skin_of(posture)
    excess = np.abs(nearest_in_range(posture.rotations, RANGES)[1]).max(-1)
    return MadePose(
        pose, posture, tuple(missed), 1000 * max(0.0, -float(surface[:, 1].min())),
        100 * _off_balance(poser.joints(posture), surface, pose),
        tuple(JOINTS[b] for b in np.flatnonzero(excess > _BEYOND)), jump, slipped,
    )  # fmt: skip


def _path(poser: Poser, start: Posture, drag: Drag, moves: int):
    """The pose at each move of the mouse."""
    places: dict[str, np.ndarray] = dict(zip(JOINTS, poser.joints(start), strict=True))
    pins = [Target(joint, places[joint], pinned=True) for joint in drag.pins]
    for share in np.arange(1, moves + 1) / moves:
        targets = [Target(j, places[j] + share * (np.array(to) - places[j])) for j, to in drag.to.items()]
        yield poser.solve(
            start,
            [*pins, *targets],
            plant_feet=drag.plant_feet,
            floor=Floor(),
            step=drag.step,
            keep_hands=True,
        )


@cache
def _mannequin():
    return mannequin(Body.default())


def _skin_of(posture: Posture) -> np.ndarray:
    """(V, 3) the mannequin's vertices in a pose."""
    mesh, body = _mannequin(), Body.default()
    joints, world = forward_kinematics(posture.rotations, body, posture.translation)
    return skin(mesh.vertices, mesh.weights, body.rest_joints, joints, world)


def _off_balance(joints: np.ndarray, surface: np.ndarray, pose: Everyday) -> float:
    """Metres from the center of mass to the area that carries the body, on the ground."""
    touches = surface[:, 1] < _TOUCHING
    for low, high in pose.boxes:
        over = (
            (surface[:, [0, 2]] > np.array(low)[[0, 2]]) & (surface[:, [0, 2]] < np.array(high)[[0, 2]])
        ).all(1)
        touches |= over & (np.abs(surface[:, 1] - high[1]) < _SITTING)
    return distance_to_hull((MASSES @ joints)[[0, 2]], surface[touches][:, [0, 2]])


def everyday_table(outcomes: list[MadePose]) -> str:
    """The outcomes as a Markdown table."""
    lines = [
        "| pose | drags | targets missed, mm | under the floor, mm | out of balance, cm | beyond limits"
        " | greatest jump, mm (times the mouse's move) | should stay but goes, mm |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for o in outcomes:
        missed = " / ".join(f"{mm:.0f}" for mm in o.missed)
        balance = "nothing touches" if np.isnan(o.unbalanced) else f"{o.unbalanced:.0f}"
        slipped = f"{o.slipped[0]:.0f} ({o.slipped[1]})" if o.slipped[0] >= 0.5 else "0"
        lines.append(
            f"| {o.pose.name} | {len(o.missed)} | {missed} | {o.under:.0f} | {balance} | {', '.join(o.beyond) or 'none'}"
            f" | {o.jump[0]:.0f} ({o.jump[1]:.1f}) | {slipped} |"
        )
    return "\n".join(lines) + "\n"
