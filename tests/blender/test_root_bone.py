"""The root bone of game engines. No window."""

import numpy as np
import pytest
from conftest import some_motion

bpy = pytest.importorskip("bpy", reason="bpy is not installed here")

from registered import data_folder, in_empty_file  # noqa: F401 (fixtures)

from niki.pose.targets import Posture
from niki.review.blender_process import blender_module

placing, sampling, posture, keying, path_preview = (
    blender_module(name)
    for name in ("placement.placing", "rig.sampling", "rig.posture", "rig.keying", "pose.path_preview")
)
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
        assert np.abs(root.matrix.to_euler()).max() == pytest.approx(
            np.abs(rig.data.bones["Root"].matrix_local.to_euler()).max()
        )
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
    rotations, places = path_preview._poses(rig, np.arange(1, FRAMES + 1))
    np.testing.assert_allclose(places, motion.trans, atol=1e-4)
    np.testing.assert_allclose(rotations, motion.rotations, atol=1e-4)
