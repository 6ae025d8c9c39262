"""A correction as plain values: what it adds to the animation of bones, and how that fades. Stored as text."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
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

_ARRAYS = ("values", "lead", "trail")


def _no_values() -> np.ndarray:
    return np.zeros((0, 3))


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
        lead, trail: (N, 3) what the N frames of its fades add besides, in order of time. They are stretched with the
            fades.
    """

    bone: str
    channel: str
    mode: str
    locks: tuple[bool, ...]
    still: tuple[float, ...]
    values: np.ndarray
    lead: np.ndarray = field(default_factory=_no_values)
    trail: np.ndarray = field(default_factory=_no_values)

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

    def put_back(self, rig: bpy.types.Object, indices: Iterable[int]) -> None:
        """Set components that no f-curve animates any more to what they were without one."""
        bone = rig.pose.bones.get(self.bone)
        if bone is not None and bone.rotation_mode == self.mode:
            for index in indices:
                getattr(bone, self.channel)[index] = self.still[index]


@dataclass(eq=False)
class Layer:
    """A correction: changes of channels at consecutive frames, which fade before and after.

    Attributes:
        first: the scene frame of the changes' first row.
        limits: the first and the last frame that it may change.
        count: the number T of rows.
    """

    first: int
    limits: tuple[int, int]
    count: int = 1
    changes: list[Change] = field(default_factory=list)

    def turn(self, bone: bpy.types.PoseBone, turns: np.ndarray, fades: tuple[int, int] = (0, 0)) -> None:
        """Rotate a bone by ``turns`` (T, 3), axis times angle, about its own axes.

        Args:
            fades: frames of given fades. Of those within the limits, ``turns`` has rows before and after its T.
        """
        if np.linalg.norm(turns, axis=-1).max() > MIN_TURN:
            self._add(bone, rotation_property(bone), rotation_locks(bone), turns, fades)

    def move(self, bone: bpy.types.PoseBone, moves: np.ndarray, fades: tuple[int, int] = (0, 0)) -> None:
        """Move a bone by ``moves`` (T, 3) along its own axes; ``fades`` as for :meth:`turn`."""
        if np.abs(moves).max() > MIN_MOVE:
            self._add(bone, "location", tuple(bone.lock_location), moves, fades)

    def _add(self, bone, channel: str, locks: tuple[bool, ...], values: np.ndarray, fades) -> None:
        if all(locks):
            return
        still, values = tuple(getattr(bone, channel)), np.asarray(values, float)
        before, after = self._within_limits(fades)
        core = values[before : before + self.count]
        beyond = values - spread_change(core, before, after, *fades)
        lead = np.pad(beyond[:before], ((fades[0] - before, 0), (0, 0)))
        trail = np.pad(beyond[before + self.count :], ((0, fades[1] - after), (0, 0)))
        self.changes.append(
            Change(bone.name, channel, bone.rotation_mode, locks, still, core, lead=lead, trail=trail)
        )

    def _within_limits(self, fades: tuple[int, int]) -> tuple[int, int]:
        """How many of the frames over which it fades are within the limits."""
        before, after = self.first - self.limits[0], self.limits[1] - (self.first + self.count - 1)
        return min(fades[0], max(0, before)), min(fades[1], max(0, after))

    def changed_paths(self, rig: bpy.types.Object, excluded=()) -> set[tuple[bpy.types.ID, str]]:
        """What it changes, as (data-block, data path), without the bones ``excluded``."""
        return {(rig, change.path) for change in self.changes if change.bone not in excluded}

    def faded(self, change: Change, fade_in: int, fade_out: int) -> tuple[np.ndarray, np.ndarray]:
        """The frames (T,) that one of its changes touches, and what it adds there (T, 3)."""
        before, after = self._within_limits((fade_in, fade_out))
        values = spread_change(change.values, before, after, fade_in, fade_out)
        values[:before] += _stretched(change.lead[::-1], fade_in)[:before][::-1]
        values[len(values) - after :] += _stretched(change.trail, fade_out)[:after]
        counts = np.flatnonzero(np.linalg.norm(values, axis=-1) > change.least)
        stretch = slice(counts[0], counts[-1] + 1) if len(counts) else slice(0)
        return np.arange(self.first - before, self.first + self.count + after)[stretch], values[stretch]

    def to_text(self) -> str:
        """It as text, from which :meth:`from_text` makes it again, bit for bit."""
        changes = [
            asdict(change) | {name: _encode(getattr(change, name)) for name in _ARRAYS}
            for change in self.changes
        ]
        return json.dumps({**vars(self), "changes": changes})

    @classmethod
    def from_text(cls, text: str) -> Layer:
        """The layer that :meth:`to_text` wrote."""
        plain = json.loads(text)
        changes = [
            Change(**change | {name: _decode(change[name]) for name in _ARRAYS})
            for change in plain["changes"]
        ]
        return cls(plain["first"], tuple(plain["limits"]), plain["count"], changes)


def _stretched(values: np.ndarray, count: int) -> np.ndarray:
    """(count, 3) values (N, 3) at even steps away from zero and back to it, at as many other steps."""
    knots, steps = (np.arange(n + 2) / (n + 1) for n in (len(values), count))
    padded = np.pad(values, ((1, 1), (0, 0)))
    return np.stack([np.interp(steps[1:-1], knots, column) for column in padded.T], 1)


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
