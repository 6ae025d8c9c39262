"""What every joint estimator takes and returns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

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
        up: (3,) unit, the world's up in the camera axes of the first frame. up_error: degrees it may be off by, one standard error;
            0 where the camera's tilt was given, NaN where the camera is only assumed to be level.
        turns: (T, 3, 3) from the camera axes of the first frame to those of each frame; None where the camera is
            still.
        zoom: how many times larger the picture's background is where the camera is zoomed in most than where it is least;
            1 where it does not zoom, or that cannot be seen.
        jumps: (J,) indices of frames to which a step leads that no body makes: the person may be another.
        errors_last: whether what is wrong in one frame is wrong in those after it too, as where a front end smooths;
            else each frame errs by itself, and solving all frames together evens that out.
    """

    joints: np.ndarray
    sigma: np.ndarray
    keypoints: np.ndarray
    hints: np.ndarray
    seen: np.ndarray
    frames: np.ndarray
    times: np.ndarray
    up: np.ndarray = field(default_factory=lambda: np.array([0.0, -1.0, 0.0]))
    up_error: float = np.nan
    turns: np.ndarray | None = None
    jumps: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    errors_last: bool = False
    zoom: float = 1.0


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
