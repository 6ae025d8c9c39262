import numpy as np
import pytest
from conftest import random_rotations

from niki.body import rotation as rot
from niki.body.kinematics import analytic_ik, forward_kinematics, swing_and_twist
from niki.body.skeleton import BONE_CHILD, JOINTS, MIRROR, NUM_JOINTS, PARENTS, Bodies, Body
from niki.capturing.estimate.blazepose.landmarks import REST_HINTS
from niki.errors import NikiError


def test_rest_pose_is_the_bodys_own(body):
    joints, world = forward_kinematics(np.tile(np.eye(3), (24, 1, 1)), body)
    np.testing.assert_allclose(joints, body.rest_joints, atol=1e-15)
    np.testing.assert_array_equal(world, np.tile(np.eye(3), (24, 1, 1)))


def test_raising_the_left_arm_moves_the_left_arm_alone(body):
    pose = np.tile(np.eye(3), (24, 1, 1))
    pose[JOINTS.index("left_shoulder")] = rot.matrix_from_axis_angle(np.array([0, 0, np.pi / 2]))
    moved = forward_kinematics(pose, body)[0]
    assert moved[JOINTS.index("left_wrist"), 1] > body.rest_joints[JOINTS.index("head_top"), 1]
    still = [
        i
        for i, n in enumerate(JOINTS)
        if n.split("_", 1)[-1] not in ("elbow", "wrist", "hand", "middle_finger") or "right" in n
    ]
    np.testing.assert_allclose(moved[still], body.rest_joints[still], atol=1e-12)


def test_skeleton_is_symmetric_and_faces_z(body):
    np.testing.assert_allclose(body.rest_joints[list(MIRROR)] * [-1, 1, 1], body.rest_joints, atol=1e-12)
    assert body.rest_joints[JOINTS.index("left_hip"), 0] > 0
    assert body.rest_joints[JOINTS.index("left_big_toe"), 2] > body.rest_joints[JOINTS.index("left_ankle"), 2]
    assert all(PARENTS[c] == j for j, c in enumerate(BONE_CHILD))


def test_swing_and_twist_compose_back(body, rng):
    pose = random_rotations(rng, 40, 24, spread=2)
    swing, twist = swing_and_twist(pose, body)
    np.testing.assert_array_equal(swing[:, 0], pose[:, 0])
    composed = rot.compose_swing_twist(swing[:, 1:], body.bone_axes[1:], twist)
    np.testing.assert_allclose(composed, pose[:, 1:], atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(twist, axis=-1), 1, atol=1e-12)


@pytest.mark.parametrize("shape", [(), (30,), (4, 5)])
def test_analytic_ik_reproduces_joints_and_with_true_twist_the_pose(body, rng, shape):
    pose = random_rotations(rng, *shape, 24)
    joints = forward_kinematics(pose, body, rng.normal(size=(*shape, 3)))[0]
    solved = analytic_ik(joints, body, swing_and_twist(pose, body)[1])
    np.testing.assert_allclose(solved, pose, atol=1e-9)
    untwisted = analytic_ik(joints, body)
    again = forward_kinematics(untwisted, body)[0]
    np.testing.assert_allclose(again - again[..., :1, :], joints - joints[..., :1, :], atol=1e-9)


def test_hints_turn_bones_without_moving_joints(body, rng):
    pose = random_rotations(rng, 20, 24)
    joints, world = forward_kinematics(pose, body)
    hints = (world @ REST_HINTS[..., None])[..., 0]
    hints[:, np.linalg.norm(REST_HINTS, axis=-1) == 0] = np.nan
    solved = analytic_ik(joints, body, hints=hints, rest_hints=REST_HINTS)
    hinted = np.linalg.norm(REST_HINTS, axis=-1) > 0
    # Collars have no hint, so what hangs on them is turned in the world but not in place.
    world_again = forward_kinematics(solved, body)[1]
    np.testing.assert_allclose(world_again[:, hinted], world[:, hinted], atol=1e-9)


def test_missing_joints_stay_at_rest_and_spread_no_nan(body, rng):
    pose = random_rotations(rng, 6, 24)
    joints = forward_kinematics(pose, body)[0]
    expected = analytic_ik(joints, body)
    joints[0] = np.nan
    joints[1, JOINTS.index("left_wrist")] = np.nan
    joints[2, JOINTS.index("left_wrist")] = joints[2, JOINTS.index("left_elbow")]
    joints[3, JOINTS.index("right_hip")] = np.inf
    solved = analytic_ik(joints, body)
    assert np.isfinite(solved).all()
    np.testing.assert_allclose(np.linalg.det(solved), 1, atol=1e-9)
    np.testing.assert_array_equal(solved[0], np.tile(np.eye(3), (24, 1, 1)))
    np.testing.assert_array_equal(solved[1:3, JOINTS.index("left_elbow")], np.tile(np.eye(3), (2, 1, 1)))
    legs = [JOINTS.index(n) for n in ("left_hip", "left_knee", "right_elbow")]
    np.testing.assert_allclose(solved[1][legs], expected[1][legs], atol=1e-9)


def test_twist_that_is_not_a_direction_means_none(body, rng):
    joints = forward_kinematics(random_rotations(rng, 24), body)[0]
    twist = np.zeros((23, 2))
    twist[3] = np.nan
    np.testing.assert_allclose(analytic_ik(joints, body, twist), analytic_ik(joints, body), atol=1e-12)


def test_single_precision_stays_single(body, rng):
    pose = random_rotations(rng, 3, 24).astype(np.float32)
    joints = forward_kinematics(pose, body)[0]
    assert joints.dtype == np.float32
    assert analytic_ik(joints, body).dtype == np.float32


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda j: j[:28], "(29, 3)"),
        (lambda j: np.where(np.arange(29)[:, None] == 20, np.nan, j), "left_wrist"),
        (lambda j: np.where(np.arange(29)[:, None] == 4, j[1], j), "left_knee"),
        (lambda j: "legs", "rest_joints"),
    ],
)
def test_bad_bodies_are_refused_by_name(body, change, named):
    with pytest.raises(NikiError, match=r".*") as caught:
        Body(change(body.rest_joints.copy()))
    assert named in str(caught.value)


def test_body_from_bone_lengths_has_them_and_stands_on_the_ground(body, rng):
    lengths = body.bone_lengths * rng.uniform(0.7, 1.3, 29)
    other = Body.from_bone_lengths(lengths)
    np.testing.assert_allclose(other.bone_lengths[1:], lengths[1:], atol=1e-12)
    assert 0 < other.rest_joints[:, 1].min() < 0.05


def test_many_bodies_are_stretched_as_one_is():
    lengths = Body.default().bone_lengths * np.linspace(0.8, 1.2, NUM_JOINTS)
    both = Bodies.from_bone_lengths(np.stack([lengths, Body.default().bone_lengths]))
    np.testing.assert_allclose(both.offsets[0], Body.from_bone_lengths(lengths).offsets, atol=1e-12)
    np.testing.assert_allclose(both.offsets[1], Body.default().offsets, atol=1e-12)
    np.testing.assert_allclose(
        both.stretched(2 * both.bone_lengths).bone_lengths, 2 * both.bone_lengths, atol=1e-12
    )
