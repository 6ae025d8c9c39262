"""What the product's own front-end reads of rendered frames."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..capturing.estimate.blazepose.networks import NUM_LANDMARKS, BlazePose, Variant
from ..capturing.estimate.blazepose.people import Follower
from ..capturing.footage.camera import Camera

CROPS = (Variant(), Variant(mirror=True))
"""One crop and its mirror image: what is learnt from two holds for ten."""


def read_frames(blazepose: BlazePose, frames: Iterable[np.ndarray], camera: Camera) -> dict[str, np.ndarray]:
    """The fields world, slope, visibility, presence, roi and seen of a corpus, of T frames in order."""
    follow = Follower(blazepose, CROPS, search_in_tiles=False)
    readings = [follow(frame) for frame in frames]
    count, crops = len(readings), len(CROPS)
    fields = {
        "world": np.full((count, crops, NUM_LANDMARKS, 3), np.nan),
        "slope": np.full((count, crops, NUM_LANDMARKS, 2), np.nan),
        "visibility": np.full((count, crops, NUM_LANDMARKS), np.nan),
        "presence": np.full((count, crops), np.nan),
        "roi": np.full((count, 4), np.nan),
        "seen": np.array([reading is not None for reading in readings]),
    }
    for t, reading in enumerate(readings):
        if reading is not None:
            roi = reading.roi
            fields["world"][t], fields["visibility"][t] = reading.world, reading.visibility
            fields["slope"][t] = camera.rays(reading.pixels)[..., :2]
            fields["presence"][t] = reading.presence
            place = camera.rays(np.array([roi.x, roi.y]))[:2]
            fields["roi"][t] = *place, roi.side / camera.focal, roi.angle
    return fields
