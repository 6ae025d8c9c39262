"""Biovision motion capture (.bvh)."""

from __future__ import annotations

import numpy as np

from ..errors import NikiError
from .recording import Recording, rotation_from_euler


def read_bvh(text: str, unit: float | None = None) -> Recording:
    """The skeleton and motion of a .bvh file.

    Args:
        text: the file. unit: metres per unit; default: guessed so that the skeleton is as tall
            as a person (the format does not say).

    Raises:
        NikiError: names what is wrong with the file.
    """
    hierarchy, found, motion = text.partition("MOTION")
    if not found or "HIERARCHY" not in hierarchy:
        raise NikiError("This is not a .bvh file: it lacks HIERARCHY or MOTION")
    names, parents, offsets, channels = _read_hierarchy(hierarchy)
    try:
        lines = motion.strip().splitlines()
        interval = float(lines[1].split()[-1])
        table = np.array([line.split() for line in lines[2:] if line.strip()], float)
    except (ValueError, IndexError):
        raise NikiError(
            "The .bvh file's motion cannot be read: rows of unequal length, or not numbers"
        ) from None
    width = sum(len(c) for c in channels)
    if table.ndim != 2 or table.shape[1] != width or not np.isfinite(table).all():
        raise NikiError(f"The .bvh file's frames must hold {width} finite numbers each")
    rotations = np.tile(np.eye(3), (len(table), len(names), 1, 1))
    column = 0
    for i, kinds in enumerate(channels):
        turns = [k for k, kind in enumerate(kinds) if kind.endswith("rotation")]
        if turns:
            order = "".join(kinds[k][0] for k in turns)
            angles = np.radians(table[:, [column + k for k in turns]])
            rotations[:, i] = rotation_from_euler(angles, order)
        column += len(kinds)
    offsets[0] = 0
    recording = Recording(names, np.array(parents), offsets, rotations, 1 / interval)
    recording.offsets = offsets * (_guessed_unit(recording) if unit is None else unit)
    return recording


def _read_hierarchy(text: str):
    names, parents, offsets, channels, stack = [], [], [], [], []
    for line in text.splitlines():
        words = line.split()
        if not words:
            continue
        if words[0] in ("ROOT", "JOINT", "End"):
            parents.append(stack[-1] if stack else -1)
            names.append(words[1] if words[0] != "End" else f"{names[parents[-1]]}_end")
            offsets.append([0.0, 0.0, 0.0])
            channels.append([])
        elif words[0] == "{":
            stack.append(len(names) - 1)
        elif words[0] == "}":
            stack.pop()
        elif words[0] == "OFFSET":
            offsets[-1] = [float(v) for v in words[1:4]]
        elif words[0] == "CHANNELS":
            channels[-1] = words[2:]
    if not names or stack:
        raise NikiError("The .bvh file's hierarchy is incomplete")
    return names, parents, np.array(offsets), channels


_ADULT = 1.7  # metres
_UNITS = (1.0, 0.01, 0.0254, 0.0254 / 0.45)  # metres, centimetres, inches, CMU's


def _guessed_unit(recording: Recording) -> float:
    """The usual unit that makes the longest way through the skeleton nearest a person's height."""
    reach = np.zeros(len(recording.names))
    for i, parent in enumerate(recording.parents):
        if parent >= 0:
            reach[i] = reach[parent] + np.linalg.norm(recording.offsets[i])
    height = 2 * np.sort(reach)[-3:].mean()
    return min(_UNITS, key=lambda unit: abs(np.log(height * unit / _ADULT)))
