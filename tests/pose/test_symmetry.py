"""A pull that is the same for both sides of the body gives a pose that is."""

import numpy as np
import pytest

from niki.body.skeleton import JOINTS, MIRROR, NUM_BONES, Body
from niki.network.posing import PosingNetwork
from niki.pose.floor import Floor
from niki.pose.posing import Poser
from niki.pose.stances import relaxed_rotations
from niki.pose.targets import Posture, Target

FLIP = np.array([-1.0, 1, 1])
POSER = Poser(Body.default(), PosingNetwork.default())
STANDING = Posture(relaxed_rotations(), np.zeros(3))


def mirrored(posture) -> Posture:
    rotations = posture.rotations[list(MIRROR[:NUM_BONES])] * FLIP[:, None] * FLIP
    return Posture(rotations, posture.translation * FLIP)


def place(posture, joint):
    return POSER.joints(posture)[JOINTS.index(joint)]


def both(kind, x, y, z):
    return [Target(f"left_{kind}", (x, y, z)), Target(f"right_{kind}", (-x, y, z))]


def pulled(start, targets, pins=(), **options) -> Posture:
    pinned = [Target(joint, place(start, joint), pinned=True) for joint in pins]
    return POSER.solve(start, [*pinned, *targets], floor=Floor(), keep_hands=True, **options)


def differ(one, other) -> float:
    return float(np.abs(POSER.joints(one) - POSER.joints(other)).max())


def test_kneeling_up_and_going_on_all_fours_never_bends_the_trunk_sideways():
    posture, knees = STANDING, ("left_knee", "right_knee")
    for targets, pins in (
        (both("knee", 0.12, 0.06, 0.12), ()),
        ([Target("pelvis", (0.0, 0.52, 0.08))], knees),
        (both("wrist", 0.2, 0.07, 0.65), knees),
    ):
        posture = pulled(posture, targets, pins)
        assert differ(posture, mirrored(posture)) < 1e-6


@pytest.mark.parametrize("targets", [both("wrist", 0.15, 0.18, 0.3), [Target("head", (0.0, 1.2, 0.4))]])
def test_a_symmetric_pull_gives_a_symmetric_pose(targets):
    posture = pulled(STANDING, targets)
    assert differ(posture, mirrored(posture)) < 1e-6


def test_the_mirror_image_of_a_pull_gives_the_mirror_image_of_the_pose():
    left, right = ([Target(f"{side}_wrist", (x, 1.5, 0.3))] for side, x in (("left", 0.2), ("right", -0.2)))
    assert differ(pulled(STANDING, left), mirrored(pulled(STANDING, right))) < 1e-6
