"""Solving again from readings: the same as at first, without the footage."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("scipy", reason="niki[capture] is not installed here")

from conftest import some_motion
from test_capture import exact_estimate

from niki.body import rotation as rot
from niki.capturing.footage.camera import Camera
from niki.capturing.pipeline import motion_from_estimate, readings_of
from niki.capturing.refining import solve_readings
from niki.cli import main
from niki.errors import NikiError
from niki.motion.floor import scaled_to_height, standing_height
from niki.motion.motion import Motion
from niki.motion.refinement import LIMBS, Refinement

CAMERA = Camera.of((660, 460), 900.0)
OFF = Refinement(0, 0, 0, 0)


@pytest.fixture
def estimate(rng):
    """Twelve uncertain frames, one of them a gap, by a camera that looks down and turns."""
    found = exact_estimate(some_motion(), gaps=[4])
    found.joints += 0.02 * rng.normal(size=found.joints.shape)
    found.sigma[found.seen] = rng.uniform(0.1, 0.4, found.sigma[found.seen].shape)
    found.hints[found.seen, 20] = rot.normalize(rng.normal(size=(11, 3)))
    angles = np.linspace(0, 0.1, 12)[:, None] * [0, 1, 0]
    return replace(
        found,
        up=rot.normalize(np.array([0.1, -1, -0.2])),
        turns=rot.matrix_from_axis_angle(angles),
        jumps=np.array([8]),
    )


@pytest.mark.parametrize("solver", ["niki", "niki-temporal", "hybrik"])
def test_solving_again_gives_what_the_capture_gave(tmp_path, estimate, solver):
    captured = motion_from_estimate(estimate, CAMERA, 30.0, solver)
    captured.save(tmp_path / "m.npz")
    again = solve_readings(Motion.load(tmp_path / "m.npz"), solver)
    for name in ("poses", "trans", "confidence", "joints", "camera_pose", "rest_joints", "sigma", "hints"):
        np.testing.assert_allclose(getattr(again, name), getattr(captured, name), atol=1e-6, err_msg=name)
    np.testing.assert_array_equal(again.jumps, captured.jumps)


def test_a_height_is_given_before_solving_so_that_solving_again_changes_nothing(estimate):
    given = scaled_to_height(readings_of(estimate, CAMERA, 30.0), 1.3)
    captured = solve_readings(given)
    assert standing_height(captured.body) == pytest.approx(1.3)
    np.testing.assert_allclose(solve_readings(captured).solved_joints(), captured.solved_joints(), atol=1e-6)


def test_another_solver_and_smoothing_start_from_the_readings(estimate):
    captured = motion_from_estimate(estimate, CAMERA, 30.0, "niki")
    detour = solve_readings(captured, "hybrik", Refinement(0.5, 0.5, 0.5, 0.5))
    assert np.abs(detour.poses - captured.poses).max() > 0.01
    back = solve_readings(detour, "niki")
    np.testing.assert_allclose(back.poses, captured.poses, atol=1e-6)
    np.testing.assert_allclose(back.trans, captured.trans, atol=1e-6)
    assert detour.source.endswith("solver hybrik")


def test_each_limb_is_smoothed_by_itself_and_off_is_off(estimate):
    plain = solve_readings(motion_from_estimate(estimate, CAMERA, 30.0), refinement=OFF)
    for limb, bones in LIMBS.items():
        smooth = solve_readings(plain, refinement=replace(OFF, **{f"smooth_{limb}": 0.3}))
        poses, before = (m.poses.reshape(-1, 24, 3)[plain.seen] for m in (smooth, plain))
        others = [bone for bone in range(24) if bone not in bones]
        np.testing.assert_allclose(poses[:, others], before[:, others], atol=1e-12)
        assert (np.abs(poses[:, bones] - before[:, bones]).max((0, 2)) > 0).all()


def test_contacts_that_are_told_count_instead_of_those_found(estimate):
    captured = motion_from_estimate(estimate, CAMERA, 30.0, "niki")
    told = np.zeros((12, 6))
    told[3:9, [2, 3, 4]] = 1
    solved = solve_readings(captured, "niki", contacts=told)
    np.testing.assert_array_equal(solved.contacts, told)
    moved = [np.ptp(m.solved_joints()[3:9, [20, 22, 28]], 0).max(-1) for m in (captured, solved)]
    assert (moved[1] < 0.3 * moved[0]).all(), (
        moved
    )  # left wrist and palm, right toes; as far as the limbs reach
    with pytest.raises(NikiError, match=r"contacts must have shape \(12, 6\), not \(11, 6\)"):
        solve_readings(captured, contacts=told[1:])


def test_a_motion_without_readings_says_so(tmp_path, capsys):
    some_motion().save(tmp_path / "m.npz")
    assert main(["solve", str(tmp_path / "m.npz"), "-o", str(tmp_path / "new.npz")]) == 1
    assert "no readings to solve it from" in capsys.readouterr().err
    assert not (tmp_path / "new.npz").exists()


def test_the_command_solves_again_and_keeps_its_input(tmp_path, estimate, capsys):
    path, out = tmp_path / "m.npz", tmp_path / "new.npz"
    motion_from_estimate(estimate, CAMERA, 30.0, "niki").save(path)
    before = path.read_bytes()
    off = [f"--smooth-{limb}=0" for limb in LIMBS]
    assert main(["solve", str(path), "-o", str(out), "--solver", "hybrik", *off]) == 0
    expected = motion_from_estimate(estimate, CAMERA, 30.0, "hybrik", refinement=OFF)
    np.testing.assert_allclose(Motion.load(out).poses, expected.poses, atol=1e-6)
    kept = replace(Motion.load(path), contacts=np.eye(12, 6))
    kept.save(tmp_path / "edited.npz")
    assert main(["solve", str(tmp_path / "edited.npz"), "-o", str(out), "--contacts", "kept"]) == 0
    np.testing.assert_array_equal(Motion.load(out).contacts, kept.contacts)
    assert main(["solve", str(path), "-o", str(path)]) == 1
    assert "is the input itself" in capsys.readouterr().err
    assert path.read_bytes() == before


@pytest.mark.parametrize("seconds", [-0.1, 2.1, np.nan, "much"])
def test_smoothing_out_of_range_is_named(seconds):
    with pytest.raises(NikiError, match="Smoothing of the arms"):
        Refinement(smooth_arms=seconds)
