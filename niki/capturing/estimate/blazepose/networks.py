"""BlazePose GHUM (Bazarevsky et al., 2020; Grishchenko et al., 2022) through ONNX Runtime.

The two networks and the geometry around them: a person detector on the whole picture, and a
landmark network on a crop turned upright. Own pipeline from the published formulas.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from ..devices import session
from .models import model_path

NUM_LANDMARKS = 33
_OUTPUTS = 39  # the landmarks, then 6 points that only serve tracking
_HIP_CENTRE, _SCALE_POINT = 33, 34
_DETECTOR_SIDE, _CROP_SIDE = 224, 256
_ROI_MARGIN = 1.25
MIRRORED = np.array(
    [0, 4, 5, 6, 1, 2, 3, 8, 7, 10, 9]
    + [i + 1 if i % 2 else i - 1 for i in range(11, 33)]
    + list(range(33, 39))
)


@dataclass(frozen=True)
class Roi:
    """A square in the picture: centre and side in pixels, turned by ``angle`` radians."""

    x: float
    y: float
    side: float
    angle: float

    @classmethod
    def around(cls, hip_centre: np.ndarray, scale_point: np.ndarray) -> Roi:
        """The square that holds a body with these two points, body axis upright."""
        dx, dy = scale_point - hip_centre
        angle = math.pi / 2 - math.atan2(-dy, dx)
        angle -= 2 * math.pi * math.floor((angle + math.pi) / (2 * math.pi))
        x, y = map(float, hip_centre)
        return cls(x, y, 2 * math.hypot(dx, dy) * _ROI_MARGIN, angle)

    @property
    def turn(self) -> np.ndarray:
        """(2, 2): crop axes -> picture axes."""
        c, s = math.cos(self.angle), math.sin(self.angle)
        return np.array([[c, -s], [s, c]])

    def varied(self, scale: float, turn: float) -> Roi:
        return Roi(self.x, self.y, self.side * scale, self.angle + turn)


@dataclass(frozen=True)
class Variant:
    """One way to cut the crop: scaled, turned (radians), mirrored."""

    scale: float = 1.0
    turn: float = 0.0
    mirror: bool = False


_JITTERS = ((1.0, 0.0), (0.85, 0.0), (1.2, 0.0), (1.0, 0.21), (1.0, -0.21))
VARIANTS = {
    "fast": (Variant(),),
    "standard": tuple(Variant(s, 0.0, m) for m in (False, True) for s in (1.0, 1.2)),
    "best": tuple(Variant(s, t, m) for m in (False, True) for s, t in _JITTERS),
}
"""Crops per frame at each quality; with more than one, the choice among them is temporal."""


@dataclass(eq=False)
class Landmarks:
    """What the landmark network says of V crops of one frame.

    pixels (V, 33, 2); world (V, 33, 3) metres about mid-hip, camera axes; visibility (V, 33) in
    [0, 1]; presence (V,) probability that the crop holds a person; roi: the next frame's square.
    """

    pixels: np.ndarray
    world: np.ndarray
    visibility: np.ndarray
    presence: np.ndarray
    roi: Roi

    @classmethod
    def width(cls, variants: int) -> int:
        """How many numbers :meth:`as_vector` gives for so many crops."""
        return 4 + variants * (1 + NUM_LANDMARKS * 6)

    def as_vector(self) -> np.ndarray:
        """All of it in one row of numbers, exactly."""
        roi = np.array([self.roi.x, self.roi.y, self.roi.side, self.roi.angle])
        arrays = (self.presence, self.visibility, self.pixels, self.world)
        return np.concatenate([roi, *(array.ravel() for array in arrays)])

    @classmethod
    def from_vector(cls, vector: np.ndarray) -> Landmarks:
        """Inverse of :meth:`as_vector`."""
        count = (len(vector) - 4) // (1 + NUM_LANDMARKS * 6)
        sizes = np.cumsum([4, count, count * NUM_LANDMARKS, count * NUM_LANDMARKS * 2])
        roi, presence, visibility, pixels, world = np.split(vector, sizes)
        return cls(
            pixels.reshape(count, NUM_LANDMARKS, 2),
            world.reshape(count, NUM_LANDMARKS, 3),
            visibility.reshape(count, NUM_LANDMARKS),
            presence,
            Roi(*map(float, roi)),
        )


class BlazePose:
    """Both networks, loaded, on a device (:mod:`niki.capturing.estimate.devices`)."""

    def __init__(self, device: str = "cpu", threads: int = 2):
        def load(name):
            return session(model_path(name), device, threads)

        self._detector, self._landmarks = load("pose_detection"), load("pose_landmark_full")
        self._anchors = _anchors()

    def detect(self, rgb: np.ndarray, threshold: float = 0.5) -> list[Roi]:
        """Squares around the people in the whole picture (H, W, 3), best score first."""
        height, width = rgb.shape[:2]
        side = max(height, width)
        whole = Roi(width / 2, height / 2, side, 0.0)
        crop = _crop(rgb, whole, _DETECTOR_SIDE, cv2.BORDER_CONSTANT) / np.float32(127.5) - 1
        boxes, scores = self._detector.run(None, {"input": crop[None].astype(np.float32)})
        scores = _sigmoid(scores.reshape(-1))
        kept = np.flatnonzero(scores >= threshold)
        points = boxes.reshape(-1, 6, 2)[kept] / _DETECTOR_SIDE
        points[:, [0, 2, 3, 4, 5]] += self._anchors[kept, None]
        corner = np.array([(width - side) / 2, (height - side) / 2])
        merged = _merge_overlapping(points, scores[kept])
        return [Roi.around(p[2] * side + corner, p[3] * side + corner) for p in merged]

    def landmarks(self, rgb: np.ndarray, roi: Roi, variants: tuple[Variant, ...]) -> Landmarks:
        """Landmarks of the person in ``roi``, once for each variant of the crop."""
        rois = [roi.varied(v.scale, v.turn) for v in variants]
        crops = np.stack([_crop(rgb, r, _CROP_SIDE, cv2.BORDER_REPLICATE) for r in rois]) / np.float32(255)
        mirrored = np.array([v.mirror for v in variants])
        crops[mirrored] = crops[mirrored, :, ::-1]
        raw, presence, heatmaps, world = self._landmarks.run(None, {"input": crops})
        raw = raw.reshape(-1, _OUTPUTS, 5).astype(np.float64)
        world = world.reshape(-1, _OUTPUTS, 3).astype(np.float64)
        xy = np.stack([_refined(r[:, :2] / _CROP_SIDE, h) for r, h in zip(raw, heatmaps, strict=True)])
        visibility = _sigmoid(raw[..., 3])
        xy[mirrored, :, 0] = 1 - xy[mirrored, :, 0]
        world[mirrored, :, 0] *= -1
        for values in (xy, world, visibility):
            values[mirrored] = values[mirrored][:, MIRRORED]
        pixels = np.stack([(p - 0.5) @ r.turn.T * r.side + (r.x, r.y) for p, r in zip(xy, rois, strict=True)])
        world[..., :2] = np.stack([w[:, :2] @ r.turn.T for w, r in zip(world, rois, strict=True)])
        centre, scale_point = np.median(pixels[:, [_HIP_CENTRE, _SCALE_POINT]], axis=0)
        return Landmarks(
            pixels[:, :NUM_LANDMARKS],
            world[:, :NUM_LANDMARKS],
            visibility[:, :NUM_LANDMARKS],
            presence.reshape(-1).astype(np.float64),
            Roi.around(centre, scale_point),
        )


def _sigmoid(x):
    return 1 / (1 + np.exp(-np.clip(np.asarray(x, np.float64), -80, 80)))


def _anchors() -> np.ndarray:
    """(2254, 2) centres of the detector's anchors, as fractions of the picture's side."""
    layers = []
    for stride, count in ((8, 2), (16, 2), (32, 6)):
        cells = math.ceil(_DETECTOR_SIDE / stride)
        y, x = np.mgrid[:cells, :cells]
        centres = np.stack([x + 0.5, y + 0.5], -1).reshape(-1, 2) / cells
        layers.append(np.repeat(centres, count, axis=0))
    return np.concatenate(layers)


def _crop(rgb: np.ndarray, roi: Roi, side: int, border: int) -> np.ndarray:
    corners = np.array([[-0.5, 0.5], [-0.5, -0.5], [0.5, -0.5]]) @ roi.turn.T * roi.side
    source = (corners + (roi.x, roi.y)).astype(np.float32)
    target = np.array([[0, side], [0, 0], [side, 0]], np.float32)
    matrix = cv2.getAffineTransform(source, target)
    return cv2.warpAffine(rgb, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=border)


def _merge_overlapping(points: np.ndarray, scores: np.ndarray, overlap: float = 0.3):
    """Weighted non-maximum suppression: mean points (6, 2) of each person, best score first."""
    low, high = points[:, 0] - points[:, 1] / 2, points[:, 0] + points[:, 1] / 2
    order, merged = np.argsort(-scores, kind="stable"), []
    while len(order):
        best = order[0]
        shared = np.clip(
            np.minimum(high[order], high[best]) - np.maximum(low[order], low[best]), 0, None
        ).prod(-1)
        area = (high - low).prod(-1)
        same = shared / (area[order] + area[best] - shared + 1e-12) > overlap
        same[0] = True
        group = order[same]
        merged.append(np.average(points[group], axis=0, weights=scores[group]))
        order = order[~same]
    return merged


def _refined(xy: np.ndarray, heatmap: np.ndarray, kernel: int = 9, threshold: float = 0.5):
    """Landmarks (39, 2) moved to the centre of mass of their heat maps (64, 64, 39)."""
    height, width = heatmap.shape[:2]
    reach, xy = kernel // 2, xy.copy()
    for j, (x, y) in enumerate(xy):
        column, row = int(x * width), int(y * height)
        if not (0 <= column < width and 0 <= row < height):
            continue
        rows = slice(max(0, row - reach), min(height, row + reach + 1))
        columns = slice(max(0, column - reach), min(width, column + reach + 1))
        weight = _sigmoid(heatmap[rows, columns, j])
        if weight.max() >= threshold:
            y_mean = weight.sum(1) @ np.arange(rows.start, rows.stop) / weight.sum()
            x_mean = weight.sum(0) @ np.arange(columns.start, columns.stop) / weight.sum()
            xy[j] = x_mean / width, y_mean / height
    return xy
