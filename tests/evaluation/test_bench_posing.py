"""Posing measured on the sample's motion: what the table says of methods whose error is known."""

import numpy as np
from conftest import ROOT

from niki.evaluation.posing import evaluate, make_problems
from niki.mocap.collection import Poses
from niki.motion.motion import Motion
from niki.pose.posing import Poser

SAMPLE = Motion.load(ROOT / "samples/sample_truth.npz")
POSES = Poses(
    SAMPLE.rotations.astype(np.float32), np.zeros(len(SAMPLE), int), np.array(["sample"]), np.array(["1"]),
    np.array(["sample"]), SAMPLE.body.bone_lengths[None], np.zeros((1, 29)),
)  # fmt: skip


def test_problems_are_of_one_clip_and_their_targets_are_the_true_joints():
    problems = make_problems(POSES, "1 dragged wrist", 5, np.random.default_rng(0))
    assert len(problems) == 5
    for problem in problems:
        poser = Poser(problem.body)
        (target,) = problem.targets
        np.testing.assert_allclose(poser.joints(problem.truth)[target.index], target.position, atol=1e-9)
        assert np.linalg.norm(poser.joints(problem.start)[target.index] - target.position) >= 0.03
        np.testing.assert_allclose(poser.joints(problem.start)[0], 0, atol=1e-9)


def test_the_table_knows_the_truth_from_guesses():
    table, jumps = evaluate(POSES, 4, {})
    for rows in table.values():
        assert rows["the true pose"]["mpjpe"] == 0
        assert rows["the true pose"]["effector"] < 1e-6
        assert rows["NIKI + refinement"]["effector"] < 1
        assert 0 < rows["NIKI + refinement"]["mpjpe"] < rows["refinement from the rest pose"]["mpjpe"]
    assert all(0 < median <= greatest < 5 for median, greatest in jumps.values())
