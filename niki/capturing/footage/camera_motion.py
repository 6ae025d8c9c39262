"""How the camera turns between frames, seen in the background."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ...body.rotation import angle_between, matrix_from_axis_angle
from .camera import Camera

SEEN = 5
"""Numbers that a frame gives: scale, turn and shift of the picture against the frame before, and how sure that is."""

NOTHING_SEEN = np.array([1.0, 0, 0, 0, 0])
"""Of a frame that does not show whether the camera has moved."""

_SIDE = 480  # pixels of the picture's longer side in which points are followed
_POINTS, _LEAST_POINTS = 200, 30
_QUALITY, _APART = 0.01, 8  # of points to follow: the least quality, and pixels between them
_SLACK = 1.0  # pixels that a point of the background may be off
_PERSON = 0.4  # of the square around the person, to each side of its middle: there is no background
_STILL = 2.0  # degrees: a camera that has not turned further is still
_ZOOMED = 1.08  # times: less is noise that adds up
_TRUSTED = 0.6  # share of points that must move alike
_OFTEN = 0.8  # of the frames, that must show how the camera turns
_RESTING = 0.3  # pixels: a point that moves less rests


@dataclass(eq=False)
class CameraWatcher:
    """Follows points of the background from frame to frame.

    Call it with each frame and the square around the person, if there is one: (x, y, side) in pixels.
    """

    _before: np.ndarray | None = None
    _points: np.ndarray | None = None

    def __call__(self, rgb: np.ndarray | None, person: tuple[float, float, float] | None) -> np.ndarray:
        """(SEEN,) scale, turn in radians, shift in x and y as shares of the longer side, and the share of points
        that agree; nothing has moved and 0 where that cannot be seen."""
        if rgb is None:
            self._before = self._points = None
            return NOTHING_SEEN
        longer = max(rgb.shape[:2])
        scale = min(1.0, _SIDE / longer)
        grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        seen = NOTHING_SEEN
        if self._before is not None and self._points is not None and len(self._points) >= _LEAST_POINTS:
            seen = _moved(self._before, grey, self._points)
        mask = np.full(grey.shape, 255, np.uint8)
        if person is not None:
            x, y, side = (scale * value for value in person)
            reach = _PERSON * side
            top, left = max(int(y - reach), 0), max(int(x - reach), 0)
            mask[top : max(int(y + reach), 0), left : max(int(x + reach), 0)] = 0
        self._before = grey
        self._points = cv2.goodFeaturesToTrack(grey, _POINTS, _QUALITY, _APART, mask=mask)
        return seen


def _moved(before: np.ndarray, now: np.ndarray, points: np.ndarray) -> np.ndarray:
    followed, status, _ = cv2.calcOpticalFlowPyrLK(before, now, points, None)  # pyright: ignore[reportCallIssue, reportArgumentType]
    good = status[:, 0] > 0
    if good.sum() < _LEAST_POINTS:
        return NOTHING_SEEN
    middle = np.array([before.shape[1], before.shape[0]]) / 2
    source, target = points[good, 0] - middle, followed[good, 0] - middle
    resting = float((np.linalg.norm(target - source, axis=1) < _RESTING).mean())
    if resting > 1 - _TRUSTED:  # what moves is somebody, or a shadow
        return np.array([1.0, 0, 0, 0, resting])
    matrix, inliers = cv2.estimateAffinePartial2D(source, target, ransacReprojThreshold=_SLACK)
    if matrix is None:
        return NOTHING_SEEN
    longer = max(before.shape)
    return np.array(
        [
            np.hypot(matrix[0, 0], matrix[1, 0]),
            np.arctan2(matrix[1, 0], matrix[0, 0]),
            matrix[0, 2] / longer,
            matrix[1, 2] / longer,
            inliers.mean(),
        ]
    )


def camera_zoom(seen: np.ndarray) -> float:
    """How many times larger the picture is where the camera is zoomed in most than where it is least, from what
    :class:`CameraWatcher` saw (T, SEEN); 1 where it does not zoom, or that cannot be seen."""
    trusted = _trusted(seen)
    if len(seen) < 2 or trusted[1:].mean() < _OFTEN:
        return 1.0
    size = np.cumsum(np.log(np.where(trusted, seen[:, 0], 1.0)))
    zoom = float(np.exp(np.ptp(size)))
    return zoom if zoom > _ZOOMED else 1.0


def _trusted(seen: np.ndarray) -> np.ndarray:
    return (seen[:, 4] >= _TRUSTED) | ((seen[:, 1:4] == 0).all(1) & (seen[:, 4] > 0))


def camera_turns(seen: np.ndarray, camera: Camera) -> np.ndarray | None:
    """(T, 3, 3) turns the axes of the first frame's camera into those of each frame's, from what
    :class:`CameraWatcher` saw (T, SEEN); None where the camera is still."""
    trusted = _trusted(seen)
    if len(seen) < 2 or trusted[1:].mean() < _OFTEN:
        return None
    seen = np.where(trusted[:, None], seen, NOTHING_SEEN)
    longer = max(camera.size)
    # The picture moves against the camera: what moves right shows a camera that turns left.
    x, y, turn = seen[:, 2] * longer / camera.focal, seen[:, 3] * longer / camera.focal, seen[:, 1]
    steps = matrix_from_axis_angle(np.stack([-y, x, turn], -1))
    turns = np.empty_like(steps)
    turns[0] = np.eye(3)
    for t in range(1, len(steps)):
        turns[t] = steps[t] @ turns[t - 1]
    if np.degrees(angle_between(turns, np.eye(3)).max()) < _STILL:
        return None
    return turns
