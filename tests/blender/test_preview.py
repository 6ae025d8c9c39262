"""Ghosts and trails: what is drawn at other frames is what Blender has there."""

import numpy as np
import pytest
from conftest import ROOT

bpy = pytest.importorskip("bpy", reason="bpy is not installed here")

from registered import data_folder, in_empty_file  # noqa: F401 (fixtures)

from niki.body.skeleton import BONES, JOINTS
from niki.meshes.dual_quaternions import dual_quaternions, skin_vertices, strongest_bones
from niki.meshes.mannequin import mannequin
from niki.motion.motion import Motion
from niki.review.blender_process import blender_module

body, placing, posture, preview, pulling, space = (
    blender_module(n)
    for n in (
        "rig.body",
        "placement.placing",
        "rig.posture",
        "pose.preview",
        "pose.pulling",
        "rig.space",
    )
)
SAMPLE = Motion.load(ROOT / "samples/sample_truth.npz")
WRIST = JOINTS.index("left_wrist")


@pytest.fixture
def rig():
    """The sample's motion, at its frame 30."""
    made, _ = placing.place_motion(SAMPLE, "a", placing.Placement(match_scene="ALWAYS", camera=False))
    bpy.context.view_layer.objects.active = made
    go_to(30)
    return made


def go_to(frame):
    bpy.context.scene.frame_set(frame)
    bpy.context.view_layer.update()


def to_mode(rig, mode):
    """Rewrite the action with all bones in another rotation mode."""
    frames = range(10, 52)
    poses = []
    for frame in frames:
        go_to(frame)
        poses.append([bone.matrix_basis.copy() for bone in rig.pose.bones])
    rig.animation_data_clear()
    for bone in rig.pose.bones:
        bone.rotation_mode = mode
    for frame, matrices in zip(frames, poses, strict=True):
        for bone, matrix in zip(rig.pose.bones, matrices, strict=True):
            bone.matrix_basis = matrix
            bone.keyframe_insert(
                "rotation_axis_angle" if mode == "AXIS_ANGLE" else "rotation_euler", frame=frame
            )
            if bone.name == BONES[0]:
                bone.keyframe_insert("location", frame=frame)
    go_to(30)


def evaluated_vertices(mesh):
    evaluated = mesh.evaluated_get(bpy.context.evaluated_depsgraph_get())
    flat = np.empty(3 * len(evaluated.data.vertices), np.float32)
    evaluated.data.vertices.foreach_get("co", flat)
    return space.transform_points(np.array(evaluated.matrix_world), flat.reshape(-1, 3))


@pytest.mark.parametrize("mode", ["QUATERNION", "XYZ", "AXIS_ANGLE"])
def test_a_ghost_is_the_mesh_that_blender_shows_at_its_frame(rig, mode):
    if mode != "QUATERNION":
        to_mode(rig, mode)
    rig.location, rig.rotation_euler, rig.scale = (1, 2, 0.5), (0.2, -0.4, 1.0), (1.5, 1.5, 1.5)
    bpy.context.view_layer.update()
    shown = preview.preview_of(rig, 30.0)
    skin = mannequin(shown.body, 0.02)
    bones, weights = strongest_bones(skin.weights)
    skin.weights = np.zeros_like(skin.weights)
    np.put_along_axis(skin.weights, bones, weights, 1)
    mesh = body.add_skin(rig, skin)
    carried, rest = strongest_bones(weights_in_blender(mesh)), space.to_blender(shown.body.rest_joints)
    assert list(shown.frames[shown.ghosts]) == [18, 22, 26, 34, 38, 42]
    for index in shown.ghosts[[0, 4]]:
        joints, world = (of_all[0] for of_all in shown.kinematics(np.array([index])))
        moved = dual_quaternions(space.to_blender(joints), space.rotations_to_blender(world), rest)
        ghost = skin_vertices(space.to_blender(skin.vertices), *carried, moved)
        ghost = space.transform_points(shown.worlds(rig, [index])[0], ghost)
        go_to(int(shown.frames[index]))
        np.testing.assert_allclose(ghost, evaluated_vertices(mesh), atol=3e-5)


def weights_in_blender(mesh):
    """(V, 24) rounded, as Blender has them."""
    weights = np.zeros((len(mesh.data.vertices), len(BONES)))
    for vertex in mesh.data.vertices:
        for group in vertex.groups:
            weights[vertex.index, group.group] = group.weight
    return weights / weights.sum(1, keepdims=True)


def test_ghosts_beyond_the_reach_of_a_correction_stay(rig):
    shown = preview.preview_of(rig, 30.0)
    before, version = shown.kinematics(shown.ghosts)[0], shown.version
    pull = pulling.Pull(rig)
    pull.move_joints({"left_wrist": pull.start_positions()[WRIST] + [0, 0, 0.3]})
    assert preview.preview_of(rig, 30.0) is shown
    assert shown.version > version
    moved = np.abs(shown.kinematics(shown.ghosts)[0] - before).max((1, 2))
    assert (moved[[0, 5]] == 0).all()  # 12 frames away, with fades over 8
    assert (moved[[2, 3]] > 0.03).all()
    pull.restore()
    preview.preview_of(rig, 30.0)
    np.testing.assert_array_equal(shown.kinematics(shown.ghosts)[0], before)


@pytest.mark.parametrize("mode", ["QUATERNION", "ZXY", "AXIS_ANGLE"])
def test_a_trail_is_what_propagate_makes(rig, mode):
    if mode != "QUATERNION":
        to_mode(rig, mode)
    preview.begin(rig, 30.0)
    pull = pulling.Pull(rig)
    starts = pull.start_positions()
    pull.move_joints(
        {"left_wrist": starts[WRIST] + [0.05, -0.1, 0.2], "pelvis": starts[0] + [0.02, 0, -0.05]}
    )
    shown = preview.preview_of(rig, 30.0)
    preview.end()
    assert shown.corrected
    path = shown.paths(rig, range(len(JOINTS)))
    assert np.abs(path - shown.paths(rig, range(len(JOINTS)), before=True)).max() > 0.1
    assert bpy.ops.niki.propagate() == {"FINISHED"}
    for k in range(0, path.shape[1], 2):
        go_to(int(shown.frames[shown.trail][k]))
        np.testing.assert_allclose(posture.joint_positions(rig), path[:, k], atol=2e-5)


def test_the_pose_stays_shown_as_a_correction_until_it_is_gone(rig):
    was = preview.preview_of(rig, 30.0)
    assert not was.corrected
    pull = pulling.Pull(rig)
    pull.move_joints({"left_wrist": pull.start_positions()[WRIST] + [0, 0, 0.2]})
    assert preview.preview_of(rig, 30.0).corrected
    pull.restore()
    now = preview.preview_of(rig, 30.0)
    assert now is was
    assert not now.corrected


def test_without_an_action_nothing_is_shown(rig):
    rig.animation_data_clear()
    assert preview.preview_of(rig, 30.0) is None


def test_frames_beyond_the_action_are_not_shown(rig):
    rig.niki_pose.ghost_count = 20
    shown = preview.preview_of(rig, 3.0)
    assert shown.frames.min() == 1
    go_to(400)
    assert len(preview.preview_of(rig, 400.0).trail) == 0


def test_bones_that_are_not_animated_keep_their_pose(rig):
    for curve in [c for c in preview.fcurves_of(rig) if "L_Elbow" in c.data_path]:
        preview.fcurves_of(rig).remove(curve)
    bone = rig.pose.bones["L_Elbow"]
    bone.rotation_mode = "XYZ"
    bone.rotation_euler = (0.3, 0.2, 0.9)
    bpy.context.view_layer.update()
    shown = preview.preview_of(rig, 30.0)
    assert not shown.corrected
    path = shown.paths(rig, [WRIST])[0]
    go_to(int(shown.frames[shown.trail][2]))
    np.testing.assert_allclose(posture.joint_positions(rig)[WRIST], path[2], atol=1e-4)


def test_an_edited_key_is_seen(rig):
    before = preview.preview_of(rig, 30.0).paths(rig, [WRIST])
    curve = next(c for c in preview.fcurves_of(rig) if c.data_path.endswith("location"))
    for point in curve.keyframe_points:
        point.co.y += 1.0
    rig.animation_data.action.update_tag()
    go_to(30)
    after = preview.preview_of(rig, 30.0).paths(rig, [WRIST])
    assert abs(np.linalg.norm(after - before, axis=2) - 1).max() < 1e-3


@pytest.mark.parametrize("change", ["undo", "redo", "load"])
def test_poses_from_before_undo_redo_and_loading_are_not_shown(rig, tmp_path, change):
    bpy.ops.ed.undo_push(message="first")
    rig.niki_pose.fade_in += 1
    bpy.ops.ed.undo_push(message="second")
    if change == "redo":
        bpy.ops.ed.undo()
    file = str(tmp_path / "a.blend")
    if change == "load":
        bpy.ops.wm.save_as_mainfile(filepath=file)
    name = bpy.context.object.name
    before = preview.preview_of(bpy.context.object, 30.0)
    assert preview.preview_of(bpy.context.object, 30.0) is before
    preview.begin(bpy.context.object, 30.0)
    {
        "undo": bpy.ops.ed.undo,
        "redo": bpy.ops.ed.redo,
        "load": lambda: bpy.ops.wm.open_mainfile(filepath=file),
    }[change]()
    after = preview.preview_of(bpy.data.objects[name], 30.0)
    assert after is not before
    assert not after.corrected


def test_an_animated_object_is_shown_where_it_will_be(rig):
    for frame, x in ((20, 0.0), (40, 2.0)):
        rig.location.x = x
        rig.keyframe_insert("location", frame=frame)
    go_to(30)
    shown = preview.preview_of(rig, 30.0)
    path = shown.paths(rig, [WRIST])[0]
    go_to(int(shown.frames[shown.trail][3]))
    np.testing.assert_allclose(posture.joint_positions(rig)[WRIST], path[3], atol=1e-4)
