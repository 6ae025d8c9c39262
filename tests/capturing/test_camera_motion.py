"""How the camera turns, seen in the background, and what becomes of it in the motion."""

import numpy as np
import pytest
from conftest import some_motion

cv2 = pytest.importorskip("cv2", reason="niki[capture] is not installed here")

from niki.body.rotation import angle_between, matrix_from_axis_angle
from niki.capturing.estimate.estimator import Estimate
from niki.capturing.footage.camera import Camera
from niki.capturing.footage.camera_motion import SEEN, CameraWatcher, camera_turns
from niki.capturing.pipeline import motion_from_estimate, reprojection_error
from niki.motion.camera_tilt import camera_to_library, up_from_tilt
from niki.motion.refinement import Refinement

CAMERA = Camera.of((640, 360), 600.0)
FRAMES = 30


def background(rng):
    """A picture with something to hold on to everywhere."""
    coarse = rng.uniform(0, 255, (45, 80, 3)).astype(np.uint8)
    return cv2.resize(coarse, CAMERA.size, interpolation=cv2.INTER_CUBIC)


def turned(degrees):
    """(T, 3, 3) of a camera that turns evenly, by ``degrees`` (3,) about its axes in all."""
    return matrix_from_axis_angle(np.linspace(0, 1, FRAMES)[:, None] * np.radians(degrees))


def seen_through(picture, turns, person=None):
    """What is seen in pictures of a background by a camera that turns; a bright figure walks across."""
    watch, seen = CameraWatcher(), []
    for t, turn in enumerate(turns):
        matrix = CAMERA.matrix @ turn @ np.linalg.inv(CAMERA.matrix)
        rgb = cv2.warpPerspective(picture, matrix, CAMERA.size, borderMode=cv2.BORDER_REFLECT)
        square = None
        if person:
            x = 100 + 12 * t
            cv2.rectangle(rgb, (x - 30, 80), (x + 30, 300), (255, 255, 255), -1)
            cv2.line(rgb, (x - 30, 80), (x + 30, 300), (0, 0, 0), 5)
            square = (float(x), 190.0, 240.0)
        seen.append(watch(rgb, square))
    return np.array(seen)


@pytest.mark.parametrize("degrees", [(12, 0, 0), (0, -15, 0), (0, 0, 10), (8, 6, -5)])
def test_a_camera_that_turns_is_followed(rng, degrees):
    turns = turned(degrees)
    found = camera_turns(seen_through(background(rng), turns, person=True), CAMERA)
    assert np.degrees(angle_between(found, turns).max()) < 1.5


def test_a_still_camera_is_still_though_somebody_walks_past(rng):
    assert camera_turns(seen_through(background(rng), turned((0, 0, 0)), person=True), CAMERA) is None


def test_where_there_is_nothing_to_see_nothing_has_moved():
    watch = CameraWatcher()
    grey = np.full((360, 640, 3), 128, np.uint8)
    seen = np.array([watch(grey, None), watch(grey, None), watch(None, None), watch(grey, (9, 9, 5))])
    np.testing.assert_array_equal(seen, np.tile([1.0, 0, 0, 0, 0], (4, 1)))
    assert seen.shape[1] == SEEN
    assert camera_turns(seen, CAMERA) is None


def test_a_person_keeps_their_way_though_the_camera_turns():
    truth = some_motion(frames=FRAMES)
    up, turns = up_from_tilt(15.0, 4.0), turned((8, 20, -5))
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = camera_to_library(up), [0.2, 1.3, 4]
    truth.camera_pose, truth.camera_turns = pose, turns
    exact = Estimate(
        truth.in_camera(truth.solved_joints()), np.zeros((FRAMES, 29, 2)), truth.projected(),
        np.full((FRAMES, 24, 3), np.nan), np.ones(FRAMES, bool), truth.frames, truth.times, up, 3.0, turns,
    )  # fmt: skip
    motion = motion_from_estimate(
        exact, Camera.of((660, 460), 900.0), 30.0, refinement=Refinement(0, 0, 0, 0)
    )
    np.testing.assert_allclose(motion.camera_turns, turns)
    assert not motion.camera_is_still
    assert reprojection_error(motion) < 2
    moved = motion.solved_joints()[:, 0] - truth.solved_joints()[:, 0]
    np.testing.assert_allclose(moved, np.tile(moved[0], (FRAMES, 1)), atol=0.02)
