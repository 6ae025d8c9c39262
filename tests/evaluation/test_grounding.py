"""How captures stand and walk: each measure on motions for which it is known."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import ROOT

pytest.importorskip("scipy", reason="niki[evaluate] is not installed here")

from niki.body import rotation as rot
from niki.evaluation.grounding import (
    against_a_true_motion,
    by_its_contacts,
    float_and_penetration,
    frame_by_frame,
    path_length,
    slide,
    wrist_shaking,
)
from niki.evaluation.metrics import about_root, mpjpe
from niki.motion.floor import moved_up
from niki.motion.motion import Motion


@pytest.fixture(scope="module")
def truth():
    return Motion.load(ROOT / "samples/sample_tilted_truth.npz")


def test_the_truth_stands_as_it_does(truth):
    scores = against_a_true_motion(truth, truth)
    assert max(abs(scores[name]) for name in ("camera height", "floor", "path")) < 1e-9
    assert scores["slide"] < 1  # its feet stay where they step
    assert scores["penetration"] < 1


def test_what_is_wrong_shows_in_its_own_score(truth):
    perfect, rate = against_a_true_motion(truth, truth), truth.mocap_framerate
    time = np.arange(len(truth))[:, None]
    slid = against_a_true_motion(replace(truth, trans=truth.trans + time * [0.01, 0, 0]), truth)
    assert slid["slide"] == pytest.approx(10, abs=1)
    high = against_a_true_motion(replace(truth, trans=truth.trans + [0, 0.05, 0]), truth)
    assert high["float"] == pytest.approx(perfect["float"] + 50, abs=1)
    low = against_a_true_motion(replace(truth, trans=truth.trans - [0, 0.05, 0]), truth)
    assert low["penetration"] == pytest.approx(perfect["penetration"] + 50, abs=1)
    floor = against_a_true_motion(moved_up(truth, 0.2), truth)
    assert floor["camera height"] == pytest.approx(20)
    assert floor["floor"] == pytest.approx(20, abs=0.1)
    far = against_a_true_motion(replace(truth, trans=1.1 * truth.trans), truth)
    assert far["path"] == pytest.approx(10, abs=1.5)
    assert rate == 24


def test_a_tilted_floor_is_off_under_the_feet(truth):
    pose = truth.camera_pose.copy()
    pose[:3, :3] = rot.matrix_from_axis_angle(np.radians([5.0, 0, 0])) @ pose[:3, :3]
    scores = against_a_true_motion(replace(truth, camera_pose=pose), truth)
    distance = np.linalg.norm(truth.solved_joints()[:, 0] - pose[:3, 3], axis=-1).mean()
    assert scores["floor"] == pytest.approx(100 * np.radians(5) * distance, rel=0.2)
    assert scores["camera height"] == 0


def test_slide_counts_where_feet_stand_and_paths_without_shaking(rng):
    points = np.zeros((5, 2, 3))
    points[:, 0, 0] = [0, 0, 0.01, 0.01, 5]
    stands = np.array([[1, 0], [1, 0], [1, 0], [1, 0], [0, 0]], bool)
    assert slide(points, stands) == pytest.approx(10 / 3)
    assert np.isnan(slide(points, stands & False))
    line = np.linspace(0, 3, 120)[:, None] * [0.6, 0, 0.8] + 0.01 * rng.normal(size=(120, 3)) * [1, 50, 1]
    assert path_length(line, 30.0) == pytest.approx(3, rel=0.03)


def test_heights_are_told_apart_and_none_is_nan():
    assert float_and_penetration(np.array([4.0, -2.0])) == {"float": 2, "penetration": 1}
    assert np.isnan(float_and_penetration(np.zeros(0))["float"])


def test_wrists_that_shake_do_so_where_they_are_seen():
    joints = np.zeros((40, 29, 3))
    joints[30:, 20:22, 0] = 0.01 * (-1) ** np.arange(10)[:, None]
    seen = np.ones(40, bool)
    assert wrist_shaking(joints, seen) == pytest.approx(40)
    seen[29:] = False
    assert wrist_shaking(joints, seen) == 0


def test_a_capture_without_truth_is_measured_by_its_contacts(truth):
    contacts = np.zeros((len(truth), 6))
    assert np.isnan(by_its_contacts(truth, contacts)["slide"])
    contacts[-20:] = 1
    scores = by_its_contacts(truth, contacts)
    assert scores["contact"] == pytest.approx(20 / len(truth))
    assert scores["within 1 cm"] == 1
    assert by_its_contacts(replace(truth, trans=truth.trans + [0, 0.02, 0]), contacts)["within 1 cm"] == 0


def test_readings_are_solved_frame_by_frame(truth):
    """Exact ones as they are, with a gap bridged, whatever the motion holds, and on the floor."""
    count = len(truth)
    readings = replace(
        truth, joints=truth.solved_joints() + [0, 1, 0], keypoints=truth.projected(), poses=0 * truth.poses, trans=0 * truth.trans,
        camera_pose=moved_up(truth, 1.0).camera_pose, sigma=np.full((count, 29, 2), 0.01), hints=np.full((count, 24, 3), np.nan),
        errors_last=False, jumps=np.zeros(count, bool),
    )  # fmt: skip
    readings.joints[10:13] = np.nan
    motion = frame_by_frame(readings)
    seen = np.delete(np.arange(count), [10, 11, 12])
    joints = about_root(motion.solved_joints(), [0])
    assert mpjpe(joints[seen], about_root(truth.solved_joints(), [0])[seen]) < 0.02
    assert not motion.seen[10:13].any()
    assert not motion.contacts.any()
    assert np.abs(motion.solved_joints()[..., 1].min(1)).max() < 0.06
