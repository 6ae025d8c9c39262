"""Motions of others in and out of Blender. No window."""

import numpy as np
import pytest
from conftest import some_motion

bpy = pytest.importorskip("bpy", reason="bpy is not installed here")

from registered import data_folder, in_empty_file  # noqa: F401 (fixtures)

from niki.motion.motion import Motion
from niki.review.blender_process import blender_module

registration, sampling, animation = (
    blender_module(name) for name in ("registration", "rig.sampling", "rig.animation")
)


def imported(path):
    before = set(bpy.data.objects)
    assert bpy.ops.niki.import_motion(filepath=str(path), match_scene="ALWAYS", place_at="FILMED") == {
        "FINISHED"
    }
    return next(o for o in bpy.data.objects if o.type == "ARMATURE" and o not in before)


def test_an_amass_file_of_ours_comes_back_with_the_persons_proportions(tmp_path):
    motion = some_motion(frames=6, footage="")
    motion.save(tmp_path / "in.npz")
    rig = imported(tmp_path / "in.npz")
    bpy.context.view_layer.objects.active = rig
    bpy.context.scene.frame_start, bpy.context.scene.frame_end = 1, 6
    assert bpy.ops.niki.export_motion(filepath=str(tmp_path / "out.npz"), layout="AMASS") == {"FINISHED"}
    again = sampling.sample_motion(imported(tmp_path / "out.npz"), 1, 6)
    np.testing.assert_allclose(again.body.bone_lengths, motion.body.bone_lengths, atol=1e-4)
    np.testing.assert_allclose(again.solved_joints(), motion.solved_joints(), atol=1e-3)


def test_contacts_are_keyed_in_few_keys_edited_and_exported(tmp_path):
    contacts = np.zeros((12, 6))
    contacts[2:7, 0] = contacts[4:10, 3] = contacts[5:9, 4] = 1
    some_motion(frames=12, footage="", contacts=contacts).save(tmp_path / "in.npz")
    rig = imported(tmp_path / "in.npz")
    np.testing.assert_allclose(sampling.sample_motion(rig, 1, 12).contacts, contacts)
    curves = {c.data_path: c for c in animation.fcurves_of(rig) if c.data_path.endswith('["contact"]')}
    heel = curves['pose.bones["L_Ankle"]["contact"]']
    assert len(heel.keyframe_points) == 6
    for key in heel.keyframe_points:
        key.co.y = 0.0
    heel.update()
    rig.pose.bones["R_Ankle"]["contact"] = "foot"  # a user's own property of that name
    bpy.context.view_layer.objects.active = rig
    bpy.context.scene.frame_start, bpy.context.scene.frame_end = 1, 12
    assert bpy.ops.niki.export_motion(filepath=str(tmp_path / "out.npz")) == {"FINISHED"}
    contacts[:, 0] = 0
    np.testing.assert_allclose(Motion.load(tmp_path / "out.npz").contacts, contacts)


def test_without_contacts_no_property_is_added(tmp_path):
    some_motion(frames=3, footage="").save(tmp_path / "in.npz")
    rig = imported(tmp_path / "in.npz")
    assert not any("contact" in bone for bone in rig.pose.bones)


def test_one_is_told_that_a_foreign_persons_proportions_are_not_known(tmp_path, capfd):
    values = {"poses": np.zeros((3, 72)), "trans": np.zeros((3, 3)), "mocap_framerate": 30.0}
    for betas, told in ((np.ones(10), True), (np.zeros(10), False)):
        np.savez(tmp_path / "a.npz", **values, betas=betas)
        imported(tmp_path / "a.npz")
        out, err = capfd.readouterr()
        assert ("proportions are not known" in out + err) == told
