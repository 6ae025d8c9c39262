"""What every joint estimator takes and gives, and which there are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from ...checks import number_between
from ...errors import NikiError
from ..footage.camera import Camera
from ..footage.video import Frame
from .journal import Journal


@dataclass(eq=False)
class Estimate:
    """One person over T frames, in camera space. Frames where they are not seen hold NaN.

    Attributes:
        joints: (T, 29, 3) metres, absolute.
        sigma: (T, 29, 2) uncertainty across and along the view, 0 exact .. 1 unknown.
        keypoints: (T, 29, 2) pixels.
        hints: (T, 24, 3) where the side of each bone named by ``REST_HINTS`` points; NaN where
            nothing tells. The front end's knowledge of twist.
        seen: (T,) whether the person was found.
        frames, times: (T,) numbers in the footage and seconds.
        jumps: (J,) indices of frames to which a step leads that no body makes: the person may be another.
    """

    joints: np.ndarray
    sigma: np.ndarray
    keypoints: np.ndarray
    hints: np.ndarray
    seen: np.ndarray
    frames: np.ndarray
    times: np.ndarray
    jumps: np.ndarray = field(default_factory=lambda: np.zeros(0, int))


class JointEstimator(Protocol):
    """Turns frames into one person's joints.

    Attributes:
        name: with what its readings depend on. width: numbers in a reading of one frame.
    """

    name: str
    width: int

    def estimate(self, frames: Iterable[Frame], journal: Journal, camera: Camera, rate: float) -> Estimate:
        """Read ``frames``, which follow those in ``journal``, into it; estimate from all of them, without
        ever holding the readings of all.

        Raises:
            NikiError: no frame shows a person.
        """
        ...


QUALITIES = ("fast", "standard", "best")
ESTIMATORS = ("blazepose",)


def make_estimator(
    name: str = "blazepose",
    quality: str = "best",
    subject: tuple[float, float] | None = None,
    device: str = "cpu",
) -> JointEstimator:
    """The estimator called ``name``.

    Args:
        quality: of ``QUALITIES``. subject: (x, y) pixels at which the person to follow is first
            seen; default the largest. device: a name from :func:`~niki.capturing.estimate.devices.devices`.

    Raises:
        NikiError: there is none of that name, or what it needs is not installed.
    """
    if name not in ESTIMATORS:
        raise NikiError(f"There is no estimator '{name}'", f"choose from: {', '.join(ESTIMATORS)}")
    if quality not in QUALITIES:
        raise NikiError(f"There is no quality '{quality}'", f"choose from: {', '.join(QUALITIES)}")
    if subject is not None:
        x, y = subject
        subject = tuple(number_between("The person's place", v, -1e6, 1e6, "pixels") for v in (x, y))
    from .blazepose.estimator import BlazePoseEstimator

    return BlazePoseEstimator(quality, subject, device)
