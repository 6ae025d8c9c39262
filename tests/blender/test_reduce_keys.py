"""Reduce Keys: fewer keys within a bound, as Blender plays them; what is left alone; the dense keys stay."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import ROOT

bpy = pytest.importorskip("bpy", reason="bpy is not installed here")

from registered import data_folder, in_empty_file  # noqa: F401 (fixtures)

from niki.body.skeleton import BONES
from niki.motion import bezier
from niki.motion.motion import Motion
from niki.review.blender_process import blender_module

animation, confidence, curve_keys, keying, placing, selection = (
    blender_module(n)
    for n in (
        "rig.animation",
        "rig.confidence",
        "rig.curve_keys",
        "rig.keying",
        "placement.placing",
        "rig.selection",
    )
)
SAMPLE = Motion.load(ROOT / "samples/sample_truth.npz")
FRAMES = range(1, len(SAMPLE) + 1)


def walk(mode="QUATERNION", root=False):
    """The sample's walk on a new armature, with keys on every frame."""
    rig, _ = placing.place_motion(
        SAMPLE, "walk", placing.Placement(match_scene="ALWAYS", camera=False, root_bone=root)
    )
    for name in BONES:
        rig.pose.bones[name].rotation_mode = mode
    if mode != "QUATERNION":
        rig.animation_data_clear()
        keying.bake_motion(rig, SAMPLE, 1, "walk")
    bpy.context.view_layer.objects.active = rig
    return rig


@pytest.fixture
def rig():
    return walk()


def heads(rig):
    """(T, 24, 3) where Blender puts the bones' heads."""
    places = []
    for frame in FRAMES:
        bpy.context.scene.frame_set(frame)
        posed = rig.evaluated_get(bpy.context.evaluated_depsgraph_get())
        places.append([posed.pose.bones[name].head[:] for name in BONES])
    return np.array(places)


def curves(rig, ending=("location", "rotation_quaternion", "rotation_euler", "rotation_axis_angle")):
    return [c for c in animation.fcurves_of(rig) if c.data_path.endswith(ending)]


def keys_of(rig):
    return {
        (c.data_path, c.array_index): [(p.co[:], p.interpolation) for p in c.keyframe_points]
        for c in animation.fcurves_of(rig)
    }


def count(rig):
    return sum(len(c.keyframe_points) for c in curves(rig))


@pytest.mark.parametrize("mode", ["QUATERNION", "ZXY", "AXIS_ANGLE"])
@pytest.mark.parametrize(("bound", "share"), [(5.0, 0.2), (20.0, 0.15)])
def test_few_keys_hold_the_walk_within_the_bound_as_blender_plays_it(mode, bound, share):
    rig = walk(mode)
    was, dense = heads(rig), count(rig)
    assert bpy.ops.niki.reduce_keys(max_error=bound) == {"FINISHED"}
    off = 1000 * np.linalg.norm(heads(rig) - was, axis=-1).max()
    assert 0.3 * bound < off <= bound
    assert count(rig) < share * dense
    point = curves(rig)[5].keyframe_points[1]
    assert (point.interpolation, point.handle_left_type, point.handle_right_type) == (
        "BEZIER",
        "ALIGNED",
        "ALIGNED",
    )


def test_what_the_library_says_of_a_smooth_curve_blender_evaluates(rng):
    keys, frames = np.array([1.0, 4, 5, 11, 30]), np.linspace(-2, 33, 141)
    values, slopes = rng.normal(size=5), rng.normal(size=5) * 0.3
    cube = bpy.data.objects.new("cube", None)
    _, owner = animation.new_action(cube, "keys")
    curve = owner.fcurves.new("location", index=0)
    curve_keys.CurveKeys.smooth(keys, values, slopes).write_to(curve)
    expected = bezier.evaluate(frames, keys, values[:, None], slopes[:, None])[:, 0]
    np.testing.assert_allclose([curve.evaluate(f) for f in frames], expected, atol=1e-4)


def test_a_bones_channels_share_their_frames(rig):
    bpy.ops.niki.reduce_keys()
    frames = {tuple(p.co.x for p in c.keyframe_points) for c in curves(rig) if "L_Elbow" in c.data_path}
    assert len(frames) == 1


def test_the_dense_keys_stay_muted_and_can_be_brought_back(rig, capfd):
    was, before, places = rig.animation_data.action, keys_of(rig), heads(rig)
    capfd.readouterr()
    bpy.ops.niki.reduce_keys(max_error=20)
    assert "kept" in (told := capfd.readouterr().out)
    assert f"muted NLA track {was.name} dense" in told
    (track,) = rig.animation_data.nla_tracks
    assert (track.mute, track.name, track.strips[0].action) == (True, f"{was.name} dense", was)
    assert rig.animation_data.action.name == f"{was.name} reduced"
    rig.animation_data.action = None
    track.mute = False
    np.testing.assert_allclose(heads(rig), places, atol=1e-5)
    animation.assign_action(rig, was)
    assert keys_of(rig) == before


def others_of(rig):
    """The keys of custom properties, but those of the confidence."""
    return {
        path: keys
        for path, keys in keys_of(rig).items()
        if path[0].endswith('"]') and not path[0].endswith('["confidence"]')
    }


def test_contacts_and_other_properties_keep_their_keys(rig):
    head = rig.pose.bones["Head"]
    for frame, value in ((1, 0.0), (40, 1.0), (60, 0.0)):
        head["mine"] = value
        head.keyframe_insert('["mine"]', frame=frame)
    for curve in animation.fcurves_of(rig):
        if curve.data_path.endswith('["mine"]'):
            for point in curve.keyframe_points:
                point.interpolation = "CONSTANT"
    before = others_of(rig)
    bpy.ops.niki.reduce_keys()
    assert others_of(rig) == before


def test_only_selected_bones_change(rig):
    for bone in rig.pose.bones:
        selection.select(bone, bone.name == "L_Elbow")
    before = keys_of(rig)
    assert bpy.ops.niki.reduce_keys(only_selected=True) == {"FINISHED"}
    changed = {path for (path, index), keys in keys_of(rig).items() if keys != before[path, index]}
    turns = animation.bone_path("L_Elbow", "rotation_quaternion")
    assert changed == {turns, turns.replace(".rotation_quaternion", '["confidence"]')}


def test_locked_muted_stepped_and_modified_curves_are_left_alone_and_told(rig, capfd):
    locked, muted, stepped, modified = curves(rig)[8:24:4]
    locked.lock, muted.mute = True, True
    stepped.keyframe_points[3].interpolation = "CONSTANT"
    modified.modifiers.new("NOISE")
    paths = [(c.data_path, c.array_index) for c in (locked, muted, stepped, modified)]
    before = keys_of(rig)
    capfd.readouterr()
    assert bpy.ops.niki.reduce_keys() == {"FINISHED"}
    after = keys_of(rig)
    assert [after[p] for p in paths] == [before[p] for p in paths]
    told = capfd.readouterr().out
    for reason in ("1 locked", "1 muted", "1 stepped", "1 with modifiers"):
        assert reason in told


def test_keys_set_by_hand_stay_where_fewer_would_not_do(rig, capfd):
    rig.animation_data_clear()
    elbow = rig.pose.bones["L_Elbow"]
    for frame, x in ((1, 0.0), (25, 0.6), (50, 0.0)):
        elbow.rotation_quaternion = (1, x, 0, 0)
        elbow.keyframe_insert("rotation_quaternion", frame=frame)
    before, action = keys_of(rig), rig.animation_data.action
    assert bpy.ops.niki.reduce_keys(max_error=1) == {"CANCELLED"}
    assert rig.animation_data.action == action
    assert keys_of(rig) == before
    assert not rig.animation_data.nla_tracks
    assert "nothing was changed" in capfd.readouterr().out


def test_the_root_bones_keys_are_reduced_too():
    rig = walk(root=True)
    was = heads(rig)
    assert bpy.ops.niki.reduce_keys(max_error=5) == {"FINISHED"}
    root = [c for c in curves(rig) if '"Root"' in c.data_path]
    assert root
    assert all(len(c.keyframe_points) < len(SAMPLE) / 2 for c in root)
    assert np.linalg.norm(heads(rig) - was, axis=-1).max() <= 0.005


def test_a_pose_that_is_not_keyed_stays(rig):
    bpy.context.scene.frame_set(30)
    posed = (0.6, 0.8, 0.0, 0.0)
    rig.pose.bones["L_Elbow"].rotation_quaternion = posed
    bpy.ops.niki.reduce_keys()
    assert rig.pose.bones["L_Elbow"].rotation_quaternion[:] == pytest.approx(posed)
    assert bpy.context.scene.frame_current == 30


def test_an_armature_without_keys_is_refused(rig):
    rig.animation_data_clear()
    with pytest.raises(RuntimeError, match="no action with keyframes"):
        bpy.ops.niki.reduce_keys()


def test_a_linked_armature_says_what_to_do(rig, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "library.blend"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(str(tmp_path / "library.blend"), link=True) as (there, loaded):
        loaded.objects = [name for name in there.objects if name == "walk"]
    bpy.context.scene.collection.objects.link(loaded.objects[0])
    bpy.context.view_layer.objects.active = loaded.objects[0]
    for operator in (bpy.ops.niki.reduce_keys, bpy.ops.niki.bake):
        with pytest.raises(RuntimeError, match="Make a library override"):
            operator()


def test_a_reduced_bake_keeps_the_dense_one(rig):
    assert bpy.ops.niki.bake(span="CUSTOM", first=11, last=60, reduce=True, max_error=5) == {"FINISHED"}
    (track,) = rig.animation_data.nla_tracks
    assert track.mute
    assert track.strips[0].action.name == "walk baked"
    for curve in curves(rig):
        frames = [p.co.x for p in curve.keyframe_points]
        assert {*range(1, 11), *range(61, len(SAMPLE) + 1)} <= set(frames)
        assert {11, 60} <= set(frames)
        assert len(frames) < len(SAMPLE) - 20


def test_confidence_keeps_few_keys_and_the_doubtful_frames():
    sure = np.ones((len(SAMPLE), 29))
    sure[20:30], sure[70, 5] = 0.2, 0.4
    rig, _ = placing.place_motion(
        replace(SAMPLE, confidence=sure), "walk", placing.Placement(match_scene="ALWAYS", camera=False)
    )
    bpy.context.view_layer.objects.active = rig
    before = confidence.doubtful_frames(rig, 0.5)
    np.testing.assert_array_equal(before, [*range(21, 31), 71])
    assert bpy.ops.niki.reduce_keys() == {"FINISHED"}
    assert max(len(c.keyframe_points) for c in curves(rig, '["confidence"]')) < 12
    np.testing.assert_array_equal(confidence.doubtful_frames(rig, 0.5), before)


def played(rig):
    """(T, B, 3) where Blender puts the heads of all bones, at a few frames."""
    places = []
    for frame in range(12, 100, 7):
        bpy.context.scene.frame_set(frame)
        places.append([bone.head[:] for bone in rig.pose.bones])
    return np.array(places)


def shift(rig):
    """The first key between two frames."""
    for curve in animation.fcurves_of(rig):
        for point in curve.keyframe_points:
            point.co.x += 9.5
        curve.update()


def give_range(rig):
    action = rig.animation_data.action
    action.use_frame_range, action.frame_start, action.frame_end = True, 20, 50


def add_slot(rig):
    """Another object, animated by the same action over a longer range."""
    action = rig.animation_data.action
    if not hasattr(action, "slots"):
        pytest.skip("actions have slots since Blender 4.4")
    other = bpy.data.objects.new("other", None)
    bpy.context.scene.collection.objects.link(other)
    data = other.animation_data_create()
    data.action, data.action_slot = action, action.slots.new(id_type="OBJECT", name="other")
    for frame in (-30, 300):
        other.keyframe_insert("location", frame=frame)


@pytest.mark.parametrize("change", [shift, give_range, add_slot])
def test_the_dense_track_plays_what_was_there(rig, change):
    change(rig)
    before = played(rig)
    assert bpy.ops.niki.reduce_keys() == {"FINISHED"}
    rig.animation_data.action, rig.animation_data.nla_tracks[-1].mute = None, False
    np.testing.assert_allclose(played(rig), before, atol=1e-4)


def test_a_reduced_range_keeps_the_confidence_outside_of_it(rig):
    before = {c.data_path: [p.co[:] for p in c.keyframe_points] for c in curves(rig, '["confidence"]')}
    assert bpy.ops.niki.bake(span="CUSTOM", first=40, last=50, reduce=True, use_current_action=True) == {
        "FINISHED"
    }
    for curve in curves(rig, '["confidence"]'):
        outside = [co for co in before[curve.data_path] if not 39 <= co[0] <= 51]
        assert [p.co[:] for p in curve.keyframe_points if not 39 <= p.co.x <= 51] == outside


def test_the_action_of_which_no_key_can_go_keeps_its_users(rig):
    for curve in animation.fcurves_of(rig):
        for point in curve.keyframe_points:
            point.interpolation = "CONSTANT"
    action = rig.animation_data.action
    assert bpy.ops.niki.reduce_keys() == {"CANCELLED"}
    assert (rig.animation_data.action, action.use_fake_user) == (action, False)


def test_the_bound_holds_on_bones_that_are_scaled(rig, capfd):
    rig.pose.bones["Pelvis"].scale = (3, 3, 3)
    before = heads(rig)
    bpy.ops.niki.reduce_keys(max_error=5)
    error = np.linalg.norm(heads(rig) - before, axis=-1).max()
    told = float(capfd.readouterr().out.split("max error ")[1].split(" mm")[0])
    assert told <= 5.0
    assert 1000 * error <= 1.1 * told  # without the scale in mind, it would be three times as much
