"""The sample clips: each with its truth, frame by frame."""

import numpy as np
import pytest
from conftest import ROOT

from niki.body.skeleton import JOINTS
from niki.capturing.footage.video import Footage
from niki.motion.camera_tilt import tilt_and_roll
from niki.motion.motion import Motion


def truth_of(name):
    return Motion.load(ROOT / f"samples/{name}_truth.npz")


@pytest.mark.parametrize(
    ("name", "tilt", "roll"), [("sample", 0, 0), ("sample_tilted", 20, 10), ("sample_sitting", 8, -4)]
)
def test_a_sample_has_the_truth_of_each_frame(name, tilt, roll):
    truth, footage = truth_of(name), Footage(ROOT / f"samples/{name}.mp4")
    assert sum(1 for _ in footage) == len(truth)
    assert footage.rate == pytest.approx(truth.mocap_framerate)
    assert footage.size == tuple(truth.image_size)
    np.testing.assert_allclose(tilt_and_roll(truth.camera_pose[1, :3]), (tilt, roll), atol=1e-9)
    pixels = truth.projected()[:, :24]
    assert (pixels > 0).all()
    assert (pixels < truth.image_size).all()


def test_who_sits_down_does_so_with_planted_feet():
    joints = truth_of("sample_sitting").solved_joints()
    feet = joints[:, [JOINTS.index(f"{s}_{n}") for s in ("left", "right") for n in ("ankle", "foot")]]
    np.testing.assert_allclose(feet, feet[:1] + 0 * feet, atol=1e-6)
    hips = joints[:, JOINTS.index("left_hip"), 1]
    assert hips.min() < 0.65 * hips[0]
    assert hips[-1] == pytest.approx(hips[0], abs=0.03)


@pytest.mark.parametrize("name", ["sample_tilted", "sample_sitting"])
def test_nobody_sinks_into_the_floor(name):
    lowest = truth_of(name).solved_joints()[..., 1].min(1)
    assert (lowest > 0).all()
    assert (lowest < 0.06).all()
