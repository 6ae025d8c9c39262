"""Windows of motion, the errors shown in them, and the table that compares solvers on them."""

from dataclasses import replace

import numpy as np
import pytest

from niki.body import rotation as rot
from niki.body.kinematics import forward_kinematics
from niki.body.skeleton import Bodies, Body
from niki.cli import main
from niki.errors import NikiError
from niki.evaluation.independent import gaps, independent_errors
from niki.evaluation.motion import as_markdown, as_seen, evaluate
from niki.evaluation.motion_cases import Case, make_cases
from niki.evaluation.motion_scores import (
    COLUMNS,
    contact_score,
    peak_speed_kept,
    scores,
    standing,
    standing_scores,
)
from niki.evaluation.motion_windows import Solved, as_motions, as_solved, readings
from niki.evaluation.standing import NEAR, SLOW, touching
from niki.evaluation.windows import Clips, seen_by_cameras
from niki.mocap.collection import Poses
from niki.motion.contacts import SOLE
from niki.solve.solver import Solver
from niki.solve.temporal import TemporalSolver


@pytest.fixture(scope="module")
def poses():
    """Two clips: one is long enough for windows, and has a frame that does not belong to it."""
    rng = np.random.default_rng(2)
    times = np.arange(200)[:, None, None] / 30
    turns = 0.3 * rng.normal(size=(24, 3)) * np.sin(2 * times + np.arange(24)[:, None])
    rotations = rot.matrix_from_axis_angle(turns).astype(np.float32)
    rotations[100, 18] = rot.matrix_from_axis_angle(np.array([0, 2.5, 0]))
    return Poses(
        rotations, np.repeat([0, 1], [170, 30]), np.array(["a", "b"]), np.array(["01", "02"]), np.array(["x", "x"]),
        np.tile(Body.default().bone_lengths, (2, 1)), np.zeros((2, 29)),
    )  # fmt: skip


def test_no_window_holds_the_edge_of_a_clip_or_a_leap(poses):
    starts = Clips(poses, 64).starts
    assert set(starts) == {*range(100 - 64 + 1), *range(101, 170 - 64 + 1)}
    assert list(Clips(poses, 64).spread(3)) == [0, starts[round((len(starts) - 1) / 2)], 106]


def test_people_stand_before_the_camera_on_the_ground(poses):
    clips = Clips(poses)
    starts = clips.spread(12)
    windows = seen_by_cameras(np.random.default_rng(0), clips.rotations(starts), clips.offsets(starts))
    body = Bodies(windows.offsets[:, None])
    joints = forward_kinematics(windows.rotations, body)[0]
    np.testing.assert_allclose(joints, windows.joints - windows.joints[:, :, :1], atol=1e-5)
    assert windows.joints[..., 2].min() >= 0.999
    height = (windows.joints * windows.up[:, None, None]).sum(-1)
    lowest = height.min(-1)
    np.testing.assert_allclose(lowest, lowest[:, :1] * np.ones(64), atol=1e-4)


def test_independent_errors_are_as_large_as_sigma_says(rng):
    joints = np.zeros((20, 64, 29, 3), np.float32) + [0, 0, 4]
    seen = independent_errors(rng, joints, np.zeros((20, 29, 3)), np.array([[0.01, 0.05]], np.float32))
    np.testing.assert_allclose((seen.joints - joints).std((0, 1, 2)), [0.01, 0.01, 0.05], rtol=0.02)
    np.testing.assert_allclose(seen.sigma[0, 0, 0], [0.01 / 0.11, 0.05 / 0.15], rtol=1e-5)


def test_a_gap_lies_inside_the_window(rng):
    missing = gaps(rng, 200, 64, 10, 40)
    assert not missing[:, [0, -1]].any()
    assert missing.sum(1).min() == 10
    assert missing.sum(1).max() == 40
    assert (np.diff(missing.astype(int), axis=1) == 1).sum(1).max() == 1


def solved(case, rotations=None, joints=None):
    windows = case.windows
    rotations = windows.rotations if rotations is None else rotations
    return Solved(rotations, windows.joints if joints is None else joints, windows.offsets)


def test_a_perfect_solution_has_no_error_and_a_turned_one_has(poses):
    cases = make_cases(poses, 2)
    case = cases["independent"]
    perfect = scores(case, solved(case))
    assert set(perfect) == set(COLUMNS)
    others = ("jitter", "peak", "hidden", "slide", "penetration", "float", "contacts")
    near = [name for name in perfect if name not in others]
    assert max(perfect[name] for name in near) < 0.1
    assert perfect["peak"] == pytest.approx(1, abs=1e-4)
    assert np.isnan(perfect["hidden"])
    turned = case.windows.rotations.copy()
    turned[:, :, 16] = turned[:, :, 16] @ rot.matrix_from_axis_angle(np.array([0, 0.24, 0]))
    assert scores(case, solved(case, turned))["rotation"] == pytest.approx(np.degrees(0.24) / 24, rel=1e-3)
    assert np.isnan(scores(case, as_seen(case))["rotation"])
    table = {title: {"perfect": perfect} for title in cases}
    assert as_markdown(table, 2).count("| perfect | 0.0 | 0.0 | 0.0 | 0.0 | 0.0 |") == len(cases)


def test_only_the_gap_is_scored_in_gaps(poses):
    case = make_cases(poses, 2)["lasting, nobody seen"]
    assert isinstance(case, Case)
    assert case.lasting
    np.testing.assert_array_equal(case.scored, case.seen.missing)
    wrong = case.windows.joints.copy()
    wrong[~case.scored] += np.linspace(0, 1, 29)[:, None].astype(np.float32)
    assert scores(case, solved(case, joints=wrong))["mpjpe"] < 0.1


def test_feet_that_slide_float_and_pierce_the_floor_are_told(poses):
    """A body that stands still, and then moves along the floor, and up and down."""
    case = standing_still(poses)
    windows = case.windows
    assert standing(case).all()
    assert max(standing_scores(case, solved(case)).values()) < 0.01
    time = np.arange(64, dtype=np.float32)
    slid = windows.joints + time[:, None, None] * np.float32([0.002, 0, 0])
    assert standing_scores(case, solved(case, joints=slid))["slide"] == pytest.approx(2, rel=0.01)
    hopped = windows.joints + (time % 4 == 0)[:, None, None] * np.float32([0, 0.01, 0])
    assert standing_scores(case, solved(case, joints=hopped))["float"] == pytest.approx(2.5, rel=0.01)
    sunk = windows.joints - (time % 4 == 0)[:, None, None] * np.float32([0, 0.01, 0])
    assert standing_scores(case, solved(case, joints=sunk))["penetration"] == pytest.approx(2.5, rel=0.01)


def standing_still(poses):
    """A window in which somebody stands in the rest pose, read without errors."""
    case = make_cases(poses, 1)["independent"]
    windows = case.windows
    windows.rotations[:] = np.eye(3)
    windows.joints[:] = Bodies(windows.offsets).rest_joints[:, None] + [0, 0, 4]
    windows.up[:] = [0, 1, 0]
    case.seen.joints[:] = windows.joints
    return case


def test_a_foot_in_the_air_or_on_its_way_does_not_touch():
    points = np.zeros((60, 4, 3))
    points[..., 1] = SOLE
    points[:, 1, 1] += NEAR + 0.001
    points[:, 2, 0] = np.arange(60) * (SLOW + 0.01) / 30
    np.testing.assert_array_equal(
        touching(points, np.array([0.0, 1, 0]), 0.0, 30.0).all(0), [True, False, False, True]
    )
    lower = touching(points + [0, 0.5, 0], np.array([0.0, 1, 0]), 0.5 + 0.002, 30.0)
    assert lower[:, 1].all()


def test_contacts_are_scored_where_somebody_is_seen(poses):
    case = standing_still(poses)
    contacts = np.ones((1, 64, 6))
    assert contact_score(case, contacts) == 1
    contacts[:, :32] = 0
    assert contact_score(case, contacts) == pytest.approx(2 / 3)
    case.seen.missing[:, :32] = True
    assert contact_score(case, contacts) == 1
    assert np.isnan(contact_score(case, None))


@pytest.mark.parametrize("name", ["independent", "lasting"])
def test_windows_are_the_same_as_motions_of_a_capture(poses, name):
    """Upright, their readings where they were, and back in the camera's space as they came."""
    case = make_cases(poses, 2)[name]
    given, truth = readings(case), solved(case)
    motions = as_motions(truth, given)
    back = as_solved(motions)
    np.testing.assert_allclose(back.joints, truth.joints, atol=1e-5)
    np.testing.assert_allclose(back.rotations, truth.rotations, atol=1e-5)
    np.testing.assert_allclose(back.foot_points(), truth.foot_points(), atol=1e-5)
    for k, motion in enumerate(motions):
        joints = motion.solved_joints()
        height = (case.windows.joints[k] * case.windows.up[k]).sum(-1)
        np.testing.assert_allclose(joints[..., 1], height, atol=1e-5)
        np.testing.assert_allclose(motion.in_camera(motion.joints), case.seen.joints[k], atol=1e-5)
        assert motion.errors_last == case.lasting
        assert ((motion.keypoints > 0) & (motion.keypoints < motion.image_size)).all()


def test_every_method_has_a_row_and_locked_feet_stand(poses, rng):
    """Somebody stands still, and is read as swaying and shaking."""
    case = replace(standing_still(poses), lasting=True)
    sway = 0.006 * np.sin(np.arange(64) / 5)[:, None, None] * rng.normal(size=(29, 3))
    case.seen.joints[:] += sway + 0.001 * rng.normal(size=sway.shape)
    table = evaluate({"standing": case}, Solver(), TemporalSolver())["standing"]
    methods = ("NIKI, frame by frame", "temporal NIKI", "clip solver, contacts found")
    changes = ("smoothed", "feet locked", "smoothed, feet locked")
    assert {f"{method}, {change}" for method in methods for change in changes} < set(table)
    for method in methods:
        before, smooth, locked, both = (
            table[name] for name in (method, *(f"{method}, {change}" for change in changes))
        )
        assert smooth["jitter"] < before["jitter"]
        assert max(locked["slide"], both["slide"]) < 0.01 < before["slide"]
        assert locked["contacts"] > 0.95
    assert as_markdown({"standing": table}, 1).count("\n|") == len(table) + 2


def test_noise_keeps_peak_speed_and_smoothing_takes_of_it(rng):
    time = np.linspace(0, 2, 61)
    joints = np.zeros((30, 61, 29, 3))
    joints[:, :, 20:22] = (np.sin(2 * np.pi * time)[:, None] * [0.4, 0, 0])[:, None]
    assert peak_speed_kept(joints + 0.005 * rng.normal(size=joints.shape), joints) == pytest.approx(
        1, abs=0.03
    )
    assert peak_speed_kept(0.8 * joints, joints) == pytest.approx(0.8)


def test_what_the_command_cannot_do_is_said_before_the_work(capsys):
    assert main(["eval", "motion", "--plot", "a.png"]) == 1
    assert "niki eval motion has no --runs and no --plot" in capsys.readouterr().err


def test_clips_that_are_too_short_are_refused(poses):
    with pytest.raises(NikiError, match="no clip of 64 frames"):
        make_cases(poses.of_clips(np.array([False, True])), 4)
