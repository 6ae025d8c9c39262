"""Targets and the armatures they belong to: deleted together, moved together, not shared with copies."""

import numpy as np
import pytest

bpy = pytest.importorskip("bpy", reason="bpy is not installed here")

from registered import data_folder, in_empty_file  # noqa: F401 (fixtures)

from niki.body.skeleton import JOINTS
from niki.review.blender_process import blender_module

pulling, targets = (blender_module(n) for n in ("pose.pulling", "pose.targets"))
posture = blender_module("rig.posture")


@pytest.fixture
def rig():
    bpy.ops.niki.add_body()
    bpy.ops.niki.make_targets()
    return bpy.context.object


def delete(rig):
    bpy.ops.object.select_all(action="DESELECT")
    rig.select_set(True)
    bpy.ops.object.delete()
    bpy.context.view_layer.update()


def place_of(joint, rig):
    bpy.context.view_layer.update()
    return posture.joint_positions(rig)[JOINTS.index(joint)]


def test_targets_go_with_their_armature(rig):
    delete(rig)
    assert not [o for o in bpy.data.objects if o.type == "EMPTY"]
    assert not bpy.data.collections.get("Body Targets")


def test_targets_that_the_user_has_put_to_use_stay(rig):
    keyed, parent, constrained, *others = targets.targets_of(rig)
    keyed.keyframe_insert("location", frame=1)
    child = bpy.data.objects.new("Lamp", None)
    bpy.context.scene.collection.objects.link(child)
    child.parent = parent
    constrained.constraints.new("COPY_LOCATION")
    names = {o.name for o in (keyed, parent, constrained, child)}
    assert others
    delete(rig)
    assert {o.name for o in bpy.data.objects if o.type == "EMPTY"} == names
    assert all(bpy.data.objects[name].niki_pose.target_of is None for name in names)


def test_a_moved_armature_takes_its_targets_along(rig):
    wrist = next(o for o in targets.targets_of(rig) if o.niki_pose.target_joint == "left_wrist")
    before = place_of("left_wrist", rig)
    pose = np.array([bone.matrix_basis for bone in rig.pose.bones])
    rig.location.x += 1.0
    np.testing.assert_allclose(place_of("left_wrist", rig), before + (1, 0, 0), atol=1e-4)
    np.testing.assert_allclose(wrist.matrix_world.translation, before + (1, 0, 0), atol=1e-4)
    np.testing.assert_allclose([bone.matrix_basis for bone in rig.pose.bones], pose, atol=1e-3)


def test_a_target_of_the_users_own_setup_stays_and_is_met_anew(rig):
    wrist = next(o for o in targets.targets_of(rig) if o.niki_pose.target_joint == "left_wrist")
    before = place_of("left_wrist", rig)
    wrist.parent = None
    wrist.location = before
    rig.location.z += 0.05
    np.testing.assert_allclose(place_of("left_wrist", rig), before, atol=2e-3)


def test_a_copy_leaves_the_targets_to_the_original(rig):
    ours = set(targets.targets_of(rig))
    bpy.ops.object.select_all(action="DESELECT")
    rig.select_set(True)
    bpy.ops.object.duplicate()
    copy = bpy.context.view_layer.objects.active
    assert copy != rig
    assert not targets.targets_of(copy)
    delete(copy)
    assert set(targets.targets_of(rig)) == ours


def test_undoing_the_deletion_of_an_armature_brings_its_targets_back_and_they_are_followed(rig):
    names = {o.name for o in targets.targets_of(rig)}
    bpy.ops.ed.undo_push(message="before")
    delete(rig)
    bpy.ops.ed.undo_push(message="deleted")
    assert not [o for o in bpy.data.objects if o.type == "EMPTY"]
    bpy.ops.ed.undo()
    rig = next(o for o in bpy.context.scene.objects if o.type == "ARMATURE")
    bpy.context.view_layer.update()
    assert {o.name for o in targets.targets_of(rig)} == names
    assert rig.niki_pose.follow_targets
    wrist = next(o for o in targets.targets_of(rig) if o.niki_pose.target_joint == "left_wrist")
    wrist.location.z += 0.15
    there = place_of("left_wrist", rig)
    np.testing.assert_allclose(wrist.matrix_world.translation, there, atol=2e-3)
    assert bpy.data.collections.get("Body Targets") is not None
