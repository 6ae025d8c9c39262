"""The armature remembers its pulls: added up by frame, kept by saving, told apart by action."""

import numpy as np
import pytest
from conftest import ROOT

bpy = pytest.importorskip("bpy", reason="bpy is not installed here")

from registered import data_folder, in_empty_file  # noqa: F401 (fixtures)

from niki.body.skeleton import JOINTS
from niki.motion.motion import Motion
from niki.review.blender_process import blender_module

animation, placing, pulling, memory, channels = (
    blender_module(n)
    for n in ("rig.animation", "placement.placing", "pose.pulling", "pose.last_pull", "rig.channels")
)
SAMPLE = Motion.load(ROOT / "samples/sample_truth.npz")


@pytest.fixture
def rig():
    """The sample's motion, at its frame 30."""
    made, _ = placing.place_motion(SAMPLE, "a", placing.Placement(match_scene="ALWAYS", camera=False))
    bpy.context.view_layer.objects.active = made
    bpy.context.scene.frame_set(30)
    return made


def pull(rig, name, by=(0, 0, 0.1)):
    pulled = pulling.Pull(rig)
    pulled.move_joints({name: pulled.start_positions()[JOINTS.index(name)] + by})
    pulled.key(bpy.context, bpy.context.scene.frame_current_final)


def same(a, b):
    return not a.changed_since(b)


def test_drags_at_one_frame_add_up(rig):
    before = channels.Channels.of(rig)
    pull(rig, "left_wrist")
    pull(rig, "left_knee", (0, -0.1, 0.1))
    remembered = memory.last_pull(rig)
    assert (remembered.frame, remembered.action, remembered.keyed) == (
        30,
        rig.animation_data.action.name,
        False,
    )
    assert same(remembered.before, before)
    assert same(remembered.after, channels.Channels.of(rig))
    assert set(remembered.after.changed_since(before)) <= remembered.changed.keys()
    memory.write_pulls(rig, [])
    assert memory.last_pull(rig) is None


def test_auto_keying_remembers_the_keys_it_replaced(rig):
    before = {(curve.data_path, curve.array_index): curve.evaluate(30) for curve in animation.fcurves_of(rig)}
    bpy.context.scene.tool_settings.use_keyframe_insert_auto = True
    pull(rig, "left_wrist")
    pull(rig, "left_wrist")
    remembered = memory.last_pull(rig)
    assert remembered.keyed
    assert remembered.replaced
    for channel, key in remembered.replaced.items():
        np.testing.assert_allclose(key["co"], (30, before[channel]), atol=1e-6)


def test_a_key_that_was_not_there_is_remembered_as_none(rig):
    rig.animation_data_clear()
    bpy.context.scene.tool_settings.use_keyframe_insert_auto = True
    pull(rig, "left_wrist")
    assert set(memory.last_pull(rig).replaced.values()) == {None}


def test_pulls_are_saved_and_belong_to_their_action(rig, tmp_path):
    pull(rig, "left_wrist")
    after = memory.last_pull(rig).after
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    rig = bpy.context.view_layer.objects.active
    assert same(memory.last_pull(rig).after, after)
    rig.animation_data.action = rig.animation_data.action.copy()
    assert memory.last_pull(rig) is None
