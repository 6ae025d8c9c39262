"""AMASS's files and their relatives, made here as the datasets lay them out."""

import numpy as np
import pytest
from conftest import some_motion

from niki.body import rotation as rot
from niki.errors import NikiError
from niki.formats.amass import is_amass, load_amass, save_amass


def standing(frames, width, **fields):
    """Someone upright in AMASS's world: Z up, facing -Y, so turned by 90 degrees about X."""
    poses = np.zeros((frames, width))
    poses[:, 0] = np.pi / 2
    poses[:, 3 * 18 : 3 * 18 + 3] = [0.1, 0.2, 0.3]
    return {"poses": poses, "trans": np.tile([1.0, 2.0, 1.2], (frames, 1)), "mocap_framerate": 120.0} | fields


@pytest.mark.parametrize("width", [66, 72, 156, 165])
def test_body_joints_are_taken_and_the_world_is_turned_up(tmp_path, width):
    np.savez(tmp_path / "a.npz", **standing(5, width, betas=np.ones(16), gender="female"))
    motion = load_amass(tmp_path / "a.npz")
    joints = motion.solved_joints()
    assert motion.mocap_framerate == 120
    np.testing.assert_allclose(rot.angle_between(motion.rotations[:, 0], np.eye(3)), 0, atol=1e-6)
    assert (joints[:, 15, 1] > joints[:, 0, 1]).all()  # the head is up
    np.testing.assert_allclose(joints[:, 0], np.tile([0.998, 1.228, -1.777], (5, 1)), atol=2e-3)
    np.testing.assert_allclose(motion.poses[0, 54:57], [0.1, 0.2, 0.3], atol=1e-9)
    assert (motion.gender, motion.betas.sum()) == ("female", 10)


def test_smplx_names_of_rate_and_pose_parts_are_known(tmp_path):
    parts = {"root_orient": np.tile([np.pi / 2, 0, 0], (3, 1)), "pose_body": np.full((3, 63), 0.01)}
    np.savez(tmp_path / "a.npz", mocap_frame_rate=60, trans=np.zeros((3, 3)), **parts)
    motion = load_amass(tmp_path / "a.npz")
    assert motion.mocap_framerate == 60
    np.testing.assert_allclose(motion.poses[:, 3:66], 0.01, atol=1e-9)
    np.testing.assert_allclose(motion.poses[:, 66:], 0, atol=1e-9)


def test_what_is_written_is_read_again(tmp_path):
    motion = some_motion(frames=9)
    save_amass(motion, tmp_path / "a.npz")
    assert is_amass(tmp_path / "a.npz")
    back = load_amass(tmp_path / "a.npz")
    assert rot.angle_between(back.rotations, motion.rotations).max() < 1e-6
    pelvis = [m.trans + m.rest_joints[0] for m in (back, motion)]
    np.testing.assert_allclose(pelvis[0], pelvis[1], atol=1e-9)
    assert back.mocap_framerate == motion.mocap_framerate


def test_our_own_proportions_come_back(tmp_path):
    motion, said = some_motion(), []
    save_amass(motion, tmp_path / "a.npz")
    back = load_amass(tmp_path / "a.npz", said.append)
    np.testing.assert_array_equal(back.rest_joints, motion.rest_joints)
    np.testing.assert_allclose(back.solved_joints(), motion.solved_joints(), atol=1e-9)
    assert not said


def test_one_is_told_that_another_bodys_proportions_are_not_known(tmp_path):
    said = []
    np.savez(tmp_path / "a.npz", **standing(5, 72, betas=np.ones(10)))
    load_amass(tmp_path / "a.npz", said.append)
    assert len(said) == 1
    assert "proportions are not known" in said[0]
    np.savez(tmp_path / "a.npz", **standing(5, 72, betas=np.zeros(10)))
    load_amass(tmp_path / "a.npz", said.append)
    assert len(said) == 1


def test_a_file_of_amass_smplx_as_it_is_published(tmp_path):
    """Stage II: a dictionary among its fields, pickled, that is of no use here."""
    full = standing(5, 165, betas=np.zeros(16)) | {
        "gender": np.array(b"female"), "surface_model_type": "smplx", "mocap_frame_rate": np.array([120.0]),
        "mocap_time_length": 1.0, "markers_latent": np.zeros((3, 3)), "latent_labels": np.array(["a", "b", "c"]),
        "markers_latent_vids": np.array({"a": 1}, dtype=object), "num_betas": 16,
        "root_orient": np.zeros((5, 3)), "pose_body": np.zeros((5, 63)), "pose_hand": np.zeros((5, 90)),
        "pose_jaw": np.zeros((5, 3)), "pose_eye": np.zeros((5, 6)),
    }  # fmt: skip
    del full["mocap_framerate"]
    np.savez(tmp_path / "Jog_1_stageii.npz", **full)
    assert is_amass(tmp_path / "Jog_1_stageii.npz")
    motion = load_amass(tmp_path / "Jog_1_stageii.npz")
    assert (len(motion), motion.mocap_framerate, motion.gender) == (5, 120, "female")


def test_our_own_files_are_told_apart(tmp_path):
    some_motion().save(tmp_path / "m.npz")
    assert not is_amass(tmp_path / "m.npz")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"poses": None}, "lacks the field 'poses'"),
        ({"mocap_framerate": None}, "does not say its frame rate"),
        ({"mocap_framerate": 0.0}, "must be a positive number"),
        ({"poses": np.zeros((5, 70))}, "finite numbers, not"),
        ({"poses": np.full((5, 72), np.nan)}, "finite numbers"),
        ({"poses": np.zeros((0, 72))}, "poses must be"),
        ({"trans": np.zeros((4, 3))}, "trans must have shape"),
        ({"trans": np.array([["a"] * 3] * 5)}, "trans must hold numbers"),
        ({"trans": np.full((5, 3), np.inf)}, "trans must hold finite numbers"),
        ({"poses": np.array([["a"] * 72] * 5)}, "poses must hold numbers"),
        ({"poses": np.full((5, 72), 1e300)}, "poses must hold finite numbers"),
        ({"betas": np.array(["a"])}, "betas must hold numbers"),
        ({"mocap_framerate": np.array("fast")}, "mocap_framerate must hold numbers"),
        ({"niki_rest_joints": np.zeros((29, 3))}, "rest_joints has a bone of zero length"),
    ],
)
def test_a_wrong_field_is_named(tmp_path, change, message):
    values = {n: v for n, v in (standing(5, 72) | change).items() if v is not None}
    np.savez(tmp_path / "a.npz", **values)
    with pytest.raises(NikiError, match=message):
        load_amass(tmp_path / "a.npz")


def test_a_file_that_is_none_is_refused(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"nothing of the kind")
    with pytest.raises(NikiError, match=r"not a motion file"):
        load_amass(tmp_path / "a.npz")
    with pytest.raises(NikiError, match="There is no file"):
        load_amass(tmp_path / "b.npz")
