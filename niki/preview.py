"""Pictures to judge a capture by: the solved skeleton on the footage. Needs ``niki[capture]``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import cv2
import numpy as np

from .files import writing
from .footage.video import Footage, VideoWriter
from .motion import Motion
from .skeleton import JOINTS, PARENTS

_LEFT, _RIGHT, _MIDDLE = (255, 138, 61), (64, 160, 255), (240, 240, 240)
_GAP = (150, 150, 150)


def draw_skeleton(rgb: np.ndarray, pixels: np.ndarray, seen: bool = True) -> np.ndarray:
    """The picture (H, W, 3) with joints (29, 2): left orange, right blue; grey where bridged."""
    height, width = rgb.shape[:2]
    finite = pixels[np.isfinite(pixels).all(-1)]
    extent = np.ptp(finite, axis=0).max() if len(finite) else min(height, width)
    thickness = int(np.clip(round(extent / 110), 1, 12))
    layer = rgb.copy()
    points = [tuple(np.clip(p, -9999, 9999).round().astype(int).tolist()) for p in np.nan_to_num(pixels)]
    for underlay in (True, False):
        for j in range(1, len(JOINTS)):
            colour = _colour(JOINTS[j]) if seen else _GAP
            a, b = points[PARENTS[j]], points[j]
            if underlay:
                cv2.line(layer, a, b, (20, 20, 20), thickness + max(2, thickness // 2), cv2.LINE_AA)
            else:
                cv2.line(layer, a, b, colour, thickness, cv2.LINE_AA)
                cv2.circle(layer, b, thickness, colour, -1, cv2.LINE_AA)
    return cv2.addWeighted(layer, 0.9 if seen else 0.5, rgb, 0.1 if seen else 0.5, 0)


def overlay_frames(motion: Motion, footage_path: str | os.PathLike) -> Iterator[np.ndarray]:
    """The footage's frames (H, W, 3) that the motion covers, with its skeleton drawn on them."""
    first, last = int(motion.frames[0]), int(motion.frames[-1])
    footage = Footage(footage_path, first, last, motion.mocap_framerate)
    scale = np.array(footage.size) / np.where(motion.image_size > 0, motion.image_size, footage.size)
    pixels = motion.projected() * scale
    index = {int(number): t for t, number in enumerate(motion.frames)}
    for frame in footage:
        if frame.number in index:
            t = index[frame.number]
            yield draw_skeleton(frame.rgb, pixels[t], seen=motion.confidence[t].any())


def save_overlay(
    motion: Motion,
    footage_path: str | os.PathLike,
    path: str | os.PathLike,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Write the overlay as an H.264 mp4.

    Raises:
        NikiError: the footage cannot be read or the path cannot be written.
    """
    with writing(path) as temporary:
        frames = overlay_frames(motion, footage_path)
        first = next(frames)
        with VideoWriter(temporary, motion.mocap_framerate, first.shape[1::-1]) as writer:
            writer.write(first)
            for done, rgb in enumerate(frames, start=2):
                writer.write(rgb)
                progress(done, len(motion))


def _colour(name: str) -> tuple[int, int, int]:
    return _LEFT if name.startswith("left") else _RIGHT if name.startswith("right") else _MIDDLE
