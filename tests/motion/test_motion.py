import os

import numpy as np
import pytest
from conftest import some_motion

from niki.body import rotation as rot
from niki.body.skeleton import BONES
from niki.errors import NikiError
from niki.files import writing
from niki.formats.bvh import save_bvh
from niki.mocap.biovision import read_bvh
from niki.motion.motion import MOST_FRAMES, Motion


def test_round_trip_keeps_every_field(tmp_path):
    motion = some_motion()
    motion.joints[3] = np.nan
    motion.save(tmp_path / "m.npz")
    again = Motion.load(tmp_path / "m.npz")
    for name, value in vars(motion).items():
        np.testing.assert_array_equal(getattr(again, name), value, err_msg=name)
    with np.load(tmp_path / "m.npz", allow_pickle=False) as file:
        assert {"poses", "trans", "betas", "gender", "mocap_framerate"} <= set(file.files)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("poses", np.zeros((12, 71))),
        ("trans", np.zeros((11, 3))),
        ("trans", np.full((12, 3), np.nan)),
        ("confidence", np.zeros((12, 24))),
        ("rest_joints", np.zeros((24, 3))),
        ("camera", np.zeros(3)),
        ("keypoints", np.array(["a"] * 12)),
        ("mocap_framerate", 0.0),
        ("mocap_framerate", np.inf),
        ("mocap_framerate", np.nan),
        ("mocap_framerate", 1e30),
        ("mocap_framerate", np.array([30.0, 30.0])),
        ("mocap_framerate", np.array("thirty")),
        ("frames", np.full(12, np.nan)),
        ("frames", np.arange(12) + 0.5),
        ("frames", np.arange(12)[::-1]),
        ("times", np.full(12, np.inf)),
        ("times", np.array(["now"] * 12)),
        ("poses", np.full((12, 72), 1e300)),
        ("confidence", np.full((12, 29), 2.0)),
        ("joints", np.full((12, 29, 3), np.inf)),
        ("rest_joints", np.zeros((29, 3))),
        ("image_size", np.array([np.nan, 480])),
        ("camera", np.zeros((3, 3))),
        ("camera_pose", np.zeros((4, 4))),
    ],
)
def test_errors_name_the_field(tmp_path, field, value):
    some_motion().save(tmp_path / "m.npz")
    with np.load(tmp_path / "m.npz") as file:
        values = dict(file)
    values[field] = value
    np.savez(tmp_path / "bad.npz", **values)
    with pytest.raises(NikiError, match=field):
        Motion.load(tmp_path / "bad.npz")
    del values[field]
    np.savez(tmp_path / "bad.npz", **values)
    with pytest.raises(NikiError, match=f"lacks the field '{field}'"):
        Motion.load(tmp_path / "bad.npz")


def test_text_of_bytes_is_text_and_numbers_are_not(tmp_path):
    some_motion().save(tmp_path / "m.npz")
    with np.load(tmp_path / "m.npz") as file:
        values = dict(file)
    np.savez(tmp_path / "bytes.npz", **(values | {"gender": np.array([b"male"]), "source": b"caf\xc3\xa9"}))
    motion = Motion.load(tmp_path / "bytes.npz")
    assert (motion.gender, motion.source) == ("male", "café")
    np.savez(tmp_path / "number.npz", **(values | {"gender": 5}))
    with pytest.raises(NikiError, match="gender must be text"):
        Motion.load(tmp_path / "number.npz")


def test_a_motion_has_arrays_of_its_own():
    poses = np.zeros((3, 72))
    motion = some_motion(frames=3, poses=poses)
    motion.poses[0] = 1
    assert not poses.any()


def test_not_a_motion_file(tmp_path):
    (tmp_path / "text.npz").write_text("hello")
    np.save(tmp_path / "array.npy", np.zeros(3))
    (tmp_path / "array.npy").rename(tmp_path / "array.npz")
    np.savez(tmp_path / "pickle.npz", poses=np.array([{}], dtype=object))
    for name in ("text", "array", "pickle", "none"):
        with pytest.raises(NikiError):
            Motion.load(tmp_path / f"{name}.npz")


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    some_motion().save(tmp_path / "m.npz")
    before = (tmp_path / "m.npz").read_bytes()
    with pytest.raises(RuntimeError), writing(tmp_path / "m.npz") as temporary:
        temporary.write_bytes(b"half")
        raise RuntimeError
    assert (tmp_path / "m.npz").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["m.npz"]
    with pytest.raises(NikiError, match="no folder"):
        some_motion().save(tmp_path / "nowhere/m.npz")


def test_projection_puts_a_point_straight_ahead_at_the_principal_point():
    motion = some_motion()
    ahead = motion.camera_pose[:3, 3] + [0, 0, -2.0]
    np.testing.assert_allclose(motion.projected(ahead[None, None])[:, 0], np.tile([330, 230], (12, 1)))
    right_and_up = ahead + [0.1, 0.2, 0]
    pixels = motion.projected(right_and_up[None, None], slice(3, 5))
    np.testing.assert_allclose(pixels, np.tile([330 + 45, 230 - 90], (2, 1, 1)))


def test_a_camera_that_turns_is_kept_and_sees_where_it_looks(tmp_path):
    turns = rot.matrix_from_axis_angle(np.linspace(0, 0.3, 12)[:, None] * [0.2, 1, 0.1])
    motion, still = some_motion(camera_turns=turns), some_motion()
    assert still.camera_is_still
    assert not motion.camera_is_still
    motion.save(tmp_path / "turning.npz")
    still.save(tmp_path / "still.npz")
    np.testing.assert_array_equal(Motion.load(tmp_path / "turning.npz").camera_turns, turns)
    assert Motion.load(tmp_path / "still.npz").camera_is_still
    in_first = (motion.solved_joints() - motion.camera_pose[:3, 3]) @ motion.camera_pose[:3, :3]
    np.testing.assert_allclose(motion.in_camera(motion.solved_joints())[7], in_first[7] @ turns[7].T)
    assert len(motion.resampled(60.0).camera_turns) == len(motion.resampled(60.0)) == 23
    with pytest.raises(NikiError, match="camera_turns must hold rotations"):
        some_motion(camera_turns=2 * turns)


def test_bvh_has_a_t_pose_rest_and_every_bone(tmp_path):
    motion = some_motion()
    save_bvh(motion, tmp_path / "m.bvh")
    text = (tmp_path / "m.bvh").read_text()
    assert all(f"{name}\n" in text for name in BONES)
    assert text.count("End Site") == 5
    rows = text.split("Frame Time:")[1].splitlines()[1:]
    assert len(rows) == len(motion)
    assert all(len(row.split()) == 3 + 24 * 3 for row in rows)


def bvh_angles(path) -> np.ndarray:
    """(T, 24, 3) degrees, in the file's order of bones."""
    rows = path.read_text().split("Frame Time:")[1].splitlines()[1:]
    return np.array([row.split() for row in rows], float)[:, 3:].reshape(len(rows), 24, 3)


def test_bvh_angles_never_jump(tmp_path):
    steps = np.random.default_rng(0).normal(size=(2000, 24, 3)) * 0.05
    motion = some_motion(frames=2000, poses=np.cumsum(steps, 0).reshape(2000, 72))
    save_bvh(motion, tmp_path / "m.bvh")
    angles = bvh_angles(tmp_path / "m.bvh")
    assert np.abs(angles).max() > 200  # it does turn that far
    assert np.abs(np.diff(angles, axis=0)).max() < 120  # close to gimbal lock; elsewhere a few degrees
    back = read_bvh((tmp_path / "m.bvh").read_text(), unit=1.0)
    own = [back.names.index(name) for name in BONES]
    assert rot.angle_between(back.rotations[:, own], motion.rotations).max() < 1e-6


@pytest.mark.parametrize("side", [1, -1])
def test_bvh_angles_stay_calm_through_gimbal_lock(tmp_path, side):
    lean = np.linspace(60, 120, 121)  # about X, exactly 90 degrees in the middle
    about = [np.radians(angle)[:, None] * axis for angle, axis in zip(
        (np.full(121, 20.0), side * lean, np.full(121, 30.0)), np.eye(3)[[2, 0, 1]], strict=True)]  # fmt: skip
    z, x, y = (rot.matrix_from_axis_angle(v) for v in about)
    poses = np.zeros((121, 24, 3))
    poses[:, 5] = rot.axis_angle_from_matrix(z @ x @ y)
    save_bvh(some_motion(frames=121, poses=poses.reshape(121, 72)), tmp_path / "m.bvh")
    assert np.abs(np.diff(bvh_angles(tmp_path / "m.bvh"), axis=0)).max() < 1


def test_at_another_rate_it_passes_through_the_same_poses():
    motion = some_motion(frames=9)
    double = motion.resampled(60.0)
    assert (len(double), double.mocap_framerate) == (17, 60.0)
    np.testing.assert_allclose(double.solved_joints()[::2], motion.solved_joints(), atol=1e-9)
    np.testing.assert_allclose(double.times, np.arange(17) / 60)
    halfway = rot.angle_between(double.rotations[:-1:2], double.rotations[1::2])
    np.testing.assert_allclose(
        2 * halfway, rot.angle_between(motion.rotations[:-1], motion.rotations[1:]), atol=1e-6
    )
    back = double.resampled(30.0)
    np.testing.assert_allclose(back.poses, motion.poses, atol=1e-9)


def test_resampling_keeps_gaps_bridged():
    sure = np.ones((6, 29))
    sure[2] = 0
    double = some_motion(frames=6, confidence=sure).resampled(60.0)
    np.testing.assert_array_equal(np.flatnonzero(~double.seen), [3, 4, 5])


def test_footage_whose_name_is_not_utf8_comes_back(tmp_path):
    name = os.fsdecode(b"/films/caf\xe9.mp4")
    some_motion(footage=name).save(tmp_path / "m.npz")
    assert Motion.load(tmp_path / "m.npz").footage == name


def test_a_motion_too_long_to_be_loaded_cannot_be_made():
    count = MOST_FRAMES + 1
    with pytest.raises(NikiError, match="at most"):
        Motion(
            poses=np.broadcast_to(0.0, (count, 72)), trans=np.broadcast_to(0.0, (count, 3)),
            mocap_framerate=30.0, rest_joints=some_motion(frames=1).rest_joints,
        )  # fmt: skip


def test_readings_are_kept_whole_or_not_at_all(tmp_path, rng):
    hints = rng.normal(size=(12, 24, 3))
    hints[2:] = np.nan
    motion = some_motion(
        sigma=rng.uniform(size=(12, 29, 2)), hints=hints, errors_last=True, jumps=np.arange(12) == 5
    )
    motion.save(tmp_path / "m.npz")
    again = Motion.load(tmp_path / "m.npz")
    for name in ("sigma", "hints", "errors_last", "jumps"):
        np.testing.assert_array_equal(getattr(again, name), getattr(motion, name), err_msg=name)
    assert again.has_readings
    assert not again.resampled(60.0).has_readings
    with pytest.raises(NikiError, match="hints is missing"):
        some_motion(sigma=motion.sigma)
    for wrong in ({"sigma": motion.sigma + 1}, {"jumps": np.full(12, 2)}, {"errors_last": 0.5}):
        with pytest.raises(NikiError, match=next(iter(wrong))):
            some_motion(
                **({n: getattr(motion, n) for n in ("sigma", "hints", "errors_last", "jumps")} | wrong)
            )
