"""Finding a person and following them from frame to frame."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from ....errors import NikiError
from ...footage.video import Footage
from .networks import BlazePose, Landmarks, Roi, Variant

_TILE_FRACTIONS = (0.6, 0.4, 0.25)  # of the picture's longer side
_SEARCH_EVERY_FRAME = 30  # lost frames searched one by one; after that every fifth
_TILES_EVERY_FRAME = 8  # lost frames searched in tiles, dozens of detections each; then ever more rarely
_FORGET_AFTER = 45  # lost frames until anybody may become the subject


def find_people(blazepose: BlazePose, rgb: np.ndarray) -> list[Roi]:
    """Squares around the people that stand out in a picture, largest first.

    Each find of the detector is confirmed by the landmark network.
    """
    return _confirmed(blazepose, rgb, blazepose.detect(rgb))


@dataclass(eq=False)
class Person:
    """Somebody in a picture: centre in pixels, a square around them, and what is in it (N, N, 3)."""

    x: float
    y: float
    side: float
    picture: np.ndarray


def people_at(path, frame: int, picture_side: int = 256) -> list[Person]:
    """Everybody found in one frame of footage, largest first.

    Raises:
        NikiError: the footage cannot be read, or has no such frame.
    """
    rgb, blazepose = next(iter(Footage(path, frame, frame))).rgb, BlazePose()
    if rgb is None:
        raise NikiError(f"Frame {frame} of {path} is missing or damaged", "choose another frame")
    found = _confirmed(blazepose, rgb, blazepose.detect(rgb) + _detect_small(blazepose, rgb))
    people = [p for p in found if not any(_is_part_of(p, other) for other in found)]
    return [Person(p.x, p.y, p.side, picture_of(rgb, p, picture_side)) for p in people]


def picture_of(rgb: np.ndarray, roi: Roi, side: int) -> np.ndarray:
    """The upright square around a person, (side, side, 3); black beyond the picture."""
    scale = side / roi.side
    matrix = np.array([[scale, 0, side / 2 - scale * roi.x], [0, scale, side / 2 - scale * roi.y]])
    return cv2.warpAffine(rgb, matrix, (side, side), flags=cv2.INTER_AREA)


def find_small_people(blazepose: BlazePose, rgb: np.ndarray) -> list[Roi]:
    """Squares around people, largest first, also those too small in the picture for the detector:
    it is asked in overlapping tiles."""
    return _confirmed(blazepose, rgb, _detect_small(blazepose, rgb))


def _detect_small(blazepose, rgb) -> list[Roi]:
    return [roi for fraction in _TILE_FRACTIONS for roi in _detect_in_tiles(blazepose, rgb, fraction)]


def _detect_in_tiles(blazepose, rgb, fraction) -> list[Roi]:
    height, width = rgb.shape[:2]
    side = int(max(height, width) * fraction)

    def starts(length):
        count = 1 if side >= length else math.ceil((length - side) / (side / 2)) + 1
        return np.linspace(0, max(length - side, 0), count).astype(int)

    finds = []
    for x in starts(width):
        for y in starts(height):
            for roi in blazepose.detect(rgb[y : y + side, x : x + side], threshold=0.4):
                finds.append(Roi(roi.x + x, roi.y + y, roi.side, roi.angle))
    return finds


def _confirmed(blazepose, rgb, finds: list[Roi]) -> list[Roi]:
    people: list[Roi] = []
    for find in finds:
        if any(_distance(find, other) < 0.35 for other in people):
            continue
        seen = blazepose.landmarks(rgb, find, (Variant(),))
        if seen.presence[0] >= 0.5 and not any(_distance(seen.roi, p) < 0.35 for p in people):
            people.append(seen.roi)
    return sorted(people, key=lambda roi: -roi.side)


def _distance(a: Roi, b: Roi) -> float:
    """Between centres, in sides of the smaller square."""
    return math.hypot(a.x - b.x, a.y - b.y) / max(min(a.side, b.side), 1e-6)


def _is_part_of(roi: Roi, whole: Roi) -> bool:
    """A tile may show a hand or a head that is taken for somebody."""
    inside = math.hypot(roi.x - whole.x, roi.y - whole.y) + roi.side / 2 < 0.8 * whole.side
    return inside and roi.side < 0.35 * whole.side


class Follower:
    """Follows one person through frames given in order.

    While they are lost they are searched for: in the whole picture, and in tiles. Tiles cost dozens of
    detections. They are searched in the first few lost frames, then ever more rarely, so that it takes at
    most a quarter longer to find somebody small, and never more than a second.

    Args:
        subject: (x, y) pixels in the frame where they are first seen; default the largest person.
        second: frames in a second: as often at least a lost person is searched for in tiles.
        search_in_tiles: false where nobody is small in the picture.
    """

    def __init__(
        self,
        blazepose: BlazePose,
        variants: tuple[Variant, ...],
        subject: tuple[float, float] | None = None,
        second: int = 24,
        search_in_tiles: bool = True,
    ):
        self._blazepose, self._variants, self._subject = blazepose, variants, subject
        self._second, self._search_in_tiles = max(1, second), search_in_tiles
        self._frame = self._wear = 0
        self._roi: Roi | None = None
        self._last: Roi | None = None
        self._lost = 0

    def __call__(self, rgb: np.ndarray | None) -> Landmarks | None:
        """Landmarks of the person in this frame, or None where they cannot be seen, as in one that is missing."""
        if rgb is None:
            self.go_on_after(None)
            return None
        roi = self._roi or self._search(rgb)
        seen = self._look(rgb, roi)
        if seen is None and self._roi is not None:  # followed into nothing: search once more
            self._roi = None
            seen = self._look(rgb, self._search(rgb))
        self.go_on_after(seen)
        return seen

    def go_on_after(self, seen: Landmarks | None) -> None:
        """Take up where a frame ended in which ``seen`` was read of the person."""
        self._frame += 1
        if seen is None:
            self._roi, self._lost = None, self._lost + 1
            self._wear = min(self._wear + 1, _TILES_EVERY_FRAME * self._second)
        else:
            self._roi = self._last = seen.roi
            self._lost, self._wear = 0, max(0, self._wear - 1)

    def _look(self, rgb, roi) -> Landmarks | None:
        if roi is None:
            return None
        seen = self._blazepose.landmarks(rgb, roi, self._variants)
        jumped = self._roi is not None and not self._same_person(seen.roi, roi)
        return None if np.median(seen.presence) < 0.5 or jumped else seen

    def _search(self, rgb) -> Roi | None:
        finds = []
        if self._lost <= _SEARCH_EVERY_FRAME or self._lost % 5 == 0:
            finds.append(find_people)
        if self._search_in_tiles and self._frame % _tiles_every(self._wear, self._second) == 0:
            finds.append(find_small_people)
        for find in finds:
            subject = self._subject_among(find(self._blazepose, rgb))
            if subject is not None:
                return subject
        return None

    def _subject_among(self, people: list[Roi]) -> Roi | None:
        if self._last is None and self._subject is not None:
            return self._subject_at(self._subject, people)
        if self._last is None or self._lost > _FORGET_AFTER:
            return people[0] if people else None
        last = self._last
        same = [roi for roi in people if self._same_person(roi, last)]
        return min(same, key=lambda roi: _distance(roi, last), default=None)

    def _subject_at(self, point, people: list[Roi]) -> Roi | None:
        away = {roi: math.hypot(roi.x - point[0], roi.y - point[1]) for roi in people}
        near = [roi for roi in people if away[roi] < roi.side / 2]
        return min(near, key=lambda roi: away[roi], default=None)

    def _same_person(self, roi: Roi, before: Roi) -> bool:
        ratio = roi.side / before.side
        reach = 0.35 + 0.03 * self._lost
        return _distance(roi, before) < reach and 0.6 < ratio < 1.7


def _tiles_every(wear: int, second: int) -> int:
    """How many frames apart to search in tiles, after so many lost frames more than found ones."""
    rests = (wear // _TILES_EVERY_FRAME).bit_length()
    return 1 << min(rests, second.bit_length() - 1)  # powers of two: no rest is longer when they change
