"""Motion-capture readers against files made here, whose poses are known."""

import json
import os
import re
import tarfile

import numpy as np
import pytest
from conftest import random_rotations, some_motion

from niki.body import rotation as rot
from niki.body.skeleton import JOINTS
from niki.cli import main
from niki.errors import NikiError
from niki.formats.bvh import save_bvh
from niki.mocap.acclaim import read_amc, read_asf
from niki.mocap.biovision import read_bvh
from niki.mocap.collection import HELD_OUT_PEOPLE, Poses, cached_archives, load_archives, load_bvh_folder
from niki.mocap.exponential_map import _NAMES, read_exponential_maps
from niki.mocap.refit import best_rest, refit
from niki.mocap.report import describe, nearest_poses

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
    positions, _ = read_amc(AMC, read_asf(ASF)).positions_and_rotations()
    np.testing.assert_allclose(
        positions[1], INCH * np.array([[0, 0, 0], [0, 0, 0], [0, 2, 0], [1, 2, 0]]), atol=1e-12
    )


@pytest.mark.parametrize(
    ("asf", "amc", "message"),
    [
        ("nothing", AMC, "no bone data"),
        (ASF.replace("upper lower\n", ""), AMC, "does not name every bone"),
        (ASF, ":DEGREES\n", "has no frames"),
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
    sitting = recording.with_zero_pose(recording.positions_and_rotations()[1][0])
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
    sitting = recording.with_zero_pose(recording.positions_and_rotations()[1][0])
    without = sitting.thin(1)
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
    assert "text.bvh is skipped: This is not a .bvh file" in warnings[1]


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
    from niki.mocap.refit import CONVENTIONS

    for bones in CONVENTIONS.values():
        assert set(bones) == set(JOINTS[:24])


UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001, "ft": 0.3048, "in": 0.0254, "cmu": INCH}


def bvh_text(tmp_path, frames=3):
    save_bvh(some_motion(frames=frames), tmp_path / "m.bvh")
    return (tmp_path / "m.bvh").read_text()


def in_unit(text, metres):
    return re.sub(
        r"OFFSET (\S+) (\S+) (\S+)",
        lambda m: f"OFFSET {' '.join(f'{float(v) / metres:.6f}' for v in m.groups())}",
        text,
    )


@pytest.mark.parametrize("metres", UNITS.values(), ids=UNITS)
@pytest.mark.parametrize("size", [0.75, 1.0, 1.4])
def test_bvh_units_are_told_by_the_legs(tmp_path, metres, size):
    text = bvh_text(tmp_path)
    expected = size * read_bvh(text, unit=1.0).offsets
    np.testing.assert_allclose(read_bvh(in_unit(text, metres / size)).offsets, expected, atol=1e-4)


def test_a_bvh_file_of_no_persons_size_wants_its_unit(tmp_path):
    text = in_unit(bvh_text(tmp_path), 0.5)
    (tmp_path / "m.bvh").write_text(text)
    with pytest.raises(NikiError, match="give the unit: --unit"):
        read_bvh(text)
    with pytest.raises(NikiError, match=r"no \.bvh file that can be used"):
        load_bvh_folder(tmp_path)
    (tmp_path / "m.bvh").write_text(in_unit(bvh_text(tmp_path), 3.0))
    told = load_bvh_folder(tmp_path, unit=2.0).lengths
    (tmp_path / "m.bvh").write_text(bvh_text(tmp_path))
    np.testing.assert_allclose(1.5 * told, load_bvh_folder(tmp_path, unit=1.0).lengths, rtol=1e-4)


DAMAGE = {
    "text in OFFSET": (r"OFFSET \S+", "OFFSET wide", "OFFSET of Pelvis must hold numbers"),
    "NaN in OFFSET": (r"OFFSET \S+", "OFFSET nan", "must hold finite numbers"),
    "no OFFSET": (r"OFFSET .*\n", "", "has no OFFSET"),
    "stray brace": (r"HIERARCHY", "HIERARCHY\n}", "'}' where it does not belong"),
    "brace left open": (r"\}\nMOTION", "MOTION", "hierarchy is incomplete"),
    "two roots": (r"\}\nMOTION", "}\nROOT Other\n{\nOFFSET 0 0 0\n}\nMOTION", "has ROOT where it does not belong"),
    "joint outside": (r"\}\nMOTION", "}\nJOINT Other\n{\nOFFSET 0 0 0\n}\nMOTION", "has JOINT where"),
    "odd channel": (r"Yrotation", "Wrotation", "CHANNELS of Pelvis"),
    "channel twice": (r"Yrotation", "Zrotation", "CHANNELS of Pelvis"),
    "wrong count of channels": (r"CHANNELS 6", "CHANNELS 5", "where it does not belong"),
    "no count of channels": (r"CHANNELS 6", "CHANNELS", "CHANNELS of Pelvis"),
    "frame time 0": (r"Frame Time: \S+", "Frame Time: 0", "must be a positive number of seconds, not 0"),
    "frame time below 0": (r"Frame Time: \S+", "Frame Time: -0.1", "must be a positive number"),
    "frame time infinite": (r"Frame Time: \S+", "Frame Time: inf", "must hold finite numbers"),
    "frame time text": (r"Frame Time: \S+", "Frame Time: soon", "must hold numbers"),
    "no frame time": (r"Frame Time: \S+\n", "", "does not begin with Frames and Frame Time"),
    "frame lost": (r"Frames: 3", "Frames: 4", "declares 4 frames but has 3"),
    "frame too many": (r"Frames: 3", "Frames: 2", "declares 2 frames but has more"),
    "endless frames": (r"Frames: 3", "Frames: 99999999", "can be read"),
    "text in a frame": (r"(Frame Time: \S+\n)\S+", r"\1x", "frame 1 must hold numbers"),
    "value lost": (r"(Frame Time: \S+\n)\S+", r"\1", "frames must hold 75 finite numbers"),
    "deep nesting": (r"\tJOINT L_Hip\n", "JOINT a\n{\nOFFSET 0 0 0\n" * 20000 + "JOINT L_Hip\n", "more than 5000 joints"),
}  # fmt: skip


@pytest.mark.parametrize(("pattern", "replacement", "message"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_bvh_file_does_not_end_the_folder(tmp_path, pattern, replacement, message):
    damaged, count = re.subn(pattern, replacement, bvh_text(tmp_path), count=1)
    assert count == 1
    (tmp_path / "damaged.bvh").write_text(damaged)
    (tmp_path / "folder.bvh").mkdir()
    os.mkfifo(tmp_path / "pipe.bvh")
    warnings = []
    poses = load_bvh_folder(tmp_path, warnings.append)
    assert list(poses.names) == ["m"]
    assert len(warnings) == 3
    assert message in warnings[0]
    assert not any("\n" in warning for warning in warnings)


def test_bvh_files_as_other_programs_write_them_are_read(tmp_path):
    text = bvh_text(tmp_path)
    expected = read_bvh(text)
    for changed in (
        text.replace("\n", "\r\n"),
        re.sub(r"\n\s*\{", " {", text).replace("JOINT", "Joint").replace("rotation", "ROTATION"),
        text.replace("Frames: 3", "Frames:\t3").replace("Frame Time: ", "Frame Time:\t"),
        text + "\n\n",
    ):
        recording = read_bvh(changed)
        np.testing.assert_array_equal(recording.rotations, expected.rotations)
        assert recording.names == expected.names


def test_acclaim_axis_orders_count():
    turned = ASF.replace("axis 0 0 90 XYZ", "axis 90 20 0 ZYX").replace("dof rx ry\n", "dof ry rx\n")
    recording = read_amc(AMC, read_asf(turned))
    # Angles come in the order's own order, each turn about an axis that stays.
    axis = about([0, 1, 0], 20) @ about([0, 0, 1], 90)
    np.testing.assert_allclose(recording.rotations[0, 1], axis @ about([0, 1, 0], 30) @ axis.T, atol=1e-12)
    both = read_amc(AMC.replace("upper 30 0", "upper 30 40"), read_asf(turned))
    expected = axis @ about([1, 0, 0], 40) @ about([0, 1, 0], 30) @ axis.T
    np.testing.assert_allclose(both.rotations[0, 1], expected, atol=1e-12)


def test_acclaim_roots_order_and_orientation_count():
    root = ASF.replace("order TX TY TZ RX RY RZ", "order RZ RY RX TX TY TZ")
    recording = read_amc(AMC.replace("root 1 2 3 0 90 0", "root 30 0 50 1 2 3"), read_asf(root))
    np.testing.assert_allclose(
        recording.rotations[0, 0], about([1, 0, 0], 50) @ about([0, 0, 1], 30), atol=1e-12
    )


def test_acclaim_radians_count():
    asf = ASF.replace("angle deg", "angle rad").replace("axis 0 0 90", f"axis 0 0 {np.pi / 2}")
    amc = AMC.replace(":DEGREES", ":RADIANS").replace(" 90 ", f" {np.pi / 2} ").replace("30", f"{np.pi / 6}")
    amc = amc.replace("45", f"{np.pi / 4}")
    expected, recording = read_amc(AMC, read_asf(ASF)), read_amc(amc, read_asf(asf))
    np.testing.assert_allclose(recording.rotations, expected.rotations, atol=1e-12)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("     direction 0 1 0\n", "", "bone upper has no direction"),
        ("     length 2\n", "", "bone upper has no length"),
        ("     axis 0 0 90 XYZ\n", "", "bone upper has no axis"),
        ("axis 0 0 90 XYZ", "axis 0 0 90 XYW", "axis of upper must be three angles and an order"),
        ("axis 0 0 90 XYZ", "axis 0 90", "axis of upper must be three angles"),
        ("direction 0 1 0", "direction 0 0 0", "direction of upper is not a direction"),
        ("direction 0 1 0", "direction 0 up 0", "direction of upper must hold numbers"),
        ("length 2", "length long", "length of upper must hold numbers"),
        ("length 0.45", "length 0", "unit of length must be positive"),
        ("angle deg", "angle grad", "unit of angles must be deg or rad"),
        ("dof rx ry", "dof rx rw", "bone upper has an unknown degree of freedom"),
        ("name lower", "name upper", "two bones named upper"),
        ("root upper", "lower upper", "does not begin at the root"),
        ("upper lower\n", "upper lower\n    root lower\n", "names lower twice"),
        ("  begin\n     id 2", "     id 2", "where it does not belong"),
    ],
)
def test_damaged_asf_files_are_named(old, new, message):
    assert old in ASF
    with pytest.raises(NikiError, match=message):
        read_asf(ASF.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("upper 30 0\n", "upper 30\n", "frame 1 must hold 2 numbers for upper"),
        ("upper 30 0\n", "upper 30 0 0\n", "frame 1 must hold 2 numbers for upper"),
        ("upper 30 0\n", "upper 30 x\n", "frame 1 must hold numbers"),
        ("upper 30 0\n", "upper 30 nan\n", "frame 1 must hold finite numbers"),
        # As many of each in all, and out of step from there on.
        ("upper 30 0\nlower 45\n2\n", "lower 45\n2\nupper 1 1\n", "some frames lack a bone|twice"),
        (
            "lower 45\n2\nroot 1 2 3 0 0 0\n",
            "lower 45\nlower 45\n2\nroot 1 2 3 0 0 0\n",
            "has the bone lower twice",
        ),
        ("1\nroot", "root", "bones before its first frame"),
    ],
)
def test_damaged_amc_files_are_named(old, new, message):
    assert old in AMC
    with pytest.raises(NikiError, match=message):
        read_amc(AMC.replace(old, new), read_asf(ASF))


@pytest.mark.parametrize(
    ("text", "skeleton"),
    [
        ("", None), ("1,x,3", None), ("nan" + ",0" * 116, None), ("0" + ",0" * 116 + "\n0", None),
        ("0" + ",0" * 116, "{"), ("0" + ",0" * 116, "[]"), ("0" + ",0" * 116, '{"parents": [0], "offsets": 3}'),
        ("0" + ",0" * 116, json.dumps({"parents": [-1, *[40] * 37], "offsets": [[0, 1, 0]] * 38})),
    ],
)  # fmt: skip
def test_damaged_exponential_maps_are_refused(text, skeleton):
    good = json.dumps({"parents": [-1, *range(37)], "offsets": [[0, 1, 0]] * 38})
    read_exponential_maps("0" + ",0" * 116, good)
    with pytest.raises(NikiError):
        read_exponential_maps(text, skeleton or good)


def archives(folder, frames=4):
    """A folder with one clip in one archive, and its index."""
    folder.mkdir(exist_ok=True)
    save_bvh(some_motion(frames=frames), folder / "clip.bvh")
    with tarfile.open(folder / "set.tar.xz", "w:xz") as tar:
        tar.add(folder / "clip.bvh", "clip.bvh")
    (folder / "clip.bvh").unlink()
    (folder / "clips.csv").write_text("path,cmu,source,dedupe_keep\nclip.bvh,01_01,ours,1\n")
    return folder


def test_what_is_kept_of_archives_is_made_again_when_they_change(tmp_path):
    folder = archives(tmp_path / "mocap", frames=4)
    poses = cached_archives(folder, tmp_path / "cache")
    (kept,) = (tmp_path / "cache").iterdir()
    before = kept.stat().st_mtime_ns
    np.testing.assert_array_equal(cached_archives(folder, tmp_path / "cache").rotations, poses.rotations)
    assert kept.stat().st_mtime_ns == before
    archives(folder, frames=8)
    assert len(cached_archives(folder, tmp_path / "cache")) != len(poses)


def test_what_is_kept_of_archives_and_was_damaged_is_made_again(tmp_path):
    folder = archives(tmp_path / "mocap")
    poses = cached_archives(folder, tmp_path / "cache")
    (kept,) = (tmp_path / "cache").iterdir()
    kept.write_bytes(kept.read_bytes()[:-500])
    with pytest.raises(NikiError):
        Poses.load(kept)
    np.testing.assert_array_equal(cached_archives(folder, tmp_path / "cache").rotations, poses.rotations)


def test_damaged_archives_are_named(tmp_path):
    folder = archives(tmp_path / "mocap")
    whole = (folder / "set.tar.xz").read_bytes()
    (folder / "set.tar.xz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(NikiError, match=r"set\.tar\.xz cannot be read"):
        load_archives(folder)
    (folder / "clips.csv").write_text("path\nclip.bvh\n")
    with pytest.raises(NikiError, match="needs the columns"):
        load_archives(folder)


@pytest.mark.parametrize("change", [{"clip": None}, {"clip": np.full(12, 7)}, {"rotations": np.zeros(3)}])
def test_damaged_poses_are_refused(rng, tmp_path, change):
    values = {n: v for n, v in (vars(some_poses(rng)) | change).items() if v is not None}
    np.savez(tmp_path / "p.npz", **values)
    with pytest.raises(NikiError, match="is damaged"):
        Poses.load(tmp_path / "p.npz")


def test_the_unit_is_said_on_the_command_line(tmp_path, capsys):
    (tmp_path / "m.bvh").write_text(in_unit(bvh_text(tmp_path), 0.5))  # twice a person's size
    assert main(["mocap", str(tmp_path)]) == 1
    assert "give the unit: --unit" in capsys.readouterr().err
    assert main(["mocap", str(tmp_path), "--unit", "m"]) == 0
    assert "1 clips of 1 people" in capsys.readouterr().out
