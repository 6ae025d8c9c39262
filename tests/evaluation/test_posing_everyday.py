"""Twelve everyday poses: what the table measures."""

import numpy as np
import pytest

from niki.body.skeleton import JOINTS, Body
from niki.cli import main
from niki.evaluation.posing.everyday import POSES, Drag, Everyday
from niki.evaluation.posing.everyday_table import everyday_table, make_pose
from niki.network.posing import PosingNetwork
from niki.pose.hull import distance_to_hull
from niki.pose.posing import Poser
from niki.pose.stances import relaxed_rotations
from niki.pose.targets import Posture

POSER = Poser(Body.default(), PosingNetwork.default())
STANDING = POSER.joints(Posture(relaxed_rotations(), np.zeros(3)))


def place(joint, by=(0, 0, 0)):
    return tuple(STANDING[JOINTS.index(joint)] + by)


def made(*drags):
    return make_pose(POSER, Everyday("some pose", drags))


def test_there_are_twelve_poses_with_names_of_their_own():
    assert len({pose.name for pose in POSES}) == 12
    assert {joint for pose in POSES for drag in pose.drags for joint in drag.to} <= set(JOINTS)


def test_a_body_that_is_not_moved_stands_as_it_stood():
    outcome = made(Drag({"head": place("head")}, still=("left_wrist", "left_ankle")))
    assert outcome.missed[0] < 0.1
    assert outcome.unbalanced == 0
    assert outcome.under < 2
    assert outcome.jump[0] < 0.1
    assert outcome.slipped[0] < 0.1
    assert outcome.beyond == ()


def test_a_target_out_of_reach_counts_as_missed():
    outcome = made(Drag({"left_wrist": place("left_wrist", (3, 0, 0))}))
    assert outcome.missed[0] > 1000


def test_each_drag_starts_where_the_last_one_ended():
    up, down = (Drag({"left_wrist": place("left_wrist", (0, y, 0.1))}) for y in (0.2, 0.1))
    outcome = made(up, down)
    assert len(outcome.missed) == 2
    np.testing.assert_allclose(POSER.joints(outcome.posture)[20], down.to["left_wrist"], atol=1e-3)


def test_a_jump_is_measured_against_the_mouse():
    outcome = made(Drag({"left_wrist": place("left_wrist", (0, 0.2, 0.1))}))
    dragged, times = outcome.jump
    assert dragged > 1000 * np.hypot(0.2, 0.1) / 20
    assert times == pytest.approx(dragged / (1000 * np.hypot(0.2, 0.1) / 20))


@pytest.mark.parametrize("pose", POSES, ids=lambda pose: pose.name)
def test_a_small_move_of_the_mouse_moves_no_joint_far(pose):
    outcome = make_pose(POSER, pose, moves=80)
    assert outcome.jump[0] < 60
    assert max(outcome.missed) < 0.5
    assert outcome.under < 10
    assert outcome.unbalanced < 0.5
    assert outcome.beyond == ()


@pytest.mark.parametrize(
    ("point", "away"), [((0.5, 0.5), 0), ((0.0, 0.0), 0), ((1.5, 0.5), 0.5), ((4, 5), 5)]
)
def test_distance_to_a_hull(point, away):
    square = np.array([(0, 0), (1, 0), (1, 1), (0, 1), (0.5, 0.5)])
    assert distance_to_hull(np.array(point, float), square) == pytest.approx(away, abs=1e-3)


def test_nothing_that_touches_is_no_distance():
    assert np.isnan(distance_to_hull(np.zeros(2), np.zeros((0, 2))))


def test_the_table_has_a_row_for_a_pose():
    row = everyday_table([made(Drag({"head": place("head")}))]).splitlines()[-1]
    assert row.startswith("| some pose | 1 | 0 | 0 | 0 | none |")


def test_everyday_poses_need_no_recordings_and_say_what_they_do_not_take(capsys):
    assert main(["bench", "posing", "--everyday", "--trained"]) == 1
    assert "leave out --run, --source and --trained" in capsys.readouterr().err
