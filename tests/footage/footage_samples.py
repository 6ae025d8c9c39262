"""Footage made on the spot, and the sample clip that the project ships."""

import numpy as np
import pytest
from conftest import ROOT

pytest.importorskip("av", reason="niki[capture] is not installed here")

SAMPLE, TRUTH = ROOT / "samples/sample.mp4", ROOT / "samples/sample_truth.npz"


def coloured_frames(count, size=(64, 48)):
    """Frames whose grey level tells their number: 10, 20, 30 ..."""
    return [np.full((size[1], size[0], 3), 10 * (n + 1), np.uint8) for n in range(count)]


def number_of(rgb):
    return round(float(rgb.mean()) / 10) - 1
