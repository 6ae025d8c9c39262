"""A clip solved as one."""

from dataclasses import replace

import numpy as np
import pytest

from niki.body import rotation as rot
from niki.body.kinematics import forward_kinematics
from niki.body.limits import RANGES, nearest_in_range
from niki.body.skeleton import JOINTS, Body
from niki.errors import NikiError
from niki.network.uncertainty import sigma_from_metres
from niki.solve import clip, clip_problem
from niki.solve.balance import MASSES, nearest_support
from niki.solve.banded import BandedNormal
from niki.solve.clip import solve_clip
from niki.solve.clip_problem import SIZE
from niki.solve.clip_weights import LASTING, OF_EACH_FRAME
from niki.solve.ground import FOOT_JOINTS
from niki.solve.refinement import independent_turns, refine

BODY = Body.default()
RATE = 30.0
STIFF = independent_turns(np.radians(6))


def motion(count, rate=RATE):
    """A body that swings everything, and walks: rotations, translation and joints."""
    times = np.arange(count)[:, None, None] / rate
    rng = np.random.default_rng(4)
    reach = np.minimum(np.abs(RANGES).min(-1), 1.0)  # as far as joints go both ways
    turns = 0.4 * reach * rng.uniform(-1, 1, (24, 3)) * np.sin(3 * times + np.arange(24)[:, None])
    rotations = rot.matrix_from_axis_angle(turns)
    translation = np.array([0.5, 0, 0.2]) * times[:, 0] + [0, 0, 4]
    return rotations, translation, forward_kinematics(rotations, BODY, translation)[0]


def jittered(rotations, size, seed=0):
    turns = size * np.random.default_rng(seed).normal(size=(*rotations.shape[:2], 3))
    return rot.matrix_from_axis_angle(turns) @ rotations


def solve(rotations, translation, joints, error=0.02, rate=RATE, **options):
    """``error``: metres, stated of every joint, or (T, 29, 2)."""
    sigma = sigma_from_metres(np.broadcast_to(error, (len(rotations), 29, 2)))
    view = rot.normalize(translation)
    return solve_clip(rotations, translation, joints, sigma, view, BODY, rate, STIFF, **options)


def joints_of(solved):
    return forward_kinematics(solved.rotations, BODY, solved.translation)[0]


def shake(joints):
    return np.linalg.norm(np.diff(joints - joints[:, :1], 3, axis=0), axis=-1).mean()


def test_the_slopes_are_those_of_finite_differences():
    rotations, translation, joints = motion(2)
    world = forward_kinematics(rotations, BODY, translation)[1]
    parents = clip_problem.parent_orientations(world)
    eye = np.broadcast_to(np.eye(3), (2, 1, 3, 3))
    frames = np.concatenate([rotations[:, :1], parents[:, 1:], eye], 1)
    slopes = clip_problem._slopes(joints, frames)
    step = 1e-6
    for unknown in (0, 2, 13, 30, 53, 60, 71, 73):
        turns = np.zeros((2, SIZE))
        turns[:, unknown] = step
        turns = rot.apply(frames, turns.reshape(2, -1, 3))
        turned = clip_problem.turn_bones(rotations, parents, rot.matrix_from_axis_angle(turns[:, :-1]))
        moved = forward_kinematics(turned, BODY, translation + turns[:, -1])[0]
        np.testing.assert_allclose((moved - joints) / step, slopes[..., unknown], atol=1e-5)


def test_turns_between_frames_change_as_the_motion_term_takes_it():
    """Where bones turn evenly, by little, a turn of the middle frame counts twice, the other way."""
    turn = rot.matrix_from_axis_angle(np.full((1, 24, 3), 1e-3))
    rotations = np.concatenate([rot.transpose(turn), np.broadcast_to(np.eye(3), turn.shape), turn])
    place = np.zeros((3, 3))
    np.testing.assert_allclose(np.diff(clip_problem._turns_between(rotations, place), axis=0), 0, atol=1e-12)
    rotations[1] = rot.matrix_from_axis_angle(np.full((24, 3), 1e-5))
    change = np.diff(clip_problem._turns_between(rotations, place), axis=0)
    np.testing.assert_allclose(change[:, :-3], -2e-5, rtol=1e-3)


def test_banded_equations_are_solved_as_dense_ones_are(rng):
    count, size = 5, 4
    normal = BandedNormal(count, size)
    dense = np.zeros((count * size, count * size))
    part = rng.normal(size=(count, size, size))
    normal.same += part @ np.swapaxes(part, 1, 2) + 3 * np.eye(size)
    normal.next += 0.2 * rng.normal(size=(count - 1, size, size))
    normal.gradient += rng.normal(size=(count, size))
    for k in range(count):
        here = slice(k * size, (k + 1) * size)
        dense[here, here] = normal.same[k]
        if k + 1 < count:
            after = slice((k + 1) * size, (k + 2) * size)
            dense[after, here], dense[here, after] = normal.next[k], normal.next[k].T
    second = np.kron(np.diff(np.eye(count), 2, axis=0), np.eye(size))
    weight = rng.random((count - 2, size))
    dense += second.T @ np.diag(weight.ravel()) @ second
    gradient = normal.gradient.ravel() + second.T @ np.ones(second.shape[0])
    normal.add_second_difference(weight, np.ones_like(weight))
    solution, draws = normal.solve(samples=4000)
    np.testing.assert_allclose(solution.ravel(), np.linalg.solve(dense, gradient), atol=1e-6)
    draws = draws.reshape(4000, -1)
    np.testing.assert_allclose(draws.T @ draws / 4000, np.linalg.inv(dense), atol=0.05)


@pytest.mark.parametrize("lasting", [False, True])
def test_exact_joints_give_the_same_pose(lasting):
    rotations, translation, joints = motion(20)
    solved = solve(rotations, translation, joints, error=0, lasting=lasting)
    np.testing.assert_allclose(solved.rotations, rotations, atol=1e-9)
    np.testing.assert_allclose(solved.translation, translation, atol=1e-9)


@pytest.mark.parametrize("lasting", [False, True])
def test_what_is_right_stays_nearly_as_it_is(lasting):
    rotations, translation, joints = motion(20)
    solved = solve(rotations, translation, joints, error=0.01, lasting=lasting)
    np.testing.assert_allclose(joints_of(solved), joints, atol=0.03)


def test_without_motion_each_frame_is_as_by_itself():
    rotations, translation, joints = motion(6)
    start = jittered(rotations, 0.02)  # within limits, of which refinement knows nothing
    alone = replace(OF_EACH_FRAME, motion=np.inf, pose=1.0, tail=1e12)
    solved = solve(start, translation, joints, weights=alone)
    error = np.full((6, 29, 2), 0.021)
    expected, place = refine(start, translation, joints, error, rot.normalize(translation), BODY, STIFF)
    np.testing.assert_allclose(solved.rotations, expected, atol=4e-3)
    np.testing.assert_allclose(solved.translation, place, atol=1e-3)


def test_errors_of_each_frame_are_averaged_and_motion_is_not(rng):
    rotations, translation, joints = motion(60)
    seen = joints + 0.03 * rng.normal(size=joints.shape)
    solved = solve(jittered(rotations, 0.1), translation, seen, error=0.03)
    found = joints_of(solved)
    assert (
        np.linalg.norm(found - joints, axis=-1).mean() < 0.4 * np.linalg.norm(seen - joints, axis=-1).mean()
    )
    assert shake(found) < 0.15 * shake(seen)
    wrist = JOINTS.index("left_wrist")
    speed, true = (np.linalg.norm(np.diff(j[:, wrist], axis=0), axis=-1).max() for j in (found, joints))
    assert speed > 0.95 * true


def test_a_joint_that_leaps_is_not_followed(rng):
    rotations, translation, joints = motion(30)
    seen = joints.copy()
    seen[15, 20] += [0, 0.8, 0]
    found = joints_of(solve(rotations, translation, seen, error=0.02))
    assert np.linalg.norm(found[15, 20] - joints[15, 20]) < 0.03


def test_windows_agree_with_one_solution(monkeypatch, rng):
    rotations, translation, joints = motion(150)
    seen = joints + 0.02 * rng.normal(size=joints.shape)
    whole = joints_of(solve(rotations, translation, seen))
    monkeypatch.setattr(clip, "WINDOW", 50)
    parts = joints_of(solve(rotations, translation, seen))
    assert np.abs(parts - whole).max() < 1e-3
    assert np.abs(parts - whole).max() > 0


def test_a_gap_is_bridged_in_motion_and_less_certain_the_longer_it_is():
    rotations, translation, joints = motion(60)
    error = np.full((60, 29, 2), 0.02)
    error[20:40] = np.inf
    start, place = rotations.copy(), translation.copy()
    share = np.linspace(0, 1, 22)[1:-1, None, None]
    ends = rot.quaternion_from_matrix(rotations[[19, 40]])
    start[20:40] = rot.matrix_from_quaternion(rot.slerp(ends[:1], ends[1:], share))
    place[20:40] = translation[19] + share[:, 0] * (translation[40] - translation[19])
    evenly = forward_kinematics(start, BODY, place)[0]
    solved = solve(start, place, np.where(np.isinf(error[..., :1]), 9.0, joints), error)
    found = joints_of(solved)
    apart, apart_evenly = (np.linalg.norm(j - joints, axis=-1)[20:40].mean() for j in (found, evenly))
    assert apart < 0.95 * apart_evenly
    assert shake(found) < 0.8 * shake(evenly)
    sure = solved.error.mean(1)
    assert sure[30] > 2 * sure[20] > 2 * sure[10]


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("lasting", [False, True])
def test_very_short_clips(count, lasting):
    rotations, translation, joints = motion(count)
    start = jittered(rotations, 0.05)
    found = joints_of(solve(start, translation, joints, error=0.005, lasting=lasting))
    before = np.linalg.norm(forward_kinematics(start, BODY, translation)[0] - joints, axis=-1).mean()
    assert np.linalg.norm(found - joints, axis=-1).mean() < 0.5 * before


def test_one_frame_seen_of_all():
    rotations, translation, joints = motion(12)
    error = np.full((12, 29, 2), np.inf)
    error[5] = 0.01
    still, stays = np.repeat(rotations[5:6], 12, 0), np.repeat(translation[5:6], 12, 0)
    solved = solve(still, stays, joints, error)
    np.testing.assert_allclose(joints_of(solved), np.repeat(joints[5:6], 12, 0), atol=0.02)
    assert solved.error[0].mean() > solved.error[5].mean()


def test_low_frame_rates_are_smoothed_less(rng):
    kept = {}
    for rate in (5.0, 30.0, 120.0):
        rotations, translation, joints = motion(40, rate)
        seen = joints + 0.02 * rng.normal(size=joints.shape)
        found = joints_of(solve(rotations, translation, seen, rate=rate))
        kept[rate] = np.linalg.norm(found - joints, axis=-1).mean()
    assert kept[120.0] < kept[30.0] < kept[5.0] < 0.03


def test_a_foot_that_touches_the_ground_stays(rng):
    rotations = np.broadcast_to(np.eye(3), (40, 24, 3, 3))
    translation = np.zeros((40, 3)) + [0, 0, 4]
    joints = forward_kinematics(rotations, BODY, translation)[0]
    drift = 0.05 * np.cumsum(rng.normal(size=(40, 1, 3)), 0) / 6
    seen = joints + drift
    contacts = np.zeros((40, 4))
    contacts[:, :2] = 1
    free = joints_of(solve(rotations, translation + drift[:, 0], seen, lasting=True))
    floor = joints[0, :, 1].min() + 0.03
    held = joints_of(
        solve(rotations, translation + drift[:, 0], seen, lasting=True, contacts=contacts, floor=floor)
    )
    slide, slid = (
        np.linalg.norm(np.diff(j[:, FOOT_JOINTS[:2]], axis=0), axis=-1).mean() for j in (held, free)
    )
    assert slide < 0.0025 < slid
    rise = held[:, FOOT_JOINTS[:2], 1] - joints[:, FOOT_JOINTS[:2], 1]
    np.testing.assert_allclose(rise, 0.03, atol=0.015)


def test_limbs_are_smoothed_apart(rng):
    rotations, translation, joints = motion(40)
    seen = joints + 0.02 * rng.normal(size=joints.shape)
    start = jittered(rotations, 0.05)
    stiff = replace(OF_EACH_FRAME, limbs={"arms": 0.1})
    usual, calm = (joints_of(solve(start, translation, seen, weights=w)) for w in (OF_EACH_FRAME, stiff))

    def shaken(joints, end, start):
        bone = joints[:, JOINTS.index(end)] - joints[:, JOINTS.index(start)]
        return np.linalg.norm(np.diff(bone, 3, axis=0), axis=-1).mean()

    arm, leg = ("left_elbow", "left_shoulder"), ("left_knee", "left_hip")
    assert shaken(calm, *arm) < 0.8 * shaken(usual, *arm)
    assert shaken(calm, *leg) == pytest.approx(shaken(usual, *leg), rel=0.1)


def test_it_is_said_which_array_is_too_short():
    rotations, translation, joints = motion(4)
    with pytest.raises(NikiError, match="contacts has 3 frames and rotations 4"):
        solve(rotations, translation, joints, contacts=np.zeros((3, 4)))
    with pytest.raises(NikiError, match="frame rate"):
        solve(rotations, translation, joints, rate=0)


def test_bones_that_nothing_is_known_of_go_back_within_their_limits():
    rotations, translation, joints = motion(20)
    start = rotations.copy()
    elbow = JOINTS.index("left_elbow")
    start[:, elbow] = rot.matrix_from_axis_angle(np.radians([0.0, 40.0, 0.0]))  # bent the wrong way
    error = np.full((20, 29, 2), 0.02)
    error[
        :, [elbow, JOINTS.index("left_wrist"), JOINTS.index("left_hand"), JOINTS.index("left_middle_finger")]
    ] = np.inf
    solved = solve(start, translation, joints, error)
    over = [
        np.abs(nearest_in_range(r[:, elbow : elbow + 1], RANGES[elbow : elbow + 1])[1]).max()
        for r in (start, solved.rotations)
    ]
    assert over[1] < 0.6 * over[0]


def leaning(count, degrees, bend=0.0):
    """A person who stands still and leans away from the camera, feet where they were: rotations and translation."""
    rotations = np.broadcast_to(np.eye(3), (count, 24, 3, 3)).copy()
    for name, turn in (("hip", -bend), ("knee", 2 * bend), ("ankle", -bend)):
        for side in ("left", "right"):
            rotations[:, JOINTS.index(f"{side}_{name}")] = rot.matrix_from_axis_angle(
                np.radians([turn, 0, 0])
            )
    lean = rot.matrix_from_axis_angle(np.radians([degrees, 0, 0]))
    rotations[:, 0] = lean
    for side in ("left", "right"):
        ankle = JOINTS.index(f"{side}_ankle")
        rotations[:, ankle] = lean.T @ rotations[:, ankle]
    place = np.zeros((count, 3))
    feet = forward_kinematics(rotations, BODY, place)[0][:, FOOT_JOINTS].mean(1)
    return rotations, place - feet + [0, -1, 4]


def beside(joints):
    """Metres along the view from the middle of the feet to the center of mass."""
    return float((np.einsum("j,tji->ti", MASSES, joints) - joints[:, FOOT_JOINTS].mean(1))[:, 2].mean())


@pytest.mark.parametrize(
    ("bend", "touches", "held"), [(0.0, 1.0, True), (0.0, 0.0, False), (60.0, 1.0, False)]
)
def test_a_body_that_stands_is_balanced(bend, touches, held):
    """Whoever sits, or stands on nothing that is known, may lean."""
    rotations, translation = leaning(60, 12.0, bend)
    joints = forward_kinematics(rotations, BODY, translation)[0]
    error = np.broadcast_to([0.01, 0.08], (60, 29, 2))  # leaning hardly shows in the picture
    with_balance, without = (
        solve(
            rotations, translation, joints, error, contacts=np.full((60, 4), touches), lasting=True,
            weights=replace(LASTING, balance=balance),
        )
        for balance in (LASTING.balance, 0.0)
    )  # fmt: skip
    moved = beside(joints_of(without)) - beside(joints_of(with_balance))
    assert moved > 0.04 if held else moved == 0


def test_the_support_is_under_one_foot_or_between_both():
    feet = np.array([[[0.0, 0], [0, 1], [2, 0], [2, 1]]])

    def support(point, *touches):
        shares = nearest_support(np.array([point]), feet, np.array([touches], bool))
        np.testing.assert_allclose(shares.sum(), 1)
        return (shares @ feet[0])[0]

    both = [support(point, 1, 1, 1, 1) for point in ((-1.0, 0.2), (0.5, 3.0), (9.0, 0.0))]
    assert len({place[1] for place in both}) == 1
    assert 0.6 < both[0][1] < 0.9
    assert [place[0] for place in both] == [0, 0.5, 2]
    np.testing.assert_allclose(support((1.0, 0.0), 0, 0, 1, 0), [2, 0])
    np.testing.assert_allclose(support((1.0, 0.0), 0, 1, 0, 0), [0, 1])
    np.testing.assert_allclose(support((1.0, 0.0), 1, 0, 0, 1), [0.8, 0.4])


def test_masses_are_those_of_a_body():
    assert MASSES.sum() == pytest.approx(1)
    assert (MASSES >= 0).all()
    rest = BODY.rest_joints
    height = rest[JOINTS.index("head_top"), 1] - rest[:, 1].min()
    arms_down = MASSES @ rest[:, 1] - rest[:, 1].min()
    assert (
        0.53 < arms_down / height < 0.62
    )  # 0.55 to 0.57 of people with their arms down; here they are level
