"""Hands that are marked as contacts stay where they are."""

from dataclasses import replace

import numpy as np
import pytest
from test_feet import RATE, captured

from niki.body import rotation as rot
from niki.body.kinematics import forward_kinematics
from niki.body.skeleton import JOINTS
from niki.motion import blocks
from niki.motion.contacts import CONTACTS
from niki.motion.hands import lock_hands
from niki.motion.motion import Motion
from niki.motion.settling import settle

LEFT, RIGHT = (CONTACTS.index(f"{side}_hand") for side in ("left", "right"))
ARM = [JOINTS.index(f"left_{name}") for name in ("shoulder", "elbow", "wrist", "hand")]
HAND = [JOINTS.index(f"left_{name}") for name in ("wrist", "hand", "middle_finger")]


def held(first, last, column=LEFT):
    """Somebody who walks, and one hand that is held from frame ``first`` to before ``last``."""
    rotations, translation, body, contacts, _ = captured()
    marked = np.zeros((len(contacts), len(CONTACTS)))
    marked[first:last, column] = 1
    return rotations, translation, body, marked


def joints_of(rotations, translation, body):
    return forward_kinematics(rotations, body, translation)[0]


def test_a_marked_hand_does_not_move_and_nothing_but_its_arm_does():
    given = held(20, 26)
    rotations, translation, body, _ = given
    locked = lock_hands(*given, RATE)
    before, after = (joints_of(turned, translation, body) for turned in (rotations, locked))
    assert np.ptp(before[20:26, HAND], axis=0).max() > 0.02
    np.testing.assert_allclose(after[20:26, HAND], after[20:21, HAND] + np.zeros((6, 1, 1)), atol=1e-9)
    palm = before[20:26, HAND[1]].mean(0)
    np.testing.assert_allclose(after[20, HAND[1]], palm, atol=1e-9)
    others = [bone for bone in range(24) if bone not in ARM]
    np.testing.assert_array_equal(locked[:, others], rotations[:, others])
    far = np.r_[0:15, 31 : len(rotations)]
    np.testing.assert_array_equal(locked[far], rotations[far])
    np.testing.assert_allclose(locked @ rot.transpose(locked), np.eye(3) + 0 * locked, atol=1e-9)


def test_it_comes_and_goes_without_a_pop():
    given = held(20, 26)
    after = joints_of(lock_hands(*given, RATE), *given[1:3])
    before = joints_of(*given[:3])
    bend = [np.linalg.norm(np.diff(points[:, HAND], 2, axis=0), axis=-1).max() for points in (before, after)]
    assert bend[1] < 1.6 * bend[0]


def test_the_arm_reaches_no_further_than_it_is_long():
    rotations, translation, body, marked = held(0, 40)
    translation = translation + 0.05 * np.arange(len(rotations))[:, None] * [1, 0, 0]
    joints = joints_of(lock_hands(rotations, translation, body, marked, RATE), translation, body)
    shoulder, elbow, wrist = (joints[:, joint] for joint in ARM[:3])
    span = np.linalg.norm(wrist - shoulder, axis=-1)
    length = body.bone_lengths[ARM[1]] + body.bone_lengths[ARM[2]]
    assert np.isfinite(joints).all()
    assert span.max() > 0.99 * length  # it is pulled
    np.testing.assert_allclose(
        np.linalg.norm(elbow - shoulder, axis=-1), body.bone_lengths[ARM[1]], atol=1e-9
    )
    assert span[:40].max() <= length * (1 + 1e-9)


def test_a_straight_arm_bends_as_elbows_do():
    body = captured()[2]
    still, marked = np.tile(np.eye(3), (30, 24, 1, 1)), np.zeros((30, len(CONTACTS)))
    marked[10:20, [LEFT, RIGHT]] = 1
    translation = 0.05 * np.sin(np.arange(30) / 3)[:, None] * [1, 0, 0]
    locked = lock_hands(still, translation, body, marked, 30.0)
    elbows = joints_of(locked, translation, body)[:, [ARM[1], ARM[1] + 1]] - translation[:, None]
    behind = body.rest_joints[[ARM[1], ARM[1] + 1], 2] - elbows[10:20, :, 2]
    assert (behind > -1e-3).all()
    assert behind.max(0).min() > 0.01


def test_without_a_marked_hand_nothing_changes():
    rotations, translation, body, marked = held(0, 0)
    assert lock_hands(rotations, translation, body, marked, RATE) is rotations


@pytest.fixture
def motion():
    rotations, translation, body, contacts, _ = captured()
    marked = np.pad(contacts, ((0, 0), (0, 2)))
    marked[20:30, LEFT] = 1
    poses = rot.axis_angle_from_matrix(rotations).reshape(-1, 72)
    return Motion(
        poses, translation, RATE, body.rest_joints, contacts=marked, image_size=np.array([640, 480])
    )


def test_a_clip_is_settled_block_by_block_as_at_once(motion, monkeypatch):
    at_once = settle(motion, motion.contacts, "grounded")
    monkeypatch.setattr(blocks, "FRAMES", 7)
    in_parts = settle(motion, motion.contacts, "grounded")
    np.testing.assert_allclose(in_parts.trans, at_once.trans, atol=1e-9)
    np.testing.assert_allclose(in_parts.rotations, at_once.rotations, atol=1e-9)


def test_hands_are_held_whatever_feet_do(motion):
    for feet in ("off", "automatic"):
        settled = settle(motion, motion.contacts, feet)
        hand = settled.solved_joints()[20:30, HAND]
        np.testing.assert_allclose(hand, hand[:1] + 0 * hand, atol=1e-9)


def test_a_foot_on_a_step_is_held_there_if_a_user_says_so(motion):
    contacts = np.zeros_like(motion.contacts)
    contacts[:20, 2:4] = 1
    contacts[30:36, :2] = 1
    lifted = motion.trans + np.where(np.arange(len(motion)) >= 25, 0.4, 0.0)[:, None] * [0, 1, 0]
    motion = replace(motion, trans=lifted)
    told, found = (settle(motion, contacts, told=yes) for yes in (True, False))
    toe = JOINTS.index("left_big_toe")
    points = told.solved_joints()[30:36, toe]
    np.testing.assert_allclose(points, points[:1] + 0 * points, atol=1e-6)
    assert points[0, 1] > 0.25
    assert told.contacts[30:36, :2].all()
    assert not found.contacts[30:36].any()
