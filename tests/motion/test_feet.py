"""Feet in contact stand still, and nothing else is pulled to the floor."""

from functools import cache

import numpy as np
import pytest
from conftest import ROOT

from niki.body import rotation as rot
from niki.body.kinematics import forward_kinematics
from niki.body.skeleton import JOINTS, Body
from niki.errors import NikiError
from niki.motion.contacts import FEET, SOLE, foot_points
from niki.motion.feet import MODES, lock_feet
from niki.motion.motion import Motion

RATE = 24.0


@cache
def walk():
    """Somebody who walks, as they truly did, and their contacts by the definition."""
    truth = Motion.load(ROOT / "samples/sample_tilted_truth.npz")
    points = points_of(truth.rotations, truth.trans, truth.body)
    speed = np.linalg.norm(np.gradient(points, 1 / truth.mocap_framerate, axis=0), axis=-1)
    return truth, ((points[..., 1] < SOLE + 0.03) & (speed < 0.25)).astype(float), 0.0


def points_of(rotations, translation, body):
    return foot_points(*forward_kinematics(rotations, body, translation), body)


def captured(seed=0):
    """The walk with a front end's slow errors: 4 cm and 3 degrees that come and go, and a body that floats."""
    truth, contacts, floor = walk()
    rng = np.random.default_rng(seed)
    time = np.arange(len(truth)) / truth.mocap_framerate

    def slow(*shape):
        phase, hertz = rng.uniform(0, 2 * np.pi, shape), rng.uniform(0.3, 1.5, shape)
        return np.moveaxis(np.sin(2 * np.pi * hertz[..., None] * time + phase[..., None]), -1, 0)

    turns = rot.matrix_from_axis_angle(np.radians(3) * slow(24, 3))
    return truth.rotations @ turns, truth.trans + 0.04 * slow(3), truth.body, contacts, floor


def step_per_frame(points, contacts):
    """Metres that points move from frame to frame while they are in contact."""
    on = contacts[:, FEET] > 0.5
    both = on[1:] & on[:-1]
    return np.linalg.norm(np.diff(points, axis=0), axis=-1)[both]


def test_feet_in_contact_do_not_move_and_stand_on_the_floor():
    rotations, translation, body, contacts, floor = captured()
    assert contacts.mean() > 0.3
    before = points_of(rotations, translation, body)
    assert step_per_frame(before, contacts).mean() > 0.005
    locked, moved = lock_feet(rotations, translation, body, contacts, floor, RATE)
    points = points_of(locked, moved, body)
    assert step_per_frame(points, contacts).max() < 1e-4
    heights = points[..., 1] - SOLE - floor
    np.testing.assert_allclose(heights[contacts > 0.5], 0, atol=1e-4)
    assert heights.min() > -0.002


def test_locked_feet_come_and_go_without_a_pop():
    rotations, translation, body, contacts, floor = captured()
    locked, moved = lock_feet(rotations, translation, body, contacts, floor, RATE)
    before, after = (points_of(*motion, body) for motion in ((rotations, translation), (locked, moved)))
    bend = [np.linalg.norm(np.diff(points, 2, axis=0), axis=-1).max() for points in (before, after)]
    assert bend[1] < 1.6 * bend[0]


def test_legs_are_neither_stretched_nor_bent_aside():
    rotations, translation, body, contacts, floor = captured()
    locked, moved = lock_feet(rotations, translation, body, contacts, floor, RATE)
    for matrices in (locked,):
        np.testing.assert_allclose(matrices @ rot.transpose(matrices), np.eye(3) + 0 * matrices, atol=1e-9)
    upper = [
        i
        for i, name in enumerate(JOINTS[:24])
        if not any(k in name for k in ("hip", "knee", "ankle", "foot"))
    ]
    np.testing.assert_array_equal(locked[:, upper], rotations[:, upper])
    joints, _ = forward_kinematics(locked, body, moved)
    old, _ = forward_kinematics(rotations, body, translation)
    for side in ("left", "right"):
        hip, knee, ankle = (JOINTS.index(f"{side}_{name}") for name in ("hip", "knee", "ankle"))

        def normal(joints, hip=hip, knee=knee, ankle=ankle):
            across = np.cross(joints[:, knee] - joints[:, hip], joints[:, ankle] - joints[:, knee])
            return across / np.linalg.norm(across, axis=-1, keepdims=True), np.linalg.norm(across, axis=-1)

        (was, bent), (now, _) = normal(old), normal(joints)
        turned = np.degrees(np.arccos(np.clip((was * now).sum(-1), -1, 1)))
        assert turned[bent > 0.03].max() < 25


def test_a_leg_too_short_lowers_the_pelvis():
    body = Body.default()
    still = np.tile(np.eye(3), (60, 24, 1, 1))
    contacts = np.zeros((60, 6))
    contacts[20:40, :4] = 1
    translation = np.zeros((60, 3))
    translation[:, 0] = np.linspace(-0.25, 0.25, 60)  # the body moves on over its standing feet
    locked, moved = lock_feet(still, translation, body, contacts, 0.0, 30.0)
    points = points_of(locked, moved, body)
    assert step_per_frame(points, contacts).max() < 1e-6
    lowered = translation[:, 1] - moved[:, 1]
    assert 0.002 < lowered.max() < 0.05
    assert np.abs(np.diff(lowered, 2)).max() < 0.002
    assert lowered[0] == pytest.approx(0, abs=1e-6)


def test_without_contact_nothing_changes():
    rotations, translation, body, contacts, floor = captured()
    high = translation + [0, 1, 0]  # in the air
    for given in (rotations, high), (rotations, translation):
        locked = lock_feet(*given, body, 0 * contacts, floor, RATE)
        assert locked[0] is given[0]
        assert locked[1] is given[1]
    locked = lock_feet(rotations, translation, body, contacts, floor, RATE, "off")
    assert locked[0] is rotations


def test_a_jump_is_left_in_the_air():
    truth, _, floor = walk()
    time = np.arange(90) / 30
    still = np.tile(truth.rotations[-1], (90, 1, 1, 1))
    flight = np.clip((time - 1.2) / 0.6, 0, 1)
    lift = 4 * 0.44 * flight * (1 - flight)
    translation = truth.trans[-1] + lift[:, None] * [0, 1, 0]
    contacts = np.repeat((lift < 0.01).astype(float)[:, None], 4, 1)
    _, moved = lock_feet(still, translation, truth.body, contacts, floor, 30.0)
    np.testing.assert_allclose((moved - translation)[:, 1], 0, atol=0.02)


def test_always_and_grounded_need_no_contacts():
    rotations, translation, body, contacts, floor = captured()
    locked, moved = lock_feet(rotations, translation, body, 0 * contacts, floor, RATE, "grounded")
    heights = points_of(locked, moved, body)[..., 1] - SOLE - floor
    np.testing.assert_allclose(heights.min(1), 0, atol=0.003)
    body = Body.default()
    still = np.tile(np.eye(3), (30, 24, 1, 1))
    sway = 0.02 * np.sin(np.arange(30) / 5)[:, None] * [1, 0, 1]
    locked, moved = lock_feet(still, sway, body, np.zeros((30, 4)), None, 30.0, "always")
    points = points_of(locked, moved, body)
    np.testing.assert_allclose(points, points[:1] + 0 * points, atol=1e-6)


def test_every_point_may_touch_alone_and_the_frame_rate_does_not_matter():
    rotations, translation, body, _, floor = captured()
    rng = np.random.default_rng(1)
    for _ in range(5):
        some = np.repeat(rng.random((18, 4)) < 0.4, 4, 0).astype(float)
        locked, moved = lock_feet(rotations, translation, body, some, floor, rng.choice([10.0, 24.0, 120.0]))
        assert np.isfinite(locked).all()
        assert np.isfinite(moved).all()


def test_the_modes_are_named_in_the_message():
    rotations, translation, body, contacts, floor = captured()
    with pytest.raises(NikiError, match="no mode 'fixed'") as error:
        lock_feet(rotations, translation, body, contacts, floor, RATE, "fixed")
    assert all(mode in error.value.hint for mode in MODES)
    with pytest.raises(NikiError, match="grounded on a floor"):
        lock_feet(rotations, translation, body, contacts, None, RATE, "grounded")
