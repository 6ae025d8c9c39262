"""Biovision motion capture (.bvh)."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from ..errors import NikiError
from .recording import Recording, iterate_lines, parse_numbers, rotation_from_euler
from .refit import metres_per_unit

_CHANNELS = {f"{axis}{kind}" for axis in "XYZ" for kind in ("position", "rotation")}
_MOST_NODES, _MOST_LETTERS = 5_000, 5_000_000  # of the hierarchy
_MOST_ROTATIONS = 5_000_000  # frames times nodes: 360 MB
_HEAD = re.compile(r"\s*Frames:[ \t]*(\S+)[ \t\r]*\n\s*Frame Time:[ \t]*(\S+)[ \t\r]*(?:\n|$)")
_RATES = (0.001, 100_000)  # frames per second


def read_bvh(text: str, unit: float | None = None) -> Recording:
    """The skeleton and motion of a .bvh file.

    Args:
        text: the file's contents.
        unit: metres per unit. The format does not store it; by default it is the common unit in which the
            legs are as long as a person's.

    Raises:
        NikiError: something is wrong with the file, or its unit cannot be found; the message says what.
    """
    start = re.search(r"^[ \t]*MOTION\s*$", text, re.MULTILINE)
    if not start or "HIERARCHY" not in text[: start.start()]:
        raise NikiError("This is not a .bvh file: it lacks HIERARCHY or MOTION")
    if start.start() > _MOST_LETTERS:
        raise NikiError("The .bvh file's hierarchy is too long")
    names, parents, offsets, channels = _read_hierarchy(text[: start.start()])
    rate, table = _read_motion(text, start.end(), sum(len(c) for c in channels), len(names))
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
    recording = Recording(names, np.array(parents), offsets, rotations, rate)
    recording.offsets = offsets * (metres_per_unit(recording) if unit is None else unit)
    return recording


def _read_hierarchy(text: str) -> tuple[list[str], list[int], np.ndarray, list[list[str]]]:
    names: list[str] = []
    parents: list[int] = []
    offsets: list[np.ndarray | None] = []
    channels: list[list[str]] = []
    open_nodes: list[int] = []
    words = iter(text.partition("HIERARCHY")[2].split())
    for word in words:
        kind = word.upper()
        if kind in ("ROOT", "JOINT", "END"):
            if (kind == "ROOT") != (not names) or (names and not open_nodes):
                raise NikiError(f"The .bvh file's hierarchy has {word} where it does not belong")
            name = " ".join(_until_brace(words))
            parents.append(open_nodes[-1] if open_nodes else -1)
            names.append(f"{names[parents[-1]]}_end" if kind == "END" else name)
            offsets.append(None)
            channels.append([])
            open_nodes.append(len(names) - 1)
            if len(names) > _MOST_NODES:
                raise NikiError(f"The .bvh file has more than {_MOST_NODES} joints")
        elif kind == "}" and open_nodes:
            open_nodes.pop()
        elif kind == "OFFSET" and open_nodes and offsets[open_nodes[-1]] is None:
            offset = [next(words, "nothing") for _ in range(3)]
            offsets[open_nodes[-1]] = parse_numbers(
                offset, f"The .bvh file's OFFSET of {names[open_nodes[-1]]}"
            )
        elif kind == "CHANNELS" and open_nodes and not channels[open_nodes[-1]]:
            channels[open_nodes[-1]] = _read_channels(words, names[open_nodes[-1]])
        else:
            raise NikiError(f"The .bvh file's hierarchy has {word[:40]!r} where it does not belong")
    if not names or open_nodes:
        raise NikiError("The .bvh file's hierarchy is incomplete")
    for name, offset in zip(names, offsets, strict=True):
        if offset is None:
            raise NikiError(f"The .bvh file's joint {name} has no OFFSET")
    return names, parents, np.array(offsets, float), channels


def _until_brace(words: Iterator[str]) -> Iterator[str]:
    """A joint's name, which may have spaces."""
    for word in words:
        if word == "{":
            return
        yield word
    raise NikiError("The .bvh file's hierarchy is incomplete")


def _read_channels(words: Iterator[str], joint: str) -> list[str]:
    count = next(words, "")
    kinds = [next(words, "") for _ in range(int(count))] if count in {*"0123456"} else []
    kinds = [kind[:1].upper() + kind[1:].lower() for kind in kinds]
    if not set(kinds) <= _CHANNELS or len(set(kinds)) < len(kinds) or count not in {*"0123456"}:
        raise NikiError(f"The .bvh file's CHANNELS of {joint} are not up to three positions and rotations")
    return kinds


def _read_motion(text: str, start: int, width: int, nodes: int) -> tuple[float, np.ndarray]:
    """Frames per second and the table (T, width) after MOTION, from index ``start``."""
    head = _HEAD.match(text, start)
    if not head:
        raise NikiError("The .bvh file's motion does not begin with Frames and Frame Time")
    (count, interval) = parse_numbers(head.groups(), "The .bvh file's Frames and Frame Time")
    if not 1 / _RATES[1] <= interval <= 1 / _RATES[0]:
        raise NikiError(f"The .bvh file's Frame Time must be a positive number of seconds, not {interval:g}")
    if not 1 <= count <= _MOST_ROTATIONS / nodes:
        raise NikiError(
            f"The .bvh file declares {count:g} frames; 1 to {_MOST_ROTATIONS // nodes} can be read"
        )
    rows = []
    longest = 1000 * (width + 1)
    for line in iterate_lines(text, head.end()):
        if len(line) <= longest and not line.strip():
            continue
        if len(line) > longest or len(values := line.split()) != width:
            raise NikiError(f"The .bvh file's frames must hold {width} finite numbers each")
        rows.append(parse_numbers(values, f"The .bvh file's frame {len(rows) + 1}"))
        if len(rows) > count:
            break
    if len(rows) != count:
        has = "more" if len(rows) > count else len(rows)
        raise NikiError(f"The .bvh file declares {count:g} frames but has {has}")
    return 1 / interval, np.array(rows)
