import numpy as np
import pytest

pytest.importorskip("scipy", reason="niki[capture] is not installed here")

from niki.body import rotation as rot
from niki.motion.refinement import LIMBS
from niki.motion.smoothing import smooth_limbs

EVERYWHERE = dict.fromkeys(LIMBS, 0.2)


def test_every_bone_is_in_one_limb():
    assert sorted(bone for bones in LIMBS.values() for bone in bones) == list(range(24))


def test_smoothing_does_not_depend_on_the_axes(rng):
    turn = rot.matrix_from_axis_angle(rng.normal(size=(24, 3)))
    wave = np.cumsum(0.3 * rng.normal(size=(60, 24, 3)), 0)
    matrices = rot.matrix_from_axis_angle(wave)
    smoothed = []
    for before in (matrices, turn @ matrices):
        poses = rot.axis_angle_from_matrix(before).reshape(60, 72).copy()
        smooth_limbs(poses, np.zeros((60, 3)), 30.0, EVERYWHERE)
        smoothed.append(rot.matrix_from_axis_angle(poses.reshape(60, 24, 3)))
    np.testing.assert_allclose(turn @ smoothed[0], smoothed[1], atol=1e-7)


def test_an_even_turn_and_an_even_path_stay_and_jitter_goes(rng):
    axis = rot.normalize(rng.normal(size=(24, 3)))
    steady = rot.matrix_from_axis_angle(
        np.arange(90)[:, None, None] * 0.15 * axis
    )  # more than two full turns
    jitter = rot.matrix_from_axis_angle(0.1 * (-1.0) ** np.arange(90)[:, None, None] * axis[::-1])
    path = np.arange(90)[:, None] * [0.02, 0, 0.01]
    for extra, bound in ((np.eye(3), 0.01), (jitter, 0.03)):
        poses, trans = rot.axis_angle_from_matrix(steady @ extra).reshape(90, 72).copy(), path.copy()
        smooth_limbs(poses, trans, 30.0, EVERYWHERE)
        off = rot.angle_between(rot.matrix_from_axis_angle(poses.reshape(90, 24, 3)), steady)[15:-15]
        assert off.max() < bound
        np.testing.assert_allclose(trans, path, atol=1e-9)


def test_what_repeats_within_the_time_given_is_halved():
    time = np.arange(300) / 60
    poses = np.zeros((300, 72))
    poses[:, 3 * 16] = 0.2 * np.sin(2 * np.pi * time / 0.25)
    smooth_limbs(poses, np.zeros((300, 3)), 60.0, dict.fromkeys(LIMBS, 0.25))
    assert np.abs(poses[60:-60, 3 * 16]).max() == pytest.approx(0.1, rel=0.05)
