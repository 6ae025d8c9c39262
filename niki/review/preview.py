"""Pictures to judge a capture by: the solved skeleton on the footage. Needs ``niki[capture]``."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np

from ..body.skeleton import JOINTS, PARENTS
from ..capturing.footage.sequence import encode_image, read_image
from ..capturing.footage.video import Footage, VideoWriter
from ..errors import NikiError
from ..files import check_output, writing
from ..motion.motion import Motion
from .blender_process import run_job

_LEFT, _RIGHT, _MIDDLE = (255, 138, 61), (64, 160, 255), (240, 240, 240)
_GAP = (150, 150, 150)
_NO_PICTURE = 40  # grey level where the footage lacks a frame
_CELL_WIDTH, _CELL_HEIGHT = 360, 420  # of the contact sheet
_SQUARE_VIEWS = {"side": (_CELL_WIDTH, _CELL_HEIGHT), "above": (_CELL_WIDTH, 300)}
"""Views of the body in the contact sheet, square to the person, with the size of their cells."""


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


def overlay_frames(
    motion: Motion,
    footage_path: str | os.PathLike,
    moments: Iterable[int] | None = None,
    warnings: list[str] | None = None,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Each frame (H, W, 3) of the footage that the motion covers, as it is and with the skeleton; grey
    where the frame is missing.

    Args:
        moments: indices into the motion; default all of it.
        warnings: what the footage has to say is added here.

    Raises:
        NikiError: the footage cannot be read, or has none of these frames.
    """
    moments = range(len(motion)) if moments is None else moments
    index = {int(motion.frames[t]): t for t in moments}
    footage = Footage(footage_path, min(index), max(index), motion.mocap_framerate)
    pixels, seen = pixels_in(motion, footage.size), motion.seen
    for frame in footage:
        if frame.number in index:
            t, rgb = index[frame.number], frame.rgb
            if rgb is None:
                rgb = np.full((footage.size[1], footage.size[0], 3), _NO_PICTURE, np.uint8)
            yield rgb, draw_skeleton(rgb, pixels[t], seen[t])
    if warnings is not None:
        warnings += footage.warnings


def pixels_in(motion: Motion, size: tuple[int, int]) -> np.ndarray:
    """(T, 29, 2): the solved joints in pictures of ``size`` (width, height), the footage's or a proxy's."""
    return motion.projected() * (np.array(size) / np.where(motion.image_size > 0, motion.image_size, size))


def save_overlay(
    motion: Motion,
    footage_path: str | os.PathLike,
    path: str | os.PathLike,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[str]:
    """Write the overlay as an H.264 mp4; returns warnings.

    Raises:
        NikiError: the footage cannot be read, or the path cannot be written.
    """
    warnings: list[str] = []
    with writing(path) as temporary:
        frames = (drawn for _, drawn in overlay_frames(motion, footage_path, None, warnings))
        first = next(frames, None)
        if first is None:
            raise NikiError(f"{footage_path} has none of the motion's frames")
        with VideoWriter(temporary, motion.mocap_framerate, (first.shape[1], first.shape[0])) as writer:
            writer.write(first)
            for done, rgb in enumerate(frames, start=2):
                writer.write(rgb)
                progress(done, len(motion))
    return warnings


def _colour(name: str) -> tuple[int, int, int]:
    return _LEFT if name.startswith("left") else _RIGHT if name.startswith("right") else _MIDDLE


def save_contact_sheet(
    motion_files: dict[str, str | os.PathLike],
    footage_path: str | os.PathLike,
    path: str | os.PathLike,
    moments: int = 6,
) -> None:
    """Write a picture, a column a moment: the footage, then for each motion four rows, marked with its name: its
    skeleton on the footage and its body rendered, from the footage's camera, from the side and from above.

    Seen from the side, the camera is to the left of the person, and the grid, of 25 cm, ends at the floor; seen from
    above, it is below them.

    Args:
        motion_files: by name; all of the same footage and range.

    Raises:
        NikiError: as :func:`save_overlay`, or bpy is not installed.
    """
    check_output(path, (".png", ".jpg"), motion_files.values())
    motions = {name: Motion.load(file) for name, file in motion_files.items()}
    first = next(iter(motions.values()))
    chosen = np.unique(np.linspace(0, len(first) - 1, moments + 2).round().astype(int)[1:-1])
    shown = [rgb for rgb, _ in overlay_frames(first, footage_path, chosen)]
    if len(shown) < len(chosen):
        raise NikiError(f"{footage_path} is shorter than the motion")
    size = (shown[0].shape[1], shown[0].shape[0])
    windows = _windows(pixels_in(first, size)[chosen], size)
    rows, seen_from = [("footage", shown)], []
    for name, motion in motions.items():
        drawn = [drawing for _, drawing in overlay_frames(motion, footage_path, chosen)]
        width = round(_CELL_WIDTH * size[0] / (windows[0, 2] - windows[0, 0]))
        rendered = _rendered(motion_files[name], chosen, width)
        rows += [(name, drawn), (name, rendered["camera"])]
        seen_from += [
            (f"{name}, from the side", rendered["side"]),
            (f"{name}, from above", rendered["above"]),
        ]
    cut = [
        (name, [_cut(image, window, size) for image, window in zip(images, windows, strict=True)])
        for name, images in rows
    ]
    sheet = np.vstack([_row(name, cells) for name, cells in cut + seen_from])
    coded = encode_image(sheet, Path(path).suffix)
    with writing(path) as temporary:
        temporary.write_bytes(coded)


def _rendered(motion_file, moments: np.ndarray, width: int) -> dict[str, list[np.ndarray]]:
    """The animated body as Blender renders it: through the footage's camera, and by the names of further views."""
    with tempfile.TemporaryDirectory() as folder:
        stills = run_job(
            "placement.build.render_stills",
            motion_file=str(Path(motion_file).resolve()),
            indices=moments.tolist(),
            folder=folder,
            width=width,
            views=_SQUARE_VIEWS,
        )
        pictures = [read_image(Path(still)) for still in stills]
    count = len(moments)
    return {name: pictures[k * count : (k + 1) * count] for k, name in enumerate(("camera", *_SQUARE_VIEWS))}


def _row(name: str, cells: list[np.ndarray]) -> np.ndarray:
    """Cells of one size side by side, marked with a name."""
    row = np.hstack(cells)
    for colour, thickness in (((20, 20, 20), 4), ((255, 255, 255), 1)):
        cv2.putText(row, name, (10, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.6, colour, thickness, cv2.LINE_AA)
    return row


def _windows(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(T, 4) x0 y0 x1 y1: a part of the picture around the person at each moment, all of one size."""
    low, high = pixels.min(1), pixels.max(1)
    cell = np.array([_CELL_WIDTH, _CELL_HEIGHT])
    extent = cell * min(1.25 * ((high - low) / cell).max(), (np.array(size) / cell).max())
    corner = (low + high - extent) / 2
    room = np.maximum(np.array(size) - extent, 0)
    corner = np.where(extent > size, (np.array(size) - extent) / 2, np.clip(corner, 0, room))
    return np.concatenate([corner, corner + extent], -1)


def _cut(rgb: np.ndarray, window: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """``window`` (in pixels of the footage) of an image of any resolution, as a cell."""
    x0, y0, x1, y1 = (window * rgb.shape[1] / size[0]).round().astype(int)
    height, width = rgb.shape[:2]
    margins = [max(-y0, 0), max(y1 - height, 0), max(-x0, 0), max(x1 - width, 0)]
    part = rgb[max(y0, 0) : y1, max(x0, 0) : x1]
    part = cv2.copyMakeBorder(part, *margins, cv2.BORDER_CONSTANT, value=(24, 24, 24))
    method = cv2.INTER_AREA if part.shape[1] > _CELL_WIDTH else cv2.INTER_CUBIC
    return cv2.resize(part, (_CELL_WIDTH, _CELL_HEIGHT), interpolation=method)
