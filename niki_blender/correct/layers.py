"""A correction as plain values: what it adds to the animation of bones, and how that fades. Stored as text."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict, dataclass, field

import bpy
import numpy as np
from mathutils import Quaternion

from ...niki.pose.corrections import spread_change
from ..rig.animation import bone_path
from ..rig.channels import (
    MIN_MOVE,
    MIN_TURN,
    as_quaternion,
    rotation_locks,
    rotation_property,
    values_in_mode,
)


@dataclass(eq=False)
class Change:
    """What a correction adds to one channel of a bone.

    The bone's rotation mode and locks are those of the time it was made, so that it can be added anew at any time.

    Attributes:
        bone: the name of the bone.
        channel: "location", or the property that rotates the bone.
        mode: the bone's rotation mode.
        locks: for each component, whether it stays as it is.
        still: the values of the components that have no f-curve.
        values: (T, 3) turns as axis times angle, or moves, about and along the bone's own axes.
    """

    bone: str
    channel: str
    mode: str
    locks: tuple[bool, ...]
    still: tuple[float, ...]
    values: np.ndarray

    @property
    def path(self) -> str:
        """The data path of the channel."""
        return bone_path(self.bone, self.channel)

    @property
    def least(self) -> float:
        """The smallest change that counts."""
        return MIN_MOVE if self.channel == "location" else MIN_TURN

    def add_to(self, before: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Channel values (T, n), with ``values`` (T, 3) added; locked components stay."""
        if self.channel == "location":
            return np.where(self.locks, before, before + values)
        after = [
            values_in_mode(as_quaternion(self.mode, row) @ Quaternion(turn), self.mode, row)
            for row, turn in zip(before, values, strict=True)
        ]
        return np.where(self.locks, before, np.array(after))


@dataclass(eq=False)
class Layer:
    """A correction: changes of channels at consecutive frames, which fade before and after.

    Attributes:
        first: the scene frame of the changes' first row.
        limits: the first and the last frame that it may change.
    """

    first: int
    limits: tuple[int, int]
    changes: list[Change] = field(default_factory=list)

    def turn(self, bone: bpy.types.PoseBone, turns: np.ndarray) -> None:
        """Rotate a bone by ``turns`` (T, 3), axis times angle, about its own axes."""
        if np.linalg.norm(turns, axis=-1).max() > MIN_TURN:
            self._add(bone, rotation_property(bone), rotation_locks(bone), turns)

    def move(self, bone: bpy.types.PoseBone, moves: np.ndarray) -> None:
        """Move a bone by ``moves`` (T, 3) along its own axes."""
        if np.abs(moves).max() > MIN_MOVE:
            self._add(bone, "location", tuple(bone.lock_location), moves)

    def _add(self, bone, channel: str, locks: tuple[bool, ...], values: np.ndarray) -> None:
        if not all(locks):
            still = tuple(getattr(bone, channel))
            self.changes.append(
                Change(bone.name, channel, bone.rotation_mode, locks, still, np.asarray(values, float))
            )

    def changed_paths(self, rig: bpy.types.Object, excluded=()) -> set[tuple[bpy.types.ID, str]]:
        """What it changes, as (data-block, data path), without the bones ``excluded``."""
        return {(rig, change.path) for change in self.changes if change.bone not in excluded}

    def faded(self, change: Change, fade_in: int, fade_out: int) -> tuple[np.ndarray, np.ndarray]:
        """The frames (T,) that one of its changes touches, and what it adds there (T, 3)."""
        last = self.first + len(change.values) - 1
        start, stop = max(self.limits[0], self.first - fade_in), min(self.limits[1], last + fade_out)
        start, stop = min(start, self.first), max(stop, last)
        values = spread_change(change.values, self.first - start, stop - last, fade_in, fade_out)
        counts = np.flatnonzero(np.linalg.norm(values, axis=-1) > change.least)
        stretch = slice(counts[0], counts[-1] + 1) if len(counts) else slice(0)
        return np.arange(start, stop + 1)[stretch], values[stretch]

    def to_text(self) -> str:
        """It as text, from which :meth:`from_text` makes it again, bit for bit."""
        changes = [{**asdict(change), "values": _encode(change.values)} for change in self.changes]
        return json.dumps({"first": self.first, "limits": self.limits, "changes": changes})

    @classmethod
    def from_text(cls, text: str) -> Layer:
        """The layer that :meth:`to_text` wrote."""
        plain = json.loads(text)
        changes = [Change(**{**change, "values": _decode(change["values"])}) for change in plain["changes"]]
        return cls(plain["first"], tuple(plain["limits"]), changes)


def turn_vector(quaternion: Quaternion) -> np.ndarray:
    """(3,) a rotation as axis times angle, the short way around."""
    if quaternion.w < 0:
        quaternion = -quaternion  # pyright: ignore[reportOperatorIssue]
    vector = np.array(quaternion[1:])  # Quaternion.to_exponential_map makes turns below 0.7 mrad 0
    sine = np.linalg.norm(vector)
    return vector * (2 * np.arctan2(sine, quaternion.w) / sine if sine > 0 else 2.0)


def _encode(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values, "<f8").tobytes()).decode()


def _decode(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<f8").reshape(-1, 3)
