"""Steps within bounds, and floors and feet that start to act without a jump."""

import numpy as np
import pytest

from niki.body.skeleton import JOINTS, Body
from niki.network.posing import PosingNetwork
from niki.pose.floor import Floor
from niki.pose.hull import convex_hull, distance_beyond, edges_of
from niki.pose.posing import Poser
from niki.pose.stances import relaxed_rotations
from niki.pose.steps import bounded_step, pressing, step_towards
from niki.pose.targets import Posture, Target

POSER = Poser(Body.default(), PosingNetwork.default())
STANDING = Posture(relaxed_rotations(), np.zeros(3))


@pytest.mark.parametrize("seed", range(20))
def test_only_bounds_that_would_be_passed_press(seed):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(12, 12))
    system, short = root @ root.T + 0.1 * np.eye(12), rng.normal(size=12)
    x = pressing(system, short)
    slack = system @ x - short
    assert (x >= 0).all()
    assert (slack > -1e-8).all()
    np.testing.assert_allclose(x * slack, 0, atol=1e-8)


def problem(rng, count=4, size=9):
    rows = rng.normal(size=(count, size))
    root = rng.normal(size=(size, size))
    return rng.normal(size=count), rows, np.full(count, 1e-4), root @ root.T


@pytest.mark.parametrize("pulled_back", [False, True])
def test_bounds_that_are_far_change_nothing(pulled_back):
    rng = np.random.default_rng(0)
    residual, rows, errors, covariance = problem(rng)
    moved = rng.normal(size=9) if pulled_back else None
    bounds = np.full(3, -100.0), rng.normal(size=(3, 9)), np.full(3, 1e-4)
    step = bounded_step(residual, rows, errors, lambda r: r @ covariance, bounds, moved)
    expected = step_towards(residual, rows, errors, rows @ covariance, moved)
    np.testing.assert_allclose(step, expected, atol=1e-10)


@pytest.mark.parametrize("count", [0, 4])
def test_a_step_stays_within_bounds_and_meets_its_targets(count):
    rng = np.random.default_rng(1)
    residual, rows, errors, covariance = problem(rng, count)
    least, across = np.array([0.5, -0.2, -9.0]), rng.normal(size=(3, 9))
    bounds = least, across, np.full(3, 1e-4)
    step = bounded_step(residual, rows, errors, lambda r: r @ covariance, bounds)
    np.testing.assert_allclose(rows @ step, residual, atol=1e-4)
    assert (across @ step > least - 1e-4).all()


def test_a_bound_that_is_just_reached_changes_the_step_no_more_than_it_has_to():
    rng = np.random.default_rng(2)
    residual, rows, errors, covariance = problem(rng)
    free = step_towards(residual, rows, errors, rows @ covariance)
    across = rng.normal(size=(1, 9))
    reached = (across @ free)[0]

    def step(least):
        bounds = np.array([least]), across, np.full(1, 1e-4)
        return bounded_step(residual, rows, errors, lambda r: r @ covariance, bounds)

    np.testing.assert_allclose(step(reached - 1e-6), free, atol=1e-10)
    assert 0 < np.abs(step(reached + 1e-6) - free).max() < 1e-5


def test_edges_face_out_of_a_hull():
    points = np.random.default_rng(3).normal(size=(30, 2))
    starts, outward = edges_of(convex_hull(points))
    inside = points.mean(0)
    assert (((inside - starts) * outward).sum(1) < 0).all()
    np.testing.assert_allclose(np.linalg.norm(outward, axis=1), 1)
    beyond = ((inside - starts) * outward).sum(1).max()
    assert beyond == pytest.approx(distance_beyond(starts, inside)[0])


def dragged(start, *drags):
    """What comes of drags in turn, each of joints to places."""
    for places in drags:
        start = POSER.solve(
            start, [Target(j, to) for j, to in places.items()], floor=Floor(), keep_hands=True
        )
    return start


SITTING = dragged(
    STANDING,
    {"pelvis": (0, 0.13, -0.4)},
    {"left_ankle": (0.13, 0.09, -0.05), "right_ankle": (-0.13, 0.09, -0.05)},
)


@pytest.mark.parametrize("joint", ["pelvis", "left_knee", "left_hip"])
def test_a_small_pull_of_somebody_who_sits_moves_nothing_far(joint):
    before = POSER.joints(SITTING)
    pulled = dragged(SITTING, {joint: before[JOINTS.index(joint)] + [0.0, -0.005, 0.0]})
    assert np.linalg.norm(POSER.joints(pulled) - before, axis=1).max() < 0.03
