"""Joint ranges: the same on both sides of 180 degrees, without jumps, and calm when a bone near there is pulled."""

import numpy as np
import pytest
from conftest import random_rotations

from niki.body import rotation as rot
from niki.body.limits import RANGES, exceeds_limits, nearest_in_range, widen_ranges
from niki.body.skeleton import JOINTS, NUM_BONES, Body
from niki.network.posing import PosingNetwork
from niki.pose.posing import Poser
from niki.pose.targets import Posture, Target

BODY = Body.default()


def turned(joint, degrees):
    """A pose at rest but for one bone, turned by a rotation vector in degrees."""
    rotations = np.tile(np.eye(3), (NUM_BONES, 1, 1))
    rotations[JOINTS.index(joint)] = rot.matrix_from_axis_angle(np.radians(degrees))
    return rotations


def excess_angles(rotations, ranges=RANGES):
    return nearest_in_range(rotations, ranges, fade=True)[1]


def near_half_turns(rng, count):
    """(count, 24, 3, 3) rotations by 165 to 180 degrees."""
    axes = rot.normalize(rng.normal(size=(count, NUM_BONES, 3)))
    return rot.matrix_from_axis_angle(axes * np.radians(rng.uniform(165, 180, (count, NUM_BONES, 1))))


@pytest.mark.parametrize("degrees", [-151, -170, -179, -181, -200])
def test_an_elbow_bent_too_far_is_sent_back_the_way_it_came(degrees):
    found = np.degrees(excess_angles(turned("left_elbow", [0.0, degrees, 0]))[JOINTS.index("left_elbow")])
    np.testing.assert_allclose(found, [0, degrees + 150, 0], atol=1e-6)


@pytest.mark.parametrize("wide", [False, True], ids=["usual ranges", "ranges of a recorded pose"])
def test_a_small_turn_changes_the_excess_little(rng, wide):
    step = 1e-4
    rotations = np.concatenate([near_half_turns(rng, 3000), random_rotations(rng, 1000, NUM_BONES, spread=2)])
    after = rotations @ rot.matrix_from_axis_angle(
        step * rot.normalize(rng.normal(size=(4000, NUM_BONES, 3)))
    )
    ranges = widen_ranges(near_half_turns(rng, 1)[0]) if wide else RANGES
    assert np.abs(excess_angles(after, ranges) - excess_angles(rotations, ranges)).max() < 6 * step


def test_a_recorded_pose_is_within_its_own_ranges(rng):
    for rotations in near_half_turns(rng, 200):
        ranges = widen_ranges(rotations)
        assert not excess_angles(rotations, ranges).any()
        assert (ranges[..., 0] <= RANGES[..., 0]).all()
        assert (ranges[..., 1] >= RANGES[..., 1]).all()


def test_a_bone_as_far_out_as_can_be_is_beyond_its_range():
    opposite = turned("left_knee", [-108.0, 0, 0])  # as far from the range one way as the other
    assert np.abs(excess_angles(opposite)).max() < np.radians(1)
    assert exceeds_limits(opposite)
    assert not exceeds_limits(turned("left_shoulder", [0, -124.0, 0]))


@pytest.mark.parametrize("network", [None, PosingNetwork.default()], ids=["refinement alone", "network"])
@pytest.mark.parametrize("degrees", [-150, -170, -178, -179.5])
@pytest.mark.parametrize("way", [1, -1], ids=["further", "back"])
def test_a_short_pull_turns_no_bone_far(network, degrees, way):
    start = Posture(turned("left_shoulder", [0, degrees, 0.0]), np.zeros(3))
    poser, (shoulder, wrist) = (
        Poser(BODY, network),
        (JOINTS.index(f"left_{n}") for n in ("shoulder", "wrist")),
    )
    places = poser.joints(start)
    pulled = rot.matrix_from_axis_angle(np.radians([0, -4.0 * way, 0])) @ (places[wrist] - places[shoulder])
    posture = poser.solve(start, [Target("left_wrist", places[shoulder] + pulled)], "limb")
    assert posture.error["left_wrist"] < 1e-3
    assert np.degrees(rot.angle_between(posture.rotations, start.rotations)).max() < 12


@pytest.mark.parametrize(
    ("bone", "joint"),
    [("left_shoulder", "left_wrist"), ("left_elbow", "left_wrist"), ("left_hip", "left_ankle"), ("neck", "head_top")],
)  # fmt: skip
def test_a_short_pull_turns_no_bone_far_from_any_half_turn(bone, joint):
    rng = np.random.default_rng(5)
    poser, (b, j) = Poser(BODY), (JOINTS.index(bone), JOINTS.index(joint))
    for _ in range(30):
        axis, about = rot.normalize(rng.normal(size=(2, 3)))
        start = Posture(turned(bone, axis * rng.uniform(170, 180)), np.zeros(3))
        places = poser.joints(start)
        pulled = places[b] + rot.matrix_from_axis_angle(about * np.radians(4)) @ (places[j] - places[b])
        posture = poser.solve(start, [Target(joint, pulled)], "limb")
        assert np.degrees(rot.angle_between(posture.rotations, start.rotations)).max() < 40
