"""What posing and correcting leave alone: other channels, other users, locks, constraints, other files."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import ROOT

bpy = pytest.importorskip("bpy", reason="bpy is not installed here")

from registered import data_folder, in_empty_file  # noqa: F401 (fixtures)

from niki.body.skeleton import BONES, JOINTS
from niki.motion.motion import Motion
from niki.review.blender_process import blender_module

animation, bake, placing, pulling, registration, sampling, targets = (
    blender_module(n)
    for n in (
        "rig.animation",
        "pose.bake",
        "placement.placing",
        "pose.pulling",
        "registration",
        "rig.sampling",
        "pose.targets",
    )
)
SAMPLE = Motion.load(ROOT / "samples/sample_truth.npz")
SLOTTED = hasattr(bpy.types, "ActionSlot")
KINDS = ("interpolation", "handle_left_type", "handle_right_type", "type")


def place(name="a"):
    made, _ = placing.place_motion(SAMPLE, name, placing.Placement(match_scene=placing.ALWAYS, camera=False))
    bpy.context.view_layer.objects.active = made
    return made


@pytest.fixture
def rig():
    """The sample's motion at its frame 30, with channels of the user's own in its action."""
    made = place()
    made.location = (1, 2, 3)
    made.keyframe_insert("location", frame=5)
    head = made.pose.bones["Head"]
    head.scale = (1.1, 1.1, 1.1)
    head.keyframe_insert("scale", frame=7)
    head["mine"] = 0.5
    head.keyframe_insert('["mine"]', frame=9)
    bpy.context.scene.frame_set(30)
    return made


def pull(rig, joint="left_wrist", by=(0, 0, 0.1)):
    pulled = pulling.Pull(rig)
    pulled.move_joints({joint: pulled.start_positions()[JOINTS.index(joint)] + by})
    return pulled


def keys_of(rig):
    """Every key of the rig's action, by channel; handles where they count."""
    return {
        (curve.data_path, curve.array_index): [key_of(k) for k in curve.keyframe_points]
        for curve in animation.fcurves_of(rig)
    }


def key_of(k):
    handles = (*k.handle_left, *k.handle_right) if k.interpolation == "BEZIER" else ()
    return (*k.co, *(round(h, 4) for h in handles), *(getattr(k, n) for n in KINDS))


def channels_of(rig):
    return {
        bone.name: [*bone.location, *bone.rotation_quaternion, *bone.rotation_euler, *bone.rotation_axis_angle, *bone.scale]
        for bone in rig.pose.bones
    }  # fmt: skip


def hold(rig):
    rig.niki_pose.pulled[JOINTS.index("left_ankle")] = True
    assert bpy.ops.niki.hold(first=25, last=35, blend=3) == {"FINISHED"}


def propagate(rig):
    rig.niki_pose.fade_in, rig.niki_pose.fade_out = 5, 5
    pull(rig)
    assert bpy.ops.niki.propagate() == {"FINISHED"}


@pytest.mark.parametrize("correct", [propagate, hold])
def test_a_correction_changes_only_the_keys_it_is_about(rig, correct):
    before = keys_of(rig)
    correct(rig)
    after = keys_of(rig)
    assert after.keys() == before.keys()
    frames = set()
    for channel, keys in before.items():
        assert len(after[channel]) == len(keys)
        changed = [a[0] for a, b in zip(keys, after[channel], strict=True) if a != b]
        if changed:
            assert "rotation_quaternion" in channel[0] or channel[0].endswith('["Pelvis"].location')
            frames |= set(changed)
    assert frames
    assert 22 <= min(frames) <= max(frames) <= (38 if correct is propagate else 45)


@pytest.mark.parametrize("correct", [propagate, hold])
def test_an_action_that_others_use_stays_and_stays_as_it_is(rig, correct):
    shared = rig.animation_data.action
    other = place("b")
    other.animation_data.action = shared
    if SLOTTED:
        other.animation_data.action_slot = rig.animation_data.action_slot
    third = place("c")
    third.animation_data.nla_tracks.new().strips.new("strip", 1, shared)
    bpy.context.view_layer.objects.active = rig
    before = keys_of(other)
    correct(rig)
    corrected = rig.animation_data.action
    other.animation_data.action = corrected  # now others use the correction as well
    if SLOTTED:
        other.animation_data.action_slot = rig.animation_data.action_slot
    kept = keys_of(other)
    bpy.context.scene.frame_set(60)
    rig.niki_pose.pulled = [False] * 29
    pull(rig, "head", (0.05, 0, -0.05))
    assert bpy.ops.niki.propagate() == {"FINISHED"}
    assert other.animation_data.action == corrected
    assert keys_of(other) == kept
    assert third.animation_data.nla_tracks[0].strips[0].action == shared
    other.animation_data.action = shared
    if SLOTTED:
        other.animation_data.action_slot = shared.slots[0]
    assert keys_of(other) == before


def test_sparse_curves_keep_their_shape_outside_the_correction(rig):
    rig.animation_data_clear()
    for frame, (elbow, x) in {1: (0.1, 0.0), 20: (0.9, 0.4), 60: (0.2, 0.1), 100: (0.7, 0.6)}.items():
        bone = rig.pose.bones["L_Shoulder"]
        bone.rotation_mode = "XYZ"
        bone.rotation_euler = (elbow, 0.2 * elbow, -elbow)
        bone.keyframe_insert("rotation_euler", frame=frame)
        rig.pose.bones["Pelvis"].location.x = x
        rig.pose.bones["Pelvis"].keyframe_insert("location", frame=frame)
    for curve in animation.fcurves_of(rig):
        curve.keyframe_points[2].interpolation = "BOUNCE" if curve.array_index == 1 else "BEZIER"
    bpy.context.scene.frame_set(40)

    def shape():
        frames = [*np.arange(1, 34.01, 0.25), *np.arange(46, 101)]
        return np.array([[c.evaluate(f) for f in frames] for c in animation.fcurves_of(rig)])

    before = shape()
    propagate(rig)
    np.testing.assert_allclose(shape(), before, atol=2e-3)
    assert len(animation.fcurves_of(rig)) == len(before)


def test_after_escape_every_channel_is_what_it_was(rig):
    constraint = rig.pose.bones["Head"].constraints.new("COPY_ROTATION")
    constraint.target, constraint.subtarget = rig, "L_Elbow"
    rig.pose.bones["R_Elbow"].rotation_mode = "XYZ"
    rig.pose.bones["R_Elbow"].rotation_euler = (0.1, 7.0, -0.3)
    bpy.context.view_layer.update()
    before = channels_of(rig)
    pull(rig, by=(0.1, 0.1, 0.3)).restore()
    assert channels_of(rig) == before


def test_only_bones_that_move_are_written_and_constraints_do_not_end_in_channels(rig):
    rig.niki_pose.pull_mode = "LIMB"
    for name in ("Head", "L_Elbow"):
        constraint = rig.pose.bones[name].constraints.new("COPY_ROTATION")
        constraint.target, constraint.subtarget, constraint.influence = rig, "R_Hip", 0.5
    bpy.context.view_layer.update()
    before = channels_of(rig)
    pull(rig, by=(0, 0.02, 0.03))
    changed = {name for name, values in channels_of(rig).items() if values != before[name]}
    assert changed <= {"L_Collar", "L_Shoulder", "L_Elbow"}
    half = np.linalg.norm(np.subtract(channels_of(rig)["L_Elbow"], before["L_Elbow"]))
    assert half < 0.3  # the constraint's turn of about a right angle is not in it


def test_the_action_of_another_slot_does_not_stretch_the_range(rig):
    if not SLOTTED:
        pytest.skip("no slots before Blender 4.4")
    action = rig.animation_data.action
    empty = bpy.data.objects.new("e", None)
    bpy.context.scene.collection.objects.link(empty)
    empty.animation_data_create().action = action
    empty.animation_data.action_slot = action.slots.new(id_type="OBJECT", name="e")
    empty.keyframe_insert("location", frame=2000)
    assert animation.action_range(rig) == (1, len(SAMPLE))


def test_a_correction_in_the_nlas_tweak_mode_says_so(rig):
    data = rig.animation_data
    action = data.action
    data.action = None
    strip = data.nla_tracks.new().strips.new("strip", 1, action)
    strip.select = True
    data.nla_tracks[0].select = True
    data.nla_tracks.active = data.nla_tracks[0]
    data.use_tweak_mode = True
    if not any(True for _ in animation.fcurves_of(rig)):
        pytest.skip("this Blender shows no action in tweak mode without a window")
    before = channels_of(rig)
    pull(rig)
    with pytest.raises(RuntimeError, match="tweak mode"):
        bpy.ops.niki.propagate()
    assert len(bpy.data.actions) == 1
    assert channels_of(rig) != before  # the pull is still there


def test_a_pose_of_another_file_does_not_come_back(rig, tmp_path):
    rig.animation_data_clear()
    for bone in rig.pose.bones:
        bone.matrix_basis.identity()
    bpy.context.view_layer.update()
    bpy.ops.niki.make_targets()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "still.blend"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    place()
    bpy.ops.niki.make_targets()
    bpy.context.scene.frame_set(31)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "still.blend"))
    still = bpy.data.objects["a"]
    before = channels_of(still)
    (wrist,) = (o for o in targets.targets_of(still) if o.niki_pose.target_joint == "left_wrist")
    wrist.location.z -= 0.01
    bpy.context.view_layer.update()
    apart = max(
        np.abs(np.subtract(values, before[name])).max() for name, values in channels_of(still).items()
    )
    assert apart < 0.05


def test_targets_of_a_renamed_armature_start_where_it_stands(rig):
    bpy.ops.niki.make_targets()
    base = rig.niki_pose.base
    rig.name = "another"
    bpy.ops.object.select_all(action="DESELECT")
    other = place("a")
    assert other.niki_pose.base == ""
    assert rig.niki_pose.base == base


def test_bones_that_animation_does_not_pose_are_not_carried_from_frame_to_frame(rig):
    keep = "Head"
    for curve in list(animation.fcurves_of(rig)):
        if f'"{keep}"' not in curve.data_path:
            animation.fcurve_owner(rig).fcurves.remove(curve)
    bpy.ops.niki.make_targets()
    (wrist,) = (o for o in targets.targets_of(rig) if o.niki_pose.target_joint == "left_wrist")
    for frame, z in ((30, 0.0), (31, 0.4), (32, 0.0)):
        wrist.location.z += z if frame == 31 else 0
        wrist.keyframe_insert("location", frame=frame)
        if frame == 31:
            wrist.location.z -= z
    bpy.context.scene.frame_set(32)
    bpy.context.scene.frame_set(30)
    before = channels_of(rig)
    bpy.context.scene.frame_set(31)
    bpy.context.scene.frame_set(30)
    for name, values in channels_of(rig).items():
        np.testing.assert_allclose(values, before[name], atol=1e-4)


def test_a_deleted_armature_does_not_stay_in_the_file(rig, tmp_path):
    bpy.ops.niki.make_targets()
    bpy.data.objects.remove(bpy.context.scene.camera) if bpy.context.scene.camera else None
    rig.select_set(True)
    bpy.context.view_layer.objects.active = rig
    with bpy.context.temp_override(selected_objects=[rig]):
        bpy.ops.object.delete()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    assert not [o for o in bpy.data.objects if o.type == "ARMATURE"]
    assert len([o for o in bpy.data.objects if o.type == "EMPTY"]) == 6


def test_a_pose_that_is_not_keyed_survives_export_and_bake(rig, tmp_path):
    pull(rig)
    posed = channels_of(rig)
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, 40
    assert bpy.ops.niki.export_motion(filepath=str(tmp_path / "m.npz")) == {"FINISHED"}
    assert channels_of(rig) == posed
    assert bpy.ops.niki.bake(span="CUSTOM", first=50, last=55) == {"FINISHED"}
    assert channels_of(rig) == posed


def test_a_bake_keeps_what_it_does_not_bake(rig):
    before = keys_of(rig)
    assert bpy.ops.niki.bake(span="CUSTOM", first=10, last=20) == {"FINISHED"}
    after = keys_of(rig)
    assert after.keys() == before.keys()
    for channel, keys in before.items():
        outside = [[k for k in some if not 10 <= k[0] <= 20] for some in (keys, after[channel])]
        assert outside[0] == outside[1]


def test_leaving_the_bake_dialog_is_no_error():
    stand_in = SimpleNamespace(_sampling=bake.NIKI_OT_bake._sampling)
    bake.NIKI_OT_bake.cancel(stand_in, bpy.context)


def test_bones_get_their_own_colors_back(rig):
    color = rig.pose.bones["Neck"].color
    color.palette = "CUSTOM"
    color.custom.normal = (0.1, 0.2, 0.3)
    rig.pose.bones["Head"].color.palette = "THEME03"
    rig.niki_confidence.show = True
    rig.niki_confidence.show = True
    assert rig.pose.bones["Head"].color.palette == "CUSTOM"
    rig.niki_confidence.show = False
    assert rig.pose.bones["Head"].color.palette == "THEME03"
    assert color.palette == "CUSTOM"
    np.testing.assert_allclose(color.custom.normal, (0.1, 0.2, 0.3), atol=3e-3)


def auto_keyed(rig, **tools):
    """Channels that a pull keys with auto-keying on."""
    rig.animation_data_clear()
    settings = bpy.context.scene.tool_settings
    settings.use_keyframe_insert_auto = True
    for name, value in tools.items():
        setattr(settings, name, value)
    rig.niki_pose.pull_mode = "LIMB"
    pull(rig, by=(0, 0.02, 0.05)).key(bpy.context, 30)
    return {(c.data_path, c.array_index): c.keyframe_points[0] for c in animation.fcurves_of(rig)}


@pytest.fixture
def edit():
    """Preferences of editing, with nothing that holds keys back; as they were afterwards."""
    chosen = bpy.context.preferences.edit
    names = ("use_keyframe_insert_available", "use_auto_keyframe_insert_needed")
    before = [getattr(chosen, name) for name in names]
    for name in names:
        setattr(chosen, name, False)
    yield chosen
    for name, value in zip(names, before, strict=True):
        setattr(chosen, name, value)


def test_auto_keying_keys_no_locked_channel_and_uses_the_chosen_type(rig, edit):
    rig.pose.bones["L_Collar"].lock_rotation = (True, True, True)
    elbow = rig.pose.bones["L_Elbow"]
    elbow.lock_rotations_4d, elbow.lock_rotation = True, (True, False, False)
    keyed = auto_keyed(rig, keyframe_type="BREAKDOWN")
    assert {path.split('"')[1] for path, _ in keyed} == {"L_Shoulder", "L_Elbow"}
    assert {index for path, index in keyed if "L_Elbow" in path} == {0, 2, 3}
    assert {key.type for key in keyed.values()} == {"BREAKDOWN"}


def test_auto_keying_honours_only_insert_available(rig, edit):
    edit.use_keyframe_insert_available = True
    assert auto_keyed(rig) == {}


def test_auto_keying_honours_the_active_keying_set(rig, edit):
    chosen = bpy.context.scene.keying_sets.new(idname="mine", name="Mine")
    chosen.paths.add(rig, 'pose.bones["L_Elbow"].rotation_quaternion')
    bpy.context.scene.keying_sets.active = chosen
    keyed = auto_keyed(rig, use_keyframe_insert_keyingset=True)
    assert {path for path, _ in keyed} == {'pose.bones["L_Elbow"].rotation_quaternion'}


def test_auto_keying_follows_a_keying_set_of_blenders_own(rig, edit):
    bpy.ops.object.mode_set(mode="POSE")
    sets = bpy.context.scene.keying_sets_all
    sets.active = sets["Rotation"]
    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
    with bpy.context.temp_override(window=window, area=area):  # Blender 5 asks for one
        keyed = auto_keyed(rig, use_keyframe_insert_keyingset=True)
    assert {path.split('"')[1] for path, _ in keyed} == {"L_Collar", "L_Shoulder", "L_Elbow"}


def test_a_linked_armature_is_refused_by_all_that_would_change_it(rig, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(str(tmp_path / "a.blend"), link=True) as (_, loaded):
        loaded.objects = ["a"]
    bpy.context.scene.collection.objects.link(loaded.objects[0])
    bpy.context.view_layer.objects.active = loaded.objects[0]
    for operator in (
        bpy.ops.niki.propagate,
        bpy.ops.niki.bake,
        bpy.ops.niki.make_targets,
        bpy.ops.niki.pull_mode,
    ):
        assert not operator.poll()
    assert bpy.ops.niki.export_motion.poll()


def test_all_bones_are_there():
    assert {bone.name for bone in place().pose.bones} == set(BONES)


def test_a_locked_bone_stays_and_the_others_reach_the_target_without_it(rig):
    rig.pose.bones["L_Shoulder"].lock_rotation = (True, True, True)
    rig.pose.bones["L_Shoulder"].lock_rotation_w = True
    rig.pose.bones["Pelvis"].lock_location = (True, True, True)
    before = channels_of(rig)
    wanted = pulling.joint_positions(rig)[JOINTS.index("left_wrist")] + (0.03, 0.02, 0.04)
    pull(rig, by=(0.03, 0.02, 0.04))
    after = channels_of(rig)
    assert after["L_Shoulder"] == before["L_Shoulder"]
    assert after["Pelvis"][:3] == before["Pelvis"][:3]
    assert after["L_Elbow"] != before["L_Elbow"]
    bpy.context.view_layer.update()
    np.testing.assert_allclose(pulling.joint_positions(rig)[JOINTS.index("left_wrist")], wanted, atol=3e-3)


@pytest.mark.parametrize("mode", ["XYZ", "ZYX", "QUATERNION"])
def test_a_locked_channel_keeps_its_value_while_the_bone_turns(rig, mode):
    rig.animation_data_clear()
    bone = rig.pose.bones["L_Elbow"]
    quaternion = bone.rotation_quaternion.copy()
    bone.rotation_mode = mode
    if mode == "QUATERNION":
        bone.lock_rotations_4d = True
    else:
        bone.rotation_euler = quaternion.to_euler(mode)
    bone.lock_rotation = (False, True, False)
    bpy.context.view_layer.update()
    channel = "rotation_quaternion" if mode == "QUATERNION" else "rotation_euler"
    locked = 2 if mode == "QUATERNION" else 1
    before = getattr(bone, channel).copy()
    wanted = pulling.joint_positions(rig)[JOINTS.index("left_wrist")] + (0.05, 0.03, 0.08)
    pull(rig, by=(0.05, 0.03, 0.08))
    after = getattr(bone, channel)
    assert after[locked] == before[locked]
    assert np.abs(np.subtract(after, before)).max() > 0.01
    bpy.context.view_layer.update()
    np.testing.assert_allclose(pulling.joint_positions(rig)[JOINTS.index("left_wrist")], wanted, atol=0.01)


def bake_reduced(rig, capfd, **options):
    """How far joints are off after baking with fewer keys, what was said of it in mm, and the frames."""
    before = sampling.sample_motion(rig, 1, 80).solved_joints()
    capfd.readouterr()
    options = {"span": "CUSTOM", "first": 1, "last": 80, "reduce": True, "max_error": 60.0} | options
    assert bpy.ops.niki.bake(**options) == {"FINISHED"}
    told = re.search(r"max error ([0-9.]+) mm", capfd.readouterr().out)
    after = sampling.sample_motion(rig, 1, 80).solved_joints()
    frames = {
        point.co.x
        for curve in animation.fcurves_of(rig)
        if "rotation_euler" in curve.data_path
        for point in curve.keyframe_points
        if point.co.x <= 80
    }
    return np.linalg.norm(after - before, axis=-1).max(), float(told[1]) / 1000, frames


def test_reduced_keys_keep_their_bound_and_their_step_on_euler_bones(rig, capfd):
    for bone in rig.pose.bones:
        bone.rotation_mode = "ZXY" if bone.name.startswith("L") else "AXIS_ANGLE"
    assert bpy.ops.niki.bake(span="CUSTOM", first=1, last=80) == {"FINISHED"}
    off, told, frames = bake_reduced(rig, capfd)
    assert 0.02 < off < 0.0601
    assert told == pytest.approx(off, abs=1e-3)
    assert len(frames) < 60


def test_every_so_many_frames_holds_with_reduced_keys_and_a_miss_is_told(rig, capfd):
    for bone in rig.pose.bones:
        bone.rotation_mode = "ZXY"
    assert bpy.ops.niki.bake(span="CUSTOM", first=1, last=80) == {"FINISHED"}
    off, told, frames = bake_reduced(rig, capfd, step=8)
    assert told == pytest.approx(off, abs=1e-3)
    assert off > 0.06
    assert frames <= {*range(1, 81, 8), 80.0}


def test_two_targets_that_contradict_each_other_are_named(rig):
    bpy.ops.niki.make_targets()
    (wrist,) = (o for o in targets.targets_of(rig) if o.niki_pose.target_joint == "left_wrist")
    double = wrist.copy()
    bpy.context.scene.collection.objects.link(double)
    double.location.z += 0.2
    bpy.context.view_layer.update()
    assert "left_wrist" in rig.niki_pose.target_problem
    bpy.data.objects.remove(double)
    wrist.location.z += 0.05
    bpy.context.view_layer.update()
    assert rig.niki_pose.target_problem == ""


def by_hand(rig):
    """Changes of animated things all over the scene that nobody has keyed, and how to read them."""
    cube = bpy.data.objects.new("Cube", None)
    bpy.context.scene.collection.objects.link(cube)
    cube.keyframe_insert("location", frame=1)
    head = rig.pose.bones["Head"]
    rig.location.x, head.scale.y, cube.location.z = 7.0, 1.5, 9.0
    head["mine"] = 0.75
    return lambda: (rig.location.x, head.scale.y, cube.location.z, head["mine"])


@pytest.mark.parametrize("do", ["export", "hold", "propagate", "bake"])
def test_what_is_not_keyed_anywhere_in_the_scene_survives(rig, tmp_path, do):
    read = by_hand(rig)
    bpy.context.scene.frame_start, bpy.context.scene.frame_end = 1, 20
    if do == "export":
        bpy.ops.niki.export_motion(filepath=str(tmp_path / "m.npz"))
    elif do == "bake":
        bpy.ops.niki.bake(span="CUSTOM", first=1, last=20)
    else:
        {"hold": hold, "propagate": propagate}[do](rig)
    assert read() == (7.0, 1.5, 9.0, 0.75)


def test_a_curves_modifiers_do_not_count_twice(rig):
    path = 'pose.bones["L_Shoulder"].rotation_quaternion'
    curve = next(c for c in animation.fcurves_of(rig) if c.data_path == path and c.array_index == 1)
    before = {point.co.x: point.co.y for point in curve.keyframe_points}
    generator = curve.modifiers.new("GENERATOR")
    generator.use_additive, generator.coefficients = True, (0.2, 0.0)
    bpy.context.scene.frame_set(30)
    rig.niki_pose.fade_in, rig.niki_pose.fade_out = 3, 3
    pull(rig, by=(0, 0, 0.002))
    assert bpy.ops.niki.propagate() == {"FINISHED"}
    curve = next(c for c in animation.fcurves_of(rig) if c.data_path == path and c.array_index == 1)
    off = max(abs(point.co.y - before[point.co.x]) for point in curve.keyframe_points)
    assert off < 0.02
    assert not curve.modifiers[0].mute


def test_targets_go_on_when_a_bone_is_given_another_rotation_mode(rig):
    rig.animation_data_clear()
    bpy.ops.niki.make_targets()
    for bone in rig.pose.bones:
        bone.rotation_mode = "XYZ"
    (wrist,) = (o for o in targets.targets_of(rig) if o.niki_pose.target_joint == "left_wrist")
    wrist.location.z += 0.1
    bpy.context.view_layer.update()
    bpy.context.view_layer.update()
    assert rig.niki_pose.target_problem == ""
    place = pulling.joint_positions(rig)[JOINTS.index("left_wrist")]
    np.testing.assert_allclose(place, wrist.location, atol=2e-3)


def test_a_linked_action_is_baked_into_a_copy(rig, tmp_path):
    name = rig.animation_data.action.name
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "library.blend"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    mine = place()
    with bpy.data.libraries.load(str(tmp_path / "library.blend"), link=True) as (_, loaded):
        loaded.actions = [name]
    mine.animation_data.action = loaded.actions[0]
    if SLOTTED:
        mine.animation_data.action_slot = loaded.actions[0].slots[0]
    before = keys_of(mine)
    assert bpy.ops.niki.bake(span="CUSTOM", first=5, last=9, use_current_action=True) == {"FINISHED"}
    assert mine.animation_data.action.library is None
    mine.animation_data.action = loaded.actions[0]
    if SLOTTED:
        mine.animation_data.action_slot = loaded.actions[0].slots[0]
    assert keys_of(mine) == before


def test_an_action_without_keys_has_no_range_to_bake(rig):
    animation.new_action(rig, "empty")
    with pytest.raises(RuntimeError, match="no action with keyframes"):
        bpy.ops.niki.bake(span="ACTION")


def test_baking_says_what_still_acts_on_top_of_the_keys(rig, capfd):
    constraint = rig.pose.bones["Head"].constraints.new("COPY_ROTATION")
    constraint.target, constraint.subtarget = rig, "L_Elbow"
    capfd.readouterr()
    bpy.ops.niki.bake(span="CUSTOM", first=1, last=5)
    assert "Mute 1 constraint" in capfd.readouterr().out
