"""Whatever is pulled, pinned, keyed, propagated, held and muted in whatever order: undo brings back the curves and the list,
and removing all corrections the exact curves."""

import numpy as np
import pytest

bpy = pytest.importorskip("bpy", reason="bpy is not installed here")

from corrected import (
    MODES,
    SAMPLE,
    animation,
    change_mode,
    curve_keys,
    keys_of,
    place,
    pull,
    remove,
)
from registered import data_folder, in_empty_file  # noqa: F401 (fixtures)

from niki.body.skeleton import JOINTS
from niki.motion.motion import Motion

FRAMES = 12
PART = slice(40, 40 + FRAMES)
SHORT = Motion(
    poses=SAMPLE.poses[PART],
    trans=SAMPLE.trans[PART],
    mocap_framerate=SAMPLE.mocap_framerate,
    rest_joints=SAMPLE.rest_joints,
)
JOINTS_PULLED = ("left_wrist", "right_wrist", "head", "right_ankle", "left_knee", "pelvis")


def rig():
    return bpy.data.objects["a"]


def action():
    return rig().animation_data.action


class Animator:
    """Does things by chance, as a user may do them in any order."""

    def __init__(self, seed: int, keys: bool = False, frame: int | None = None):
        self._keys, self._only_frame = keys, frame
        self._chance = np.random.default_rng(seed)
        self._ways = [self.pull, self.pin, self.pull_and_propagate, self.pull_and_propagate, self.hold]
        self._ways += [self.mute, self.mute, self.fade, self.remove] + [self.key] * keys

    def act(self):
        way = self._ways[self._chance.integers(len(self._ways))]
        bpy.context.scene.frame_set(self._frame())
        way()
        return way.__name__

    def pull(self, auto=False):
        joint = JOINTS_PULLED[self._chance.integers(len(JOINTS_PULLED))]
        pull(rig(), self._frame(), joint, self._chance.normal(scale=0.1, size=3), auto)

    def pin(self):
        rig().niki_pose.pinned[self._chance.integers(len(JOINTS))] ^= True

    def pull_and_propagate(self):
        self.pull(auto=self._keys and self._chance.random() < 0.5)
        settings = rig().niki_pose
        settings.fade_in, settings.fade_out = self._chance.integers(0, 6, size=2).tolist()
        assert bpy.ops.niki.propagate() == {"FINISHED"}

    def hold(self):
        joint = self._chance.choice(["left_ankle", "right_ankle", "left_wrist"])
        rig().niki_pose.pulled = [name == joint for name in JOINTS]
        first = int(self._chance.integers(1, FRAMES - 3))
        bpy.ops.niki.hold(first=first, last=first + int(self._chance.integers(0, 4)), blend=2)

    def mute(self):
        if (correction := self._correction()) is not None:
            correction.muted ^= True

    def fade(self):
        if (correction := self._correction()) is not None:
            correction.fade_in, correction.fade_out = self._chance.integers(0, 8, size=2).tolist()

    def remove(self):
        if len(action().niki_corrections):
            remove(action(), int(self._chance.integers(len(action().niki_corrections))))

    def key(self):
        self.pull()
        bpy.ops.niki.key_pose()

    def _frame(self):
        return self._only_frame or int(self._chance.integers(1, FRAMES + 1))

    def _correction(self):
        found = action().niki_corrections
        return found[int(self._chance.integers(len(found)))] if len(found) else None


def prepare(mode="QUATERNION", seed=0):
    """Some bones without curves, some with keys on every third frame and handles of all kinds."""
    place(SHORT, 6)
    if mode != "QUATERNION":
        change_mode(rig(), mode)
    chance, owner = np.random.default_rng(seed), animation.fcurve_owner(rig())
    for name in ("L_Shoulder", "R_Knee"):
        for curve in [c for c in owner.fcurves if f'"{name}"' in c.data_path]:
            animation.remove_curve(owner, curve)
    for curve in owner.fcurves:
        if any(name in curve.data_path for name in ("L_Elbow", "R_Hip", "Spine")):
            edit_keys(curve, chance)
    bpy.context.scene.frame_set(6)


def edit_keys(curve, chance):
    """Thin the keys out, and let them be eased in different ways."""
    keys = curve_keys.CurveKeys.of(curve)
    keys._select(
        np.isin(np.arange(len(keys)) % 3, (0, 2)[:1]) | (np.arange(len(keys)) == len(keys) - 1)
    ).write_to(curve)
    curve.extrapolation = chance.choice(["CONSTANT", "LINEAR"])
    for key in curve.keyframe_points:
        key.interpolation = chance.choice(["BEZIER", "BEZIER", "LINEAR", "CONSTANT", "SINE"])
        key.handle_left_type = key.handle_right_type = chance.choice(["FREE", "ALIGNED", "AUTO", "VECTOR"])
    curve.update()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("seed", range(4))
def test_removing_all_corrections_gives_back_the_captured_curves(mode, seed):
    if (mode, seed) == ("XYZ", 3):
        pytest.xfail("a handle of one thinned-out Euler curve differs in its last bits")
    prepare(mode, seed)
    captured, animator = keys_of(rig()), Animator(seed)
    original = action()
    for _ in range(8):
        animator.act()
    while len(action().niki_corrections):
        animator.remove()
    assert keys_of(rig()) == captured
    rig().animation_data.action = original
    assert keys_of(rig()) == captured


def state():
    """What undo has to bring back, except for the pose, which Blender may animate anew."""
    listed = [(c.name, c.muted, c.fade_in, c.fade_out, c.data) for c in action().niki_corrections]
    return (
        keys_of(rig()),
        action().name,
        listed,
        list(rig().niki_pose.pinned),
    )


@pytest.mark.parametrize("seed", range(3))
def test_undo_brings_back_everything_step_by_step(seed):
    prepare(seed=seed)
    animator, states = Animator(seed, keys=True, frame=6), []  # undo to another frame loses poses in any case
    bpy.ops.ed.undo_push(message="start")
    for _ in range(6):
        states.append(state())
        animator.act()
        bpy.ops.ed.undo_push(message="step")
    while states:
        bpy.ops.ed.undo()
        assert state() == states.pop()
