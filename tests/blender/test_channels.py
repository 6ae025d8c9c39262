"""What the library says that Blender makes of keyed channels is what Blender makes of them."""

import numpy as np
import pytest
from conftest import random_rotations, some_motion

bpy = pytest.importorskip("bpy", reason="bpy is not installed here")
from mathutils import Euler, Matrix, Quaternion

from niki.body import rotation as rot
from niki.body.kinematics import forward_kinematics
from niki.body.skeleton import BONES, Body
from niki.motion.channels import EULER_ORDERS, MODES, channel_values, rotations_from_channels
from niki.motion.keys import KeyedMotion
from niki.review.blender_process import blender_module

animation, armature, channels, posture, space = (
    blender_module(n) for n in ("rig.animation", "rig.armature", "rig.channels", "rig.posture", "rig.space")
)


@pytest.fixture(autouse=True)
def empty_file():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    yield
    bpy.ops.wm.read_factory_settings(use_empty=True)


@pytest.mark.parametrize("order", EULER_ORDERS)
def test_euler_angles_are_those_that_blender_picks(order, rng):
    steps = random_rotations(rng, 80, spread=0.15)
    m = [random_rotations(rng)]
    for step in steps:
        m.append(m[-1] @ step)
    found = channel_values(rot.quaternion_from_matrix(np.array(m)), order)
    last = Euler((0, 0, 0), order)
    for matrix, angles in zip(m, found, strict=True):
        last = Matrix(matrix.tolist()).to_euler(order, last)
        np.testing.assert_allclose(angles, last, atol=2e-3)  # Blender's are single, and coarse near poles
        made = np.array(Euler(angles.tolist(), order).to_matrix())
        np.testing.assert_allclose(made, rotations_from_channels(angles, order), atol=1e-5)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("angle", [1e-5, 4e-4, 5e-3, -5e-3])
def test_the_smallest_turns_are_kept_in_every_mode(mode, angle):
    turn = Quaternion((0.6, 0.0, 0.8), angle)
    near = {"QUATERNION": (1.0, 0, 0, 0), "AXIS_ANGLE": (0.0, 0, 1, 0)}.get(mode, (0.0, 0, 0))
    again = channels.as_quaternion(mode, channels.values_in_mode(turn, mode, near))
    np.testing.assert_allclose(again[1:], turn[1:], rtol=1e-3, atol=1e-8)


def test_keys_in_every_mode_make_what_the_library_says(rng):
    motion = some_motion(frames=30)
    rig = armature.create_armature(motion.body)
    axes = armature.rest_orientations(rig)
    modes = [MODES[k % len(MODES)] for k in range(len(BONES))]
    keyed = KeyedMotion(motion, modes, space.LIBRARY_TO_BLENDER.T @ axes)
    keys = np.array([0, 3, 4, 11, 20, 29])
    _, owner = animation.new_action(rig, "keys")
    for name, mode, values in zip(BONES, modes, keyed.values, strict=True):
        rig.pose.bones[name].rotation_mode = mode
        path = animation.bone_path(name, posture.rotation_property(rig.pose.bones[name]))
        animation.write_curves(owner, path, name, keys + 1, values[keys])
    place = space.to_blender(motion.trans[keys]) @ axes[0]
    animation.write_curves(owner, animation.bone_path(BONES[0], "location"), BONES[0], keys + 1, place)
    rotations, translation = keyed.interpolated(keys)
    expected = forward_kinematics(rotations, motion.body, translation)[0][:, : len(BONES)]
    for frame in range(30):
        bpy.context.scene.frame_set(frame + 1)
        posed = rig.evaluated_get(bpy.context.evaluated_depsgraph_get())
        heads = space.to_library(np.array([posed.pose.bones[n].head for n in BONES]))
        np.testing.assert_allclose(heads, expected[frame], atol=2e-5)


def test_a_quaternion_that_is_shorter_than_one_keeps_its_length():
    rig = armature.create_armature(Body.default())
    bone = rig.pose.bones["L_Knee"]
    bone.rotation_quaternion = (0.8, 0.3, 0.1, 0.2)
    length = bone.rotation_quaternion.magnitude
    before = channels.Channels.of(rig)
    before.turn(bone, Quaternion())
    np.testing.assert_allclose(bone.rotation_quaternion, (0.8, 0.3, 0.1, 0.2), atol=1e-6)
    before.turn(bone, Quaternion((1, 0, 0), 0.4))
    assert bone.rotation_quaternion.magnitude == pytest.approx(length, abs=1e-6)
