"""Readings of rendered people are drawn with their poses, and mirrored as a mirror would."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed here (niki[train])")

from niki.body import rotation as rot
from niki.body.kinematics import forward_kinematics, swing_and_twist
from niki.body.skeleton import Bodies, Body
from niki.corpus.observed import Observed
from niki.errors import NikiError
from niki.training.batches import BatchMaker
from niki.training.corruption import KINDS_OF_CORRUPTION
from niki.training.readings import Readings

ONLY = dict.fromkeys(KINDS_OF_CORRUPTION, 0.0) | {"reading": 1.0}


def perfect(count=40, seed=0, subject="01"):
    """Readings without any error."""
    rng = np.random.default_rng(seed)
    rotations = rot.matrix_from_axis_angle(0.4 * rng.normal(size=(count, 24, 3)))
    lengths = np.tile(Body.default().bone_lengths, (count, 1))
    joints = forward_kinematics(rotations, Body.default())[0]
    twist = swing_and_twist(rotations, Body.default())[1]
    twist[:, 5] = np.nan
    values = {
        "joints": joints + [0.1, 0.2, 5.0], "sigma": np.full((count, 29, 2), 0.3), "twist": twist,
        "view": np.tile([0.6, 0.0, 0.8], (count, 1)), "lengths": lengths,
        "rotations": rotations, "own_lengths": lengths, "time": np.zeros(count),
    }  # fmt: skip
    single = {name: value.astype(np.float32) for name, value in values.items()}
    return Observed(**single, clip=np.zeros(count, int), subject=np.full(count, subject))


def test_a_reading_fits_its_pose_mirrored_or_not():
    readings = Readings(perfect())
    rotations, seen, own, measured = readings.draw(400, torch.Generator().manual_seed(0))
    joints = forward_kinematics(rotations, own)[0]
    apart = (seen.joints - seen.joints[:, :1]) - (joints - joints[:, :1])
    assert apart.abs().max() < 1e-4  # also where the pose was changed
    mirrored = seen.view[:, 0] < 0
    assert 0.3 < mirrored.float().mean() < 0.7
    twist = swing_and_twist(rotations, own)[1]
    known = seen.known > 0
    assert (seen.twist - twist)[known].abs().max() < 1e-3
    assert 0.3 < known.float().mean() < 0.6  # half of the readings come without hints
    assert not known[:, 5][~mirrored].any()
    torch.testing.assert_close(own.offsets, measured.offsets)


def test_batches_of_readings_have_the_readings_poses():
    poses = rot.matrix_from_axis_angle(np.zeros((50, 24, 3))).astype(np.float32)
    chunk = BatchMaker(poses, ONLY, 0, readings=Readings(perfect())).chunk(64)
    observed = chunk.observation.joints - chunk.observation.joints[:, :1]
    assert (observed - chunk.joints).abs().max() < 1e-4
    solved = forward_kinematics(rot.matrix_from_6d(chunk.pose.reshape(64, 24, 6)), Bodies(chunk.offsets))[0]
    assert (solved - chunk.joints).abs().max() < 1e-4


def test_people_held_out_are_not_trained_on():
    with pytest.raises(NikiError, match="no readings of people who are trained on"):
        Readings(perfect(subject="14"))
    poses = rot.matrix_from_axis_angle(np.zeros((50, 24, 3))).astype(np.float32)
    with pytest.raises(NikiError, match="there is no corpus"):
        BatchMaker(poses, ONLY, 0).chunk(8)
