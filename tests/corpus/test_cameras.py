"""Cameras are held as their numbers say, and see the person."""

import numpy as np
import pytest

from niki.body.skeleton import JOINTS, Body
from niki.capturing.footage.camera import Camera
from niki.corpus.cameras import Placed, camera_turn, draw_camera
from niki.motion.camera_tilt import up_from_tilt

ANGLES = [(0, 0, 0), (20, 10, 30), (-15, -25, 190), (45, 30, -90), (-20, 0, 77)]
VGA = Camera(500.0, (320, 240), (640, 480))


@pytest.fixture(scope="module")
def drawn():
    """300 cameras before somebody who stands, at the origin, and the person's joints (1, 29, 3)."""
    joints = Body.default().rest_joints[None]
    return [draw_camera(joints, np.random.default_rng(k)) for k in range(300)], joints


@pytest.mark.parametrize(("tilt", "roll", "yaw"), ANGLES)
def test_tilt_and_roll_are_exact(tilt, roll, yaw):
    turn = camera_turn(tilt, roll, yaw)
    assert np.allclose(turn @ turn.T, np.eye(3))
    assert np.linalg.det(turn) == pytest.approx(1)
    assert np.allclose(turn[:, 1], up_from_tilt(tilt, roll))
    placed = Placed(VGA, turn, np.zeros(3))
    assert (placed.tilt, placed.roll) == (pytest.approx(tilt), pytest.approx(roll))


@pytest.mark.parametrize(("tilt", "roll", "yaw"), ANGLES)
def test_it_looks_down_by_its_tilt_and_along_its_yaw(tilt, roll, yaw):
    ahead = camera_turn(tilt, roll, yaw)[2]
    assert np.degrees(np.arcsin(-ahead[1])) == pytest.approx(tilt)
    level = ahead[[0, 2]] / np.hypot(*ahead[[0, 2]])
    assert np.allclose(level, [-np.sin(np.radians(yaw)), -np.cos(np.radians(yaw))])


def test_verticals_lean_right_where_the_camera_is_turned_counter_clockwise():
    placed = Placed(VGA, camera_turn(0, 12, 0), np.zeros(3))
    low, high = placed.pixels(np.array([[0, 0, -3.0], [0, 1, -3]]))
    assert np.degrees(np.arctan2(high[0] - low[0], low[1] - high[1])) == pytest.approx(12)


def test_world_points_are_seen_where_they_are():
    placed = Placed(VGA, camera_turn(0, 0, 90), np.array([3.0, 1, 0]))  # at +X, looking towards -X
    assert np.allclose(placed.see(np.array([0, 1.5, 0.2])), [-0.2, -0.5, 3])
    assert np.allclose(placed.pixels(np.array([0, 1, 0])), [320, 240])


def test_cameras_stand_high_and_low_and_are_rolled(drawn):
    cameras, joints = drawn
    away = np.array([camera.place for camera in cameras]) - joints[0, 0]
    elevation = np.degrees(np.arcsin(away[:, 1] / np.linalg.norm(away, axis=1)))
    rolls = np.array([camera.roll for camera in cameras])
    for low in range(-20, 40, 10):
        assert ((elevation >= low) & (elevation < low + 10)).mean() > 0.05
    assert np.abs(rolls).max() <= 30
    assert 0.2 < (np.abs(rolls) > 5).mean() < 0.4
    assert np.abs(rolls)[np.abs(rolls) > 5].mean() > 12


def test_most_people_are_wholly_in_the_picture_and_some_without_their_feet(drawn):
    cameras, joints = drawn
    ankles = [JOINTS.index("left_ankle"), JOINTS.index("right_ankle")]
    inside, feet = [], []
    for camera in cameras:
        pixels = camera.pixels(joints[0])
        seen = ((pixels > 0) & (pixels < camera.camera.size)).all(-1)
        inside.append(seen.all())
        feet.append(seen[ankles].any())
        assert seen[JOINTS.index("head")]
        assert camera.see(joints[0])[JOINTS.index("head"), 2] > 0.3
    assert np.mean(inside) > 0.75
    assert 0.05 < 1 - np.mean(feet) < 0.2


def test_the_same_numbers_give_the_same_camera(drawn):
    cameras, joints = drawn
    again = draw_camera(joints, np.random.default_rng(5))
    assert np.array_equal(again.turn, cameras[5].turn)
    assert np.array_equal(again.place, cameras[5].place)
    assert again.camera == cameras[5].camera
