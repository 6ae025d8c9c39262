"""Operators that correct a motion over time: *Propagate* and *Hold in Place*.

They add a correction to a copy of the action, where it stays on a list. It changes only the corrected bones at the
corrected frames, in the bones' own channels, so constraints act on it as before.
"""

from __future__ import annotations

import bpy
import numpy as np
from bpy.props import IntProperty

from ...niki.body import rotation as rot
from ...niki.body.skeleton import BONES, JOINTS
from ...niki.errors import NikiError
from ...niki.motion.motion import Motion
from ...niki.pose.corrections import choose_fades, fade_with_feet, hold_joints
from ..handles.selecting import selected_joints
from ..pose.last_pull import keys_at, last_pull, pulls_of, write_pulls
from ..rig import unkeyed
from ..rig.animation import action_range, ensure_animation_data, fcurves_of
from ..rig.armature import OnArmature, active_object, joint_label, rest_orientations
from ..rig.channels import Channels
from ..rig.locks import unlocked_directions
from ..rig.posture import quaternions_in_bones
from ..rig.root import root_poses
from ..rig.sampling import sample_motion
from ..rig.space import to_blender
from ..scene.users_scene import rate_of
from .corrections import add_correction
from .keys_taken_back import set_keys
from .layers import Layer, turn_vector
from .pulled_pose import components_without_keys, set_components, take_over

_LONGEST_FADE = 2.0  # seconds


class _OnAnimatedArmature(OnArmature):
    """Mixin for operators on an animated armature."""

    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context):
        if not super().poll(context):
            return False
        if not any(len(curve.keyframe_points) for curve in fcurves_of(active_object(context))):
            cls.poll_message_set("The armature has no action with keyframes to correct")
            return False
        return True


class _NothingPulledError(Exception):
    """The pose is as animated."""


class NIKI_OT_propagate(_OnAnimatedArmature, bpy.types.Operator):
    """Blend the pulled pose of the current frame into the frames around it, in a copy of the action"""

    bl_idname = "niki.propagate"
    bl_label = "Propagate"

    def execute(self, context):
        rig, scene = active_object(context), context.scene
        changed = set()
        try:
            ensure_animation_data(rig)
            with unkeyed.keep_unkeyed(scene, changed):
                action, layer, fades = self._propagate(rig, scene)
                changed |= layer.changed_paths(rig)
        except NikiError as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}
        except _NothingPulledError:
            self.report({"WARNING"}, "The pose is unchanged at this frame. Pull a joint first")
            return {"CANCELLED"}
        span = max(layer.limits[0], layer.first - fades[0]), min(layer.limits[1], layer.first + fades[1])
        self.report({"INFO"}, f"{action.name}: changed frames {span[0]} to {span[1]}")
        return {"FINISHED"}

    def _propagate(self, rig, scene) -> tuple[bpy.types.Action, Layer, tuple[int, int]]:
        """Add the pull as a correction, and take back the keys that it set."""
        now, posed, pull = scene.frame_current, Channels.of(rig), last_pull(rig)
        scene.frame_set(now, subframe=scene.frame_subframe)
        by_hand = posed.changed_since(Channels.of(rig))
        if pull is not None and pull.frame != now and by_hand:
            pull = None  # the pose in the view counts, not one that was left
        frame = now if pull is None else pull.frame
        if pull is not None and not (frame == now and by_hand):
            scene.frame_set(frame)
            posed = Channels.of(rig)
            if not pull.keyed:  # of what nothing animates, the view shows how it is to be
                take_over(posed, pull, components_without_keys(rig, pull) if frame == now else ())
        ours = pull.replaced if pull is not None and pull.keyed else {}
        keys = keys_at(rig, pull.changed, frame) if pull is not None and ours else {}
        taken = {channel: keys.get(channel) for channel in ours}
        set_keys(rig, frame, ours)
        loose = components_without_keys(rig, pull) if pull is not None else []
        try:
            scene.frame_set(frame, subframe=scene.frame_subframe if frame == now else 0)
            if pull is not None:
                set_components(rig, loose, pull.before)
            layer = self._layer(rig, posed, frame)
            name, fades = f"{_name_of(rig)}, frame {frame}", (rig.niki_pose.fade_in, rig.niki_pose.fade_out)
            others = [other for other in pulls_of(rig) if other.frame != frame]
            action = add_correction(rig, layer, name, "PULL", fades)
        except (NikiError, _NothingPulledError):
            set_components(rig, loose, posed)
            set_keys(rig, frame, taken)
            raise
        for other in others:
            other.action = action.name
        write_pulls(rig, others)
        return action, layer, fades

    def _layer(self, rig, posed: Channels, frame: int) -> Layer:
        """The change of the pose against the animation."""
        limits = action_range(rig)
        if not limits[0] <= frame <= limits[1]:
            raise NikiError(
                f"Frame {frame} is outside of the action", f"go to a frame from {limits[0]} to {limits[1]}"
            )
        animated, layer = Channels.of(rig), Layer(frame, limits)
        for name in posed.changed_since(animated):
            bone = rig.pose.bones[name]
            layer.turn(bone, turn_vector(animated.quaternion(name).inverted() @ posed.quaternion(name))[None])
            layer.move(bone, np.array(posed.locations[name])[None] - animated.locations[name])
        if not layer.changes:
            raise _NothingPulledError
        return layer


def _name_of(rig: bpy.types.Object) -> str:
    """The selected joints, as a correction is called."""
    joints = [joint_label(JOINTS[j]) for j in selected_joints(rig)]
    return ", ".join(joints) if 0 < len(joints) < 4 else f"{len(joints)} Joints" if joints else "Pose"


class NIKI_OT_hold(_OnAnimatedArmature, bpy.types.Operator):
    """Hold the selected joints in place over a frame range, where they are at its start. A foot also keeps its direction"""

    bl_idname = "niki.hold"
    bl_label = "Hold in Place"

    first: IntProperty(name="Start Frame", description="First frame at which the joints are held in place")
    last: IntProperty(name="End Frame", description="Last frame at which the joints are held in place")
    blend: IntProperty(
        name="Shortest Fade",
        default=5,
        min=0,
        description="Least number of frames over which the change fades in and out. It takes more where joints would "
        "have to catch up faster than they move",
    )

    @classmethod
    def poll(cls, context):
        if not super().poll(context):
            return False
        if not selected_joints(context.object):
            cls.poll_message_set("Select joints with the Pull Joints tool first")
            return False
        return True

    def invoke(self, context, event):
        self.first = context.scene.frame_current
        self.last = min(self.first + 20, action_range(active_object(context))[1])
        return context.window_manager.invoke_props_dialog(self)

    def execute(self, context):
        rig = active_object(context)
        start, end = action_range(rig)
        if self.last < self.first:
            self.report({"ERROR"}, "The frame range is empty. Set End Frame to Start Frame or later")
            return {"CANCELLED"}
        if not start <= self.first <= self.last <= end:
            self.report({"ERROR"}, f"The action has only frames {start} to {end}. Choose a range within them")
            return {"CANCELLED"}
        around = max(self.blend, round(_LONGEST_FADE * rate_of(context.scene)))
        sampled = np.arange(max(start, self.first - around), min(end, self.last + around) + 1)
        motion = sample_motion(rig, int(sampled[0]), int(sampled[-1]), own_space=True)
        joints = [JOINTS[j] for j in selected_joints(rig)]
        first, last = self.first - sampled[0], self.last - sampled[0]
        free = unlocked_directions(rig)
        held = hold_joints(motion, joints, first, last, free)
        fades = choose_fades(motion, held, joints, first, last, self.blend)
        held = fade_with_feet(motion, held, joints, first, last, *fades, free)
        layer = self._layer(rig, motion, held, int(sampled[0]), fades, (start, end))
        labels = ", ".join(map(joint_label, joints))
        if not layer.changes:
            self.report({"INFO"}, f"{labels}: already in place from frame {self.first} to {self.last}")
            return {"CANCELLED"}
        name = f"{_name_of(rig)}, frames {self.first} to {self.last}"
        with unkeyed.keep_posed_by_hand(rig, context.scene) as (unkeyed_bones, changed):
            try:
                action = add_correction(rig, layer, name, "HOLD", fades)
            except NikiError as problem:
                self.report({"ERROR"}, str(problem))
                return {"CANCELLED"}
            changed |= layer.changed_paths(rig, excluded=unkeyed_bones)
        self.report({"INFO"}, f"{action.name}: {labels} held from frame {self.first} to {self.last}")
        return {"FINISHED"}

    def _layer(self, rig, motion: Motion, held: Motion, start: int, fades, limits: tuple[int, int]) -> Layer:
        """What changes one motion of the rig, in armature space, into another.

        Args:
            start: the scene frame of the motions' first frame. fades: over how many frames it fades in and out.
        """
        frames = np.arange(max(limits[0], self.first - fades[0]), min(limits[1], self.last + fades[1]) + 1)
        axes, part = rest_orientations(rig), frames - start
        turns = rot.transpose(motion.rotations[part]) @ held.rotations[part]
        in_bones = [quaternions_in_bones(frame, axes) for frame in turns]
        layer = Layer(self.first, limits, self.last - self.first + 1)
        for i, name in enumerate(BONES):
            layer.turn(rig.pose.bones[name], np.array([turn_vector(frame[i]) for frame in in_bones]), fades)
        moves = to_blender(held.trans - motion.trans)[part]
        under_root = rot.apply(rot.transpose(root_poses(rig, frames)[0]), moves)
        layer.move(rig.pose.bones[BONES[0]], under_root @ axes[0], fades)
        return layer


CLASSES = (NIKI_OT_propagate, NIKI_OT_hold)
register, unregister = bpy.utils.register_classes_factory(CLASSES)
