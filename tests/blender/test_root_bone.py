"""The root bone of game engines. No window."""

import numpy as np
import pytest
from conftest import some_motion

bpy = pytest.importorskip("bpy", reason="bpy is not installed here")

from registered import data_folder, in_empty_file  # noqa: F401 (fixtures)

from niki.body import rotation as rot
from niki.pose.targets import Posture
from niki.review.blender_process import blender_module

NAMES = (
    *("placement.placing", "rig.sampling", "rig.posture", "rig.keying", "rig.armature"),
    *("pose.neighbors", "pose.pulling", "rig.channels"),
)
placing, sampling, posture, keying, armature, neighbors, pulling, channels = map(blender_module, NAMES)
FRAMES = 6


def placed(root=True):
    motion = some_motion(frames=FRAMES, footage="")
    rig, _ = placing.place_motion(motion, "Person", placing.Placement(match_scene="ALWAYS", root_bone=root))
    return motion, rig


def test_it_moves_on_the_floor_under_the_pelvis_and_the_motion_is_the_same():
    motion, rig = placed()
    assert rig.data.bones["Pelvis"].parent.name == "Root"
    for k in range(FRAMES):
        bpy.context.scene.frame_set(1 + k)
        root, pelvis = (rig.pose.bones[name] for name in ("Root", "Pelvis"))
        assert root.head.z == pytest.approx(0, abs=1e-6)
        shift = pelvis.head - rig.data.bones["Pelvis"].head_local
        np.testing.assert_allclose(root.head[:2], shift[:2], atol=1e-5)
        turn = np.array(root.matrix)[:3, :3] @ np.array(rig.data.bones["Root"].matrix_local)[:3, :3].T
        np.testing.assert_allclose(turn[2], [0, 0, 1], atol=1e-6)  # about the vertical
    again = sampling.sample_motion(rig, 1, FRAMES)
    np.testing.assert_allclose(again.solved_joints(), motion.solved_joints(), atol=1e-4)


def test_there_is_none_unless_it_is_wanted():
    _, rig = placed(root=False)
    assert len(rig.data.bones) == 24


@pytest.mark.parametrize("turned", [False, True])
def test_poses_are_written_and_read_though_the_root_moves(turned):
    motion, rig = placed()
    bpy.context.scene.frame_set(4)
    if turned:  # by the user
        root = rig.pose.bones["Root"]
        root.rotation_mode = "XYZ"
        root.rotation_euler = (0.1, 0.5, -0.2)
        bpy.context.view_layer.update()
    wanted = Posture(motion.rotations[1], motion.trans[1] + [0.1, 0.2, 0.3])
    posture.write_posture(rig, wanted)
    bpy.context.view_layer.update()
    read = posture.read_posture(rig, posture.body_of(rig))
    np.testing.assert_allclose(read.rotations, wanted.rotations, atol=1e-5)
    np.testing.assert_allclose(read.translation, wanted.translation, atol=1e-5)


def test_corrections_are_keyed_and_previewed_over_it():
    motion, rig = placed()
    motion.trans[:, 0] += 0.2
    keying.bake_motion(rig, motion, 1, new=False)
    again = sampling.sample_motion(rig, 1, FRAMES)
    np.testing.assert_allclose(again.solved_joints(), motion.solved_joints(), atol=1e-4)
    poses = neighbors.poses_at(rig, np.arange(1, FRAMES + 1), channels.Channels.of(rig))
    np.testing.assert_allclose(poses.translation, motion.trans, atol=1e-4)
    np.testing.assert_allclose(poses.rotations, motion.rotations, atol=1e-4)


def turning(frames=40):
    """Somebody who turns to their left by 200 degrees, at 24 frames per second, and sways."""
    motion = some_motion(frames=frames, footage="", mocap_framerate=24.0)
    time = np.arange(frames) / 24
    angle = np.radians(200) * np.clip(time - 0.3, 0, 1) + 0.1 * np.sin(2 * np.pi * 2 * time)
    bent = rot.matrix_from_axis_angle(np.array([0.4, 0, 0]))
    motion.poses[:, :3] = rot.axis_angle_from_matrix(
        rot.matrix_from_axis_angle(angle[:, None] * [0, 1, 0]) @ bent
    )
    return motion


@pytest.mark.parametrize("mode", ["QUATERNION", "XYZ", "AXIS_ANGLE"])
def test_it_turns_evenly_as_the_body_heads(mode):
    motion = turning()
    rig = armature.create_armature(motion.body, "Person", root=True)
    for name in ("Root", "Pelvis"):
        rig.pose.bones[name].rotation_mode = mode
    bpy.context.scene.render.fps = 24
    keying.bake_motion(rig, motion, 1)
    again = sampling.sample_motion(rig, 1, len(motion))
    np.testing.assert_allclose(again.solved_joints(), motion.solved_joints(), atol=1e-4)
    headings = []
    for frame in range(1, len(motion) + 1):
        bpy.context.scene.frame_set(frame)
        ahead = -np.array(rig.pose.bones["Root"].matrix)[:3, 1]  # along the bone, as the body faces
        headings.append(np.arctan2(ahead[0], ahead[1]))
    turned = np.degrees(-np.unwrap(headings))
    assert turned[-1] - turned[0] == pytest.approx(200, abs=15)
    assert np.diff(turned).min() > -0.5  # no sway


def test_an_edit_of_the_pelvis_goes_where_it_is_meant_to_though_the_root_is_turned():
    motion = turning()
    rig = placing.place_motion(motion, "Person", placing.Placement(match_scene="ALWAYS", root_bone=True))[0]
    bpy.context.scene.frame_set(40)
    pull = pulling.Pull(rig)
    wanted = Posture(pull.start.rotations, pull.start.translation + [0.1, 0.05, -0.2])
    pull._write(wanted)
    bpy.context.view_layer.update()
    read = posture.read_posture(rig, posture.body_of(rig))
    np.testing.assert_allclose(read.translation, wanted.translation, atol=1e-5)
    assert bpy.ops.niki.propagate() == {"FINISHED"}
    moved = motion.solved_joints()[39] + [0.1, 0.05, -0.2]
    again = sampling.sample_motion(rig, 40, 40)
    np.testing.assert_allclose(again.solved_joints()[0], moved, atol=1e-4)
