"""Windows of motion: who is in which split, how long they are, and that rare poses are not rare."""

import numpy as np
from corpus_samples import some_poses

from niki.body import rotation as rot
from niki.body.kinematics import forward_kinematics
from niki.body.skeleton import MIRROR, Body
from niki.corpus.motions import LONGEST, SHORTEST, Motions, digest


def windows(motions, count=60):
    return [motions.draw(np.random.default_rng(k)) for k in range(count)]


def test_people_held_out_are_only_in_the_test_split():
    poses = some_poses(subjects=("01", "14", "", "86"))
    train, test = Motions([poses], "train"), Motions([poses], "test")
    assert (len(train), len(test)) == (2, 2)
    assert {window.subject for window in windows(train)} == {"01", "source"}
    assert {window.subject for window in windows(test)} == {"14", "86"}


def test_a_window_is_a_stretch_of_the_clip_at_half_the_rate():
    poses = some_poses(subjects=("01",))
    for window in windows(Motions([poses], "train"), 20):
        count = len(window.rotations)
        assert SHORTEST <= count <= LONGEST
        expected = poses.rotations[window.start :: 2][:count].astype(float)
        if window.mirrored:
            mirror = np.diag([-1.0, 1, 1])
            expected = mirror @ expected[:, list(MIRROR[:24])] @ mirror
        assert np.allclose(window.rotations, expected)


def test_a_mirrored_window_moves_the_mirrored_body():
    poses = some_poses(subjects=("01",))
    window = next(w for w in windows(Motions([poses], "train")) if w.mirrored)
    there = forward_kinematics(window.rotations[0], Body.default())[0]
    source = forward_kinematics(poses.rotations[window.start].astype(float), Body.default())[0]
    assert np.allclose(there, source[list(MIRROR)] * [-1, 1, 1], atol=1e-5)


def test_a_short_clip_is_played_to_and_fro():
    poses = some_poses(subjects=("01",), frames=30)
    for window in windows(Motions([poses], "train"), 20):
        turns = rot.angle_between(window.rotations[1:], window.rotations[:-1]).max(1)
        assert len(window.rotations) >= SHORTEST
        assert turns.max() < 0.3  # nothing jumps at the turning points


def test_a_clip_that_is_much_too_short_is_left_out():
    assert len(Motions([some_poses(subjects=("01",), frames=10)], "train")) == 0


def test_rare_poses_are_drawn_in_a_quarter_of_windows():
    poses = some_poses(subjects=("01",), frames=6000)
    poses.rotations[:] = np.eye(3)
    poses.rotations[3000:3060, 0] = rot.matrix_from_axis_angle(np.array([np.pi / 2, 0, 0]))  # lies for 2 s
    drawn = windows(Motions([poses], "train"), 400)
    lying = [(window.rotations[:, 0, 1, 1] < 0.5).any() for window in drawn]
    assert 0.2 < np.mean(lying) < 0.35


def test_a_hash_tells_collections_apart():
    assert digest(some_poses(1)) == digest(some_poses(1))
    assert digest(some_poses(1)) != digest(some_poses(2))
    assert digest(some_poses(1)) != digest(some_poses(1, subjects=("01", "15", "")))
