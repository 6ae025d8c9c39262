"""What is to be captured, and how: what the command line, Blender's panel and the background process hand on."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from .checks import is_number, is_point, is_text, is_whole_number
from .errors import NikiError


@dataclass(frozen=True)
class Task:
    """A capture.

    Attributes:
        footage: a video file, a folder of numbered images, or one image of a sequence.
        start, end: first and last frame, from 0, both included; default the whole footage.
        fps: frames per second; default what the footage says.
        focal: focal length in pixels; by default it is assumed from the picture's size.
        tilt, roll: degrees by which the camera looks down and is turned counterclockwise, seen from behind;
            what is not given is read off the person. See :class:`~niki.capturing.footage.camera.Camera`.
        subject: (x, y) pixels at which the person to follow is first seen; default the largest person.
        estimator, quality, device: as :func:`niki.capturing.estimators.make_estimator` takes them.
        solver: of :data:`niki.capturing.solving.SOLVERS`.
        journal: a file that keeps what is detected in each frame. Where an earlier capture of the same
            footage left one, the capture goes on from there, up to this ``end``. The file stays: delete it
            when the motion is safe, unless it holds more than that.
        finish: read no more frames; make the motion from those in the journal.
        height: metres, how tall the person is; it gives the world its size. By default that is estimated.
    """

    footage: str | os.PathLike[str]
    start: int | None = None
    end: int | None = None
    fps: float | None = None
    focal: float | None = None
    tilt: float | None = None
    roll: float | None = None
    subject: tuple[float, float] | None = None
    estimator: str = "blazepose"
    quality: str = "best"
    device: str = "cpu"
    solver: str = "auto"
    journal: str | os.PathLike[str] | None = None
    finish: bool = False
    height: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """The values that are set, as JSON can carry them; :meth:`from_dict` reads them."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        for name in ("footage", "journal"):
            if values[name] is not None:
                values[name] = os.fspath(values[name])
        if self.subject is not None:
            values["subject"] = [float(value) for value in self.subject]
        return {name: value for name, value in values.items() if value is not None and value is not False}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Task:
        """A task from values of unknown origin; a missing value, or None, is the default.

        Raises:
            NikiError: there is no footage, a value is of the wrong type, or a name is unknown.
        """
        given = {name: value for name, value in values.items() if value is not None}
        for name in values:
            if name not in _CHECKS:
                raise NikiError(f"there is no parameter '{name}'")
        for name, (fits, kind) in _CHECKS.items():
            if (name in given or name == "footage") and not fits(given.get(name)):
                raise NikiError(f"'{name}' must be {kind}")
        if "subject" in given:
            given["subject"] = tuple(given["subject"])
        return cls(**given)


def _is_flag(value) -> bool:
    return isinstance(value, bool)


_TEXT, _WHOLE, _NUMBER = (is_text, "a text"), (is_whole_number, "a whole number"), (is_number, "a number")
_CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "footage": _TEXT, "start": _WHOLE, "end": _WHOLE, "fps": _NUMBER, "focal": _NUMBER,
    "height": _NUMBER,
    "tilt": _NUMBER, "roll": _NUMBER,
    "subject": (is_point, "two numbers"), "estimator": _TEXT, "quality": _TEXT, "device": _TEXT, "solver": _TEXT,
    "journal": _TEXT, "finish": (_is_flag, "true or false"),
}  # fmt: skip
