"""A neutral mannequin, modeled as one smooth solid around any body's skeleton. numpy only.

Rounded cones and ellipsoids are blended into a signed distance field (Quilez's smooth minimum), whose zero
level is meshed by surface nets (Gibson, 1998). The distances to a limb and to its neighbors give the skin
weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from ..body.skeleton import BONES, JOINTS, NUM_BONES, PARENTS, Body

_CELL = 0.011  # metres
_MELT_TRUNK, _MELT_LIMB = 0.045, 0.014  # metres over which a form melts into its neighbors ...
_MELT_SHARE = 0.5  # ... and at most this share of its own radius, or fingers would web together
_SMOOTHING_PASSES = 8


@dataclass(eq=False)
class Skin:
    """A closed surface in library space: vertices (V, 3), triangles or quads, weights (V, 24)."""

    vertices: np.ndarray
    faces: np.ndarray
    weights: np.ndarray


@dataclass(eq=False)
class _Form:
    """A rounded cone from ``a`` (radius ``ra``) to ``b`` (``rb``), stretched along ``scale``'s
    axes, that moves with ``bone``."""

    bone: int
    a: np.ndarray
    b: np.ndarray
    ra: float
    rb: float
    scale: np.ndarray
    melt: float = _MELT_TRUNK

    def __post_init__(self):
        self.melt = min(self.melt, _MELT_SHARE * min(self.ra, self.rb) * self.scale.min())

    def distance(self, points: np.ndarray) -> np.ndarray:
        p, a, b = points / self.scale, self.a / self.scale, self.b / self.scale
        axis = b - a
        t = np.clip((p - a) @ axis / max(axis @ axis, 1e-12), 0, 1)
        radius = self.ra + t * (self.rb - self.ra)
        reach = np.linalg.norm(p - (a + t[:, None] * axis), axis=-1) - radius
        return reach * self.scale.min()

    def bounds(self, margin: float):
        reach = max(self.ra, self.rb) * self.scale + margin
        return np.minimum(self.a, self.b) - reach, np.maximum(self.a, self.b) + reach


def mannequin(body: Body, cell: float = _CELL) -> Skin:
    """The mannequin around ``body`` in the rest pose.

    Args:
        cell: meters, about the length of an edge.
    """
    forms = _forms(body)
    low = np.min([f.bounds(0.03)[0] for f in forms], axis=0)
    high = np.max([f.bounds(0.03)[1] for f in forms], axis=0)
    shape = np.ceil((high - low) / cell).astype(int) + 1
    vertices, faces = _surface_net(_field(forms, low, shape, cell), low, cell)
    return Skin(vertices, faces, _smooth_weights(_weights(forms, vertices), faces))


def _forms(body: Body) -> list[_Form]:
    joint = {name: body.rest_joints[i] for i, name in enumerate(JOINTS)}
    tall = (joint["head_top"] - joint["left_big_toe"])[1] / 1.75
    torso = np.linalg.norm((joint["left_shoulder"] + joint["right_shoulder"]) / 2 - joint["pelvis"]) / 0.40
    chest_half = abs(joint["left_shoulder"][0])
    forms: list[_Form] = []

    def add(bone, a, b, ra, rb, scale=(1, 1, 1), size=tall, melt=_MELT_TRUNK):
        a, b, scale = (np.asarray(x, float) for x in (a, b, scale))
        forms.append(_Form(BONES.index(bone), a, b, ra * size, rb * size, scale, melt))

    def v(x, y, z):
        return np.array([x, y, z]) * tall

    # The trunk, upwards: seat, waist, ribs, chest, shoulders.
    hip = (joint["left_hip"] + joint["right_hip"]) / 2
    wide = chest_half / 0.185
    seat, basin = hip + v(0, 0.015, -0.012), joint["pelvis"] + v(0, 0.010, 0)
    add("Pelvis", seat - v(0.052, 0, 0), seat + v(0.052, 0, 0), 0.098, 0.098, (1, 0.95, 0.92))
    add("Pelvis", basin - v(0.035, 0, 0), basin + v(0.035, 0, 0), 0.106, 0.106, (1, 0.85, 0.84))
    waist = (joint["spine1"] + joint["spine2"]) / 2
    add("Spine1", joint["pelvis"] + v(0, 0, 0.006), waist, 0.088, 0.083, (1.38, 1, 0.98))
    add("Spine2", waist, joint["spine3"] + v(0, 0.02, 0.008), 0.083, 0.097, (1.40, 1, 0.98))
    ribs = joint["spine3"] * 0.6 + joint["neck"] * 0.4 + v(0, 0, 0.016)
    chest = ribs + v(0, 0.012, 0.054)
    across = v(0.052 * wide, 0, 0)
    add("Spine3", ribs - across, ribs + across, 0.118, 0.118, (1, 1.12, 0.86), torso)
    add("Spine3", chest - 1.2 * across, chest + 1.2 * across, 0.064, 0.064, (1.1, 0.95, 0.75), torso)
    top = joint["neck"] + v(0, -0.065, 0)
    add("Spine3", top - 1.6 * across, top + 1.6 * across, 0.068, 0.068, (1, 0.9, 0.95))
    add("Neck", joint["neck"] + v(0, -0.04, -0.008), joint["head"] + v(0, 0.01, -0.030), 0.057, 0.052)
    # Head: skull, jaw and a hint of a nose that shows where it looks.
    skull = joint["head"] * 0.42 + joint["head_top"] * 0.58
    jaw, chin = joint["head"] + v(0, 0.050, 0.020), joint["head"] + v(0, -0.006, 0.038)
    add("Head", skull + v(0, 0.012, -0.016), skull + v(0, 0, 0.008), 0.099, 0.097, (0.82, 1, 1))
    add("Head", jaw, chin, 0.074, 0.050, (0.90, 1, 1), melt=0.03)
    add(
        "Head",
        joint["head"] + v(0, 0.066, 0.090),
        joint["head"] + v(0, 0.036, 0.100),
        0.008,
        0.013,
        melt=0.01,
    )
    for side, s in (("left", 1), ("right", -1)):
        letter = side[0].upper()
        j = {name.removeprefix(f"{side}_"): at for name, at in joint.items() if name.startswith(side)}
        _add_arm(partial(_prefixed, add, letter), j, s, v)
        _add_leg(partial(_prefixed, add, letter), j, s, v, hip)
    return forms


def _prefixed(add, letter, bone, *arguments, **options):
    add(f"{letter}_{bone}", *arguments, **options)


def _between(a, b, t):
    return (1 - t) * a + t * b


def _add_arm(add, j, s, v):
    """Shoulder cap, upper arm with its biceps, forearm thick below the elbow, palm and fingers."""
    biceps, thick = _between(j["shoulder"], j["elbow"], 0.42), _between(j["elbow"], j["wrist"], 0.26)
    add(
        "Collar",
        j["collar"] + v(s * 0.02, 0.006, -0.005),
        j["shoulder"] + v(-s * 0.02, 0.002, 0),
        0.052,
        0.056,
    )
    add("Shoulder", j["shoulder"], j["shoulder"] + v(s * 0.045, 0, 0), 0.061, 0.056, melt=0.03)
    add("Shoulder", j["shoulder"] + v(s * 0.045, 0, 0), biceps, 0.056, 0.050, melt=_MELT_LIMB)
    add("Shoulder", biceps, j["elbow"], 0.050, 0.039, melt=_MELT_LIMB)
    add("Elbow", j["elbow"], thick, 0.039, 0.042, melt=_MELT_LIMB)
    add("Elbow", thick, j["wrist"], 0.042, 0.026, melt=_MELT_LIMB)
    palm, thumb = _between(j["wrist"], j["hand"], 0.65), j["wrist"] + v(s * 0.018, -0.004, 0.022)
    add("Wrist", j["wrist"] + v(s * 0.012, 0, 0), palm, 0.026, 0.042, (1, 0.58, 1))
    add("Wrist", thumb, j["hand"] + v(-s * 0.012, -0.010, 0.055), 0.017, 0.011)
    for z, reach, r in (
        (0.030, 0.88, 0.0098),
        (0.010, 1.0, 0.0102),
        (-0.010, 0.94, 0.0098),
        (-0.029, 0.76, 0.0088),
    ):
        tip = _between(j["hand"], j["middle_finger"], reach)
        add("Hand", j["hand"] + v(-s * 0.020, 0, z * 0.95), tip + v(0, -0.006, z * 1.10), r * 1.18, r * 0.9)


def _add_leg(add, j, s, v, hip):
    """Thigh and buttock, knee, calf behind the shin, foot with heel and toes."""
    middle, calf = (
        _between(j["hip"], j["knee"], 0.45),
        _between(j["knee"], j["ankle"], 0.28) + v(0, 0, -0.010),
    )
    add("Hip", j["hip"] + v(s * 0.016, -0.01, 0), middle, 0.090, 0.071, (0.95, 1, 1))
    add("Hip", middle, j["knee"], 0.071, 0.051, (0.95, 1, 1), melt=_MELT_LIMB)
    buttock = _between(hip, j["hip"], 0.65) + v(s * 0.020, -0.030, -0.040)
    add("Hip", buttock, _between(j["hip"], j["knee"], 0.12) + v(s * 0.01, 0, -0.036), 0.076, 0.062)
    add("Knee", j["knee"], calf, 0.050, 0.053, melt=_MELT_LIMB)
    add("Knee", calf, j["ankle"], 0.053, 0.034, (0.95, 1, 1), melt=_MELT_LIMB)
    sole = min(j["big_toe"][1] - v(0, 0.02, 0)[1], j["ankle"][1] - v(0, 0.06, 0)[1])

    def above_sole(point, height, ahead=0.0):
        return np.array([point[0], sole + v(0, height, 0)[1], point[2] + v(0, 0, ahead)[2]])

    heel, ball, toe = (
        above_sole(j["ankle"], 0.036, -0.03),
        above_sole(j["foot"], 0.028),
        above_sole(j["big_toe"], 0.021, -0.01),
    )
    add("Ankle", j["ankle"], heel, 0.037, 0.034)
    add("Ankle", heel, ball, 0.034, 0.034, (1.05, 0.9, 1))
    add("Ankle", j["ankle"] + v(0, -0.01, 0.01), ball, 0.035, 0.026)
    add("Foot", ball + v(-0.010, -0.004, 0), toe + v(-0.014, 0, 0), 0.027, 0.019, (1, 0.85, 1))
    add("Foot", ball + v(0.012, -0.004, 0), toe + v(0.020, -0.002, -0.010), 0.026, 0.017, (1, 0.85, 1))


def _field(forms: list[_Form], low: np.ndarray, shape: np.ndarray, cell: float) -> np.ndarray:
    """Signed distance on the grid, with the forms blended; each is evaluated only near itself."""
    field = np.full(shape, 4 * _MELT_TRUNK)
    for form in forms:
        start, stop = form.bounds(form.melt + 2 * cell)
        start = np.clip(np.floor((start - low) / cell).astype(int), 0, shape)
        stop = np.clip(np.ceil((stop - low) / cell).astype(int) + 1, 0, shape)
        box = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
        axes = [low[k] + cell * np.arange(start[k], stop[k]) for k in range(3)]
        points = np.stack(np.meshgrid(*axes, indexing="ij"), -1)
        distance = form.distance(points.reshape(-1, 3)).reshape(points.shape[:3])
        field[box] = _smooth_minimum(field[box], distance, form.melt)
    return field


def _smooth_minimum(a: np.ndarray, b: np.ndarray, width: float) -> np.ndarray:
    h = np.maximum(width - np.abs(a - b), 0) / width
    return np.minimum(a, b) - h * h * width / 4


def _surface_net(field: np.ndarray, low: np.ndarray, size: float) -> tuple[np.ndarray, np.ndarray]:
    """Zero level of ``field`` as quads: one vertex in each cell it crosses, at the mean of its
    crossings of the cell's edges; one quad around each grid edge that it crosses."""
    inside = field < 0
    cells = tuple(n - 1 for n in field.shape)
    total, count = np.zeros((*cells, 3)), np.zeros(cells)
    crossings = []
    for axis in range(3):
        first = tuple(slice(0, -1) if k == axis else slice(None) for k in range(3))
        second = tuple(slice(1, None) if k == axis else slice(None) for k in range(3))
        a, b = field[first], field[second]
        crossed = np.argwhere(inside[first] != inside[second])
        index = tuple(crossed.T)
        place = crossed.astype(float)
        place[:, axis] += a[index] / (a[index] - b[index])
        crossings.append((axis, crossed, inside[first][index]))
        others = [k for k in range(3) if k != axis]
        for du in (0, 1):
            for dv in (0, 1):
                cell = crossed.copy()
                cell[:, others[0]] -= du
                cell[:, others[1]] -= dv
                np.add.at(total, tuple(cell.T), place)
                np.add.at(count, tuple(cell.T), 1)
    used = count > 0
    number = np.full(cells, -1)
    number[used] = np.arange(used.sum())
    vertices = total[used] / count[used][:, None] * size + low
    quads = []
    for axis, crossed, starts_inside in crossings:
        u, w = (axis + 1) % 3, (axis + 2) % 3
        corners = []
        for du, dw in ((1, 1), (0, 1), (0, 0), (1, 0)):
            cell = crossed.copy()
            cell[:, u] -= du
            cell[:, w] -= dw
            corners.append(number[tuple(cell.T)])
        quad = np.stack(corners, -1)
        quads.append(np.where(starts_inside[:, None], quad, quad[:, ::-1]))
    return vertices, np.concatenate(quads)


def _weights(forms: list[_Form], vertices: np.ndarray) -> np.ndarray:
    """(V, 24): the nearest bone's form and its neighbors in the skeleton, by distance."""
    distance = np.full((len(vertices), NUM_BONES), np.inf)
    for form in forms:
        distance[:, form.bone] = np.minimum(distance[:, form.bone], form.distance(vertices))
    nearest = distance.argmin(1)
    related = np.eye(NUM_BONES, dtype=bool)
    for child in range(1, NUM_BONES):
        related[child, PARENTS[child]] = related[PARENTS[child], child] = True
    gap = distance - distance.min(1, keepdims=True)
    weights = np.clip(1 - gap / 0.045, 0, None) ** 2 * related[nearest]
    return weights / weights.sum(1, keepdims=True)


def _smooth_weights(weights: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Average weights with their neighbors' on the surface, a few times."""
    a = faces.ravel()
    b = np.roll(faces, -1, axis=1).ravel()
    order = np.argsort(a, kind="stable")
    degree = np.bincount(a, minlength=len(weights))
    rank = np.arange(len(a)) - np.repeat(np.cumsum(degree) - degree, degree)
    neighbors = np.full((degree.max(), len(weights)), len(weights))  # that of no vertex: a row of zeros
    neighbors[rank, a[order]] = b[order]
    for _ in range(_SMOOTHING_PASSES):
        padded = np.vstack([weights, np.zeros(weights.shape[1])])
        weights = 0.5 * weights + 0.5 * sum(padded[row] for row in neighbors) / degree[:, None]
    weights[weights < 0.01] = 0
    return weights / weights.sum(1, keepdims=True)
