"""Where a body heads."""

import numpy as np
import pytest

from niki.body import rotation as rot
from niki.motion.heading import headings

UP = np.array([0.0, 1.0, 0.0])


def turned(angles, axis=UP):
    return rot.matrix_from_axis_angle(np.asarray(angles, float)[:, None] * axis)


@pytest.mark.parametrize("rate", [10.0, 30.0, 120.0])
def test_it_follows_a_turn_and_not_the_sway_of_steps(rate):
    time = np.arange(int(6 * rate)) / rate
    turn = np.radians(500) * np.clip(time / 6, 0, 1)
    found = headings(turned(turn + 0.15 * np.sin(2 * np.pi * 2 * time)), rate)
    inner = (time > 1.3) & (time < 4.7)
    np.testing.assert_allclose(found[inner], turn[inner], atol=0.01)  # also beyond a full turn


def test_who_bends_or_lies_down_heads_where_they_did():
    forward = np.linspace(0, np.radians(100), 90)
    found = headings(turned(np.full(90, 0.7)) @ turned(forward, np.array([1.0, 0, 0])), 30.0)
    np.testing.assert_allclose(found, 0.7, atol=1e-9)


def test_one_frame_is_enough():
    assert headings(turned([0.3]), 30.0) == pytest.approx([0.3])
