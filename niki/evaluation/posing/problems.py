"""What is to be solved: a pose of a recording, a later one of the same clip, and joints pulled from the one to the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...body.kinematics import forward_kinematics
from ...body.skeleton import JOINTS, Body
from ...errors import NikiError
from ...mocap.collection import Poses
from ...pose.targets import Posture, Target
from ..cases import EFFECTORS

WRISTS = [JOINTS.index("left_wrist"), JOINTS.index("right_wrist")]
_DRAGGED = WRISTS + [
    JOINTS.index(name)
    for name in ("left_elbow", "right_elbow", "left_ankle", "right_ankle", "left_knee", "right_knee", "head")
]
_LEAST_PULL = 0.03  # metres


@dataclass(eq=False)
class Problem:
    """Reach a pose, from another one of the same clip, given some of its joints.

    Attributes:
        body: the person's proportions.
        start, truth: the two poses, with the pelvis at the origin.
        path: the targets at each moment of the drag; the last are joints of the true pose.
        clip: index of the clip.
    """

    body: Body
    start: Posture
    truth: Posture
    path: list[list[Target]]
    clip: int = 0

    @property
    def targets(self) -> list[Target]:
        """The targets where the drag ends."""
        return self.path[-1]


@dataclass(frozen=True)
class _Case:
    """How problems are drawn: the least and the most frames, at 30 per second, from the start pose to the true one;
    which joints are pulled; whether one of them has to move; whether the drag takes all frames between, or is one pull."""

    lag: tuple[int, int]
    choose: Callable[[np.random.Generator], list[int]]
    moves: bool = False
    follows_path: bool = False


DRAG, DRAGGED_WRIST = "a drag as it happens", "1 dragged wrist"
_CASES = {
    "pelvis + 5 effectors": _Case((20, 60), lambda rng: EFFECTORS),
    DRAGGED_WRIST: _Case((5, 30), lambda rng: [int(rng.choice(WRISTS))], moves=True),
    "3 random joints": _Case((10, 40), lambda rng: list(rng.choice(len(JOINTS), 3, replace=False))),
    DRAG: _Case(
        (10, 10), lambda rng: list(rng.choice(_DRAGGED, rng.integers(1, 3, endpoint=True), replace=False)),
        moves=True, follows_path=True,
    ),
}  # fmt: skip
CASES = tuple(_CASES)


def make_problems(poses: Poses, case: str, count: int, rng: np.random.Generator) -> list[Problem]:
    """``count`` problems spread evenly over the clips.

    Raises:
        NikiError: the clips are too short.
    """
    default, problems, wanted = Body.default(), [], _CASES[case]
    for i in np.linspace(0, len(poses) - 1, 4 * count).astype(int):
        before = i - int(rng.integers(*wanted.lag, endpoint=True))
        if len(problems) == count or before < 0 or poses.clip[before] != poses.clip[i]:
            continue
        lengths = poses.lengths[poses.clip[i]]
        body = Body.from_bone_lengths(np.where(lengths > 0, lengths, default.bone_lengths))
        frames = np.arange(before, i + 1) if wanted.follows_path else np.array([before, i])
        rotations = poses.rotations[frames].astype(float)
        positions = forward_kinematics(rotations, body, -body.pelvis)[0]
        joints = wanted.choose(rng)
        pulled = np.linalg.norm(positions[-1, joints] - positions[0, joints], axis=-1)
        if wanted.moves and pulled.max() < _LEAST_PULL:
            continue
        path = [[Target(JOINTS[j], places[j]) for j in joints] for places in positions[1:]]
        start, truth = (Posture(r, -body.pelvis) for r in (rotations[0], rotations[-1]))
        problems.append(Problem(body, start, truth, path, int(poses.clip[i])))
    if not problems:
        raise NikiError(f"No clip has two poses for the case '{case}'", "give clips of two seconds or more")
    return problems
