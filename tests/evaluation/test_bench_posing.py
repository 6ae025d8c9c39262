"""Posing measured on the sample's motion: what the report says of methods whose error is known."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import ROOT

from niki.body.kinematics import forward_kinematics
from niki.body.rotation import about_axis
from niki.evaluation.posing.handling import (
    FarPull,
    Return,
    go_and_return,
    move_without_pull,
    pull_far,
    time_drags,
)
from niki.evaluation.posing.methods import CCD, CLASSICAL, NIKI, Pulling, all_methods, our_methods
from niki.evaluation.posing.nearness import nearest_training_poses
from niki.evaluation.posing.problems import CASES, DRAG, DRAGGED_WRIST, make_problems
from niki.evaluation.posing.report import Report, as_markdown
from niki.evaluation.posing.scores import COLUMNS, Scores, compare, measure
from niki.mocap.collection import Poses
from niki.motion.motion import Motion
from niki.pose.posing import Poser
from niki.pose.targets import Posture

SAMPLE = Motion.load(ROOT / "samples/sample_truth.npz")
POSES = Poses(
    SAMPLE.rotations.astype(np.float32), np.zeros(len(SAMPLE), int), np.array(["sample"]), np.array(["1"]),
    np.array(["sample"]), SAMPLE.body.bone_lengths[None], np.zeros((1, 29)),
)  # fmt: skip


def problems_of(case, count=3):
    return make_problems(POSES, case, count, np.random.default_rng(0))


def joints(problem, posture):
    return Poser(problem.body).joints(posture)


@pytest.mark.parametrize("case", CASES)
def test_problems_are_of_one_clip_and_end_at_true_joints(case):
    for problem in problems_of(case):
        for target in problem.targets:
            wanted = joints(problem, problem.truth)[target.index]
            np.testing.assert_allclose(wanted, target.position, atol=1e-9)
        np.testing.assert_allclose(joints(problem, problem.start)[0], 0, atol=1e-9)


def test_a_wrist_that_is_dragged_moves():
    for problem in problems_of(DRAGGED_WRIST):
        (target,) = problem.targets
        assert np.linalg.norm(joints(problem, problem.start)[target.index] - target.position) >= 0.03


def test_a_drag_goes_through_every_frame_of_a_third_of_a_second():
    for problem in problems_of(DRAG):
        assert len(problem.path) == 10
        assert 1 <= len(problem.targets) <= 3
        frame = next(
            k
            for k, rotations in enumerate(POSES.rotations)
            if np.array_equal(rotations, problem.start.rotations)
        )
        for k, targets in enumerate(problem.path, start=frame + 1):
            places = forward_kinematics(POSES.rotations[k].astype(float), problem.body, -problem.body.pelvis)[
                0
            ]
            for target in targets:
                np.testing.assert_allclose(places[target.index], target.position, atol=1e-6)


def test_the_table_knows_the_truth_from_guesses():
    problems = problems_of(DRAG)
    table = measure(all_methods({}), problems)
    assert table["the true pose"].mean("mpjpe") == table["the true pose"].mean("unpulled") == 0
    assert table["the true pose"].mean("effector") < 1e-6
    assert table["the start pose"].mean("effector") > 30
    assert table[NIKI].mean("effector") < 1
    assert table[CCD].mean("effector") < 100  # bones stay rotations over a whole drag
    assert 0 < table[NIKI].mean("mpjpe") < table["refinement from the rest pose"].mean("mpjpe")
    assert len(table[NIKI].milliseconds) == 10 * len(problems)


def test_what_was_not_pulled_are_hands_and_head():
    (problem,) = problems_of(DRAGGED_WRIST, 1)
    turned = problem.truth.rotations.copy()
    turned[12] = about_axis(np.array([0.0, 1.0, 0.0]), np.array([0.0, 1.0])) @ turned[12]  # the neck
    apart = np.linalg.norm(
        joints(problem, Posture(turned, problem.truth.translation)) - joints(problem, problem.truth), axis=-1
    )
    assert apart[15] > 0.01
    found = measure({"turned": lambda p: iter([Posture(turned, p.truth.translation)])}, [problem])["turned"]
    assert found.mean("unpulled") == pytest.approx(1000 * apart[15] / 2)  # the other wrist is where it was


def test_a_method_twice_as_good_is_fifty_percent_better():
    rows = np.abs(np.random.default_rng(0).normal(size=(40, len(COLUMNS)))) + 0.1
    rows[::3, COLUMNS.index("unpulled")] = np.nan
    ours, other = Scores(rows / 2, np.zeros(1)), Scores(rows, np.zeros(1))
    for column in ("mpjpe", "unpulled"):
        assert compare(ours, other, column, np.arange(40) // 5) == pytest.approx((-50, -50, -50))
    noisy = replace(other, rows=rows[::-1])
    change, low, high = compare(ours, noisy, "mpjpe", np.arange(40) // 5)
    assert low < change < high


def test_the_way_back_leads_back_and_nothing_moves_without_a_pull():
    problems = problems_of(DRAGGED_WRIST, 1)
    for method in (Pulling(None, plant_feet=True), our_methods({})[NIKI].planting(True)):
        moved, turned = move_without_pull(method, problems)
        assert moved < 0.01
        assert turned < 0.01
    found = go_and_return(our_methods({})[NIKI].planting(True), problems)
    assert 0 < found.turns[0] <= found.turns[1] < 5
    assert found.home[1] < 5


def test_a_wrist_pulled_far_arrives_and_takes_along_as_much_as_is_to_follow():
    problems = problems_of(DRAGGED_WRIST)
    methods = our_methods({})
    far = {follow: pull_far(methods[f"{NIKI}, follow {follow}"], problems) for follow in (0, 1)}
    for pull in far.values():
        assert pull.missed < 1
        assert pull.other_wrist[0] <= pull.other_wrist[1]
    assert far[0].other_wrist[0] < far[1].other_wrist[0]


def test_times_are_of_every_update():
    times = time_drags({"ours": Pulling(None)}, problems_of(DRAG, 2))["ours"]
    assert 0 < times.p50 <= times.p99
    assert times.first > 0


def test_a_pose_trained_on_is_near_whichever_way_it_faces():
    turned = POSES.rotations.copy()
    turned[:, 0] = about_axis(np.array([0.0, 1.0, 0.0]), np.array([0.0, 1.0])) @ turned[:, 0]
    least, low, median = nearest_training_poses(replace(POSES, rotations=turned), POSES)["1"]
    assert least <= low <= median < 0.1
    half = turned.copy()
    half[:, 1:] = half[:, 1:] @ about_axis(np.array([1.0, 0.0, 0.0]), np.array([np.cos(0.1), np.sin(0.1)]))
    far = nearest_training_poses(replace(POSES, rotations=half), POSES.of_frames(np.arange(len(POSES)) == 0))
    assert 4 < far["1"][0] < 180


def test_the_report_has_every_case_and_method():
    problems = problems_of(DRAG, 2)
    everything, ours = all_methods({}), {"NIKI + refinement": Pulling(None), CLASSICAL: Pulling(None)}
    clips = np.array([problem.clip for problem in problems])
    text = as_markdown(
        Report(
            "the sample", {DRAG: measure(everything, problems)}, {DRAG: clips},
            {CLASSICAL: (FarPull((1, 2), (3, 4), 0.1),) * 2}, {CLASSICAL: Return((0.1, 2), 1, (0.5, 2), 3)},
            {CLASSICAL: (0, 0)}, time_drags(ours, problems), 5.0, nearest_training_poses(POSES, POSES),
        )
    )  # fmt: skip
    for words in (DRAG, *everything, "not pulled", ": 1 0.0 / 0.0 / 0.0", "| 1 / 2 | 3 / 4 |"):
        assert words in text
    assert "nan" not in text
