"""Posing by pulled joints: exact targets, what holds, what does not move, and calm where it cannot be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standing import standing

from niki.body import rotation as rot
from niki.body.kinematics import forward_kinematics
from niki.body.limits import RANGES, exceeds_limits, nearest_in_range, widen_ranges
from niki.body.skeleton import JOINTS, NUM_BONES, Body
from niki.errors import NikiError
from niki.network.posing import PosingNetwork, PosingSpec
from niki.pose.posing import Poser
from niki.pose.steps import usual_covariance
from niki.pose.targets import ORIENTED, Posture, Target

BODY = Body.default()
POSERS = {"network": Poser(BODY, PosingNetwork.default()), "refinement alone": Poser(BODY)}
both = pytest.mark.parametrize("poser", POSERS.values(), ids=POSERS)


START = standing()
PLACES, WORLD = forward_kinematics(START.rotations, BODY, START.translation)


def place(joint):
    return PLACES[JOINTS.index(joint)]


def moved(posture, joint):
    return np.linalg.norm(POSERS["network"].joints(posture)[JOINTS.index(joint)] - place(joint))


@both
@pytest.mark.parametrize("joint", ["left_wrist", "right_ankle", "head", "pelvis", "left_elbow", "right_knee"])
def test_a_pulled_joint_gets_there_and_the_feet_stay(poser, joint):
    by = {"head": [0.02, -0.04, 0.04], "pelvis": [0.02, -0.04, 0.04], "right_knee": [0.02, -0.02, 0.06]}
    wanted = place(joint) + by.get(joint, [0.02, 0.05, 0.04])
    posture = poser.solve(START, [Target(joint, wanted)])
    assert posture.error[joint] < 0.001
    for foot in ("left_ankle", "right_ankle", "left_foot"):
        if not (joint.startswith("right") and foot.startswith("right")):  # a pulled leg's foot comes along
            assert moved(posture, foot) < 0.001
    assert not exceeds_limits(posture.rotations)


@both
def test_nothing_pulled_returns_the_pose(poser):
    targets = [Target(joint, place(joint)) for joint in ("left_wrist", "head_top", "right_knee")]
    posture = poser.solve(START, targets)
    np.testing.assert_allclose(posture.rotations, START.rotations, atol=1e-9)
    np.testing.assert_allclose(posture.translation, START.translation, atol=1e-9)


def test_a_pose_out_of_range_is_not_put_right_unasked():
    turns = rot.axis_angle_from_matrix(START.rotations)
    turns[JOINTS.index("left_knee")] = [-0.4, 0, 0]
    recorded = Posture(rot.matrix_from_axis_angle(turns), START.translation)
    assert exceeds_limits(recorded.rotations)
    same = POSERS["network"].solve(recorded, [Target("head", POSERS["network"].joints(recorded)[15])])
    np.testing.assert_allclose(same.rotations, recorded.rotations, atol=1e-9)


@both
def test_pins_hold_while_others_are_pulled(poser):
    pins = [Target(joint, place(joint), pinned=True) for joint in ("right_wrist", "left_ankle", "head")]
    wanted = place("left_wrist") + [0.1, 0.25, 0.15]
    posture = poser.solve(START, [*pins, Target("left_wrist", wanted)])
    assert posture.error["left_wrist"] < 0.001
    assert max(moved(posture, pin.joint) for pin in pins) < 0.001


steps = st.floats(-0.15, 0.15)


@given(st.sampled_from(["left_wrist", "left_elbow", "right_knee", "pelvis"]), st.tuples(steps, steps, steps))
@settings(max_examples=60, deadline=None)
def test_pins_hold_wherever_another_joint_is_pulled(joint, by):
    pins = [Target(name, place(name), pinned=True) for name in ("right_wrist", "head")]
    posture = POSERS["network"].solve(START, [*pins, Target(joint, place(joint) + by)])
    feet = ["left_ankle"] if joint == "right_knee" else ["left_ankle", "right_ankle"]
    assert max(moved(posture, name) for name in ("right_wrist", "head", *feet)) < 1e-3


def test_in_limb_mode_the_rest_is_untouched():
    posture = POSERS["network"].solve(START, [Target("left_wrist", place("left_wrist") + 0.08)], "limb")
    assert posture.error["left_wrist"] < 0.001
    arm = [JOINTS.index(f"left_{kind}") for kind in ("collar", "shoulder", "elbow")]
    others = [b for b in range(NUM_BONES) if b not in arm]
    np.testing.assert_allclose(posture.rotations[others], START.rotations[others], atol=1e-12)
    np.testing.assert_array_equal(posture.translation, START.translation)
    elbow = Target("left_elbow", place("left_elbow"), pinned=True)
    posture = POSERS["network"].solve(
        START, [elbow, Target("left_wrist", place("left_wrist") + 0.02)], "limb"
    )
    others = [b for b in range(NUM_BONES) if JOINTS[b] != "left_elbow"]
    np.testing.assert_allclose(posture.rotations[others], START.rotations[others], atol=1e-12)


@both
def test_hips_stay(poser):
    posture = poser.solve(START, [Target("head", place("head") + [0.05, -0.05, 0.1])], "hips")
    assert posture.error["head"] < 0.001
    assert moved(posture, "pelvis") < 1e-9
    np.testing.assert_allclose(posture.rotations[0], START.rotations[0], atol=1e-12)


@both
@pytest.mark.parametrize("joint", ORIENTED)
def test_an_orientation_is_met(poser, joint):
    wanted = rot.matrix_from_axis_angle(np.array([0.1, 0.2, -0.1])) @ WORLD[JOINTS.index(joint)]
    target = Target(joint, orientation=wanted)
    posture = poser.solve(START, [target])
    turned = forward_kinematics(posture.rotations, BODY)[1][target.index]
    assert rot.angle_between(turned, wanted) < np.radians(0.5)


@both
def test_the_head_looks_where_it_is_told(poser):
    there = place("head") + [1.0, 0.3, 2.0]
    posture = poser.solve(START, [Target("head", look_at=there)])
    places, world = forward_kinematics(posture.rotations, BODY, posture.translation)
    gaze = rot.normalize(there - places[15])
    assert world[15][:, 2] @ gaze > np.cos(np.radians(1))


def test_a_soft_target_yields_and_a_stronger_one_less():
    far = place("left_wrist") + [0.0, 0.5, 0.3]
    missed = [
        POSERS["network"].solve(START, [Target("left_wrist", far, weight=w)]).error["left_wrist"]
        for w in (0.05, 0.3, 1.0)
    ]
    assert missed[0] > missed[1] > missed[2]
    assert missed[2] < 0.001


@both
def test_out_of_reach_it_stretches_towards_the_target_and_stops(poser):
    direction = rot.normalize(np.array([0.3, 0.2, 1.0]))
    last, reached = None, []
    for metres in np.arange(0.1, 5, 0.1):
        last = poser.solve(START, [Target("left_wrist", place("left_wrist") + metres * direction)])
        reached.append(poser.joints(last)[JOINTS.index("left_wrist")] - place("left_wrist"))
    assert max(moved(last, "left_ankle"), moved(last, "right_ankle")) < 0.002
    assert (reached[-1] @ direction) > 0.5
    late = np.linalg.norm(np.diff(reached[30:], axis=0), axis=1)
    assert late.max() < 0.03  # calm: the target moves by 10 cm a step


distances = st.floats(-1e4, 1e4, allow_nan=False)


@given(
    st.lists(
        st.tuples(st.sampled_from(JOINTS), distances, distances, distances, st.booleans()),
        max_size=5,
        unique_by=lambda asked: asked[0],
    ),
    st.sampled_from(["full", "limb", "hips"]),
)
@settings(max_examples=40, deadline=None)
def test_whatever_is_asked_the_pose_is_finite(asked, mode):
    targets = [Target(joint, np.array([x, y, z]), pinned=pinned) for joint, x, y, z, pinned in asked]
    posture = POSERS["network"].solve(START, targets, mode)
    assert np.isfinite(posture.rotations).all()
    assert np.isfinite(posture.translation).all()
    identity = posture.rotations @ rot.transpose(posture.rotations)
    np.testing.assert_allclose(identity, np.broadcast_to(np.eye(3), (NUM_BONES, 3, 3)), atol=1e-9)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (dict(joint="tail"), "no joint 'tail'"),
        (dict(joint="head", position=[0, np.nan, 0]), "position of head"),
        (dict(joint="left_knee", orientation=np.eye(3)), "left_knee takes no orientation"),
        (dict(joint="left_wrist", look_at=[0, 0, 0]), "cannot look"),
        (dict(joint="head", position=[0, 0, 0], weight=0), "weight of head"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong, named):
    with pytest.raises(NikiError, match=named):
        Target(**wrong)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ([dict(joint="left_wrist", position=[0, 1, 0]), dict(joint="left_wrist", position=[0, 1, 0.01])],
         "left_wrist a different position"),
        ([dict(joint="left_wrist", position=[0, 1, 0], pinned=True), dict(joint="left_wrist", position=[0, 2, 0])],
         "left_wrist a different position"),
        ([dict(joint="head", orientation=np.eye(3)), dict(joint="head", orientation=-np.eye(3)[::-1])],
         "head a different orientation"),
        ([dict(joint="head", look_at=[0, 1, 0]), dict(joint="head", look_at=[0, 1, 1])],
         "head a different point to look at"),
        ([dict(joint="head", look_at=[0, 1, 0]), dict(joint="head", orientation=np.eye(3))],
         "head has both an orientation and"),
        ([dict(joint="head", look_at=[0, 1, 0], orientation=np.eye(3))], "head has both an orientation and"),
    ],
)  # fmt: skip
def test_targets_that_contradict_each_other_are_refused(asked, message):
    with pytest.raises(NikiError, match=message):
        POSERS["network"].solve(START, [Target(**values) for values in asked])


@pytest.mark.parametrize("pinned", [False, True])
def test_what_is_asked_twice_counts_once(pinned):
    wanted = place("left_wrist") + 0.03
    twice = [Target("left_wrist", wanted), Target("left_wrist", wanted, pinned=pinned)]
    once = POSERS["network"].solve(START, twice[1:])
    for targets in (twice, twice[::-1]):
        posture = POSERS["network"].solve(START, targets)
        np.testing.assert_allclose(posture.rotations, once.rotations, atol=1e-12)
        assert posture.error == pytest.approx(once.error)


def test_a_joint_may_have_its_place_and_its_direction_from_two_targets():
    wrist, hand = place("left_wrist") + [0.02, 0.05, 0.04], WORLD[JOINTS.index("left_wrist")]
    hand = rot.matrix_from_axis_angle(np.array([0.1, 0.2, -0.1])) @ hand
    there = place("head") + [1.0, 0.3, 2.0]
    apart = [
        Target("left_wrist", wrist), Target("left_wrist", orientation=hand),
        Target("head", place("head")), Target("head", look_at=there),
    ]  # fmt: skip
    together = [Target("left_wrist", wrist, hand), Target("head", place("head"), look_at=there)]
    a, b = (POSERS["network"].solve(START, targets) for targets in (apart, together))
    np.testing.assert_allclose(a.rotations, b.rotations, atol=1e-9)
    assert max(a.error["left_wrist"], a.error["head"]) < 1e-3
    places, world = forward_kinematics(a.rotations, BODY, a.translation)
    assert rot.angle_between(world[JOINTS.index("left_wrist")], hand) < np.radians(0.5)
    assert world[15][:, 2] @ rot.normalize(there - places[15]) > np.cos(np.radians(1))


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_soft_targets_the_greater_miss_is_reported(order):
    up, down = place("left_wrist") + [0, 0.02, 0], place("left_wrist") - [0, 0.2, 0]
    soft = [Target("left_wrist", up, weight=0.9), Target("left_wrist", down, weight=0.1)][::order]
    posture = POSERS["network"].solve(START, soft)
    found = POSERS["network"].joints(posture)[JOINTS.index("left_wrist")]
    assert posture.error["left_wrist"] == pytest.approx(np.linalg.norm(found - down))
    assert posture.error["left_wrist"] > 2 * np.linalg.norm(found - up)


def test_what_is_out_of_reach_is_told_to_be_missed_by_all_that_is_missing():
    far = place("left_wrist") + [0, 0, 5.0]
    posture = POSERS["network"].solve(START, [Target("left_wrist", far)])
    found = POSERS["network"].joints(posture)[JOINTS.index("left_wrist")]
    assert posture.error["left_wrist"] == pytest.approx(np.linalg.norm(found - far))


def test_a_mode_that_is_none_is_refused():
    with pytest.raises(NikiError, match="no mode 'tail'"):
        POSERS["network"].solve(START, [], "tail")


def test_ranges_are_mirrored_and_known_motions_lie_in_them():
    left, right = JOINTS.index("left_elbow"), JOINTS.index("right_elbow")
    np.testing.assert_allclose(RANGES[left, 1], -RANGES[right, 1, ::-1])
    bend = np.zeros((NUM_BONES, 3))
    bend[left, 1], bend[right, 1] = -2.0, 2.0
    assert not exceeds_limits(rot.matrix_from_axis_angle(bend))
    backwards = rot.matrix_from_axis_angle(-bend / 2)
    assert exceeds_limits(backwards)
    np.testing.assert_allclose(
        nearest_in_range(backwards, RANGES)[1][left, 1], 1.0 - np.radians(5), atol=1e-9
    )
    assert not nearest_in_range(backwards, widen_ranges(backwards))[1].any()


@both
def test_the_way_back_brings_back_the_pose(poser):
    path = [place("left_wrist") + share * np.array([0.1, 0.3, 0.25]) for share in (0.3, 0.6, 1.0)]
    there = [poser.solve(START, [Target("left_wrist", point)]) for point in path]
    back = [poser.solve(START, [Target("left_wrist", point)]) for point in path[::-1]][::-1]
    for first, second in zip(there, back, strict=True):
        np.testing.assert_array_equal(first.rotations, second.rotations)


@pytest.mark.parametrize(
    ("joint", "direction"), [("head", [-0.3, 0.8, 0.3]), ("pelvis", [-0.1, -0.95, 0.2]), ("left_wrist", [0.5, 0.5, 0.7])]
)  # fmt: skip
def test_no_pose_jumps_where_a_limb_comes_to_its_end(joint, direction):
    last = None
    for metres in np.arange(0.3, 0.5, 0.004):
        posture = POSERS["network"].solve(START, [Target(joint, place(joint) + metres * np.array(direction))])
        if last is not None:
            turn = rot.angle_between(posture.rotations, last.rotations).max()
            assert np.degrees(turn) / 4 < 3  # degrees per millimetre
        last = posture


def test_less_follows_where_less_is_to():
    target = [Target("left_wrist", place("left_wrist") + [0.1, 0.15, 0.1])]
    away = [moved(POSERS["network"].solve(START, target, follow=f), "right_wrist") for f in (0, 1)]
    assert away[0] < away[1]
    with pytest.raises(NikiError, match=r"follow must be from 0 to 1, not 1\.5"):
        POSERS["network"].solve(START, target, follow=1.5)


@pytest.mark.parametrize("kind", ["mlp", "flow"])
def test_any_kind_of_network_meets_the_targets_and_keeps_what_is_locked(kind, rng):
    spec = PosingSpec(kind, ((16, 1),) * (1 if kind == "mlp" else 3))
    network = PosingNetwork.initial(spec, np.sqrt(usual_covariance()), np.full((29, 29), 0.5), rng)
    for name in network.weights:
        if name.endswith("last.bias"):
            network.weights[name] = rng.normal(scale=0.2, size=network.weights[name].shape).astype(np.float32)
    free = np.tile(np.eye(3), (NUM_BONES + 1, 1, 1))
    locked = [JOINTS.index(n) for n in ("spine2", "left_collar", "right_knee")]
    free[locked] = 0
    wanted = place("left_wrist") + [0.05, 0.1, 0.1]
    posture = Poser(BODY, network, free).solve(START, [Target("left_wrist", wanted)])
    assert posture.error["left_wrist"] < 1e-3
    assert np.degrees(rot.angle_between(posture.rotations, START.rotations)).max() > 2
    np.testing.assert_array_equal(posture.rotations[locked], START.rotations[locked])
    still = Poser(BODY, network).solve(START, [Target("left_wrist", place("left_wrist"))])
    np.testing.assert_allclose(still.rotations, START.rotations, atol=1e-9)


def test_a_pulled_pelvis_takes_the_body_along():
    by = np.array([0.3, 0.1, -0.2])
    posture = POSERS["network"].solve(START, [Target("pelvis", place("pelvis") + by)], plant_feet=False)
    np.testing.assert_allclose(posture.translation, START.translation + by, atol=1e-3)
    np.testing.assert_allclose(posture.rotations, START.rotations, atol=1e-6)
