"""A captured motion on an armature, what is done to correct it, and all that shapes its curves."""

import bpy
import numpy as np
from conftest import ROOT

from niki.body.skeleton import JOINTS
from niki.motion.motion import Motion
from niki.review.blender_process import blender_module

animation, placing, pulling, channels, curve_keys = (
    blender_module(n)
    for n in ("rig.animation", "placement.placing", "pose.pulling", "rig.channels", "rig.curve_keys")
)
SAMPLE = Motion.load(ROOT / "samples/sample_truth.npz")
MODES = ("QUATERNION", "XYZ", "AXIS_ANGLE")


def place(motion=SAMPLE, frame=30):
    """An armature with the motion, active, at a frame."""
    made, _ = placing.place_motion(motion, "a", placing.Placement(match_scene="ALWAYS", camera=False))
    bpy.context.view_layer.objects.active = made
    bpy.context.scene.frame_set(frame)
    return made


def change_mode(rig, mode):
    """Let all bones turn in a rotation mode, with keys on every frame."""
    first, last = animation.action_range(rig)
    owner, frames = animation.fcurve_owner(rig), np.arange(first, last + 1)
    for bone in rig.pose.bones:
        path = animation.bone_path(bone.name, "rotation_quaternion")
        curves = [owner.fcurves.find(path, index=i) for i in range(4)]
        if not all(curves):
            continue
        values = np.array([animation.values_at(curve, map(float, frames)) for curve in curves]).T
        for curve in curves:
            owner.fcurves.remove(curve)
        bone.rotation_mode = mode
        channel = channels.rotation_property(bone)
        near, rows = getattr(bone, channel)[:], []
        for row in values:
            near = channels.values_in_mode(channels.as_quaternion("QUATERNION", row), mode, near)
            rows.append(near)
        path = animation.bone_path(bone.name, channel)
        animation.write_curves(owner, path, bone.name, frames, np.array(rows))
    bpy.context.scene.frame_set(bpy.context.scene.frame_current)


def keys_of(rig):
    """All keys of the rig's action, with everything that shapes the curves, as bytes, and how each curve goes on."""
    found = {}
    for curve in animation.fcurves_of(rig):
        values = curve_keys.CurveKeys.of(curve).values
        shaping = {name: array.tobytes() for name, array in values.items() if not name.startswith("select")}
        found[curve.data_path, curve.array_index] = shaping | {"extrapolation": curve.extrapolation}
    return found


def pull(rig, frame, joint="left_wrist", by=(0, 0, 0.2), auto=False):
    bpy.context.scene.tool_settings.use_keyframe_insert_auto = auto
    bpy.context.scene.frame_set(frame)
    rig.niki_pose.pulled = [name == joint for name in JOINTS]
    pulled = pulling.Pull(rig)
    pulled.move_joints({joint: pulled.start_positions()[JOINTS.index(joint)] + by})
    pulled.key(bpy.context, float(frame))


def propagate(rig, frame, fade_in=4, fade_out=6, **settings):
    pull(rig, frame, **settings)
    rig.niki_pose.fade_in, rig.niki_pose.fade_out = fade_in, fade_out
    assert bpy.ops.niki.propagate() == {"FINISHED"}
    return rig.animation_data.action


def hold(rig, first, last, joint="left_ankle"):
    rig.niki_pose.pulled = [name == joint for name in JOINTS]
    assert bpy.ops.niki.hold(first=first, last=last) == {"FINISHED"}


def remove(action, index):
    action.niki_correction_index = index
    assert bpy.ops.niki.remove_correction() == {"FINISHED"}


def differing_frames(a, b):
    frames = set()
    for channel in a:
        x, y = (np.frombuffer(keys[channel]["co"], np.float32).reshape(-1, 2) for keys in (a, b))
        frames |= set(x[(x != y).any(1), 0].astype(int).tolist())
    return frames
