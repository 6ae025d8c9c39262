"""With auto-keying off, a pulled pose can be keyed later, also after leaving its frame."""

import numpy as np
import pytest
from conftest import ROOT

bpy = pytest.importorskip("bpy", reason="bpy is not installed here")

from registered import data_folder, in_empty_file  # noqa: F401 (fixtures)

from niki.body.skeleton import JOINTS
from niki.motion.motion import Motion
from niki.review.blender_process import blender_module

placing, pulling, memory, key_pose, channels, animation = (
    blender_module(n)
    for n in (
        "placement.placing",
        "pose.pulling",
        "pose.last_pull",
        "pose.key_pose",
        "rig.channels",
        "rig.animation",
    )
)
SAMPLE = Motion.load(ROOT / "samples/sample_truth.npz")


def place(name="a"):
    made, _ = placing.place_motion(SAMPLE, name, placing.Placement(match_scene="ALWAYS", camera=False))
    bpy.context.view_layer.objects.active = made
    bpy.context.scene.frame_set(30)
    return made


@pytest.fixture
def rig():
    return place()


def pull(rig, name="left_wrist", by=(0, 0, 0.2)):
    """Pull a joint; the channels afterwards."""
    pulled = pulling.Pull(rig)
    pulled.move_joints({name: pulled.start_positions()[JOINTS.index(name)] + by})
    pulled.key(bpy.context, bpy.context.scene.frame_current_final)
    return channels.Channels.of(rig)


def go_to(frame):
    bpy.context.scene.frame_set(frame)


def test_a_pose_that_was_left_is_announced_and_keyed_at_its_frame(rig):
    posed = pull(rig)
    assert key_pose.status_of(bpy.context.scene) == ""
    go_to(60)
    assert "Frame 30 has a pulled pose that is not keyed" in key_pose.status_of(bpy.context.scene)
    there = channels.Channels.of(rig)
    assert bpy.ops.niki.key_pose() == {"FINISHED"}
    assert not channels.Channels.of(rig).changed_since(there)
    assert key_pose.status_of(bpy.context.scene) == ""
    go_to(30)
    assert not channels.Channels.of(rig).changed_since(posed)
    assert not bpy.ops.niki.key_pose.poll()
    assert memory.last_pull(rig).keyed
    go_to(60)
    assert not channels.Channels.of(rig).changed_since(there)


def test_a_pose_in_view_is_keyed_as_it_stands(rig):
    pull(rig)
    rig.pose.bones["L_Elbow"].rotation_quaternion.x += 0.1
    posed = channels.Channels.of(rig)
    assert bpy.ops.niki.key_pose() == {"FINISHED"}
    go_to(60)
    go_to(30)
    assert not channels.Channels.of(rig).changed_since(posed)


def test_poses_at_several_frames_are_all_kept(rig):
    first = pull(rig)
    go_to(50)
    second = pull(rig, "right_wrist")
    go_to(70)
    assert key_pose.lost_frames(rig) == [30, 50]
    assert bpy.ops.niki.key_pose() == {"FINISHED"}
    for frame, posed in ((30, first), (50, second)):
        go_to(frame)
        assert not channels.Channels.of(rig).changed_since(posed)


def test_what_another_pose_by_hand_shows_now_stays(rig):
    pull(rig)
    go_to(60)
    rig.pose.bones["Head"].rotation_quaternion.x += 0.2
    rig.pose.bones["L_Elbow"].rotation_quaternion.x += 0.2
    there = channels.Channels.of(rig)
    bpy.ops.niki.key_pose()
    assert not channels.Channels.of(rig).changed_since(there)


def test_blenders_own_keying_ends_the_warning(rig):
    pull(rig)
    for name, properties in memory.last_pull(rig).changed.items():
        for channel in properties:
            rig.pose.bones[name].keyframe_insert(channel, frame=30)
    go_to(60)
    assert key_pose.status_of(bpy.context.scene) == ""
    assert not bpy.ops.niki.key_pose.poll()


def test_dismissed_it_is_not_announced(rig):
    pull(rig)
    go_to(60)
    bpy.ops.niki.forget_pulls()
    assert key_pose.status_of(bpy.context.scene) == ""


def test_nothing_is_announced_with_auto_keying_or_another_action(rig):
    bpy.context.scene.tool_settings.use_keyframe_insert_auto = True
    pull(rig)
    go_to(60)
    assert key_pose.status_of(bpy.context.scene) == ""
    bpy.context.scene.tool_settings.use_keyframe_insert_auto = False
    pull(rig)
    rig.animation_data.action = rig.animation_data.action.copy()
    go_to(61)
    assert key_pose.status_of(bpy.context.scene) == ""


def test_each_armature_has_its_own(rig):
    other = place("b")
    pull(rig)
    pull(other, "right_wrist")
    go_to(60)
    bpy.ops.niki.key_pose()
    status = key_pose.status_of(bpy.context.scene)
    assert f"{rig.name}:" in status
    assert f"{other.name}:" not in status


def test_a_body_without_animation_loses_nothing_and_can_be_keyed():
    bpy.ops.niki.add_body()
    rig = bpy.context.object
    posed = pull(rig)
    go_to(60)
    assert key_pose.status_of(bpy.context.scene) == ""
    assert not channels.Channels.of(rig).changed_since(posed)
    go_to(30)
    pull(rig)
    assert bpy.ops.niki.key_pose() == {"FINISHED"}
    assert {point.co[0] for curve in animation.fcurves_of(rig) for point in curve.keyframe_points} == {30}


def test_the_settings_of_auto_keying_hold():
    bpy.ops.niki.add_body()
    rig = bpy.context.object
    bpy.context.scene.tool_settings.keyframe_type = "EXTREME"
    pull(rig)
    bpy.ops.niki.key_pose()
    points = [point for curve in animation.fcurves_of(rig) for point in curve.keyframe_points]
    assert {point.type for point in points} == {"EXTREME"}


@pytest.mark.parametrize("leave", [False, True])
def test_a_saved_file_keeps_a_pose_that_is_not_keyed(rig, tmp_path, leave):
    """Opened again, it shows the animation, and says so at the pose's own frame too, until the pose is keyed."""
    posed = pull(rig)
    if leave:
        go_to(60)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    rig = bpy.context.view_layer.objects.active
    go_to(30)
    assert channels.Channels.of(rig).changed_since(posed)
    assert "Frame 30" in key_pose.status_of(bpy.context.scene)
    assert bpy.ops.niki.key_pose() == {"FINISHED"}
    go_to(60)
    go_to(30)
    assert not channels.Channels.of(rig).changed_since(posed)


def test_a_pose_that_was_posed_by_hand_before_the_pull_is_not_lost_on_coming_back(rig):
    """What stands in the view then is the animation, not the pose to key."""
    rig.pose.bones["L_Elbow"].rotation_quaternion.x += 0.1
    posed = pull(rig)
    go_to(60)
    go_to(30)
    assert bpy.ops.niki.key_pose() == {"FINISHED"}
    go_to(60)
    go_to(30)
    assert not channels.Channels.of(rig).changed_since(posed)


def lost(rig):
    return key_pose.lost_frames(rig)


def test_a_keyed_drag_leaves_an_unkeyed_one_at_its_frame_to_be_keyed(rig):
    rig.niki_pose.pull_mode = "LIMB"
    pull(rig)
    bpy.context.scene.tool_settings.use_keyframe_insert_auto = True
    posed = pull(rig, "right_wrist")
    go_to(60)
    assert lost(rig) == [30]
    assert bpy.ops.niki.key_pose() == {"FINISHED"}
    go_to(30)
    assert not channels.Channels.of(rig).changed_since(posed)


@pytest.mark.parametrize("auto", [True, False])
def test_the_first_pulls_of_a_fresh_body_are_not_lost_when_it_gets_an_action(auto):
    assert bpy.ops.niki.add_body() == {"FINISHED"}
    rig = bpy.context.object
    go_to(1)
    posed = pull(rig)
    go_to(20)
    bpy.context.scene.tool_settings.use_keyframe_insert_auto = auto
    pull(rig, "left_wrist", (0, 0, 0.2))
    if not auto:
        bpy.ops.niki.key_pose()
    for name in posed.rotations:  # what animation shows elsewhere
        rig.pose.bones[name].keyframe_insert(rig_property(rig, name), frame=20)
    assert 1 in lost(rig)


def rig_property(rig, name):
    return channels.rotation_property(rig.pose.bones[name])


def test_pulls_are_kept_with_their_action(rig):
    pull(rig)
    action = rig.animation_data.action
    animation.assign_action(rig, action.copy())
    go_to(60)
    assert lost(rig) == []
    pull(rig)
    go_to(40)
    assert lost(rig) == [60]
    animation.assign_action(rig, action)
    assert lost(rig) == [30]
    action.name = "renamed"
    assert lost(rig) == [30]


@pytest.mark.parametrize("operator", ["reduce_keys", "bake"])
def test_new_keys_leave_an_unkeyed_pull_to_be_keyed(rig, operator):
    pull(rig)
    there = pulling.Pull(rig).start_positions()[JOINTS.index("left_wrist")]
    go_to(60)
    assert getattr(bpy.ops.niki, operator)() == {"FINISHED"}
    assert lost(rig) == [30]
    bpy.ops.niki.key_pose()
    go_to(30)
    back = pulling.Pull(rig).start_positions()[JOINTS.index("left_wrist")]
    np.testing.assert_allclose(back, there, atol=1e-3)


def test_what_a_keying_set_leaves_out_waits_to_be_keyed(rig):
    scene = bpy.context.scene
    keying_set = scene.keying_sets.new()
    keying_set.paths.add(rig, animation.bone_path("L_Elbow", "rotation_quaternion"))
    scene.tool_settings.use_keyframe_insert_auto = scene.tool_settings.use_keyframe_insert_keyingset = True
    pull(rig)
    go_to(60)
    assert lost(rig) == [30]
