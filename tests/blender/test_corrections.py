"""Corrections stay on a list: muted, faded anew and removed one by one, under the user's own keys."""

import numpy as np
import pytest
from conftest import ROOT

bpy = pytest.importorskip("bpy", reason="bpy is not installed here")

from registered import data_folder, in_empty_file  # noqa: F401 (fixtures)

from niki.body.skeleton import JOINTS
from niki.motion.motion import Motion
from niki.review.blender_process import blender_module

animation, placing, pulling, channels, curve_keys, memory, layers = (
    blender_module(n)
    for n in (
        "rig.animation",
        "placement.placing",
        "pose.pulling",
        "rig.channels",
        "rig.curve_keys",
        "pose.last_pull",
        "correct.layers",
    )
)
SAMPLE = Motion.load(ROOT / "samples/sample_truth.npz")
MODES = ("QUATERNION", "XYZ", "AXIS_ANGLE")
ARM = "L_Shoulder"


def place():
    made, _ = placing.place_motion(SAMPLE, "a", placing.Placement(match_scene="ALWAYS", camera=False))
    bpy.context.view_layer.objects.active = made
    bpy.context.scene.frame_set(30)
    return made


@pytest.fixture
def rig():
    return place()


@pytest.fixture(params=MODES)
def any_rig(request, rig):
    """The motion with all bones in one rotation mode."""
    if request.param != "QUATERNION":
        change_mode(rig, request.param)
    return rig


def change_mode(rig, mode):
    owner, frames = animation.fcurve_owner(rig), np.arange(1, len(SAMPLE) + 1)
    for bone in rig.pose.bones:
        path = animation.bone_path(bone.name, "rotation_quaternion")
        curves = [owner.fcurves.find(path, index=i) for i in range(4)]
        if not all(curves):
            continue
        values = np.array([animation.values_at(curve, map(float, frames)) for curve in curves]).T
        for curve in curves:
            owner.fcurves.remove(curve)
        bone.rotation_mode = mode
        channel = channels.rotation_property(bone)
        near, rows = getattr(bone, channel)[:], []
        for row in values:
            near = channels.values_in_mode(channels.as_quaternion("QUATERNION", row), mode, near)
            rows.append(near)
        path = animation.bone_path(bone.name, channel)
        animation.write_curves(owner, path, bone.name, frames, np.array(rows))
    bpy.context.scene.frame_set(30)


def keys_of(rig):
    """All keys of the rig's action, with everything that shapes the curves, as bytes."""
    found = {}
    for curve in animation.fcurves_of(rig):
        values = curve_keys.CurveKeys.of(curve).values
        shaping = {name: array.tobytes() for name, array in values.items() if not name.startswith("select")}
        found[curve.data_path, curve.array_index] = shaping
    return found


def pull(rig, frame, joint="left_wrist", by=(0, 0, 0.2), auto=False):
    bpy.context.scene.tool_settings.use_keyframe_insert_auto = auto
    bpy.context.scene.frame_set(frame)
    rig.niki_pose.pulled = [name == joint for name in JOINTS]
    pulled = pulling.Pull(rig)
    pulled.move_joints({joint: pulled.start_positions()[JOINTS.index(joint)] + by})
    pulled.key(bpy.context, float(frame))


def propagate(rig, frame, fade_in=4, fade_out=6, **settings):
    pull(rig, frame, **settings)
    rig.niki_pose.fade_in, rig.niki_pose.fade_out = fade_in, fade_out
    assert bpy.ops.niki.propagate() == {"FINISHED"}
    return rig.animation_data.action


def hold(rig, first, last, joint="left_ankle"):
    rig.niki_pose.pulled = [name == joint for name in JOINTS]
    assert bpy.ops.niki.hold(first=first, last=last) == {"FINISHED"}


def remove(action, index):
    action.niki_correction_index = index
    assert bpy.ops.niki.remove_correction() == {"FINISHED"}


def differing_frames(a, b):
    frames = set()
    for channel in a:
        x, y = (np.frombuffer(keys[channel]["co"], np.float32).reshape(-1, 2) for keys in (a, b))
        frames |= set(x[(x != y).any(1), 0].astype(int).tolist())
    return frames


def test_a_correction_is_listed_and_leaves_the_original(rig):
    original, captured = rig.animation_data.action, keys_of(rig)
    action = propagate(rig, 30)
    assert action != original
    assert action.niki_original == original
    (correction,) = action.niki_corrections
    assert (correction.name, correction.kind, correction.frame) == ("Left Wrist, frame 30", "PULL", 30)
    assert (correction.fade_in, correction.fade_out, correction.muted) == (4, 6, False)
    assert differing_frames(captured, keys_of(rig)) == set(range(26, 37))
    rig.animation_data.action = original
    assert keys_of(rig) == captured


def test_muting_one_leaves_the_others(rig):
    captured = keys_of(rig)
    action = propagate(rig, 30)
    one = keys_of(rig)
    propagate(rig, 60, joint="right_wrist")
    both = keys_of(rig)
    action.niki_corrections[1].muted = True
    assert keys_of(rig) == one
    action.niki_corrections[0].muted = True
    assert keys_of(rig) == captured
    for correction in action.niki_corrections:
        correction.muted = False
    assert keys_of(rig) == both


def test_the_reach_can_be_changed_later(rig):
    captured = keys_of(rig)
    action = propagate(rig, 30)
    narrow = keys_of(rig)
    action.niki_corrections[0].fade_out = 12
    assert differing_frames(captured, keys_of(rig)) == set(range(26, 43))
    action.niki_corrections[0].fade_out = 6
    assert keys_of(rig) == narrow


@pytest.mark.parametrize("seed", range(2))
def test_removing_all_in_any_order_gives_back_the_captured_keys(any_rig, seed):
    rig, chance = any_rig, np.random.default_rng(seed)
    captured = keys_of(rig)
    action = propagate(rig, 30)
    hold(rig, 40, 50)
    propagate(rig, 44, joint="right_wrist", auto=True)
    propagate(rig, 33, joint="pelvis", by=(0, 0.05, -0.1))
    written = keys_of(rig)
    assert len(action.niki_corrections) == 4
    for index in chance.integers(4, size=8):
        action.niki_corrections[index].muted ^= True
    muted = [correction.muted for correction in action.niki_corrections]
    for correction in action.niki_corrections:
        correction.muted = False
    assert keys_of(rig) == written
    for index in np.flatnonzero(muted):
        action.niki_corrections[int(index)].muted = True
    while action.niki_corrections:
        remove(action, int(chance.integers(len(action.niki_corrections))))
    assert keys_of(rig) == captured


def test_curves_that_only_a_correction_needs_go_with_it(rig):
    owner = animation.fcurve_owner(rig)
    for curve in [c for c in owner.fcurves if ARM in c.data_path]:
        owner.fcurves.remove(curve)
    captured = keys_of(rig)
    action = propagate(rig, 30)
    assert any(ARM in path for path, _ in keys_of(rig))
    remove(action, 0)
    assert keys_of(rig) == captured


def test_eased_keys_of_the_original_come_back(rig):
    for curve in animation.fcurves_of(rig):
        for key in curve.keyframe_points:
            key.interpolation = "BEZIER"
        curve.update()
    captured = keys_of(rig)
    action = propagate(rig, 30)
    propagate(rig, 34, joint="right_wrist")
    action.niki_corrections[0].muted = True
    remove(action, 1)
    assert keys_of(rig) == captured


def turn_by_hand(rig, frame, angle=0.3):
    """Turn the arm at a frame and key it, as a user would with R and I; the channel's values."""
    bpy.context.scene.frame_set(frame)
    bone = rig.pose.bones[ARM]
    before, channel = channels.Channels.of(rig), channels.rotation_property(bone)
    before.turn(bone, channels.Quaternion((1, 0, 0), angle))
    bone.keyframe_insert(channel, frame=frame)
    return channels.Channels.of(rig).quaternion(ARM)


def arm_at(rig, frame):
    bpy.context.scene.frame_set(frame)
    return channels.Channels.of(rig).quaternion(ARM)


def apart(a, b):
    return a.rotation_difference(b).angle % (2 * np.pi - 1e-4)


def test_keys_by_hand_stay_on_top(any_rig):
    rig = any_rig
    captured = arm_at(rig, 31)
    action = propagate(rig, 30)
    corrected = arm_at(rig, 31)
    edited = turn_by_hand(rig, 31)
    edit = corrected.inverted() @ edited
    action.niki_corrections[0].muted = True
    assert apart(arm_at(rig, 31), captured @ edit) < 2e-3
    action.niki_corrections[0].muted = False
    assert apart(arm_at(rig, 31), edited) < 2e-3
    remove(action, 0)
    assert apart(arm_at(rig, 31), captured @ edit) < 2e-3


def test_keys_by_hand_elsewhere_do_not_change_at_all(rig):
    action = propagate(rig, 30)
    turn_by_hand(rig, 80)
    with_edit = keys_of(rig)
    action.niki_corrections[0].muted = True
    assert differing_frames(with_edit, keys_of(rig)) == set(range(26, 37))
    action.niki_corrections[0].muted = False
    assert keys_of(rig) == with_edit


def test_with_auto_key_on_it_works_the_same(rig):
    original, captured = rig.animation_data.action, keys_of(rig)
    propagate(rig, 30)
    without = keys_of(rig)
    rig.animation_data.action = original
    bpy.context.scene.frame_set(30)
    pull(rig, 30, auto=True)
    assert keys_of(rig) != captured
    assert bpy.ops.niki.propagate() == {"FINISHED"}
    for channel, keys in keys_of(rig).items():
        values, expected = (np.frombuffer(k["co"], np.float32) for k in (keys, without[channel]))
        np.testing.assert_allclose(values, expected, atol=1e-5)
    assert memory.last_pull(rig) is None
    rig.animation_data.action = original
    assert keys_of(rig) == captured


@pytest.mark.parametrize("auto", [False, True])
def test_a_pull_that_was_left_is_propagated_at_its_frame(rig, auto):
    pull(rig, 30, auto=auto)
    bpy.context.scene.frame_set(70)
    rig.niki_pose.fade_in = rig.niki_pose.fade_out = 3
    assert bpy.ops.niki.propagate() == {"FINISHED"}
    assert bpy.context.scene.frame_current == 70
    (correction,) = rig.animation_data.action.niki_corrections
    assert correction.frame == 30


def test_other_pulls_that_wait_are_not_forgotten(rig):
    pull(rig, 20)
    propagate(rig, 30, joint="right_wrist")
    assert [p.frame for p in memory.pulls_of(rig)] == [20]


def test_nothing_pulled_takes_nothing_back(rig):
    captured = keys_of(rig)
    assert bpy.ops.niki.propagate() == {"CANCELLED"}
    assert keys_of(rig) == captured


def test_the_original_may_be_renamed_and_the_copy_copied(rig):
    original, captured = rig.animation_data.action, keys_of(rig)
    action = propagate(rig, 30)
    original.name = "take 3"
    copy = action.copy()
    rig.animation_data.action = copy
    remove(copy, 0)
    assert keys_of(rig) == captured
    assert len(action.niki_corrections) == 1


def test_without_the_original_corrections_stay_as_they_are(rig):
    action = propagate(rig, 30)
    bpy.data.actions.remove(action.niki_original)
    corrected = keys_of(rig)
    action.niki_corrections[0].muted = True
    action.niki_corrections[0].fade_in = 20
    assert (action.niki_corrections[0].muted, action.niki_corrections[0].fade_in) == (False, 4)
    assert keys_of(rig) == corrected
    assert not bpy.ops.niki.remove_correction.poll()
    anew = propagate(rig, 60)
    assert (anew.niki_original, len(anew.niki_corrections)) == (action, 1)


def test_locked_channels_stay(rig):
    captured = keys_of(rig)
    rig.pose.bones[ARM].lock_rotation = (True, True, True)
    action = propagate(rig, 30)
    action.niki_corrections[0].fade_in = 10
    path = animation.bone_path(ARM, "rotation_quaternion")
    assert all(keys_of(rig)[path, i] == captured[path, i] for i in range(4))


def test_a_pose_that_is_not_keyed_outlasts_the_list(rig):
    action = propagate(rig, 30)
    rig.pose.bones["Head"].rotation_quaternion = (0.8, 0.6, 0, 0)
    action.niki_corrections[0].muted = True
    np.testing.assert_allclose(rig.pose.bones["Head"].rotation_quaternion, (0.8, 0.6, 0, 0), atol=1e-6)


def test_a_layer_survives_as_text():
    values = np.random.default_rng(0).normal(size=(3, 3))
    change = layers.Change("Head", "location", "XYZ", (False,) * 3, (0.0, 0.1, 0.2), values)
    read = layers.Layer.from_text(layers.Layer(7, (1, 50), 3, [change]).to_text())
    assert (read.first, read.limits, read.count) == (7, (1, 50), 3)
    np.testing.assert_array_equal(read.changes[0].values, values)
