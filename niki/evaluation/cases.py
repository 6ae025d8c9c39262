"""The test cases of ``niki eval ik``: true poses, and the observations of them. numpy only."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..body import rotation as rot
from ..body.kinematics import forward_kinematics, swing_and_twist
from ..body.skeleton import JOINTS, KINDS, NUM_BONES, NUM_JOINTS, Bodies
from ..mocap.collection import Poses
from ..mocap.rare import rare_poses
from ..network.uncertainty import sigma_from_metres
from ..solve.solver import Pose, Solver
from .front_end import WINDOW, FrontEnd, random_cameras
from .metrics import procrustes_aligned

EFFECTORS = [
    JOINTS.index(n) for n in ("pelvis", "neck", "left_wrist", "right_wrist", "left_ankle", "right_ankle")
]
_LIMB_KINDS = (
    ("shoulder", "elbow", "wrist", "hand", "middle_finger"),
    ("hip", "knee", "ankle", "foot", "big_toe"),
)
_LIMBS = [
    [JOINTS.index(f"{side}_{kind}") for kind in kinds] for kinds in _LIMB_KINDS for side in ("left", "right")
]
_HEAD = [JOINTS.index(name) for name in ("neck", "head", "head_top")]
_GROUPS = [*_LIMBS, *(limb[1:] for limb in _LIMBS), _HEAD]


@dataclass(eq=False)
class Truth:
    """N true poses.

    Attributes:
        rotations: (N, 24, 3, 3) parent-relative.
        offsets: (N, 29, 3) metres: the people's proportions, as in :class:`niki.body.skeleton.Bodies`.
        joints: (N, 29, 3) metres, the pelvis at the origin.
        twist: (N, 23, 2) cosine and sine.
        clip: (N,) index of the clip.
        others: (N, 29, 3) metres: the joints in another pose of the same person.
    """

    rotations: np.ndarray
    offsets: np.ndarray
    joints: np.ndarray
    twist: np.ndarray
    clip: np.ndarray
    others: np.ndarray

    @property
    def bodies(self) -> Bodies:
        """The proportions."""
        return Bodies(self.offsets)


@dataclass(eq=False)
class Case:
    """Observations of N poses.

    Attributes:
        truth: the poses.
        joints, sigma, twist, view: as :meth:`niki.solve.solver.Solver.inverse` takes them.
        hidden: (N, 29) bool: joints that carry no information.
        measured: the proportions as the solver knows them; None if it knows the true ones.
        together: whether joints err together, as :meth:`niki.solve.solver.Solver.inverse` takes it.
    """

    truth: Truth
    joints: np.ndarray
    sigma: np.ndarray
    twist: np.ndarray
    view: np.ndarray
    hidden: np.ndarray
    measured: Bodies | None = None
    together: bool = False

    @property
    def bodies(self) -> Bodies:
        """The proportions as the solver knows them."""
        return self.measured or self.truth.bodies


def draw_truth(poses: Poses, count: int, seed: int = 0) -> Truth:
    """``count`` poses spread evenly over all clips, turned about the vertical at random, on skeletons with the
    recorded people's bone lengths."""
    rng = np.random.default_rng(seed)
    picked = np.linspace(0, len(poses) - 1, min(count, len(poses))).round().astype(int)
    rotations = poses.rotations[picked].astype(float)
    clip = poses.clip[picked]
    rotations[:, 0] = _random_yaw(rng, len(picked)) @ rotations[:, 0]
    bodies = Bodies.from_bone_lengths(poses.lengths[clip])
    others = poses.rotations[rng.integers(len(poses), size=len(picked))].astype(float)
    near = rot.matrix_from_axis_angle(0.15 * rng.normal(size=(len(picked), 3)))
    others[:, 0] = rotations[:, 0] @ near
    joints, other_joints = (forward_kinematics(r, bodies)[0] for r in (rotations, others))
    return Truth(rotations, bodies.offsets, joints, swing_and_twist(rotations, bodies)[1], clip, other_joints)


def make_cases(poses: Poses, count: int, seed: int = 1) -> dict[str, Case]:
    """The cases of the table, by name: of ``count`` poses each, the last of as many rare ones as there are.

    Args:
        poses: of people held out.
    """
    truth = draw_truth(poses, count)
    makers = {
        "clean, twist given": clean,
        "clean, no twist": lambda t, rng: without_twist(clean(t, rng)),
        "20 mm noise": lambda t, rng: noisy(t, rng, 0.02),
        "detector": detector,
        "one limb occluded": one_limb_occluded,
        "30-50 % occluded": much_occluded,
        "6 effectors": lambda t, rng: known_only(t, rng, _six(t)),
        "6-12 joints": lambda t, rng: known_only(t, rng, _six_to_twelve(t, rng)),
        "real-like": real_like,
    }
    cases = {
        name: make(truth, np.random.default_rng([seed, k])) for k, (name, make) in enumerate(makers.items())
    }
    rare = rare_poses(poses.rotations)
    if rare.any():
        cases["rare poses"] = real_like(draw_truth(poses.of_frames(rare), count), np.random.default_rng(seed))
    return cases


def clean(truth: Truth, rng: np.random.Generator) -> Case:
    """Exact joints and twists."""
    count = len(truth.joints)
    return Case(
        truth, truth.joints, np.zeros((count, NUM_JOINTS, 2)), truth.twist, np.zeros((count, 3)),
        np.zeros((count, NUM_JOINTS), bool),
    )  # fmt: skip


def without_twist(case: Case) -> Case:
    """The same case with all twists unknown."""
    return replace(case, twist=np.full_like(case.twist, np.nan))


def noisy(truth: Truth, rng: np.random.Generator, error: float) -> Case:
    """Independent normal noise of ``error`` metres per joint and axis, with matching sigma; twists 10 degrees off."""
    case = clean(truth, rng)
    case.joints = truth.joints + error * rng.normal(size=truth.joints.shape)
    case.sigma = np.full_like(case.sigma, sigma_from_metres(error))
    case.twist = _disturb_twist(truth.twist, rng, 0.17 if error else 0.0)
    return case


def detector(truth: Truth, rng: np.random.Generator) -> Case:
    """The errors of a detector, with matching sigma: 26 mm across the view and 60 to 110 mm along it, half of
    their variance a bias that is constant within a clip; level views; no twist."""
    count = len(truth.joints)
    case = without_twist(clean(truth, rng))
    yaw = rng.uniform(0, 2 * np.pi, count)
    case.view = np.stack([np.sin(yaw), np.zeros(count), np.cos(yaw)], -1)
    error = np.stack(np.broadcast_arrays(0.026, rng.uniform(0.06, 0.11, (count, NUM_JOINTS))), -1)
    bias = rng.normal(size=(truth.clip.max() + 1, NUM_JOINTS, 3))[truth.clip]
    noise = np.sqrt(0.5) * bias + np.sqrt(0.5) * rng.normal(size=truth.joints.shape)
    # The 26 mm were measured as the length of a vector in the image plane.
    along = rot.dot(noise, case.view[:, None]) * case.view[:, None]
    per_axis = error / [np.sqrt(2), 1]
    case.joints = truth.joints + (noise - along) * per_axis[..., :1] + along * per_axis[..., 1:]
    case.sigma = sigma_from_metres(per_axis)
    return case


def real_like(truth: Truth, rng: np.random.Generator) -> Case:
    """A front end's errors as they were measured (:mod:`niki.evaluation.front_end`), bones that it measured too short
    included; no twist."""
    turn, pitch, place = random_cameras(rng, len(truth.joints))
    in_camera = truth.joints @ np.swapaxes(turn, 1, 2) + place[:, None]
    frames = rng.integers(WINDOW, size=(len(turn), 1))
    drawn = FrontEnd(rng)(in_camera[:, None], truth.offsets, pitch, frames)
    seen = drawn.joints[:, 0].astype(float)
    view = np.einsum("ni,nij->nj", rot.normalize(seen[:, 0]), turn)
    case = without_twist(clean(truth, rng))
    return replace(
        case, joints=(seen - seen[:, :1]) @ turn, sigma=drawn.sigma[:, 0].astype(float), view=view,
        measured=Bodies(drawn.offsets.astype(float)), together=True,
    )  # fmt: skip


def one_limb_occluded(truth: Truth, rng: np.random.Generator) -> Case:
    """An arm or a leg comes from another pose or is far off, with a high sigma; the rest has 10 mm noise."""
    hidden = np.zeros((len(truth.joints), NUM_JOINTS), bool)
    for row, limb in enumerate(rng.integers(len(_LIMBS), size=len(hidden))):
        hidden[row, _LIMBS[limb]] = True
    return _occluded(truth, rng, hidden)


def much_occluded(truth: Truth, rng: np.random.Generator) -> Case:
    """As :func:`one_limb_occluded`, for 9 to 15 of the 29 joints, limb by limb."""
    hidden = np.zeros((len(truth.joints), NUM_JOINTS), bool)
    for row in hidden:
        while row.sum() < 9:
            group = np.zeros(NUM_JOINTS, bool)
            group[_GROUPS[rng.integers(len(_GROUPS))]] = True
            if (row | group).sum() <= 15:
                row |= group
    return _occluded(truth, rng, hidden)


def known_only(truth: Truth, rng: np.random.Generator, given: np.ndarray) -> Case:
    """Exact joints where ``given`` (N, 29) is true; the others are unknown."""
    case = without_twist(clean(truth, rng))
    case.joints = np.where(given[..., None], truth.joints, truth.others)
    case.sigma = np.repeat(np.where(given, 0.0, 1.0)[..., None], 2, -1)
    case.hidden = ~given
    return case


def _occluded(truth: Truth, rng, hidden) -> Case:
    case = noisy(truth, rng, 0.01)
    far = truth.joints + 0.25 * rng.normal(size=truth.joints.shape)
    swap = rng.random(len(hidden)) < 0.5
    garbage = np.where(swap[:, None, None], truth.others, far)
    case.joints = np.where(hidden[..., None], garbage, case.joints)
    case.sigma = np.where(hidden[..., None], sigma_from_metres(0.4), case.sigma)
    case.hidden = hidden
    case.twist[hidden[:, 1:NUM_BONES]] = np.nan
    return case


def _six(truth: Truth) -> np.ndarray:
    given = np.zeros((len(truth.joints), NUM_JOINTS), bool)
    given[:, EFFECTORS] = True
    return given


def _six_to_twelve(truth: Truth, rng) -> np.ndarray:
    """As ProtoRes draws them: one joint of each limb and of the trunk, the rest anywhere."""
    given = np.zeros((len(truth.joints), NUM_JOINTS), bool)
    trunk = [i for i, kind in enumerate(KINDS) if "spine" in kind or kind in ("pelvis", "collar")]
    for row in given:
        for zone in (*_LIMBS, trunk, _HEAD):
            row[rng.choice(zone)] = True
        extra = rng.integers(0, 7)
        row[rng.choice(np.flatnonzero(~row), extra, replace=False)] = True
    return given


def _disturb_twist(twist, rng, angle):
    """Twists turned by normal errors of ``angle`` radians."""
    turn = angle * rng.normal(size=twist.shape[:-1])
    c, s = np.cos(turn), np.sin(turn)
    x, y = twist[..., 0], twist[..., 1]
    return np.stack([x * c - y * s, y * c + x * s], -1)


def _random_yaw(rng, count):
    angle = rng.uniform(0, 2 * np.pi, count)
    return rot.matrix_from_axis_angle(angle[:, None] * np.array([0.0, 1.0, 0.0]))


def solve_case(solver: Solver, case: Case) -> Pose:
    """The case, solved."""
    return solver.inverse(case.joints, case.sigma, case.twist, case.bodies, case.view, case.together)


def scores(case: Case, rotations: np.ndarray) -> dict[str, float]:
    """Errors of solved ``rotations`` (N, 24, 3, 3), in mm and degrees, on the proportions that the solver knows.

    Returns:
        mpjpe: mm over the 29 joints, pelvis on pelvis. pa: the same after similarity alignment.
        rotation: mean geodesic angle of the 24 rotations, degrees. hidden, seen: mpjpe of the occluded and
        of the other joints (NaN if there are none). across, along: mm across and along the view (NaN
        without a view).
    """
    truth, joints = case.truth, forward_kinematics(rotations, case.bodies)[0]
    error = np.linalg.norm(joints - truth.joints, axis=-1) * 1000
    aligned = np.linalg.norm(procrustes_aligned(joints, truth.joints) - truth.joints, axis=-1) * 1000
    angles = np.degrees(rot.angle_between(rotations, truth.rotations))
    return {
        "mpjpe": error.mean(), "pa": aligned.mean(), "rotation": angles.mean(),
        "hidden": error[case.hidden].mean() if case.hidden.any() else np.nan,
        "seen": error[~case.hidden].mean(), **split_error(joints - truth.joints, case.view),
    }  # fmt: skip


def split_error(error: np.ndarray, view: np.ndarray) -> dict[str, float]:
    """Mean length across and along ``view`` (N, 3) of errors (N, 29, 3): mm; NaN without a view."""
    if not view.any():
        return {"across": np.nan, "along": np.nan}
    along = (error * view[:, None]).sum(-1)
    across = np.linalg.norm(error - along[..., None] * view[:, None], axis=-1)
    return {"across": 1000 * across.mean(), "along": 1000 * np.abs(along).mean()}
