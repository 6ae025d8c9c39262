"""Motions acted by people of any size, and how a front end would read them: for tests of whole captures without footage."""

import sys

import numpy as np
from conftest import ROOT

from niki.body import rotation as rot
from niki.body.kinematics import forward_kinematics
from niki.body.skeleton import JOINTS, NUM_BONES, Body
from niki.capturing.estimate.estimator import Estimate
from niki.capturing.footage.camera import Camera
from niki.capturing.pipeline import readings_of
from niki.evaluation.front_end import TOGETHER
from niki.evaluation.independent import USUAL_ERROR
from niki.motion.camera_tilt import camera_to_library, up_from_tilt
from niki.motion.contacts import SOLE, foot_points
from niki.motion.floor import standing_height
from niki.motion.motion import Motion
from niki.network.uncertainty import sigma_from_metres

sys.path.append(str(ROOT / "scripts"))
from sample_motions import SIDES, Pose, about, ease, standing_on

RATE, HEADING = 30.0, 30.0
CAMERA = Camera.of((1280, 960), 1000.0)
_CONSTANT, _SHAKING = (0.008, 0.008, 0.03), 0.001  # metres
FOOT_JOINTS = [JOINTS.index(f"{s}_{n}") for s in ("left", "right") for n in ("ankle", "foot", "big_toe")]


def person(height: float) -> Body:
    """Somebody of this height in metres, a child with the larger head and the shorter legs of one."""
    usual = Body.default()
    lengths = usual.bone_lengths.copy()
    if height < 1.4:
        for name, share in (("head", 1.3), ("head_top", 1.4), ("knee", 0.85), ("ankle", 0.85)):
            lengths[
                [
                    k
                    for k, joint in enumerate(JOINTS)
                    if joint.removeprefix("left_").removeprefix("right_") == name
                ]
            ] *= share
    body = Body.from_bone_lengths(lengths)
    return Body.from_bone_lengths(lengths * (height - SOLE) / (standing_height(body) - SOLE))


def motion_of(rotations: np.ndarray, trans: np.ndarray, body: Body) -> Motion:
    return Motion(
        rot.axis_angle_from_matrix(rotations).reshape(len(trans), -1), trans, RATE, body.rest_joints
    )


def grounded(rotations: np.ndarray, body: Body, lift: np.ndarray | float = 0.0) -> Motion:
    """Somebody whose left ankle stays over one place, and whose lowest point of the feet is ``lift`` above the floor."""
    joints, world = forward_kinematics(rotations, body)
    trans = -joints[:, JOINTS.index("left_ankle")]
    trans[:, 1] = SOLE - foot_points(joints, world, body)[..., 1].min(1) + lift
    return motion_of(rotations, trans, body)


def relaxed(count: int, crouch: np.ndarray | float = 0.0) -> np.ndarray:
    """(T, 24, 3, 3) somebody who stands, arms down, and crouches by so many degrees (T,), arms swinging a little."""
    pose, t = Pose(count), np.arange(count) / RATE
    crouch = np.broadcast_to(crouch, count)
    pose.put("pelvis", about("y", np.full(count, HEADING)), about("x", 0.35 * crouch))
    for side, s in SIDES:
        pose.put(f"{side}_hip", about("x", -1.35 * crouch))
        pose.put(f"{side}_knee", about("x", 2 * crouch))
        pose.put(f"{side}_ankle", about("x", -crouch))
        pose.put(f"{side}_shoulder", about("x", 8 * np.sin(2 * t) * s), about("z", np.full(count, -75.0 * s)))
        pose.put(f"{side}_elbow", about("y", -s * (15 + 6 * np.sin(3 * t))))
    return pose.rotations


def jumping(body: Body, height: float) -> tuple[Motion, np.ndarray]:
    """A jump of this height in metres in the middle of three seconds; and (T,) how high the feet are lifted."""
    t, flight = np.arange(90) / RATE, 2 * np.sqrt(2 * height / 9.81)
    share = np.clip((t - 1.4) / flight, 0, 1)
    land = 1.4 + flight
    crouch = 45 * (ease(t, 0.7, 1.15) - ease(t, 1.2, 1.4)) + 35 * (
        ease(t, land, land + 0.2) - ease(t, land + 0.3, land + 0.7)
    )
    lift = 4 * height * share * (1 - share)
    return grounded(relaxed(len(t), crouch), body, lift), lift


def stepping_up(body: Body, rise: float) -> Motion:
    """Somebody climbs a box: the left foot, then the body and the right foot."""
    t, rest = np.arange(120) / RATE, body.rest_joints
    turn, scale = about("y", np.full(120, HEADING)), standing_height(body) / 1.75
    first, second = ease(t, 1.0, 1.6), ease(t, 1.8, 2.5)
    pose, feet = Pose(len(t)), {}
    for side, s in SIDES:
        share = first if side == "left" else second
        ankle = rest[JOINTS.index(f"{side}_ankle")]
        swing = 0.06 * scale * np.sin(np.pi * share) ** 2
        place = np.stack(
            [0 * t + ankle[0], ankle[1] + rise * share + swing, ankle[2] + 0.35 * scale * share], -1
        )
        feet[side] = rot.apply(turn, place), turn, 0 * t
        pose.put(f"{side}_shoulder", about("z", -75.0 * s + 0 * t))
    pose.put("pelvis", turn)
    low = np.stack(
        [0 * t, rest[0, 1] - 0.04 * scale + rise * second, 0.17 * scale * first + 0.18 * scale * second], -1
    )
    rotations, trans = standing_on(pose, rot.apply(turn, low), feet, HEADING + 0 * t, body, 3)
    joints, world = forward_kinematics(rotations, body, trans)
    trans[:, 1] += SOLE - foot_points(joints, world, body)[0, :, 1].min()
    return motion_of(rotations, trans, body)


def lying(body: Body) -> Motion:
    """Somebody lies on their back and moves their arms."""
    rotations = relaxed(60)
    rotations[:, 0] = about("y", np.full(60, 60.0)) @ about("x", np.full(60, -90.0))
    low = forward_kinematics(rotations, body)[0][..., 1].min(1)
    trans = np.stack([0 * low, SOLE - low.mean() + 0 * low, 0 * low], -1)
    return motion_of(rotations, trans, body)


def read(truth: Motion, tilt: float = 10.0, distance: float = 4.0, hidden=(), seed: int = 0) -> Motion:
    """What a front end makes of a motion: errors that last, most of them along the view, and a little shaking.

    Args:
        tilt: degrees by which the camera looks down. distance: metres from it to the pelvis.
        hidden: joints that it only guesses.

    Returns:
        the readings of a capture, yet to be solved.
    """
    rng, count, up = np.random.default_rng(seed), len(truth), up_from_tilt(tilt, 0.0)
    to_library, joints = camera_to_library(up), truth.solved_joints()
    place = joints[:, 0].mean(0) - distance * to_library[:, 2]
    seen = (joints - place) @ to_library
    seen += rng.normal(size=(29, 3)) * _CONSTANT + _SHAKING * rng.normal(size=seen.shape)
    sigma = np.tile(sigma_from_metres(USUAL_ERROR * TOGETHER), (count, 1, 1))
    sigma[:, list(hidden)] = 0.95
    estimate = Estimate(
        seen, sigma, CAMERA.project(seen), np.full((count, NUM_BONES, 3), np.nan), np.ones(count, bool),
        np.arange(count), np.arange(count) / RATE, up, errors_last=True,
    )  # fmt: skip
    return readings_of(estimate, CAMERA, RATE)
