"""A neutral mannequin, modelled as one smooth solid around any body's skeleton. Needs numpy only.

Rounded cones and ellipsoids are blended into a signed distance field (Quilez's smooth minimum) and
its zero level is meshed by surface nets (Gibson, 1998). What belongs to a limb and what to its
neighbour gives the skin weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..niki.skeleton import BONES, JOINTS, NUM_BONES, PARENTS, Body

_CELL = 0.011  # metres
_BLEND = 0.022  # metres over which neighbouring forms melt together
_SMOOTHING_PASSES = 8


@dataclass
class Skin:
    """A closed surface in library space: vertices (V, 3), triangles or quads, weights (V, 24)."""

    vertices: np.ndarray
    faces: np.ndarray
    weights: np.ndarray


@dataclass
class _Form:
    """A rounded cone from ``a`` (radius ``ra``) to ``b`` (``rb``), stretched along ``scale``'s
    axes, that moves with ``bone``."""

    bone: int
    a: np.ndarray
    b: np.ndarray
    ra: float
    rb: float
    scale: np.ndarray

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


def mannequin(body: Body) -> Skin:
    """The mannequin around ``body`` at rest."""
    forms = _forms(body)
    low = np.min([f.bounds(0.03)[0] for f in forms], axis=0)
    high = np.max([f.bounds(0.03)[1] for f in forms], axis=0)
    shape = np.ceil((high - low) / _CELL).astype(int) + 1
    vertices, faces = _surface_net(_field(forms, low, shape), low)
    return Skin(vertices, faces, _smooth_weights(_weights(forms, vertices), faces))


def _forms(body: Body) -> list[_Form]:
    joint = {name: body.rest_joints[i] for i, name in enumerate(JOINTS)}
    tall = (joint["head_top"] - joint["left_big_toe"])[1] / 1.75
    torso = np.linalg.norm((joint["left_shoulder"] + joint["right_shoulder"]) / 2 - joint["pelvis"]) / 0.40
    chest_half = abs(joint["left_shoulder"][0])
    forms: list[_Form] = []

    def add(bone, a, b, ra, rb, scale=(1, 1, 1), size=tall):
        forms.append(_Form(BONES.index(bone), np.asarray(a, float), np.asarray(b, float), ra * size, rb * size, np.array(scale, float)))  # fmt: skip

    def v(x, y, z, size=tall):
        return np.array([x, y, z]) * size

    # The trunk, upwards: seat, waist, ribs, shoulders.
    hip = (joint["left_hip"] + joint["right_hip"]) / 2
    wide = chest_half / 0.185
    add("Pelvis", hip + v(-0.058, 0.02, -0.012), hip + v(0.058, 0.02, -0.012), 0.103, 0.103, (1.0, 0.95, 0.92))
    add("Pelvis", joint["pelvis"] + v(-0.03, 0.02, 0), joint["pelvis"] + v(0.03, 0.02, 0), 0.112, 0.112, (1.0, 0.85, 0.80))
    add("Spine1", joint["spine1"] + v(-0.03, 0, 0.01), joint["spine1"] + v(0.03, 0, 0.01), 0.102, 0.102, (1, 1.0, 0.80))
    add("Spine2", joint["spine2"] + v(-0.04, 0, 0.0), joint["spine2"] + v(0.04, 0, 0.0), 0.110, 0.110, (1, 1.0, 0.82))
    ribs = joint["spine3"] * 0.6 + joint["neck"] * 0.4
    add("Spine3", ribs + v(-0.058 * wide, 0.005, 0.022), ribs + v(0.058 * wide, 0.005, 0.022), 0.116, 0.116, (1.0, 1.08, 0.86), torso)
    top = joint["neck"] + v(0, -0.065, 0.0)
    add("Spine3", top + v(-0.085 * wide, 0, 0.0), top + v(0.085 * wide, 0, 0.0), 0.070, 0.070, (1, 0.9, 0.95))
    add("Neck", joint["neck"] + v(0, -0.03, -0.005), joint["head"] + v(0, 0.02, -0.022), 0.058, 0.054)
    # Head: skull, face, chin and a hint of a nose, so that one sees where it looks.
    skull = joint["head"] * 0.42 + joint["head_top"] * 0.58
    add("Head", skull + v(0, 0.004, -0.012), skull + v(0, 0.004, 0.006), 0.094, 0.094, (0.84, 1.0, 1.0))
    add("Head", joint["head"] + v(0, 0.055, 0.028), joint["head"] + v(0, 0.005, 0.046), 0.066, 0.040, (0.92, 1, 1))
    add("Head", joint["head"] + v(0, 0.060, 0.092), joint["head"] + v(0, 0.038, 0.102), 0.008, 0.012)
    for side, s in (("left", 1), ("right", -1)):
        letter = side[0].upper()
        j = {n.removeprefix(f"{side}_"): p for n, p in joint.items() if n.startswith(side)}
        # Arm: shoulder cap, upper arm with its biceps, forearm thick below the elbow, mitten.
        add(f"{letter}_Collar", j["collar"] + v(s * 0.02, 0.005, -0.005), j["shoulder"] + v(-s * 0.03, 0.002, 0), 0.052, 0.056)
        add(f"{letter}_Shoulder", j["shoulder"] + v(s * 0.005, 0.0, 0), j["shoulder"] * 0.65 + j["elbow"] * 0.35, 0.060, 0.049)
        add(f"{letter}_Shoulder", j["shoulder"] * 0.65 + j["elbow"] * 0.35, j["elbow"], 0.049, 0.038)
        add(f"{letter}_Elbow", j["elbow"], j["elbow"] * 0.70 + j["wrist"] * 0.30, 0.037, 0.041)
        add(f"{letter}_Elbow", j["elbow"] * 0.70 + j["wrist"] * 0.30, j["wrist"], 0.041, 0.026, (1, 0.92, 1))
        palm = j["wrist"] * 0.35 + j["hand"] * 0.65
        add(f"{letter}_Wrist", j["wrist"] + v(s * 0.012, 0, 0), palm, 0.025, 0.040, (1, 0.58, 1))
        add(f"{letter}_Wrist", j["wrist"] * 0.8 + j["hand"] * 0.2 + v(0, -0.004, 0.022), j["hand"] + v(-s * 0.012, -0.010, 0.055), 0.016, 0.011)
        for z, reach, r in ((0.030, 0.88, 0.0095), (0.010, 1.0, 0.0100), (-0.010, 0.94, 0.0095), (-0.029, 0.76, 0.0085)):
            tip = j["hand"] + reach * (j["middle_finger"] - j["hand"])
            add(f"{letter}_Hand", j["hand"] + v(-s * 0.020, 0, z * 0.95), tip + v(0, -0.006, z * 1.10), r * 1.18, r * 0.86)
        # Leg: thigh, knee, calf behind the shin, foot with heel and toes.
        add(f"{letter}_Hip", j["hip"] + v(s * 0.018, -0.01, 0), j["hip"] * 0.55 + j["knee"] * 0.45, 0.092, 0.070, (0.94, 1, 1))
        add(f"{letter}_Hip", j["hip"] * 0.55 + j["knee"] * 0.45, j["knee"], 0.070, 0.049, (0.95, 1, 1))
        add(f"{letter}_Hip", hip * 0.35 + j["hip"] * 0.65 + v(s * 0.020, -0.035, -0.042), j["hip"] * 0.9 + j["knee"] * 0.1 + v(s * 0.01, 0, -0.040), 0.078, 0.060)
        add(f"{letter}_Knee", j["knee"] + v(0, 0, 0.006), j["knee"] * 0.72 + j["ankle"] * 0.28 + v(0, 0, -0.012), 0.047, 0.053)
        add(f"{letter}_Knee", j["knee"] * 0.72 + j["ankle"] * 0.28 + v(0, 0, -0.012), j["ankle"], 0.053, 0.033, (0.95, 1, 1))
        sole = min(j["big_toe"][1] - 0.02 * tall, j["ankle"][1] - 0.06 * tall)
        heel = np.array([j["ankle"][0], sole + 0.036 * tall, j["ankle"][2] - 0.030 * tall])
        ball = np.array([j["foot"][0], sole + 0.028 * tall, j["foot"][2]])
        add(f"{letter}_Ankle", j["ankle"], heel, 0.036, 0.034)
        add(f"{letter}_Ankle", heel, ball, 0.034, 0.034, (1.05, 0.9, 1))
        add(f"{letter}_Ankle", j["ankle"] + v(0, -0.01, 0.01), ball, 0.034, 0.026)
        toe = np.array([j["big_toe"][0], sole + 0.021 * tall, j["big_toe"][2] - 0.01 * tall])
        add(f"{letter}_Foot", ball + v(-0.010, -0.004, 0), toe + v(-0.014, 0, 0), 0.027, 0.019, (1, 0.85, 1))
        add(f"{letter}_Foot", ball + v(0.012, -0.004, 0), toe + v(0.020, -0.002, -0.010), 0.026, 0.017, (1, 0.85, 1))
    return forms


def _field(forms: list[_Form], low: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """Signed distance on the grid, forms melted together; each is evaluated near itself only."""
    field = np.full(shape, 4 * _BLEND)
    for form in forms:
        start, stop = (np.asarray(corner) for corner in form.bounds(2 * _BLEND))
        start = np.clip(np.floor((start - low) / _CELL).astype(int), 0, shape)
        stop = np.clip(np.ceil((stop - low) / _CELL).astype(int) + 1, 0, shape)
        box = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
        axes = [low[k] + _CELL * np.arange(start[k], stop[k]) for k in range(3)]
        points = np.stack(np.meshgrid(*axes, indexing="ij"), -1)
        distance = form.distance(points.reshape(-1, 3)).reshape(points.shape[:3])
        # Thin forms melt less, or fingers would web together.
        blend = min(_BLEND, 0.45 * min(form.ra, form.rb) * form.scale.min())
        field[box] = _smooth_minimum(field[box], distance, blend)
    return field


def _smooth_minimum(a: np.ndarray, b: np.ndarray, width: float) -> np.ndarray:
    h = np.maximum(width - np.abs(a - b), 0) / width
    return np.minimum(a, b) - h * h * width / 4


def _surface_net(field: np.ndarray, low: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
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
    vertices = total[used] / count[used][:, None] * _CELL + low
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
    """(V, 24): the nearest bone's form and its neighbours in the skeleton, by distance."""
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
    """Average weights with their neighbours' on the surface, a few times."""
    a = faces.ravel()
    b = np.roll(faces, -1, axis=1).ravel()
    degree = np.zeros(len(weights))
    np.add.at(degree, a, 1)
    order = np.argsort(a, kind="stable")
    starts = np.searchsorted(a[order], np.arange(len(weights)))
    for _ in range(_SMOOTHING_PASSES):
        weights = 0.5 * weights + 0.5 * np.add.reduceat(weights[b[order]], starts) / degree[:, None]
    weights[weights < 0.01] = 0
    return weights / weights.sum(1, keepdims=True)
