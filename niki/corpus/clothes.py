"""What the people of the corpus wear: colors on faces, patterns, and cloth that stands off the body."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..body.skeleton import BONES, JOINTS
from ..meshes.anny import REGIONS
from .people import Figure, People
from .raster import vertex_normals

SKIN, HAIR, SHIRT, TROUSERS, SHOES = range(len(REGIONS))
_SKIN_COLOR, _EYE_COLOR, _IRIS_COLOR = (232, 190, 160), (235, 235, 235), (40, 30, 25)


@dataclass(eq=False)
class Clothed:
    """Somebody dressed at rest: vertices (V, 3), colors of the faces (F, 3), 0 to 255, and how light the
    pattern is at each vertex (V,). All float32."""

    vertices: np.ndarray
    color: np.ndarray
    tone: np.ndarray


def dress(people: People, figure: Figure, rng: np.random.Generator) -> Clothed:
    """A person in clothes drawn for them."""
    rest = figure.vertices
    region = _cut(people, figure, rng)
    palette = _palette(rng)
    color = palette[region] * (1 + rng.normal(0, 0.02, (len(region), 1)))
    _paint_eyes(color, people, rest, palette[HAIR])
    cloth = np.zeros(len(rest), int)
    cloth[people.faces.reshape(-1)] = np.repeat(region, 3)
    folds = sum(np.sin(rest @ rng.normal(0, 28, 3) + rng.uniform(0, 6)) for _ in range(4)) / np.float32(4)
    tone = _pattern(rest, cloth, folds, rng)
    vertices = rest + _normals(rest, people.faces) * _looseness(people.faces, cloth, folds, rng)[:, None]
    return Clothed(
        vertices.astype(np.float32), np.clip(color, 3, 255).astype(np.float32), tone.astype(np.float32)
    )


def _cut(people: People, figure: Figure, rng) -> np.ndarray:
    """(F,) the region of each face: sleeves, shorts, bare feet and bald heads."""
    region = people.regions.astype(int)
    bone = people.index[people.faces[:, 0], 0]
    arms = {part: np.array([n.endswith(part) for n in BONES])[bone] for part in ("Shoulder", "Elbow")}
    if rng.random() < 0.5:
        region[arms["Elbow"]] = SHIRT  # long sleeves
    if rng.random() < 0.12:
        region[arms["Shoulder"] | arms["Elbow"]] = SKIN
    if rng.random() < 0.3:  # shorts, or a skirt's length of trousers
        knee = figure.body.rest_joints[JOINTS.index("left_knee"), 1]
        height = figure.vertices[people.faces, 1].mean(1)
        region[(region == TROUSERS) & (height < knee + rng.uniform(-0.1, 0.25))] = SKIN
    if rng.random() < 0.1:
        region[region == SHOES] = SKIN
    if rng.random() < 0.08:
        region[region == HAIR] = SKIN
    return region


def _palette(rng) -> np.ndarray:
    """(5, 3) a color for each region."""
    colors = np.empty((len(REGIONS), 3))
    colors[SKIN] = np.array(_SKIN_COLOR) * rng.uniform(0.25, 1.05) * (1 + rng.normal(0, 0.04, 3))
    colors[HAIR] = rng.uniform(10, 140, 3) * rng.uniform(0.2, 1)
    for cloth in (SHIRT, TROUSERS, SHOES):
        colors[cloth] = rng.uniform(10, 245, 3)
        if rng.random() < 0.5:  # black, gray or white
            colors[cloth] = rng.uniform(15, 240) * (1 + rng.normal(0, 0.05, 3))
    if rng.random() < 0.15:
        colors[TROUSERS] = colors[SHIRT]
    return colors


def _paint_eyes(color, people: People, rest, hair) -> None:
    faces, head = people.faces, people.index[:, 0] == BONES.index("Head")
    color[people.eyes[faces].all(1)] = _EYE_COLOR
    for side in (-1, 1):
        eye = people.eyes & (np.sign(rest[:, 0]) == side)
        away = rest - rest[eye].mean(0)
        iris = eye & (np.hypot(away[:, 0], away[:, 1]) < 0.008) & (away[:, 2] > 0)
        color[iris[faces].any(1)] = _IRIS_COLOR
        is_brow = (np.abs(away[:, 1] - 0.022) < 0.004) & (np.abs(away[:, 0]) < 0.022) & (away[:, 2] > -0.02)
        color[(is_brow & head)[faces].all(1)] = 0.8 * hair


def _pattern(rest, cloth, folds, rng) -> np.ndarray:
    """(V,) how light shirt and trousers are: stripes and checks, and darker folds."""
    tone = np.ones(len(rest))
    for worn in (SHIRT, TROUSERS):
        mask, kind, wave = cloth == worn, rng.random(), 2 * np.pi / rng.uniform(0.05, 0.16)
        around, along = np.sin(wave * rest[mask, 1]) > 0, np.sin(wave * rest[mask, 0]) > 0
        depth = rng.uniform(0.2, 0.6)
        if kind < 0.2:
            tone[mask] -= depth * around
        elif kind < 0.3:
            tone[mask] -= depth * along
        elif kind < 0.4:
            tone[mask] -= depth * (around ^ along)
        tone[mask] *= 1 + 0.12 * folds[mask]
    return tone


def _looseness(faces, cloth, folds, rng) -> np.ndarray:
    """(V,) metres by which cloth and hair stand off, less at the hems."""
    off = np.zeros(len(cloth))
    loose = {
        SHIRT: rng.uniform(0.003, 0.035),
        TROUSERS: rng.uniform(0.003, 0.035),
        SHOES: 0.006,
        HAIR: rng.uniform(0.004, 0.04),
    }
    for worn, metres in loose.items():
        off[cloth == worn] = metres * (1 + 0.6 * folds[cloth == worn])
    soft, corners = off, faces.reshape(-1)
    count = np.maximum(np.bincount(corners, minlength=len(cloth)), 1)
    for _ in range(2):
        mean = np.repeat(soft[faces].mean(1), 3)
        soft = np.bincount(corners, mean, len(cloth)) / count
    return np.where(cloth > 0, (off + soft) / 2, 0)


def _normals(vertices, faces) -> np.ndarray:
    normals = np.empty_like(vertices)
    vertex_normals(vertices, faces, normals)
    return normals
