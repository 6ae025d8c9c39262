"""Locked channels: bones that may not turn, or only about some axes, while joints are pulled."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import random_rotations
from test_posing import BODY, START, both, place

from niki.body import rotation as rot
from niki.body.freedom import free_directions
from niki.body.skeleton import JOINTS, NUM_BONES
from niki.errors import NikiError
from niki.motion.channels import EULER_ORDERS, channel_values
from niki.network.posing import PosingNetwork
from niki.pose.posing import MODES, Poser
from niki.pose.targets import Target

PULLS = {"left_wrist": [0.05, 0.12, 0.08], "right_ankle": [0.02, 0.1, 0.1], "head": [0.05, -0.05, 0.08]}
NETWORKS = {"network": PosingNetwork.default(), "refinement alone": None}
both_ways = pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)


def everything_free():
    return np.tile(np.eye(3), (NUM_BONES + 1, 1, 1))


def dragged(poser, joint, mode="full", steps=6):
    """Every posture on the way of a joint to where ``PULLS`` has it, and back half of the way."""
    postures = []
    for share in [*np.linspace(0, 1, steps)[1:], 0.5]:
        target = Target(joint, place(joint) + share * np.array(PULLS[joint]))
        postures.append(poser.solve(START, [target], mode))
    return postures


def since_start(posture, bone):
    """(3,) what a bone has turned by, in its parent's axes."""
    return rot.axis_angle_from_matrix(posture.rotations[bone] @ START.rotations[bone].T)


@both_ways
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("joint", PULLS)
def test_what_is_locked_does_not_move_by_a_bit(network, mode, joint):
    locked = [JOINTS.index(n) for n in ("left_shoulder", "spine1", "right_knee", "neck", "pelvis")]
    free = everything_free()
    free[locked] = 0
    free[NUM_BONES] = 0
    for posture in dragged(Poser(BODY, network, free), joint, mode):
        np.testing.assert_array_equal(posture.rotations[locked], START.rotations[locked])
        np.testing.assert_array_equal(posture.translation, START.translation)


@both_ways
@pytest.mark.parametrize("joint", PULLS)
def test_a_bone_turns_only_in_its_free_directions(network, joint, rng):
    axes = random_rotations(rng, NUM_BONES + 1)
    locked = rng.integers(0, 2, (NUM_BONES + 1, 3)).astype(bool)
    poser = Poser(BODY, network, free_directions(axes, locked))
    turned = 0.0
    for posture in dragged(poser, joint):
        for bone in range(NUM_BONES):
            along = axes[bone].T @ since_start(posture, bone)
            assert np.abs(along[locked[bone]]).max(initial=0) < 1e-3
            turned = max(turned, np.abs(along).max())
        moved = axes[NUM_BONES].T @ (posture.translation - START.translation)
        assert np.abs(moved[locked[NUM_BONES]]).max(initial=0) < 1e-9
    assert turned > 0.05


@both_ways
def test_a_hinge_bends_far_about_its_axis_and_the_target_is_met(network):
    free, elbow = everything_free(), JOINTS.index("left_elbow")
    axis = np.array([0.0, 1.0, 0.0])
    free[elbow] = np.outer(axis, axis)
    poser = Poser(BODY, network, free)
    shoulder = place("left_shoulder")
    wanted = shoulder + 0.5 * (place("left_wrist") - shoulder) + [0, 0, 0.05]
    posture = poser.solve(START, [Target("left_wrist", wanted)], "limb")
    assert posture.error["left_wrist"] < 1e-3
    turn = since_start(posture, elbow)
    assert np.abs(turn[[0, 2]]).max() < 1e-3
    assert abs(turn[1]) > 0.8


@both_ways
def test_two_free_directions_stay_two_over_a_long_turn(network):
    free, shoulder = everything_free(), JOINTS.index("left_shoulder")
    free[[JOINTS.index(f"left_{kind}") for kind in ("elbow", "collar")]] = 0
    axis = rot.normalize(np.array([1.0, 0.5, -0.3]))
    free[shoulder] = np.eye(3) - np.outer(axis, axis)
    poser = Poser(BODY, network, free)
    for towards in ([0, 0.3, 1.0], [-0.5, -1.0, 0.5]):
        there = np.array(towards) - axis * (axis @ towards)
        rotations = START.rotations.copy()
        rotations[shoulder] = rot.matrix_from_axis_angle(there) @ rotations[shoulder]
        wanted = poser.joints(replace(START, rotations=rotations))[JOINTS.index("left_wrist")]
        posture = poser.solve(START, [Target("left_wrist", wanted)], "limb")
        assert posture.error["left_wrist"] < 1e-3
        assert np.linalg.norm(since_start(posture, shoulder)) > 0.6
        assert abs(since_start(posture, shoulder) @ axis) < 1e-3


@both_ways
def test_the_body_moves_only_along_the_axes_that_are_free(network):
    free = everything_free()
    free[NUM_BONES] = np.diag([1.0, 0, 0])
    wanted = place("pelvis") + [0.05, -0.05, 0.05]
    posture = Poser(BODY, network, free).solve(START, [Target("pelvis", wanted)], plant_feet=False)
    moved = posture.translation - START.translation
    np.testing.assert_allclose(moved, [0.05, 0, 0], atol=2e-3)
    np.testing.assert_array_equal(moved[1:], 0)


@both
def test_where_nothing_is_locked_it_is_as_without(poser):
    target = [Target("left_wrist", place("left_wrist") + 0.08)]
    same = Poser(BODY, poser._network, everything_free()).solve(START, target)
    np.testing.assert_array_equal(same.rotations, poser.solve(START, target).rotations)


@pytest.mark.parametrize("order", EULER_ORDERS)
@pytest.mark.parametrize("channel", [0, 1, 2])
def test_two_locked_euler_channels_keep_their_values(order, channel, rng):
    """As Blender locks them: about the axes of the bone at rest, which are not the library's."""
    rest, elbow = random_rotations(rng), JOINTS.index("left_elbow")
    rotation_of = lambda posture: rest.T @ posture.rotations[elbow] @ rest  # noqa: E731
    now = rot.continuous_eulers(rotation_of(START)[None], order)[0]
    locked = np.arange(3) != channel
    free = everything_free()
    free[elbow] = free_directions(rest @ rot.euler_axes(now, order), locked)
    posture = dragged(Poser(BODY, None, free), "left_wrist", "limb")[-1]
    both = rot.quaternion_from_matrix(np.stack([rotation_of(START), rotation_of(posture)]))
    before, after = channel_values(both, order)
    np.testing.assert_allclose(after[locked], before[locked], atol=1e-6)
    assert abs(after[channel] - before[channel]) > 1e-3


def test_directions_left_by_locked_axes():
    axes = np.array([[1.0, 1, 0], [0, 1, 0], [0, 0, 1]])  # columns x, x + y, z
    np.testing.assert_allclose(free_directions(axes, [False, False, True]), np.diag([1.0, 1, 0]), atol=1e-12)
    np.testing.assert_allclose(free_directions(axes, [True, True, False]), np.diag([0, 0, 1.0]), atol=1e-12)
    np.testing.assert_array_equal(free_directions(axes, [True, True, True]), np.zeros((3, 3)))
    np.testing.assert_allclose(free_directions(axes, [False, False, False]), np.eye(3), atol=1e-12)


@pytest.mark.parametrize(
    ("free", "message"),
    [
        (np.zeros((24, 3, 3)), "must have shape"),
        (np.full((25, 3, 3), np.nan), "matrix of Pelvis is not one"),
        (np.tile(np.diag([1.0, 0.5, 1]), (25, 1, 1)), "matrix of Pelvis is not one"),
        (np.concatenate([np.zeros((24, 3, 3)), [[[1.0, 1, 0], [0, 0, 0], [0, 0, 0]]]]), "of the whole body is not one"),
    ],
)  # fmt: skip
def test_what_is_no_projection_is_refused(free, message):
    with pytest.raises(NikiError, match=message):
        Poser(BODY, None, free)
