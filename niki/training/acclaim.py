"""Acclaim motion capture (.asf skeleton, .amc motion), as the CMU database distributes it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import rotation as rot
from ..errors import NikiError


@dataclass
class Skeleton:
    """Per bone: axis frame (3, 3) and names of its degrees of freedom ("rx", "ry", "rz")."""

    axes: dict[str, np.ndarray]
    freedoms: dict[str, list[str]]


def read_asf(text: str) -> Skeleton:
    """The skeleton of an .asf file."""
    axes, freedoms = {"root": np.eye(3)}, {"root": ["tx", "ty", "tz", "rx", "ry", "rz"]}
    blocks = text.partition(":bonedata")[2].partition(":hierarchy")[0].split("begin")[1:]
    for block in blocks:
        words = {line.split()[0]: line.split()[1:] for line in block.splitlines() if line.split()}
        name = words["name"][0]
        axes[name] = _euler_xyz(np.radians([float(v) for v in words["axis"][:3]]))
        freedoms[name] = words.get("dof", [])
    if not blocks:
        raise NikiError("The .asf file has no bone data")
    return Skeleton(axes, freedoms)


def read_amc(text: str, skeleton: Skeleton) -> dict[str, np.ndarray]:
    """Local rotations (T, 3, 3) of every bone: the bone's turn from the skeleton's zero pose."""
    angles: dict[str, list] = {name: [] for name in skeleton.axes}
    for line in text.splitlines():
        name, *values = line.split() or [""]
        if name in angles:
            angles[name].append([float(v) for v in values])
    rotations = {}
    for name, rows in angles.items():
        if not rows:
            continue
        xyz = np.zeros((len(rows), 3))
        for k, freedom in enumerate(skeleton.freedoms[name]):
            if freedom.startswith("r"):
                xyz[:, "xyz".index(freedom[1])] = np.radians([row[k] for row in rows])
        axis = skeleton.axes[name]
        rotations[name] = axis @ _euler_xyz(xyz) @ axis.T
    return rotations


def _euler_xyz(angles: np.ndarray) -> np.ndarray:
    """Rz Ry Rx of (..., 3) radians."""
    x, y, z = (rot.matrix_from_axis_angle(np.eye(3)[i] * np.asarray(angles)[..., i, None]) for i in range(3))
    return z @ y @ x
