"""Acclaim motion capture (.asf skeleton, .amc motion), as the CMU database distributes it."""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass

import numpy as np

from ..errors import NikiError
from .recording import Recording, iterate_lines, parse_numbers, rotation_from_euler

CMU_UNIT = 0.0254 / 0.45  # metres: inches over the scale that CMU's files name
_SPLAY = np.radians(20.0)
ZERO_LIMBS = {
    f"{side}{bone}": sign * np.array(direction)
    for side, sign in (("l", np.array([1.0, 1, 1])), ("r", np.array([-1.0, 1, 1])))
    for bones, direction in (
        (("tibia", "foot"), (np.sin(_SPLAY), -np.cos(_SPLAY), 0.0)),
        (("radius", "wrist"), (1.0, 0.0, 0.0)),
    )
    for bone in bones
}
"""In the zero pose of all of CMU's skeletons, where thighs, shins, upper arms and forearms point: unit vectors to
the start of the next bone, which names them."""
_RATE = 120.0  # the format does not store it; this is CMU's
_FREEDOMS = {"tx", "ty", "tz", "rx", "ry", "rz", "l"}
_MOST_BONES, _MOST_LETTERS = 2_000, 2_000_000  # of a skeleton
_MOST_ROTATIONS = 5_000_000  # frames times bones: 360 MB
_LONGEST_LINE = 10_000


@dataclass(eq=False)
class Skeleton:
    """Bones by name: parent, vector from start to end (metres), axis frame (3, 3), and degrees of freedom
    ("rx" and so on) in the order of the motion's values and rotations."""

    parents: dict[str, str]
    vectors: dict[str, np.ndarray]
    axes: dict[str, np.ndarray]
    freedoms: dict[str, list[str]]


def read_asf(text: str) -> Skeleton:
    """The skeleton of an .asf file.

    Raises:
        NikiError: something is missing or wrong; the message names it.
    """
    if len(text) > _MOST_LETTERS:
        raise NikiError("The .asf file is too long")
    sections = _sections(text)
    unit, angle = _units(sections.get("units", []))
    skeleton = Skeleton({}, {"root": np.zeros(3)}, {}, {})
    root = _words(sections.get("root", []))
    order, orientation = (
        root.get("order", ["TX", "TY", "TZ", "RX", "RY", "RZ"]),
        root.get("orientation", [0, 0, 0]),
    )
    skeleton.freedoms["root"] = _freedoms(order, "root")
    skeleton.axes["root"] = _axes([*orientation, *root.get("axis", ["XYZ"])], "root", angle)
    for lines in _blocks(sections.get("bonedata", [])):
        words = _words(lines)
        for need in ("name", "direction", "length", "axis"):
            if not words.get(need):
                raise NikiError(f"The .asf file's bone {words.get('name', ['?'])[0]} has no {need}")
        name = words["name"][0]
        if name in skeleton.vectors:
            raise NikiError(f"The .asf file has two bones named {name}")
        direction = parse_numbers(words["direction"], f"The .asf file's direction of {name}")
        if direction.shape != (3,) or not np.linalg.norm(direction) > 0:
            raise NikiError(f"The .asf file's direction of {name} is not a direction")
        length = parse_numbers(words["length"][:1], f"The .asf file's length of {name}")[0]
        skeleton.vectors[name] = direction / np.linalg.norm(direction) * length * unit
        skeleton.axes[name] = _axes(words["axis"], name, angle)
        skeleton.freedoms[name] = _freedoms(words.get("dof", []), name)
    for lines in _blocks(sections.get("hierarchy", [])):
        for parent, *children in (line.split() for line in lines):
            for child in children:
                if child in skeleton.parents or child == "root":
                    raise NikiError(f"The .asf file's hierarchy names {child} twice")
                skeleton.parents[child] = parent
    if not 2 <= len(skeleton.vectors) <= _MOST_BONES:
        raise NikiError("The .asf file has no bone data")
    reached = _descendants(skeleton.parents)
    if set(skeleton.parents) != set(skeleton.vectors) - {"root"} or len(reached) < len(skeleton.vectors):
        raise NikiError("The .asf file's hierarchy does not name every bone, or does not begin at the root")
    return skeleton


def read_amc(text: str, skeleton: Skeleton) -> Recording:
    """The motion of an .amc file. A node is at the start of its bone.

    Raises:
        NikiError: the file has no frame, or something is wrong in one; the message names it.
    """
    angles, count = _read_frames(text, skeleton)
    radians = any(line.strip().upper() == ":RADIANS" for line in text[:2000].splitlines())
    names = _descendants(skeleton.parents)
    local = np.tile(np.eye(3), (count, len(names), 1, 1))
    for i, name in enumerate(names):
        if name in angles:
            values = np.array(angles[name]).reshape(count, -1)
            values = values if radians else np.radians(values)
            local[:, i] = _bone_rotations(values, name, skeleton)
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


def _read_frames(text: str, skeleton: Skeleton) -> tuple[dict[str, array], int]:
    """Each bone's values, frame after frame, and how many frames there are."""
    angles: dict[str, array] = {}
    count = 0
    in_frame: set[str] = set()

    def check() -> None:
        if count and in_frame != angles.keys():
            lacking = sorted(angles.keys() - in_frame) or ["every bone"]
            raise NikiError(f"The .amc file's frames are unequal: some frames lack a bone ({lacking[0]})")

    for line in iterate_lines(text):
        if len(line) > _LONGEST_LINE:
            raise NikiError(f"The .amc file's frame {count} has a line that is too long")
        name, *values = line.split() or [""]
        if name.isdigit() and not values:
            check()
            count, in_frame = count + 1, set()
            if count * len(skeleton.vectors) > _MOST_ROTATIONS:
                raise NikiError(f"The .amc file has more than {count - 1} frames, which are too many")
        elif name in skeleton.axes:
            if not count:
                raise NikiError("The .amc file has bones before its first frame")
            if name in in_frame:
                raise NikiError(f"The .amc file's frame {count} has the bone {name} twice")
            if len(values) != len(skeleton.freedoms[name]):
                raise NikiError(
                    f"The .amc file's frame {count} must hold {len(skeleton.freedoms[name])} numbers for {name}"
                )
            if count > 1 and name not in angles:
                raise NikiError(f"The .amc file's frames are unequal: some frames lack a bone ({name})")
            in_frame.add(name)
            angles.setdefault(name, array("d")).extend(
                parse_numbers(values, f"The .amc file's frame {count}")
            )
    check()
    if "root" not in angles:
        raise NikiError("The .amc file has no frames")
    return angles, count


def _bone_rotations(values: np.ndarray, name: str, skeleton: Skeleton) -> np.ndarray:
    """(T, freedoms) in radians -> (T, 3, 3), relative to the zero pose in world axes."""
    turns = [(k, f[1]) for k, f in enumerate(skeleton.freedoms[name]) if f.startswith("r")]
    axis = skeleton.axes[name]
    return axis @ _about_fixed_axes(values[:, [k for k, _ in turns]], "".join(a for _, a in turns)) @ axis.T


def _about_fixed_axes(angles: np.ndarray, order: str) -> np.ndarray:
    """(..., k) radians about fixed axes, one after the other in ``order`` ("xyz") -> (..., 3, 3)."""
    return rotation_from_euler(angles[..., ::-1], order[::-1])


def _axes(words: list, name: str, angle: float) -> np.ndarray:
    """(3, 3) of an ``axis`` line: three angles and their order."""
    order = str(words[-1]).lower() if len(words) == 4 else ""
    if sorted(order) != ["x", "y", "z"]:
        raise NikiError(f"The .asf file's axis of {name} must be three angles and an order such as XYZ")
    return _about_fixed_axes(parse_numbers(words[:3], f"The .asf file's axis of {name}") * angle, order)


def _freedoms(words: list[str], name: str) -> list[str]:
    freedoms = [word.lower() for word in words]
    if not set(freedoms) <= _FREEDOMS or len(set(freedoms)) < len(freedoms):
        raise NikiError(
            f"The .asf file's bone {name} has an unknown degree of freedom: {' '.join(words)[:40]}"
        )
    return freedoms


def _units(lines: list[str]) -> tuple[float, float]:
    """Metres per unit of length and radians per unit of angle."""
    words = _words(lines)
    unit, angle = CMU_UNIT, np.radians(1.0)
    if "length" in words:
        length = parse_numbers(words["length"][:1], "The .asf file's unit of length")
        if not (len(length) and length[0] > 1e-6):
            raise NikiError("The .asf file's unit of length must be positive")
        unit = 0.0254 / length[0]
    if "angle" in words:
        kind = "".join(words["angle"][:1]).lower()
        if kind not in ("deg", "rad"):
            raise NikiError("The .asf file's unit of angles must be deg or rad")
        angle = 1.0 if kind == "rad" else angle
    return unit, angle


def _sections(text: str) -> dict[str, list[str]]:
    """The lines after each keyword (``:bonedata``), without comments and empty lines."""
    sections: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        line = line.partition("#")[0].strip()
        if match := re.match(r":(\w+)", line):
            lines = sections.setdefault(match[1].lower(), [])
        elif line:
            lines.append(line)
    return sections


def _blocks(lines: list[str]) -> list[list[str]]:
    """The lines between each ``begin`` and ``end``."""
    blocks: list[list[str]] = []
    inside = False
    for line in lines:
        if line == "begin" and not inside:
            blocks.append([])
            inside = True
        elif line == "end" and inside:
            inside = False
        elif inside and line not in ("begin", "end"):
            blocks[-1].append(line)
        else:
            raise NikiError(f"The .asf file has {line[:40]!r} where it does not belong")
    if inside:
        raise NikiError("The .asf file ends early")
    return blocks


def _words(lines: list[str]) -> dict[str, list[str]]:
    """Each line's first word -> the others."""
    return {line.split()[0]: line.split()[1:] for line in lines}


def _descendants(parents: dict[str, str]) -> list[str]:
    """The root and its descendants, parents first."""
    children: dict[str, list[str]] = {}
    for child, parent in parents.items():
        children.setdefault(parent, []).append(child)
    names = ["root"]
    for name in names:
        names += children.get(name, [])
    return names
