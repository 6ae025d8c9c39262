"""The motions of the sample clips, written by hand: no recording is behind them. numpy only.

Library space: metres, Y up; somebody with a heading of 0 degrees looks along +Z, towards a level camera.
"""

import numpy as np

from niki.body import rotation as rot
from niki.body.kinematics import forward_kinematics
from niki.body.skeleton import JOINTS, Body

SIDES = (("left", 1), ("right", -1))


def about(axis: str, degrees) -> np.ndarray:
    vector = np.eye(3)["xyz".index(axis)]
    return rot.matrix_from_axis_angle(np.radians(degrees)[..., None] * vector)


def ease(t, start, stop):
    """0 before ``start``, 1 after ``stop``, smooth between."""
    x = np.clip((t - start) / (stop - start), 0, 1)
    return x * x * (3 - 2 * x)


def between(t, start, full, fade, stop):
    """0, rising from ``start`` to 1 at ``full``, falling from ``fade`` to 0 at ``stop``."""
    return ease(t, start, full) - ease(t, fade, stop)


class Pose:
    """Parent-relative rotations (T, 24, 3, 3), to which turns are added joint by joint."""

    def __init__(self, count: int):
        self.rotations = np.tile(np.eye(3), (count, 24, 1, 1))

    def put(self, name: str, *turns: np.ndarray) -> None:
        for turn in turns:
            self.rotations[:, JOINTS.index(name)] = self.rotations[:, JOINTS.index(name)] @ turn


def turn_and_wave(t: np.ndarray, body: Body) -> tuple[np.ndarray, np.ndarray]:
    """A walk that turns three quarters round, then one hand waves and the other holds the
    belly: rotations (T, 24, 3, 3) and translation (T, 3)."""
    pose = Pose(len(t))
    put = pose.put
    phase = 2 * np.pi * 0.9 * t
    stride = 1 - 0.75 * ease(t, 3.2, 4.0)
    wave, hold = ease(t, 2.0, 2.7), ease(t, 2.3, 3.1)
    put("pelvis", about("y", -50 + 250 * ease(t, 0.2, 3.9)), about("z", 3 * np.sin(phase) * stride))
    put("spine1", about("y", -4 * np.sin(phase) * stride), about("x", 2 + 0 * t))
    put("spine2", about("y", -5 * np.sin(phase) * stride), about("x", 3 + 3 * wave))
    put("spine3", about("y", -4 * np.sin(phase) * stride), about("z", 6 * wave))
    put("neck", about("x", 6 - 4 * wave), about("y", 12 * np.sin(1.3 * t)))
    put("head", about("x", -4 + 6 * hold), about("y", 16 * np.sin(1.3 * t)))
    for side, s in SIDES:
        swing = np.sin(phase) * s
        put(f"{side}_hip", about("x", -6 - 26 * swing * stride), about("z", 2.0 * s + 0 * t))
        put(f"{side}_knee", about("x", 8 + 48 * stride * np.clip(np.cos(phase) * s, 0, None) ** 1.5))
        put(f"{side}_ankle", about("x", 2 + 12 * swing * stride))
        put(f"{side}_foot", about("x", -18 * stride * np.clip(-swing, 0, None) ** 2))
        busy = wave if side == "right" else hold
        put(f"{side}_shoulder", about("x", (1 - busy) * 26 * swing * stride))
        put(f"{side}_elbow", about("y", -s * (1 - busy) * (22 + 12 * (1 - swing) * stride)))
    put("left_shoulder", about("y", -38 * hold), about("z", -79 + 13 * hold), about("x", 10 * hold))
    put("left_elbow", about("y", -95 * hold))
    put("left_wrist", about("z", 8 * np.sin(2 * phase) * hold))
    put("right_collar", about("z", -14 * wave))
    put("right_shoulder", about("y", 20 * wave), about("z", 79 - 99 * wave), about("x", -70 * wave))
    put("right_elbow", about("y", wave * (70 + 22 * np.sin(2.1 * phase))))
    return pose.rotations, grounded(pose.rotations, body)


def grounded(rotations: np.ndarray, body: Body) -> np.ndarray:
    """Translation (T, 3) that keeps the lower foot where it is on the floor."""
    joints = forward_kinematics(rotations, body)[0]
    toes = joints[:, [JOINTS.index(f"{s}_big_toe") for s in ("left", "right")]]
    balls = joints[:, [JOINTS.index(f"{s}_foot") for s in ("left", "right")]]
    heels = joints[:, [JOINTS.index(f"{s}_ankle") for s in ("left", "right")]] - [0, 0.05, 0]
    height = np.minimum(np.minimum(toes, balls), heels)[..., 1]
    share = np.exp(-height / 0.015 + height.min(1, keepdims=True) / 0.015)
    share /= share.sum(1, keepdims=True)
    trans = np.zeros((len(rotations), 3))
    trans[:, 1] = 0.022 - height.min(1)
    moved = (np.diff(balls, axis=0) * (share[1:] + share[:-1])[..., None] / 2).sum(1)
    trans[1:, [0, 2]] = -np.cumsum(moved, axis=0)[:, [0, 2]]
    middle = (trans + joints[:, 0])[:, [0, 2]]
    trans[:, [0, 2]] -= (middle.min(0) + middle.max(0)) / 2
    return trans


def stroll_and_point(t: np.ndarray, body: Body) -> tuple[np.ndarray, np.ndarray]:
    """Steps along a bend, then standing; the left arm points aside and up, then both show a size: rotations
    (T, 24, 3, 3) and translation (T, 3). Each foot stays where it steps."""
    step, stop = 0.54, 1.95  # seconds of a step, and when the walk ends
    fine = np.arange(-2.0, t[-1] + 2.0, 0.005)
    heading = 72 - 84 * ease(fine, -0.2, 2.1)
    speed = 1.0 - ease(fine, stop - 0.6, stop)
    course = np.radians(heading)
    path = np.cumsum(np.stack([np.sin(course), np.cos(course)], -1) * speed[:, None] * 0.005, 0)

    def at(values, when):
        return np.stack([np.interp(when, fine, v) for v in np.atleast_2d(values.T)], -1)

    feet = {
        side: _steps(t, side, s, step, stop, lambda x: at(path, x), lambda x: at(heading, x)[..., 0], body)
        for side, s in SIDES
    }
    going = np.interp(t, fine, speed)
    beat = np.pi * t / step  # a cycle is two steps
    sway = 0.018 * np.sin(beat)[:, None] * about("y", np.interp(t, fine, heading))[:, [0, 2], 0]
    facing = np.interp(t, fine, heading)
    pose = Pose(len(t))
    put = pose.put
    point = between(t, 0.6, 1.15, 1.6, 2.05)
    size = ease(t, 1.9, 2.5)
    put("pelvis", about("y", facing - 5 * np.cos(beat) * going), about("x", 2 + 2 * going))
    put("spine1", about("y", 4 * np.cos(beat) * going), about("x", 1 + 0 * t))
    put("spine2", about("y", 4 * np.cos(beat) * going), about("x", 1 + 3 * size))
    put("spine3", about("y", 3 * np.cos(beat) * going + 14 * point), about("z", 4 * point))
    put("neck", about("y", 18 * point), about("x", 3 + 6 * size))
    put("head", about("y", 16 * point), about("x", -4 - 8 * point + 6 * size))
    for side, s in SIDES:
        busy = np.maximum(size, point) if side == "left" else size
        swing = np.cos(beat) * s * going * (1 - busy)
        put(f"{side}_shoulder", about("x", 20 * swing - 4))
        put(f"{side}_elbow", about("y", -s * (18 + 8 * going - 6 * swing) * (1 - busy)))
    put("left_collar", about("z", 16 * point))
    put(
        "left_shoulder",
        about("x", -34 * size),
        about("y", -15 * point),
        about("z", -78 + 104 * point + 16 * size),
    )
    put("left_elbow", about("y", -6 * point - 62 * size - 10 * size * np.sin(9 * t)))
    put("left_wrist", about("x", -30 * size))
    put("right_shoulder", about("x", -34 * size), about("z", 78 - 16 * size))
    put("right_elbow", about("y", 62 * size + 10 * size * np.sin(9 * t)))
    put("right_wrist", about("x", -30 * size))
    pelvis = np.zeros((len(t), 3))
    pelvis[:, [0, 2]] = at(path, t) + sway
    pelvis[:, 1] = _highest_pelvis(pelvis, pose.rotations[:, 0], feet, body)
    return standing_on(pose, pelvis, feet, facing, body, 3)


def sit_and_rise(t: np.ndarray, body: Body, seat: float) -> tuple[np.ndarray, np.ndarray]:
    """Somebody sits down on a seat of height ``seat`` behind them, gestures, and gets up again: rotations
    (T, 24, 3, 3) and translation (T, 3). The feet stay where they are."""
    heading = 40.0 + 0 * t
    rest = body.rest_joints
    hips = rest[[JOINTS.index("left_hip"), JOINTS.index("right_hip")]].mean(0)
    ankle = rest[JOINTS.index("left_ankle")]
    thigh = body.bone_lengths[JOINTS.index("left_knee")]
    back = between(t, 0.15, 1.15, 1.95, 2.75)
    down = between(t, 0.25, 1.25, 1.9, 2.85)
    bow = between(t, 0.1, 0.7, 0.85, 1.4) + between(t, 1.55, 2.0, 2.15, 2.85)
    seated = between(t, 0.9, 1.35, 1.6, 1.95)
    talk = between(t, 1.1, 1.45, 1.55, 1.9)
    pose = Pose(len(t))
    put = pose.put
    put("pelvis", about("y", heading), about("x", 2 + 26 * bow - 8 * seated))
    put("spine1", about("x", 1 + 6 * bow + 5 * seated))
    put("spine2", about("x", 1 + 6 * bow + 4 * seated), about("y", 6 * talk))
    put("spine3", about("x", 4 * bow + 3 * seated), about("y", 6 * talk))
    put("neck", about("x", 5 - 10 * bow), about("y", -8 * talk))
    put("head", about("x", -3 - 8 * bow + 4 * seated), about("y", -10 * talk))
    for side, s in SIDES:
        other = talk if side == "right" else 0 * t
        put(f"{side}_shoulder", about("x", -4 - 44 * bow + 4 * down * (1 - bow) - 44 * other))
        put(f"{side}_shoulder", about("z", s * (-78 + 8 * down)))
        put(f"{side}_elbow", about("y", -s * (16 + 22 * bow + 32 * down * (1 - bow) + 42 * other)))
        put(f"{side}_wrist", about("z", s * 14 * seated * (1 - other)))
    put("right_shoulder", about("y", -14 * talk))
    forward = rest[JOINTS.index("left_hip"), 2] - ankle[2] - back * (0.86 * thigh)
    height = hips[1] - 0.012 - down * (hips[1] - 0.012 - seat - 0.095)
    middle = np.stack([0 * t, height, forward], -1)
    turn = about("y", heading)
    pelvis = rot.apply(turn, middle) + rot.apply(pose.rotations[:, 0], rest[0] - hips)
    feet = {}
    for side, s in SIDES:
        foot = turn @ about("y", 8.0 * s + 0 * t)
        place = rot.apply(turn, np.array([s * 0.105, ankle[1], 0.0]))
        feet[side] = (place, foot, 0 * t)
    return standing_on(pose, pelvis, feet, heading, body, 3 + 9 * down)


def _steps(t, side: str, s: int, step: float, stop: float, path, heading, body: Body):
    """One foot's ankle (T, 3), orientation (T, 3, 3) and pitch in degrees, heel up positive (T,)."""
    ankle, ball = (body.rest_joints[JOINTS.index(f"{side}_{n}")] for n in ("ankle", "foot"))
    first = -4 if s > 0 else -3
    landings = [step * k for k in range(first, 40, 2) if step * k < stop + 0.6 * step]
    places, yaws = [], []
    for k, land in enumerate(landings):
        last = k == len(landings) - 1
        middle = stop if last else land + 0.56 * step  # of the time that the foot stands
        yaw = float(heading(middle)) + 7 * s
        aside = about("y", np.array(heading(middle)))[[0, 2], 0] * 0.085 * s
        places.append(path(middle) + aside)
        yaws.append(yaw)
    place, yaw, lift, pitch = np.zeros((len(t), 2)), np.zeros(len(t)), np.zeros(len(t)), np.zeros(len(t))
    for k in range(len(landings) - 1):
        off, land = landings[k] + 1.12 * step, landings[k + 1]
        here = (t >= landings[k]) & (t < land)
        x = ease(t, off, land)[here]
        share = np.clip((t[here] - off) / (land - off), 0, 1)
        length = min(1.0, float(np.linalg.norm(places[k + 1] - places[k])) / 0.8)
        place[here] = places[k] + x[:, None] * (places[k + 1] - places[k])
        yaw[here] = yaws[k] + x * (yaws[k + 1] - yaws[k])
        lift[here] = 0.055 * np.sin(np.pi * share) ** 2
        pitch[here] += length * (
            38 * ease(t, off - 0.45 * step, off)[here] * (1 - ease(share, 0, 0.7)) - 14 * ease(share, 0.55, 1)
        )
        landed = (t >= land) & (t < land + 0.2 * step)
        pitch[landed] -= 14 * length * (1 - ease(t, land, land + 0.2 * step)[landed])
    after = t >= landings[-1]
    place[after], yaw[after] = places[-1], yaws[-1]
    turned = about("y", yaw) @ about("x", pitch)
    heel = np.array([ankle[0], 0, ankle[2] - 0.04])
    pivot = np.where((pitch > 0)[:, None], [ankle[0], 0.0, ball[2]], heel) - [ankle[0], 0, ankle[2]]
    arm = [0, ankle[1], 0] - pivot
    at = rot.apply(about("y", yaw), pivot) + rot.apply(turned, arm)
    at[:, [0, 2]] += place
    at[:, 1] += lift
    return at, turned, pitch


def _highest_pelvis(pelvis, turned, feet, body: Body) -> np.ndarray:
    """(T,) the pelvis as high as nearly straight legs let it, evened out."""
    rest, highest = body.rest_joints, []
    for side, (ankle, _, _) in feet.items():
        hip, knee, foot = (JOINTS.index(f"{side}_{n}") for n in ("hip", "knee", "ankle"))
        offset = rot.apply(turned, rest[hip] - rest[0])
        length = 0.988 * (body.bone_lengths[knee] + body.bone_lengths[foot])
        flat = np.linalg.norm((pelvis + offset - ankle)[:, [0, 2]], axis=-1)
        highest.append(ankle[:, 1] + np.sqrt(length**2 - np.minimum(flat, 0.6) ** 2) - offset[:, 1])
    lowest = np.min(highest, axis=0)
    padded = np.pad(lowest, 8, mode="edge")
    least = np.min([padded[k : k + len(lowest) + 12] for k in range(5)], axis=0)  # over five frames
    kernel = np.hanning(15)[1:-1]
    return np.convolve(least, kernel / kernel.sum(), "valid")


def standing_on(pose: Pose, pelvis, feet, heading, body: Body, splay) -> tuple[np.ndarray, np.ndarray]:
    """Add the legs that reach from the pelvis (T, 3) to the feet, knees to the fore and ``splay`` degrees
    outwards; rotations (T, 24, 3, 3) and translation (T, 3), the path's middle at the origin."""
    rest, base = body.rest_joints, pose.rotations[:, 0]
    for side, s in SIDES:
        ankle, foot, pitch = feet[side]
        hip_j, knee_j, ankle_j = (JOINTS.index(f"{side}_{n}") for n in ("hip", "knee", "ankle"))
        thigh, shin = rest[knee_j] - rest[hip_j], rest[ankle_j] - rest[knee_j]
        hip = pelvis + rot.apply(base, rest[hip_j] - rest[0])
        a, b = np.linalg.norm(thigh), np.linalg.norm(shin)
        reach = np.clip(np.linalg.norm(ankle - hip, axis=-1), 0.2, 0.999 * (a + b))[:, None]
        down = rot.normalize(ankle - hip)
        fore = about("y", np.asarray(heading) + s * splay)[..., 2]
        fore = rot.normalize(fore - rot.dot(fore, down) * down)
        bend = np.arccos(np.clip((a * a + reach**2 - b * b) / (2 * a * reach), -1, 1))
        knee = hip + a * (np.cos(bend) * down + np.sin(bend) * fore)
        hinge = rot.cross(fore, down)
        upper = _limb(hinge, rot.normalize(knee - hip)) @ rot.transpose(_resting(thigh))
        lower = _limb(hinge, rot.normalize(hip + reach * down - knee)) @ rot.transpose(_resting(shin))
        pose.put(f"{side}_hip", rot.transpose(base) @ upper)
        pose.put(f"{side}_knee", rot.transpose(upper) @ lower)
        pose.put(f"{side}_ankle", rot.transpose(lower) @ foot)
        pose.put(f"{side}_foot", about("x", -np.clip(pitch, 0, None)))  # toes stay on the floor
    trans = pelvis - rest[0]
    middle = (pelvis.min(0) + pelvis.max(0)) / 2
    return pose.rotations, trans - [middle[0], 0, middle[2]]


def _limb(hinge, direction):
    """Axes (..., 3, 3) of a limb: hinge, against its direction, forward."""
    return np.stack([hinge, -direction, rot.cross(hinge, -direction)], -1)


def _resting(offset):
    direction = rot.normalize(offset)
    hinge = rot.normalize(np.eye(3)[0] - direction[0] * direction)
    return _limb(hinge, direction)
