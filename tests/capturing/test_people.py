"""Following a person, with networks that are made up and count how often they are asked."""

import numpy as np
import pytest

pytest.importorskip("cv2", reason="niki[capture] is not installed here")

from niki.capturing.estimate.blazepose.networks import Landmarks, Roi, Variant
from niki.capturing.estimate.blazepose.people import Follower

SIZE = (720, 1280)


def picture(person=None):
    """Grey, or with a white square (x, y, side): somebody."""
    rgb = np.full((*SIZE, 3), 90, np.uint8)
    if person:
        x, y, side = person
        rgb[y - side // 2 : y + side // 2, x - side // 2 : x + side // 2] = 255
    return rgb


class Networks:
    """Sees a white square as a person where it takes up enough of what is shown."""

    def __init__(self, smallest=0.0):
        self.detections, self.smallest = 0, smallest

    def detect(self, rgb, threshold=0.5):
        self.detections += 1
        roi = self._square(rgb)
        return [roi] if roi and roi.side >= self.smallest * max(rgb.shape[:2]) else []

    def landmarks(self, rgb, roi, variants):
        square = self._square(rgb)
        inside = square is not None and abs(square.x - roi.x) + abs(square.y - roi.y) < roi.side
        count = len(variants)
        return Landmarks(
            np.zeros((count, 33, 2)), np.zeros((count, 33, 3)), np.zeros((count, 33)),
            np.full(count, 1.0 if inside else 0.0), square if inside else roi,
        )  # fmt: skip

    @staticmethod
    def _square(rgb):
        rows, columns = np.nonzero(rgb[..., 0] == 255)
        if len(rows) == 0:
            return None
        return Roi(float(columns.mean()), float(rows.mean()), float(np.ptp(rows) + 1), 0.0)


def follow(networks, pictures, second=24):
    """Detections asked for in each frame, and whether the person was found."""
    follower, asked, found = Follower(networks, (Variant(),), None, second), [], []
    for rgb in pictures:
        before = networks.detections
        found.append(follower(rgb) is not None)
        asked.append(networks.detections - before)
    return np.array(asked), np.array(found)


def test_footage_with_nobody_in_it_costs_little():
    empty = picture()
    asked, found = follow(Networks(), [empty] * 1500)
    assert not found.any()
    assert asked[0] > 20  # the first frame is looked at closely
    assert asked.mean() < 5
    tiled = np.flatnonzero(asked > 5)
    assert (np.diff(tiled) <= 24).all()  # and yet a second never passes without a close look
    assert len(tiled) < 120


def test_somebody_who_comes_and_goes_costs_little():
    empty, somebody = picture(), picture((640, 360, 40))
    asked, _ = follow(Networks(smallest=0.1), [somebody if k % 9 == 8 else empty for k in range(900)])
    assert asked.mean() < 12


@pytest.mark.parametrize("second", [24, 60])
@pytest.mark.parametrize("comes", [0, 3, 25, 100, 411, 1000])
@pytest.mark.parametrize("side", [40, 300])
def test_somebody_who_comes_later_is_found_within_a_second(comes, side, second):
    empty, somebody = picture(), picture((700, 300, side))
    frames = [empty] * comes + [somebody] * (second + 1)
    _, found = follow(Networks(smallest=0.1), frames, second)
    assert found[comes:].any()
    assert found[-1]


def test_somebody_lost_for_a_moment_is_searched_for_in_every_frame():
    empty, somebody = picture(), picture((640, 360, 40))
    asked, found = follow(Networks(smallest=0.1), [somebody] * 20 + [empty] * 6 + [somebody] * 5)
    assert found.tolist() == [True] * 20 + [False] * 6 + [True] * 5
    assert (asked[20:26] > 20).all()
