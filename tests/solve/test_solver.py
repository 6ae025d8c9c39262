"""The solver as a user meets it: exact where joints are, sane where they are not, clear refusals."""

import numpy as np
import pytest
from conftest import ROOT, random_rotations
from hypothesis import given, settings
from hypothesis import strategies as st

from niki.body import rotation as rot
from niki.body.kinematics import forward_kinematics, swing_and_twist
from niki.body.skeleton import JOINTS, Bodies, Body
from niki.errors import NikiError
from niki.network.uncertainty import metres_from_sigma, sigma_from_metres
from niki.solve.refinement import independent_turns, refine
from niki.solve.solver import Solver

REFERENCE = ROOT / "tests/reference_pose.npz"


@pytest.fixture(scope="module")
def solver():
    return Solver()


@pytest.fixture(scope="module")
def walking():
    """Poses near those that people take: (40, 24, 3, 3)."""
    rng = np.random.default_rng(11)
    turns = rng.normal(size=(40, 24, 3)) * 0.12
    turns[:, [16, 17], 2] += [-1.1, 1.1]  # arms down
    turns[:, [4, 5], 0] += rng.uniform(0, 1.2, (40, 2))
    turns[:, 0] = rng.normal(size=(40, 3))
    return rot.matrix_from_axis_angle(turns)


def degrees(a, b):
    return np.degrees(rot.angle_between(a, b))


def test_exact_joints_and_twists_give_the_exact_pose(solver, walking, body):
    trans = np.random.default_rng(0).normal(size=(40, 3))
    joints = forward_kinematics(walking, body, trans)[0]
    pose = solver.inverse(joints, np.zeros(29), swing_and_twist(walking, body)[1], body)
    assert degrees(pose.rotations, walking).max() < 0.1
    assert np.linalg.norm(solver.forward(pose, body) - joints, axis=-1).max() < 1e-4


def test_exact_joints_without_twists_are_reached_exactly(solver, walking, body):
    joints = forward_kinematics(walking, body)[0]
    pose = solver.inverse(joints, np.zeros((29, 2)), body=body)
    assert np.linalg.norm(solver.forward(pose, body) - joints, axis=-1).max() < 1e-4


def test_noise_is_taken_out(solver, walking, body, rng):
    joints = forward_kinematics(walking, body)[0]
    noisy = joints + 0.03 * rng.normal(size=joints.shape)
    pose = solver.inverse(noisy, sigma_from_metres(np.full(29, 0.03)), body=body)
    solved = solver.forward(pose, body)
    assert (
        np.linalg.norm(solved - joints, axis=-1).mean()
        < 0.75 * np.linalg.norm(noisy - joints, axis=-1).mean()
    )


def test_an_unknown_joint_does_not_count(solver, walking, body, rng):
    joints = forward_kinematics(walking, body)[0]
    sigma = np.zeros(29)
    sigma[[18, 20, 22, 25]] = 1
    elsewhere = joints.copy()
    elsewhere[:, [18, 20, 22, 25]] = rng.normal(size=(40, 4, 3)) * 5
    a, b = (solver.inverse(j, sigma, body=body).rotations for j in (joints, elsewhere))
    np.testing.assert_allclose(a, b, atol=1e-5)


def test_it_does_not_matter_which_way_a_person_faces_or_lies(solver, walking, body, rng):
    joints = forward_kinematics(walking, body)[0]
    turn, step = random_rotations(rng), np.array([3.0, -1.0, 8.0])
    sigma = np.full((29, 2), 0.1) * [1, 2]
    view = rot.normalize(rng.normal(size=3))
    pose = solver.inverse(joints, sigma, body=body, view=view)
    turned = solver.inverse(joints @ turn.T + step, sigma, body=body, view=turn @ view)
    np.testing.assert_allclose(turned.rotations[:, 1:], pose.rotations[:, 1:], atol=2e-3)
    np.testing.assert_allclose(turned.rotations[:, 0], turn @ pose.rotations[:, 0], atol=2e-3)


def test_what_is_uncertain_along_the_view_moves_along_it(solver, walking, body, rng):
    joints = forward_kinematics(walking, body)[0]
    view = np.array([0.0, 0.0, 1.0])
    noisy = joints + rng.normal(size=joints.shape) * [0.01, 0.01, 0.1]
    sigma = sigma_from_metres(np.tile([0.01, 0.1], (29, 1)))
    solved = solver.forward(solver.inverse(noisy, sigma, body=body, view=view), body)
    moved = np.abs(solved - noisy).mean((0, 1))
    assert moved[2] > 2 * moved[:2].max()


def test_a_single_pose_equals_its_row_in_a_batch_and_again(solver, walking, body):
    joints = forward_kinematics(walking, body)[0]
    sigma = np.full(29, 0.2)
    whole = solver.inverse(joints, sigma, body=body)
    one = solver.inverse(joints[3], sigma, body=body)
    np.testing.assert_allclose(one.rotations, whole.rotations[3], atol=1e-4)
    again = solver.inverse(joints, sigma, body=body)
    np.testing.assert_array_equal(again.rotations, whole.rotations)


def test_every_person_may_have_a_body_of_their_own(solver, walking):
    scale = np.linspace(0.8, 1.2, 40)[:, None, None]
    bodies = Bodies(Body.default().offsets * scale)
    joints = forward_kinematics(walking, bodies)[0]
    pose = solver.inverse(joints, np.zeros(29), body=bodies)
    assert np.linalg.norm(solver.forward(pose, bodies) - joints, axis=-1).max() < 1e-4


def test_joints_of_a_pose_are_those_of_its_own_body(solver, walking, body):
    tall = Body(1.3 * body.rest_joints)
    joints = forward_kinematics(walking, tall)[0]
    pose = solver.inverse(joints, np.zeros(29), body=tall)
    np.testing.assert_allclose(solver.forward(pose), joints, atol=1e-4)
    other = solver.forward(pose, body)
    np.testing.assert_allclose(other, forward_kinematics(pose.rotations, body, pose.translation)[0])


def test_latents_and_expected_error_grow_with_the_error(solver, walking, body, rng):
    joints = forward_kinematics(walking, body)[0]
    poses = [
        solver.inverse(
            joints + e * rng.normal(size=joints.shape), sigma_from_metres(np.full(29, e)), body=body
        )
        for e in (0.0, 0.02, 0.08)
    ]
    latents = [np.linalg.norm(pose.latents, axis=-1).mean() for pose in poses]
    errors = [pose.error.mean() for pose in poses]
    assert latents[0] < 0.7 * latents[1] < latents[2]
    assert errors[0] < errors[1] < errors[2]
    assert ((poses[2].confidence > 0) & (poses[2].confidence < 1)).all()


def test_sigma_as_unknown_everywhere_still_gives_a_pose(solver):
    pose = solver.inverse(np.zeros((2, 29, 3)), np.ones(29))
    assert np.isfinite(pose.rotations).all()
    assert np.isfinite(pose.translation).all()


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**31),
    size=st.sampled_from([0.0, 1e-9, 0.1, 1.0, 1e3, 1e6, 1e12, 1e300]),
    sigma=st.sampled_from(["zeros", "ones", "random", "mixed"]),
)
def test_never_nan_for_finite_input(seed, size, sigma):
    rng = np.random.default_rng(seed)
    joints = size * rng.normal(size=(2, 29, 3))
    joints[1] = joints[1, 0]  # all in one place
    values = {"zeros": np.zeros((2, 29, 2)), "ones": np.ones((2, 29, 2)), "random": rng.random((2, 29, 2))}
    values["mixed"] = rng.integers(0, 2, (2, 29, 2)).astype(float)
    pose = Solver().inverse(joints, values[sigma], view=rng.normal(size=3))
    for part in (pose.rotations, pose.translation, pose.swing, pose.twist, pose.latents, pose.error):
        assert np.isfinite(part).all()
    np.testing.assert_allclose(
        pose.rotations @ np.swapaxes(pose.rotations, -1, -2),
        np.broadcast_to(np.eye(3), (2, 24, 3, 3)),
        atol=1e-5,
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"joints": np.zeros((28, 3))}, r"joints must have shape \(..., 29, 3\)"),
        ({"joints": np.full((29, 3), np.nan)}, "joints has a value that is not finite at pelvis"),
        ({"sigma": np.full(29, np.inf)}, "sigma has a value that is not finite"),
        ({"sigma": np.full(29, 1.5)}, "sigma must lie between 0"),
        ({"sigma": np.zeros(28)}, r"sigma must have shape"),
        ({"sigma": np.tile([0.1, 0.2], (29, 1))}, "view is needed"),
        ({"view": np.array([0.0, np.nan, 1.0])}, "view must be a finite direction"),
        ({"twist": np.zeros((24, 2))}, "twist must have shape"),
        ({"twist": np.full((23, 2), np.inf)}, "twist has a value that is infinite"),
    ],
)
def test_bad_input_is_named(solver, arguments, message):
    usual = {"joints": Body.default().rest_joints, "sigma": np.zeros(29)}
    with pytest.raises(NikiError, match=message):
        solver.inverse(**(usual | arguments))


def test_not_finite_names_the_joint(solver):
    joints = Body.default().rest_joints.copy()
    joints[JOINTS.index("left_wrist")] = np.inf
    with pytest.raises(NikiError, match="left_wrist"):
        solver.inverse(joints, np.zeros(29))


def test_a_file_without_a_network_is_refused(tmp_path):
    with pytest.raises(NikiError, match="There is no file"):
        Solver.load(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(NikiError, match="is not a NIKI network"):
        Solver.load(tmp_path / "text.npz")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(NikiError, match="is not a NIKI network"):
        Solver.load(tmp_path / "other.npz")


def test_the_weights_that_ship_reproduce_a_stored_solution(solver):
    with np.load(REFERENCE) as stored:
        pose = solver.inverse(stored["joints"], stored["sigma"], stored["twist"], view=stored["view"])
        np.testing.assert_allclose(pose.rotations, stored["rotations"], atol=1e-4)
        np.testing.assert_allclose(pose.translation, stored["translation"], atol=1e-4)
        np.testing.assert_allclose(pose.error, stored["error"], atol=1e-4)


# --- refinement -------------------------------------------------------------------------------


def test_refinement_reaches_what_can_be_reached(walking, body, rng):
    start = walking @ random_rotations(rng, 40, 24, spread=0.05)
    joints = forward_kinematics(walking, body)[0]
    error = np.full((40, 29, 2), np.inf)
    error[:, [0, 7, 8, 20, 21]] = 0.001
    none = np.zeros((40, 3))
    rotations, trans = refine(start, none, joints, error, none, body, independent_turns(0.1), steps=6)
    reached = forward_kinematics(rotations, body, trans)[0]
    assert np.linalg.norm(reached - joints, axis=-1)[:, [0, 7, 8, 20, 21]].max() < 1e-3


def test_refinement_leaves_alone_what_nothing_is_known_of(walking, body):
    unknown, none = np.full((40, 29, 2), np.inf), np.zeros((40, 3))
    rotations, trans = refine(
        walking, none, np.zeros((40, 29, 3)), unknown, none, body, independent_turns(0.1)
    )
    np.testing.assert_allclose(rotations, walking, atol=1e-12)
    np.testing.assert_allclose(trans, none, atol=1e-12)


def test_refinement_moves_along_the_view_only_where_only_that_is_certain(body):
    rest = np.tile(np.eye(3), (1, 24, 1, 1))
    target = body.rest_joints + [0.3, 0, 0.2]
    error = np.full((1, 29, 2), np.inf)
    error[..., 1] = 0.001
    none, view = np.zeros((1, 3)), np.array([[0.0, 0.0, 1.0]])
    _, trans = refine(rest, none, target[None], error, view, body, independent_turns(0.01), steps=1)
    np.testing.assert_allclose(trans, [[0, 0, 0.2]], atol=1e-3)


def test_sigma_and_metres_are_inverse():
    metres = np.array([0.0, 0.001, 0.1, 3.0, np.inf])
    np.testing.assert_allclose(metres_from_sigma(sigma_from_metres(metres)), metres)
    assert sigma_from_metres(0.1) == 0.5
