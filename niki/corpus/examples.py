"""A corpus as networks are trained on it: what the estimator makes of each reading, beside the truth."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from ..body.kinematics import forward_kinematics
from ..body.rotation import matrix_from_6d
from ..body.skeleton import Body
from ..capturing.estimate.blazepose.inputs import limb_sizes, network_inputs
from ..capturing.estimate.blazepose.outliers import repair_outliers
from ..capturing.estimate.blazepose.placing import place
from ..capturing.estimate.blazepose.reading import Reading
from ..capturing.footage.camera import CAMERA_TO_LIBRARY, Camera
from ..errors import NikiError
from .shards import Corpus

_FEWEST = 8  # frames: in shorter clips nothing can be told of the person


@dataclass(eq=False)
class Examples:
    """N frames in which the person was found.

    Attributes:
        inputs: (N, INPUTS) as ``inputs.network_inputs`` makes them. size: (N,) of the person as placed, metres.
        rays: (N, 33, 3) of the landmarks, camera axes, Z = 1.
        points: (N, 19, 3) as placed, camera space. view: (N, 3, 3) from camera to view axes.
        joints: (N, 29, 3) the truth, camera space. orientations: (N, 24, 3, 3) true ones of the bones, camera axes.
        up: (N, 3) the world's up in camera axes.
        unoccluded: (N,) whether all joints are in the picture and nothing is before them.
        clip: (N,) number of the clip in the corpus; frames of a clip are together and in order.
    """

    inputs: np.ndarray
    size: np.ndarray
    rays: np.ndarray
    points: np.ndarray
    view: np.ndarray
    joints: np.ndarray
    orientations: np.ndarray
    up: np.ndarray
    unoccluded: np.ndarray
    clip: np.ndarray

    def __len__(self) -> int:
        return len(self.inputs)

    def of(self, wanted: np.ndarray) -> Examples:
        """The frames for which ``wanted`` (N,) is true."""
        return Examples(**{name: values[wanted] for name, values in vars(self).items()})

    def clips(self) -> list[slice]:
        """Where each clip is."""
        starts = np.flatnonzero(np.diff(self.clip, prepend=-1))
        return [slice(int(a), int(b)) for a, b in zip(starts, [*starts[1:], len(self)], strict=True)]


def load_examples(corpus: Corpus) -> Examples:
    """Run the estimator on the readings of each clip."""
    parts = [_of_clip(corpus, k) for k in range(corpus.clips)]
    parts = [part for part in parts if part is not None]
    if not parts:
        raise NikiError("The corpus has no clip in which somebody is found")
    return Examples(**{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Examples)})


def clip_reading(corpus: Corpus, clip: int) -> tuple[Reading | None, np.ndarray, Camera, slice]:
    """The steady reading of one clip (None where somebody is found in too few frames), in which of its frames the
    person was found, the camera, and where the frames are in the corpus."""
    frames = slice(*np.searchsorted(corpus.clip, [clip, clip + 1]))
    found = corpus.seen[frames]
    focal, width, height = (float(corpus.number(name)[clip]) for name in ("focal", "width", "height"))
    camera = Camera(focal, (width / 2, height / 2), (int(width), int(height)))
    if found.sum() < _FEWEST:
        return None, found, camera, frames
    world, slope, visibility = (
        values[frames].astype(np.float64) for values in (corpus.world, corpus.slope, corpus.visibility)
    )
    pixels = slope * focal + np.array(camera.centre)
    reading = Reading.from_crops(lambda part: (world[part], pixels[part], visibility[part]), found)
    return reading, found, camera, frames


def _of_clip(corpus: Corpus, clip: int) -> Examples | None:
    reading, found, camera, frames = clip_reading(corpus, clip)
    if reading is None:
        return None
    count = int(found.sum())
    repair_outliers(reading, found, float(corpus.clip_rate[clip]))
    placed = place(reading, camera)
    sizes = limb_sizes(reading, placed)
    inputs = network_inputs(reading, placed, sizes, camera, slice(None))
    rotations = matrix_from_6d(corpus.rot6d[frames][found].astype(np.float64))
    orientations = CAMERA_TO_LIBRARY @ forward_kinematics(rotations, Body.default())[1]
    joints = (corpus.truth[frames].astype(np.float64) + corpus.root[frames][:, None])[found]
    values = (
        inputs, np.full(count, sizes.placed), camera.rays(reading.pixels), placed.points, placed.view, joints,
        orientations, np.tile(corpus.up[clip], (count, 1)),
    )  # fmt: skip
    names = (f.name for f in fields(Examples))
    clear, number = corpus.unoccluded[frames][found].all(1), np.full(count, clip)
    return Examples(
        **dict(zip(names, (*(value.astype(np.float32) for value in values), clear, number), strict=True))
    )
