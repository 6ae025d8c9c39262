"""Collections with sources about which something has to be known, made here; and the real ones where they are."""

import csv
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from conftest import random_rotations, some_motion

from niki.body import rotation as rot
from niki.body.skeleton import JOINTS, Body
from niki.cli import main
from niki.errors import NikiError
from niki.formats.bvh import save_bvh
from niki.mocap import archive
from niki.mocap.collection import HELD_OUT_PEOPLE, Poses, load_archives, load_collections
from niki.mocap.recording import Recording
from niki.mocap.refit import refit
from niki.mocap.report import describe, is_low, is_upside_down
from niki.mocap.sources import SAME_PERSON, SOURCES, Source, person_of

REAL = Path(__file__).resolve().parents[3] / "shared/data/mocap"
COLUMNS = ("source", "path", "cmu", "fps", "use", "dedupe_keep")


def collection(folder, clips, files=()):
    """A folder with an index and one archive. clips: dicts of COLUMNS, with the number of frames."""
    folder.mkdir()
    with tarfile.open(folder / "set.tar.xz", "w:xz") as tar:
        for k, clip in enumerate(clips):
            save_bvh(some_motion(frames=clip.pop("frames", 8), seed=k), folder / "clip.bvh")
            tar.add(folder / "clip.bvh", clip["path"])
        for name, text in files:
            (folder / "clip.bvh").write_text(text)
            tar.add(folder / "clip.bvh", name)
    (folder / "clip.bvh").unlink()
    with open(folder / "clips.csv", "w", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        writer.writerows(
            dict(source="made", cmu="", fps="30", use="train", dedupe_keep="1") | c for c in clips
        )
    return folder


@pytest.fixture
def facts(monkeypatch):
    """Gives the source "made" facts."""
    return lambda **values: monkeypatch.setitem(SOURCES, "made", Source(**values))


def test_frames_that_are_not_motion_are_cut(tmp_path, facts):
    clips = [{"path": "a.bvh", "cmu": "01_01", "frames": 8}, {"path": "b.bvh", "cmu": "01_02", "frames": 8}]
    folder = collection(tmp_path / "c", clips)
    whole = load_archives(folder)
    facts(cut=2, cuts={"01_02": 5})
    cut = load_archives(folder)
    expected = [whole.rotations[whole.clip == 0][2:], whole.rotations[whole.clip == 1][5:]]
    np.testing.assert_array_equal(cut.rotations, np.concatenate(expected))
    facts(cut=8)
    with pytest.raises(NikiError, match=r"a\.bvh: It has only 8 frames, of which the first 8 are no motion"):
        load_archives(folder)


def test_spoilt_frames_are_left_out(tmp_path, facts):
    folder = collection(tmp_path / "c", [{"path": "a.bvh", "cmu": "01_01"}])
    whole = load_archives(folder)
    facts(cut=1, spoilt={"01_01": ((2, 4), (6, 20))})
    np.testing.assert_array_equal(load_archives(folder).rotations, whole.rotations[[1, 2, 5, 6]])


def test_clips_not_for_use_and_those_known_to_be_bad_are_left_out(tmp_path, facts):
    clips = [
        {"path": "good.bvh"}, {"path": "flying.bvh", "use": "no"}, {"path": "twice.bvh", "dedupe_keep": "0"},
        {"path": "bad.bvh"}, {"path": "01_12.bvh", "cmu": "01_12"},
    ]  # fmt: skip
    facts(left_out={"bad": "its head is on backwards", "01_12": "an ankle flips"}, person="somebody")
    poses = load_archives(collection(tmp_path / "c", clips))
    assert list(poses.names) == ["good"]
    assert list(poses.subjects) == ["somebody"]


def test_the_indexs_rate_counts(tmp_path):
    folder = collection(tmp_path / "c", [{"path": "a.bvh", "fps": "120", "frames": 12}])
    assert len(load_archives(folder)) == 3
    folder = collection(tmp_path / "d", [{"path": "a.bvh", "fps": "0"}])
    with pytest.raises(NikiError, match=r"a\.bvh: Its fps in clips\.csv must be 1 to 1000, not 0"):
        load_archives(folder)


def test_the_unit_and_whose_the_bone_lengths_are_can_be_told(tmp_path, facts):
    folder = collection(tmp_path / "c", [{"path": "a.bvh"}])
    facts(unit=0.01)
    small = load_archives(folder)
    assert list(small.own_lengths) == [True]
    facts(unit=0.02, own_lengths=False)
    large = load_archives(folder)
    np.testing.assert_allclose(large.lengths, 2 * small.lengths, rtol=1e-6)
    assert list(large.own_lengths) == [False]


def daz():
    """A DAZ-like skeleton whose frames are random, and random rotations Q for each of its joints."""
    rng = np.random.default_rng(5)
    joints = {"hip": None, "abdomen": "hip", "chest": "abdomen", "neck": "chest", "head": "neck"}
    asf = {"hip": "root", "abdomen": "lowerback", "chest": "thorax", "neck": "lowerneck", "head": "head"}
    places = {
        "hip": (0, 0, 0),
        "abdomen": (0, 0.1, 0),
        "chest": (0, 0.1, 0),
        "neck": (0, 0.2, 0),
        "head": (0, 0.1, 0),
    }
    arm = (
        ("Collar", "clavicle", 0.03),
        ("Shldr", "humerus", 0.1),
        ("ForeArm", "radius", 0.3),
        ("Hand", "wrist", 0.25),
    )
    leg = (("Thigh", "femur", 0.1), ("Shin", "tibia", 0.4), ("Foot", "foot", 0.4))
    for side, sign in (("l", 1), ("r", -1)):
        for bones, parent, way in ((arm, "chest", (sign, 0, 0)), (leg, "hip", (0, -1, 0))):
            for name, bone, length in bones:
                joints[side + name], asf[side + name] = parent, side + bone
                places[side + name] = (sign * 0.1, 0, 0) if name == "Thigh" else tuple(length * np.array(way))
                parent = side + name
    names = list(joints)
    parents = np.array([-1 if joints[n] is None else names.index(joints[n]) for n in names])
    rotations = random_rotations(rng, 4, len(names), spread=0.3)
    turns = random_rotations(rng, len(names), spread=0.1)
    table = {n: {"asf": asf[n], "Q": turns[k].tolist()} for k, n in enumerate(names)}
    return (
        Recording(names, parents, np.array([places[n] for n in names], float), rotations, 30.0),
        turns,
        table,
    )


def test_a_recording_comes_onto_cmus_bones():
    recording, turns, table = daz()
    moved = archive._as_acclaim(recording, json.dumps(table))
    assert moved.names == [entry["asf"] for entry in table.values()]
    world, expected = moved.positions_and_rotations()[1], recording.positions_and_rotations()[1] @ turns
    np.testing.assert_allclose(world, expected, atol=1e-6)
    lengths = [np.linalg.norm(r.offsets, axis=1) for r in (recording, moved)]
    np.testing.assert_allclose(*lengths, atol=1e-6)
    shin = moved.offsets[moved.names.index("ltibia")]
    np.testing.assert_allclose(shin / 0.4, [np.sin(np.radians(20)), -np.cos(np.radians(20)), 0], atol=1e-6)
    assert np.isfinite(refit(moved).rotations).all()


@pytest.mark.parametrize(
    "text", ["[]", "{", '{"hip": {"Q": 1}}', '{"hip": {"asf": "root", "Q": [[1, 2], [3, 4]]}}']
)
def test_damaged_zero_poses_are_refused(text):
    with pytest.raises(NikiError, match=r"must hold|is not a rotation"):
        archive._as_acclaim(daz()[0], text)


def test_a_zero_pose_that_is_missing_is_named(tmp_path, facts):
    facts(zero_pose="zero.json")
    clips = [{"path": "a.bvh"}]
    with pytest.raises(NikiError, match=r"a\.bvh: There is no zero\.json in set\.tar\.xz"):
        load_archives(collection(tmp_path / "c", clips))
    with pytest.raises(NikiError, match=r"a\.bvh: zero\.json: It must hold"):
        load_archives(collection(tmp_path / "d", clips, [("x/zero.json", "[]")]))


def test_a_foot_rolled_by_half_a_turn_is_rolled_back():
    names = ["root", "lfoot", "ltoes", "ltoes_end"]
    offsets = np.array([[0, 0, 0], [0, -1, 0], [0.02, -0.05, 0.2], [0, 0, 0.05]], float)
    right = random_rotations(np.random.default_rng(2), 6, 4, spread=0.2)
    recording = Recording(names, np.array([-1, 0, 1, 2]), offsets, right.copy(), 60.0)
    foot, toes = (rot.matrix_from_axis_angle(np.pi * rot.normalize(offsets[k])) for k in (2, 3))
    recording.rotations[3:, 1] = right[3:, 1] @ foot
    recording.rotations[3:, 2] = foot @ right[3:, 2] @ toes
    archive._roll_back(recording, "lfoot")
    np.testing.assert_allclose(recording.rotations, right, atol=1e-9)


def test_collections_are_joined_and_a_clip_in_two_counts_once(tmp_path):
    first = collection(tmp_path / "a", [{"path": "a.bvh", "cmu": "01_01"}, {"path": "wave.bvh"}])
    second = collection(
        tmp_path / "b",
        [{"path": "x.bvh", "cmu": "14_03"}, {"path": "y.bvh", "cmu": "01_01", "source": "other"},
         {"path": "wave.bvh", "source": "other"}],
    )  # fmt: skip
    poses = load_collections([first, second, first], tmp_path / "cache")
    assert list(poses.names) == ["01_01", "wave", "14_03", "wave"]
    assert list(poses.sources) == ["made", "made", "made", "other"]
    alone = load_archives(first)
    np.testing.assert_array_equal(poses.rotations[: len(alone)], alone.rotations)
    np.testing.assert_array_equal(poses.clip, np.repeat([0, 1, 2, 3], 8))
    assert list(poses.split()[1].names) == ["14_03"]
    assert len(list((tmp_path / "cache").iterdir())) == 2
    with pytest.raises(NikiError, match="no collections to join"):
        Poses.joined([])


def test_several_folders_are_described_as_one(tmp_path, capsys):
    folders = [collection(tmp_path / n, [{"path": f"{n}.bvh", "cmu": f"{n}_01"}]) for n in ("01", "02")]
    assert main(["mocap", *map(str, folders)]) == 0
    assert "2 clips of 2 people, 16 poses" in capsys.readouterr().out


def test_one_person_has_one_name():
    assert person_of("17_03", "x") == person_of("16_01", "y") == "16"
    assert person_of("140_01", "x") == "140"
    assert person_of("", "unheard of") == ""
    assert person_of("", "chaneyddtt_cmu", "directing_traffic_4") == "14"
    assert person_of("", "chaneyddtt_cmu", "charleston_01") == ""
    for one, other in SAME_PERSON.items():
        assert (one in HELD_OUT_PEOPLE) == (other in HELD_OUT_PEOPLE)


def standing(bend=0.0, lean=0.0):
    """(24, 3, 3): bent in hips and knees, leaning forward as a whole, in degrees."""
    pose = np.tile(np.eye(3), (24, 1, 1))
    pose[0] = rot.matrix_from_axis_angle(np.radians([lean, 0, 0]))
    for side in ("left_", "right_"):
        pose[JOINTS.index(side + "hip")] = rot.matrix_from_axis_angle(np.radians([-bend, 0, 0]))
        pose[JOINTS.index(side + "knee")] = rot.matrix_from_axis_angle(np.radians([bend, 0, 0]))
    return pose


def test_low_and_upside_down_poses_are_counted():
    poses = np.stack([standing(), standing(bend=120), standing(lean=90), standing(lean=180)])
    assert list(is_low(poses)) == [False, True, True, False]
    assert list(is_upside_down(poses)) == [False, False, False, True]


def test_exchanged_sides_show_in_the_knees():
    pose = standing(bend=60)
    poses = Poses(
        np.stack([pose] * 3 + [rot.transpose(pose)]).astype(np.float32), np.zeros(4, int), np.array(["a"]),
        np.array(["01"]), np.array(["x"]), np.stack([Body.default().bone_lengths]), np.zeros((1, 29)),
    )  # fmt: skip
    assert "75 % of bent knees bend backward" in describe(poses)


@pytest.mark.skipif(not (REAL / "more/clips.csv").is_file(), reason="needs the mocap collection")
def test_the_second_collection_is_read_well():
    poses = load_collections([REAL / "more"])
    assert len(poses.names) == 248
    assert len(poses) == 61_601
    for source in set(poses.sources.tolist()):
        part = poses.of_clips(poses.sources == source)
        assert np.nanmean(part.residual) < (5 if source == "animateddrawings_mit" else 1), source
        angles = rot.angle_between(part.rotations[1:], part.rotations[:-1]).max(1)
        assert np.degrees(np.median(angles)) < 20, source
    training, held_out = poses.split()
    assert set(held_out.subjects) == {"14", "140"}
    assert "17" not in training.subjects
    text = describe(training)
    assert text.count("100 % of bent knees bend backward") == len(set(training.sources.tolist()))
