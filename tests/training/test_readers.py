"""Motion-capture readers against files made here, whose poses are known."""

import json

import numpy as np
import pytest
from conftest import random_rotations, some_motion

from niki import rotation as rot
from niki.bvh import save_bvh
from niki.errors import NikiError
from niki.skeleton import JOINTS
from niki.training.acclaim import read_amc, read_asf
from niki.training.biovision import read_bvh
from niki.training.exponential_map import _NAMES, read_exponential_maps
from niki.training.mocap import HELD_OUT_PEOPLE, Poses, load_archives, load_bvh_folder
from niki.training.refit import best_rest, refit
from niki.training.report import describe, nearest_poses

ASF = """
:version 1.10
:units
  mass 1.0
  length 0.45
  angle deg
:root
   order TX TY TZ RX RY RZ
:bonedata
  begin
     id 1
     name upper
     direction 0 1 0
     length 2
     axis 0 0 90 XYZ
    dof rx ry
  end
  begin
     id 2
     name lower
     direction 1 0 0
     length 1
     axis 0 0 0 XYZ
    dof rz
  end
:hierarchy
  begin
    root upper
    upper lower
  end
"""
AMC = """
:FULLY-SPECIFIED
:DEGREES
1
root 1 2 3 0 90 0
upper 30 0
lower 45
2
root 1 2 3 0 0 0
upper 0 0
lower 0
"""
INCH = 0.0254 / 0.45


def about(axis, degrees):
    return rot.matrix_from_axis_angle(np.radians(degrees) * np.array(axis, float))


def test_acclaim_angles_turn_about_the_bones_own_axes():
    recording = read_amc(AMC, read_asf(ASF))
    assert recording.names == ["root", "upper", "lower", "lower_end"]
    np.testing.assert_allclose(recording.rotations[0, 0], about([0, 1, 0], 90), atol=1e-12)
    # The bone's frame is turned 90 degrees about Z: its X axis is the world's Y.
    np.testing.assert_allclose(recording.rotations[0, 1], about([0, 1, 0], 30), atol=1e-12)
    np.testing.assert_allclose(recording.rotations[0, 2], about([0, 0, 1], 45), atol=1e-12)
    np.testing.assert_allclose(recording.rotations[1], np.tile(np.eye(3), (4, 1, 1)), atol=1e-12)


def test_acclaim_positions_are_metres():
    positions, _ = read_amc(AMC, read_asf(ASF)).posed()
    np.testing.assert_allclose(
        positions[1], INCH * np.array([[0, 0, 0], [0, 0, 0], [0, 2, 0], [1, 2, 0]]), atol=1e-12
    )


@pytest.mark.parametrize(
    ("asf", "amc", "message"),
    [
        ("nothing", AMC, "no bone data"),
        (ASF.replace("upper lower\n", ""), AMC, "does not name every bone"),
        (ASF, ":DEGREES\n", "holds no frame"),
        (ASF, AMC + "3\nroot 0 0 0 0 0 0\n", "some frames lack a bone"),
    ],
)
def test_broken_acclaim_files_are_named(asf, amc, message):
    with pytest.raises(NikiError, match=message):
        read_amc(amc, read_asf(asf))


def test_our_own_bvh_comes_back_as_it_was(tmp_path):
    motion = some_motion(frames=6)
    save_bvh(motion, tmp_path / "m.bvh")
    recording = read_bvh((tmp_path / "m.bvh").read_text(), unit=1.0)
    assert recording.rate == pytest.approx(30)
    refitted = refit(recording)
    angles = rot.angle_between(refitted.rotations, motion.rotations)
    assert np.degrees(angles).max() < 1e-3
    assert np.nanmax(refitted.residual) < 1e-3
    limbs = [4, 7, 18, 20]
    measured = (motion.body.bone_lengths[limbs] + motion.body.bone_lengths[[5, 8, 19, 21]]) / 2
    np.testing.assert_allclose(refitted.body.bone_lengths[limbs], measured, atol=1e-6)


def test_bvh_units_are_guessed(tmp_path):
    motion = some_motion(frames=2)
    save_bvh(motion, tmp_path / "m.bvh")
    recording = read_bvh((tmp_path / "m.bvh").read_text())
    for unit in (0.01, 0.0254 / 0.45):
        text = (tmp_path / "m.bvh").read_text()
        scaled = [
            "OFFSET " + " ".join(str(float(v) / unit) for v in line.split()[1:])
            if line.split()[:1] == ["OFFSET"]
            else line
            for line in text.splitlines()
        ]
        np.testing.assert_allclose(read_bvh("\n".join(scaled)).offsets, recording.offsets, atol=1e-4)


def test_a_rig_turned_to_z_up_and_with_arms_down_is_the_same_pose(tmp_path):
    motion = some_motion(frames=5)
    save_bvh(motion, tmp_path / "m.bvh")
    recording = read_bvh((tmp_path / "m.bvh").read_text(), unit=1.0)
    expected = refit(recording).rotations
    z_up = about([1, 0, 0], 90)
    recording.offsets = recording.offsets @ z_up.T
    recording.rotations = z_up @ recording.rotations @ z_up.T
    turned = refit(recording).rotations
    np.testing.assert_allclose(turned, expected, atol=1e-6)


def test_a_zero_pose_that_does_not_stand_is_replaced_by_a_frame_that_does(tmp_path):
    motion = some_motion(frames=5)
    motion.poses[3] = 0
    save_bvh(motion, tmp_path / "m.bvh")
    recording = read_bvh((tmp_path / "m.bvh").read_text(), unit=1.0)
    expected = refit(recording).rotations
    curled = recording.rotations[0].copy()
    for name in ("L_Hip", "R_Hip"):
        curled[recording.names.index(name)] = about([1, 0, 0], -110)
    recording.rotations[0] = curled
    sitting = recording.zeroed(recording.posed()[1][0])
    assert best_rest([recording]) is None
    assert best_rest([sitting]) is not None
    found = refit(sitting).rotations
    assert np.degrees(rot.angle_between(found[1:], expected[1:])).max() < 1e-3


def test_files_of_one_skeleton_share_the_rest_pose_that_one_of_them_shows(tmp_path):
    motion = some_motion(frames=5)
    motion.poses[3] = 0
    save_bvh(motion, tmp_path / "m.bvh")
    recording = read_bvh((tmp_path / "m.bvh").read_text(), unit=1.0)
    for name in ("L_Hip", "R_Hip"):
        recording.rotations[0, recording.names.index(name)] = about([1, 0, 0], -110)
    sitting = recording.zeroed(recording.posed()[1][0])
    without = sitting.every(1)
    without.rotations = sitting.rotations[:1]
    with pytest.raises(NikiError, match="Neither the zero pose nor any frame"):
        refit(without)
    rest = best_rest([without, sitting])
    np.testing.assert_allclose(refit(without, rest).rotations, refit(sitting).rotations[:1], atol=1e-9)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hello", "not a .bvh file"),
        ("HIERARCHY\nROOT a\n{\nOFFSET 0 0 0\nMOTION\nFrames: 0\nFrame Time: 1\n", "hierarchy is incomplete"),
        (
            "HIERARCHY\nROOT a\n{\nOFFSET 0 0 0\nCHANNELS 3 Zrotation Xrotation Yrotation\n}\n"
            "MOTION\nFrames: 1\nFrame Time: 0.1\n1 2\n",
            "must hold 3 finite numbers",
        ),
    ],
)
def test_broken_bvh_files_are_named(text, message):
    with pytest.raises(NikiError, match=message):
        read_bvh(text)


def test_unknown_bone_names_are_listed(tmp_path):
    save_bvh(some_motion(frames=2), tmp_path / "m.bvh")
    text = (tmp_path / "m.bvh").read_text().replace("L_Knee", "LeftKneeBone")
    (tmp_path / "m.bvh").write_text(text)
    save_bvh(some_motion(frames=2), tmp_path / "good.bvh")
    (tmp_path / "text.bvh").write_text("hello")
    warnings = []
    assert len(load_bvh_folder(tmp_path, warnings.append).names) == 1
    assert "m.bvh" in warnings[0]
    assert "L_Knee" in warnings[0]
    assert "text.bvh is left out: This is not a .bvh file" in warnings[1]


def test_exponential_maps_are_row_vectors(rng):
    maps = rng.normal(size=(3, len(_NAMES), 3))
    skeleton = {"parents": [-1, *range(len(_NAMES) - 1)], "offsets": [[0, 1, 0]] * len(_NAMES)}
    table = np.concatenate([np.zeros((3, 3)), maps.reshape(3, -1)], 1)
    text = "\n".join(",".join(map(str, row)) for row in table)
    recording = read_exponential_maps(text, json.dumps(skeleton))
    np.testing.assert_allclose(recording.rotations, rot.matrix_from_axis_angle(-maps), atol=1e-12)
    with pytest.raises(NikiError, match="Expected 38 joints"):
        read_exponential_maps("1,2,3", json.dumps(skeleton))


def some_poses(rng, subjects=("01", HELD_OUT_PEOPLE[0], "02")):
    count = len(subjects)
    return Poses(
        random_rotations(rng, 4 * count, 24, spread=0.2).astype(np.float32), np.repeat(np.arange(count), 4),
        np.array([f"{s}_01" for s in subjects]), np.array(subjects), np.array(["x"] * count),
        np.ones((count, 29)), np.zeros((count, 29)),
    )  # fmt: skip


def test_no_person_is_in_training_and_held_out(rng, tmp_path):
    poses = some_poses(rng)
    poses.save(tmp_path / "p.npz")
    training, held_out = Poses.load(tmp_path / "p.npz").split()
    assert set(training.subjects) == {"01", "02"}
    assert set(held_out.subjects) == {HELD_OUT_PEOPLE[0]}
    np.testing.assert_array_equal(held_out.rotations, poses.rotations[4:8])
    np.testing.assert_array_equal(training.clip, [0] * 4 + [1] * 4)
    assert "3 clips of 3 people, 12 poses" in describe(poses)


def test_a_recording_in_both_training_and_held_out_is_found(rng):
    poses = some_poses(rng)
    training, held_out = poses.split()
    apart = nearest_poses(held_out, training)
    assert apart.min() > 5
    poses.rotations[4:8, 1:] = poses.rotations[:4, 1:]
    np.testing.assert_allclose(nearest_poses(poses.split()[1], poses.split()[0]), 0, atol=0.05)
    turn = rot.matrix_from_axis_angle(np.radians([3.0, 0, 0])).astype(np.float32)
    poses.rotations[4:8, 1:] = poses.rotations[4:8, 1:] @ turn
    np.testing.assert_allclose(nearest_poses(poses.split()[1], poses.split()[0]), 3, atol=0.1)


def test_a_folder_without_an_index_is_refused(tmp_path):
    with pytest.raises(NikiError, match=r"no clips\.csv"):
        load_archives(tmp_path)
    with pytest.raises(NikiError, match=r"no \.bvh file that can be used"):
        load_bvh_folder(tmp_path)


def test_every_joint_of_ours_has_a_bone_in_every_convention():
    from niki.training.refit import CONVENTIONS

    for bones in CONVENTIONS.values():
        assert set(bones) == set(JOINTS[:24])
