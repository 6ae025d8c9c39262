"""Joints pulled, targets followed, corrections carried and poses baked, in Blender without a window."""

import numpy as np
import pytest
from conftest import ROOT

bpy = pytest.importorskip("bpy", reason="bpy is not installed here")

from registered import data_folder, in_empty_file  # noqa: F401 (fixtures)

from niki.body.rotation import angle_between
from niki.body.skeleton import BONES, JOINTS
from niki.motion.motion import Motion
from niki.pose.posing import FOLLOW
from niki.review.blender_process import blender_module

animation, placing, posture, pulling, registration, sampling, space, targets = (
    blender_module(n)
    for n in (
        "rig.animation",
        "placement.placing",
        "rig.posture",
        "pose.pulling",
        "registration",
        "rig.sampling",
        "rig.space",
        "pose.targets",
    )
)
SAMPLE = Motion.load(ROOT / "samples/sample_truth.npz")
WRIST = JOINTS.index("left_wrist")


@pytest.fixture
def rig():
    """The sample's motion, at its frame 30."""
    made, _ = placing.place_motion(SAMPLE, "a", placing.Placement(match_scene="ALWAYS", camera=False))
    bpy.context.view_layer.objects.active = made
    bpy.context.scene.frame_set(30)
    return made


def joint(rig, name):
    bpy.context.view_layer.update()
    return posture.joint_positions(rig)[JOINTS.index(name)]


def pull(rig, name, by):
    pulled = pulling.Pull(rig)
    pulled.move_joints({name: pulled.start_positions()[JOINTS.index(name)] + by})
    return pulled


def test_a_pose_is_written_as_it_was_read(rig):
    body = posture.body_of(rig)
    for mode in ("QUATERNION", "XYZ", "AXIS_ANGLE"):
        rig.pose.bones["L_Elbow"].rotation_mode = mode
        rig.animation_data_clear()
        was = posture.read_posture(rig, body)
        was.rotations[18] = was.rotations[18] @ was.rotations[16]
        posture.write_posture(rig, was)
        bpy.context.view_layer.update()
        now = posture.read_posture(rig, body)
        assert angle_between(was.rotations, now.rotations).max() < 1e-3
        np.testing.assert_allclose(was.translation, now.translation, atol=1e-5)


@pytest.mark.parametrize("scale", [(1, 1, 1), (2, 2, 2), (1.2, 0.8, 1.5)])
def test_a_pulled_joint_is_where_it_was_pulled_to_however_its_object_stands(rig, scale):
    rig.location, rig.rotation_euler, rig.scale = (1, 2, 0.5), (0.2, -0.4, 1.0), scale
    bpy.context.view_layer.update()
    feet = [joint(rig, "left_ankle"), joint(rig, "right_ankle")]
    wanted = joint(rig, "left_wrist") + [0.03, 0.04, 0.08]
    pull(rig, "left_wrist", [0.03, 0.04, 0.08])
    np.testing.assert_allclose(joint(rig, "left_wrist"), wanted, atol=1e-3 * max(scale))
    np.testing.assert_allclose([joint(rig, "left_ankle"), joint(rig, "right_ankle")], feet, atol=1e-3)


def other_wrist_moves(rig, follow):
    rig.niki_pose.follow, before = follow, joint(rig, "right_wrist")
    pulled = pull(rig, "left_wrist", [0.0, 0.0, 0.2])
    moved = np.linalg.norm(joint(rig, "right_wrist") - before)
    pulled.restore()
    return moved


def test_the_rest_of_the_body_follows_as_much_as_the_setting_says(rig):
    assert rig.niki_pose.follow == pytest.approx(FOLLOW)
    still, whole = other_wrist_moves(rig, 0), other_wrist_moves(rig, 1)
    assert 1.3 * still < whole


def test_following_is_saved_with_the_file_and_at_once_seen_on_targets(rig, tmp_path):
    name, rig.niki_pose.follow = rig.name, 0.25
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    rig = bpy.data.objects[name]
    assert rig.niki_pose.follow == 0.25
    rig.niki_pose.pulled[WRIST] = True
    bpy.ops.niki.make_targets()
    (empty,) = targets.targets_of(rig)
    empty.location.z += 0.2
    before = joint(rig, "right_wrist")
    rig.niki_pose.follow = 1
    assert np.linalg.norm(joint(rig, "right_wrist") - before) > 0.005


def test_another_armature_in_the_scene_is_left_alone(rig):
    other, _ = placing.place_motion(SAMPLE, "b", placing.Placement(camera=False))
    before = joint(other, "left_wrist")
    pull(rig, "left_wrist", [0, 0, 0.1])
    np.testing.assert_array_equal(joint(other, "left_wrist"), before)


def test_an_object_scaled_to_nothing_is_refused(rig):
    rig.scale = (0, 0, 0)
    bpy.context.view_layer.update()
    with pytest.raises(Exception, match="has zero scale"):
        pulling.Pull(rig)


def test_restored_it_is_as_before_and_pins_hold(rig):
    rig.niki_pose.pinned[JOINTS.index("right_wrist")] = True
    before, held = posture.joint_positions(rig), joint(rig, "right_wrist")
    pulled = pull(rig, "left_wrist", [0.1, 0.1, 0.2])
    np.testing.assert_allclose(joint(rig, "right_wrist"), held, atol=1e-3)
    pulled.restore()
    bpy.context.view_layer.update()
    np.testing.assert_allclose(posture.joint_positions(rig), before, atol=1e-5)


def test_keys_are_set_on_what_changed(rig):
    rig.niki_pose.pull_mode = "LIMB"
    pulled = pull(rig, "left_wrist", [0.0, 0.02, 0.05])
    rig.animation_data_clear()
    assert pulled.key(bpy.context, 30) == 0
    bpy.context.scene.tool_settings.use_keyframe_insert_auto = True
    bpy.context.preferences.edit.use_keyframe_insert_available = False
    assert pulled.key(bpy.context, 30) == 3
    keyed = {curve.data_path.split('"')[1] for curve in animation.fcurves_of(rig)}
    assert keyed == {"L_Collar", "L_Shoulder", "L_Elbow"}


def test_a_correction_is_carried_and_what_was_captured_is_kept(rig):
    captured = rig.animation_data.action
    before = sampling.sample_motion(rig, 1, 60).solved_joints()
    rig.niki_pose.fade_in, rig.niki_pose.fade_out = 5, 10
    wanted = joint(rig, "left_wrist") + [0, 0, 0.1]
    pull(rig, "left_wrist", [0, 0, 0.1])
    assert bpy.ops.niki.propagate() == {"FINISHED"}
    corrected = rig.animation_data.action.name
    assert corrected == "a corrected"
    assert captured.use_fake_user
    np.testing.assert_allclose(joint(rig, "left_wrist"), wanted, atol=1e-3)
    after = sampling.sample_motion(rig, 1, 60).solved_joints()
    changed = np.linalg.norm(after - before, axis=-1).max(1) > 1e-4
    np.testing.assert_array_equal(np.flatnonzero(changed) + 1, np.arange(25, 41))
    pull(rig, "head", [0.05, 0, -0.03])
    bpy.ops.niki.propagate()
    assert captured.name in bpy.data.actions
    assert len(bpy.data.actions) == 2  # a further correction goes into the same action
    assert rig.animation_data.action.name == corrected


def test_nothing_pulled_is_said(rig):
    assert bpy.ops.niki.propagate() == {"CANCELLED"}
    assert len(bpy.data.actions) == 1


def test_a_joint_is_held_over_a_range(rig):
    rig.niki_pose.pulled[JOINTS.index("left_ankle")] = True
    bpy.context.scene.frame_set(20)
    place = joint(rig, "left_ankle")
    assert bpy.ops.niki.hold(first=20, last=35, blend=3) == {"FINISHED"}
    for frame in range(20, 36):
        bpy.context.scene.frame_set(frame)
        np.testing.assert_allclose(joint(rig, "left_ankle"), place, atol=1e-3)
    with pytest.raises(RuntimeError, match="only frames 1 to 108"):
        bpy.ops.niki.hold(first=20, last=3500)


def test_targets_draw_the_body_when_they_move_and_at_every_frame(rig):
    assert bpy.ops.niki.make_targets() == {"FINISHED"}
    made = {o.niki_pose.target_joint: o for o in targets.targets_of(rig)}
    assert set(made) == {"left_wrist", "right_wrist", "left_ankle", "right_ankle", "head", "pelvis"}
    assert rig.niki_pose.follow_targets
    made["left_wrist"].location.z += 0.1
    np.testing.assert_allclose(joint(rig, "left_wrist"), made["left_wrist"].location, atol=2e-3)
    parent = bpy.data.objects.new("parent", None)
    bpy.context.scene.collection.objects.link(parent)
    made["left_wrist"].parent = parent
    parent.location.x = 0.05
    bpy.context.view_layer.update()
    world = np.array(made["left_wrist"].matrix_world.translation)
    np.testing.assert_allclose(joint(rig, "left_wrist"), world, atol=2e-3)
    foot = joint(rig, "left_foot") - joint(rig, "left_ankle")
    made["left_ankle"].rotation_euler.rotate_axis("Z", 0.3)
    bpy.context.view_layer.update()
    turned = joint(rig, "left_foot") - joint(rig, "left_ankle")
    assert np.dot(foot, turned) / np.dot(foot, foot) < np.cos(0.15)
    rig.niki_pose.follow_targets = False
    kept = joint(rig, "left_wrist")
    parent.location.x = 0.3
    np.testing.assert_array_equal(joint(rig, "left_wrist"), kept)


def test_the_head_looks_at_its_target(rig):
    rig.niki_pose.pulled[JOINTS.index("head")] = True
    bpy.ops.niki.make_targets()
    (empty,) = targets.targets_of(rig)
    empty.niki_pose.target_looks = True
    body = posture.body_of(rig)
    facing = space.to_blender(posture.read_posture(rig, body).rotations[0][:, 2])
    empty.location = np.array(joint(rig, "head")) + 2 * facing + [0, 0, 0.5]
    bpy.context.view_layer.update()
    head = joint(rig, "head")
    turned = rig.pose.bones["Head"].matrix @ rig.data.bones["Head"].matrix_local.inverted()
    gaze = np.array(rig.matrix_world @ turned)[:3, :3] @ [0, -1, 0]
    towards = np.array(empty.location) - head
    assert gaze @ towards / np.linalg.norm(towards) > np.cos(np.radians(2))


def keyed_targets(rig):
    bpy.ops.niki.make_targets()
    (wrist,) = (o for o in targets.targets_of(rig) if o.niki_pose.target_joint == "left_wrist")
    for frame, up in ((30, 0.0), (40, 0.15)):
        wrist.location.z += up
        wrist.keyframe_insert("location", frame=frame)
    for other in targets.targets_of(rig):
        if other != wrist:
            bpy.data.objects.remove(other)
    return wrist


def live(rig, frames):
    places = []
    for frame in frames:
        bpy.context.scene.frame_set(frame)
        places.append(joint(rig, "left_wrist"))
    return np.array(places)


def test_baked_and_reloaded_the_joints_are_where_they_were_live(rig, tmp_path):
    keyed_targets(rig)
    frames = range(30, 41)
    before = live(rig, frames)
    assert bpy.ops.niki.bake(span="CUSTOM", first=30, last=40) == {"FINISHED"}
    assert not rig.niki_pose.follow_targets
    np.testing.assert_allclose(live(rig, frames), before, atol=1e-4)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    np.testing.assert_allclose(live(bpy.data.objects["a"], frames), before, atol=1e-4)


def test_keys_are_reduced_within_the_bound(rig):
    before = sampling.sample_motion(rig, 1, 40).solved_joints()
    assert bpy.ops.niki.bake(span="CUSTOM", first=1, last=40, reduce=True, max_error=30.0) == {"FINISHED"}
    curve = next(c for c in animation.fcurves_of(rig) if "L_Elbow" in c.data_path)
    assert sum(1 <= point.co.x <= 40 for point in curve.keyframe_points) < 40
    after = sampling.sample_motion(rig, 1, 40).solved_joints()
    off = np.linalg.norm(after - before, axis=-1).max()
    assert 0.001 < off < 0.0301


def test_selected_bones_go_into_the_present_action_and_keys_outside_stay(rig):
    action = rig.animation_data.action
    for bone in rig.pose.bones:
        (bone if hasattr(bone, "select") else bone.bone).select = bone.name == "Head"
    assert bpy.ops.niki.bake(
        span="CUSTOM", first=10, last=20, step=5, only_selected=True, use_current_action=True
    ) == {"FINISHED"}
    assert rig.animation_data.action == action
    frames = {}
    for curve in animation.fcurves_of(rig):
        if curve.data_path.endswith("rotation_quaternion"):
            frames[curve.data_path.split('"')[1]] = [p.co.x for p in curve.keyframe_points]
    last = SAMPLE.frames[-1] + 1
    assert frames["Neck"] == list(range(1, last + 1))
    assert frames["Head"] == [*range(1, 10), 10, 15, 20, *range(21, last + 1)]
    assert len(frames) == len(BONES)


def test_bakes_that_make_no_sense_are_refused(rig):
    with pytest.raises(RuntimeError, match="range is empty"):
        bpy.ops.niki.bake(span="CUSTOM", first=5, last=4)
    rig.animation_data_clear()
    with pytest.raises(RuntimeError, match="no action"):
        bpy.ops.niki.bake(span="ACTION")
    assert len(bpy.data.actions) == 1


def test_a_fresh_body_stands_relaxed_and_is_posed():
    bpy.context.scene.cursor.location = (1, 0, 0)
    assert bpy.ops.niki.add_body(height=2.0) == {"FINISHED"}
    body = bpy.context.object
    places = posture.joint_positions(body)
    assert np.ptp(places[:, 2]) == pytest.approx(2.0, abs=0.03)
    assert places[WRIST, 2] < places[JOINTS.index("pelvis"), 2] + 0.2
    pull(body, "left_wrist", [0, -0.3, 0.6])
    np.testing.assert_allclose(joint(body, "left_wrist"), places[WRIST] + [0, -0.3, 0.6], atol=2e-3)
