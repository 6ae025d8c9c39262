"""How the camera is held: tilt, roll and the axes that follow from them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from niki.capturing.footage.camera import CAMERA_TO_LIBRARY, Camera
from niki.errors import NikiError
from niki.motion.camera_tilt import camera_to_library, describe_camera, tilt_and_roll, up_from_tilt

TILTS, ROLLS = st.floats(-85, 85), st.floats(-179, 179)


@given(TILTS, ROLLS)
def test_up_tells_tilt_and_roll(tilt, roll):
    assert np.allclose(tilt_and_roll(up_from_tilt(tilt, roll)), (tilt, roll), atol=1e-6)


@given(TILTS, ROLLS)
def test_up_becomes_library_up_and_the_view_stays_ahead(tilt, roll):
    up = up_from_tilt(tilt, roll)
    turn = camera_to_library(up)
    assert np.allclose(turn @ turn.T, np.eye(3))
    assert np.isclose(np.linalg.det(turn), 1)
    assert np.allclose(turn @ up, [0, 1, 0])
    view = turn @ [0, 0, 1]
    assert np.isclose(view[0], 0)
    assert view[2] < 0
    assert np.isclose(view[1], -np.sin(np.radians(tilt)))  # a positive tilt looks down


def test_a_level_camera_has_the_plain_axes():
    assert np.allclose(camera_to_library(up_from_tilt(0.0, 0.0)), CAMERA_TO_LIBRARY)


def test_positive_roll_leans_verticals_to_the_right():
    assert up_from_tilt(0.0, 10.0)[0] > 0


@pytest.mark.parametrize(
    ("tilt", "roll", "name"), [(90, None, "tilt"), (None, 181, "roll"), ("steep", None, "tilt")]
)
def test_impossible_tilts_are_refused_by_name(tilt, roll, name):
    with pytest.raises(NikiError, match=f"The camera's {name} must be"):
        Camera.of((640, 480), tilt=tilt, roll=roll)


@pytest.mark.parametrize(
    ("tilt", "roll", "error", "words"),
    [
        (18.2, 2.6, 4.4, "Camera looks down 18°, rolled 3° (±4°)"),
        (-7.0, 0.3, 0.2, "Camera looks up 7° (±1°)"),
        (0.2, -12.0, 0.0, "Camera looks straight ahead, rolled -12°, as given"),
        (0.0, 0.0, np.nan, "Camera taken as level"),
        (0.0, 0.0, None, "Camera taken as level"),
        (-0.2, 0.0, None, "Camera taken as level"),
        (20.0, 0.0, np.nan, "Camera looks down 20°, the rest taken as level"),
    ],
)
def test_how_a_camera_is_held_is_told_in_words(tilt, roll, error, words):
    assert describe_camera(tilt, roll, error) == words
