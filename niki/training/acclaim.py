"""Acclaim motion capture (.asf skeleton, .amc motion), as the CMU database distributes it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import NikiError
from .recording import Recording, rotation_from_euler

CMU_UNIT = 0.0254 / 0.45  # metres: inches over the scale that CMU's files name
_RATE = 120.0  # the format does not say; CMU's is this


@dataclass(eq=False)
class Skeleton:
    """Bones by name: parent, vector from start to end (metres), axis frame (3, 3), freedoms ("rx" ..)."""

    parents: dict[str, str]
    vectors: dict[str, np.ndarray]
    axes: dict[str, np.ndarray]
    freedoms: dict[str, list[str]]


def read_asf(text: str) -> Skeleton:
    """The skeleton of an .asf file.

    Raises:
        NikiError: the file has no bones, or no hierarchy.
    """
    data, _, hierarchy = text.partition(":bonedata")[2].partition(":hierarchy")
    skeleton = Skeleton(
        {}, {"root": np.zeros(3)}, {"root": np.eye(3)}, {"root": ["tx", "ty", "tz", "rx", "ry", "rz"]}
    )
    unit = _unit(text)
    for block in data.split("begin")[1:]:
        words = {line.split()[0]: line.split()[1:] for line in block.splitlines() if line.split()}
        name = words["name"][0]
        direction = np.array(words["direction"], float)
        skeleton.vectors[name] = direction / np.linalg.norm(direction) * float(words["length"][0]) * unit
        skeleton.axes[name] = _euler_xyz(np.radians([float(v) for v in words["axis"][:3]]))
        skeleton.freedoms[name] = words.get("dof", [])
    for line in hierarchy.splitlines():
        parent, *children = line.split() or [""]
        if parent in skeleton.vectors:
            skeleton.parents.update({child: parent for child in children})
    if len(skeleton.vectors) < 2:
        raise NikiError("The .asf file has no bone data")
    if set(skeleton.parents) != set(skeleton.vectors) - {"root"}:
        raise NikiError("The .asf file's hierarchy does not name every bone")
    return skeleton


def read_amc(text: str, skeleton: Skeleton) -> Recording:
    """The motion of an .amc file. A node stands where its bone starts.

    Raises:
        NikiError: the file holds no frame, or frames of unequal bones.
    """
    angles: dict[str, list] = {name: [] for name in skeleton.axes}
    for line in text.splitlines():
        name, *values = line.split() or [""]
        if name in angles:
            angles[name].append([float(v) for v in values])
    count = len(angles["root"])
    if not count or any(len(rows) not in (0, count) for rows in angles.values()):
        raise NikiError("The .amc file holds no frame, or some frames lack a bone")
    names = ["root"]
    for name in names:
        names += [child for child, parent in skeleton.parents.items() if parent == name]
    local = np.tile(np.eye(3), (count, len(names), 1, 1))
    for i, name in enumerate(names):
        if angles[name]:
            local[:, i] = _bone_rotations(np.array(angles[name]), name, skeleton)
    parents = [-1] + [names.index(skeleton.parents[name]) for name in names[1:]]
    offsets = [np.zeros(3)] + [skeleton.vectors[skeleton.parents[name]] for name in names[1:]]
    ends = [i for i in range(len(names)) if i not in parents]
    local = np.concatenate([local, np.tile(np.eye(3), (count, len(ends), 1, 1))], 1)
    return Recording(
        names + [f"{names[i]}_end" for i in ends],
        np.array(parents + ends),
        np.array(offsets + [skeleton.vectors[names[i]] for i in ends]),
        local,
        _RATE,
    )


def _bone_rotations(values: np.ndarray, name: str, skeleton: Skeleton) -> np.ndarray:
    """(T, degrees of freedom) in degrees -> (T, 3, 3), relative to the zero pose in world axes."""
    xyz = np.zeros((len(values), 3))
    for k, freedom in enumerate(skeleton.freedoms[name]):
        if freedom.startswith("r"):
            xyz[:, "xyz".index(freedom[1])] = np.radians(values[:, k])
    axis = skeleton.axes[name]
    return axis @ _euler_xyz(xyz) @ axis.T


def _unit(text: str) -> float:
    for line in text.partition(":root")[0].splitlines():
        words = line.split()
        if words[:1] == ["length"]:
            return 0.0254 / float(words[1])
    return CMU_UNIT


def _euler_xyz(angles) -> np.ndarray:
    """Rz Ry Rx of (..., 3) radians."""
    return rotation_from_euler(np.asarray(angles)[..., ::-1], "zyx")
