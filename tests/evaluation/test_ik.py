"""The evaluation's cases are what they are called, its scores are right, and its command prints them."""

import numpy as np
import pytest
from conftest import some_motion

from niki.body import rotation as rot
from niki.body.kinematics import forward_kinematics
from niki.cli import main
from niki.evaluation.cases import draw_truth, make_cases, noisy, scores
from niki.formats.bvh import save_bvh
from niki.mocap.collection import Poses, load_bvh_folder
from niki.network.uncertainty import metres_from_sigma


@pytest.fixture(scope="module")
def poses():
    rng = np.random.default_rng(2)
    turns = rng.normal(size=(300, 24, 3)) * 0.3
    return Poses(
        rot.matrix_from_axis_angle(turns).astype(np.float32), np.repeat(np.arange(3), 100), np.array(list("abc")),
        np.array(list("abc")), np.array(list("xxx")), np.tile(np.linspace(0.2, 0.3, 29), (3, 1)), np.zeros((3, 29)),
    )  # fmt: skip


@pytest.fixture(scope="module")
def truth(poses):
    return draw_truth(poses, 250)


@pytest.fixture(scope="module")
def cases(poses):
    return make_cases(poses, 250)


def test_truth_is_consistent_and_repeats(truth):
    joints = forward_kinematics(truth.rotations, truth.bodies)[0]
    np.testing.assert_allclose(joints, truth.joints, atol=1e-9)
    np.testing.assert_array_equal(joints[:, 0], 0)


def test_the_truth_scores_zero_and_a_turned_bone_its_angle(truth, cases):
    case = cases["clean, twist given"]
    perfect = scores(case, truth.rotations)
    assert perfect["mpjpe"] == pytest.approx(0, abs=1e-6)
    assert perfect["rotation"] == pytest.approx(0, abs=1e-3)
    turned = truth.rotations.copy()
    turned[:, 22] = turned[:, 22] @ rot.matrix_from_axis_angle(np.array([0.24, 0, 0]))
    assert scores(case, turned)["rotation"] == pytest.approx(np.degrees(0.24) / 24, rel=1e-3)


def test_noise_has_the_size_it_is_called_by(truth):
    error = noisy(truth, np.random.default_rng(0), 0.02).joints - truth.joints
    assert error.std() == pytest.approx(0.02, rel=0.02)


def test_detector_errors_are_26_across_and_60_to_110_along(truth, cases):
    case = cases["detector"]
    error = case.joints - truth.joints
    along = (error * case.view[:, None]).sum(-1)
    across = error - along[..., None] * case.view[:, None]
    assert np.sqrt((across**2).sum(-1).mean()) == pytest.approx(0.026, rel=0.1)
    assert 0.075 < along.std() < 0.1
    assert metres_from_sigma(case.sigma[..., 1]).min() > 0.059
    assert np.isnan(case.twist).all()
    # Half of the variance is a bias that lasts through the clip.
    yaw_free = error[truth.clip == 0][..., 1]
    assert yaw_free.mean(0).std() == pytest.approx(0.026 / 2, rel=0.5)


def test_hidden_joints_are_as_many_as_it_says_and_off(truth, cases):
    share = cases["30-50 % occluded"].hidden.mean(1)
    assert share.min() >= 9 / 29
    assert share.max() <= 15 / 29
    assert (cases["one limb occluded"].hidden.sum(1) == 5).all()
    assert (cases["6 effectors"].hidden.sum(1) == 23).all()
    given = (~cases["6-12 joints"].hidden).sum(1)
    assert given.min() >= 6
    assert given.max() <= 12
    case = cases["30-50 % occluded"]
    off = np.linalg.norm(case.joints - truth.joints, axis=-1)
    assert off[case.hidden].mean() > 0.2
    assert off[~case.hidden].mean() < 0.02
    given_exactly = cases["6-12 joints"]
    np.testing.assert_array_equal(
        given_exactly.joints[~given_exactly.hidden], truth.joints[~given_exactly.hidden]
    )


def test_any_folder_of_bvh_can_be_measured(tmp_path, capsys):
    for k in range(2):
        save_bvh(some_motion(frames=8, seed=k), tmp_path / f"{k}.bvh")
    assert len(load_bvh_folder(tmp_path).names) == 2
    arguments = ["eval", "ik", "--data", str(tmp_path), "--poses", "12", "-o", str(tmp_path / "report.md")]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert printed == (tmp_path / "report.md").read_text()
    rows = [line for line in printed.splitlines() if line.startswith(("| analytic |", "| NIKI |"))]
    assert len(rows) >= 4
    assert "12 poses of 2 people" in printed
    assert "Spearman" in printed


def test_what_cannot_be_measured_is_named(tmp_path, capsys):
    assert main(["eval", "ik", "--data", str(tmp_path / "none")]) == 1
    assert "There is no folder" in capsys.readouterr().err
    assert main(["eval", "ik", "--data", str(tmp_path)]) == 1
    assert "no .bvh file" in capsys.readouterr().err
