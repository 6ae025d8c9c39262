"""Operators that correct a motion over time: *Propagate* and *Hold in Place*.

They change a copy of the action, and in it only the corrected bones at the corrected frames. A correction is
added to the bones' own channels, so constraints act on it as before.
"""

from __future__ import annotations

from collections.abc import Collection

import bpy
import numpy as np
from bpy.props import IntProperty
from mathutils import Quaternion

from ...niki.body import rotation as rot
from ...niki.body.skeleton import BONES, JOINTS
from ...niki.errors import NikiError
from ...niki.motion.motion import Motion
from ...niki.pose.corrections import fade_weights, pin_joint
from ..rig import unkeyed
from ..rig.animation import (
    action_range,
    bone_path,
    copy_action,
    fcurve_owner,
    fcurves_of,
    values_at,
    write_curves,
)
from ..rig.armature import OnArmature, active_object, joint_label, rest_orientations
from ..rig.channels import (
    MIN_MOVE,
    MIN_TURN,
    Channels,
    as_quaternion,
    rotation_locks,
    rotation_property,
    values_in_mode,
)
from ..rig.locks import unlocked_directions
from ..rig.posture import quaternions_in_bones
from ..rig.root import root_poses
from ..rig.sampling import sample_motion
from ..rig.space import to_blender

_CORRECTS = "niki_corrects"
"""Custom property of a corrected action: the name of the original."""


class Correction:
    """Rotations and moves to add to the animation of bones, about and along their own axes.

    Args:
        frames: (T,) scene frames, consecutive.
    """

    def __init__(self, frames: np.ndarray):
        self._frames = frames
        self._turns: dict[str, list[Quaternion]] = {}
        self._moves: dict[str, np.ndarray] = {}

    def turn(self, bone: str, further: list[Quaternion]) -> None:
        """Rotate a bone by T quaternions, each taken the short way around."""
        further = [-quaternion if quaternion.w < 0 else quaternion for quaternion in further]  # pyright: ignore[reportOperatorIssue]
        if any(quaternion.angle > MIN_TURN for quaternion in further):
            self._turns[bone] = further

    def move(self, bone: str, further: np.ndarray) -> None:
        """Move a bone by ``further`` (T, 3)."""
        if np.abs(further).max() > MIN_MOVE:
            self._moves[bone] = further

    def __bool__(self) -> bool:
        return bool(self._turns or self._moves)

    def changed_paths(
        self, rig: bpy.types.Object, excluded: Collection[str] = ()
    ) -> set[tuple[bpy.types.ID, str]]:
        """What it changes, as (data-block, data path), without the bones ``excluded``."""
        turned, moved = self._turns.keys() - set(excluded), self._moves.keys() - set(excluded)
        paths = {bone_path(name, rotation_property(rig.pose.bones[name])) for name in turned}
        paths |= {bone_path(name, "location") for name in moved}
        return {(rig, path) for path in paths}

    def apply(self, rig: bpy.types.Object) -> bpy.types.Action:
        """Add the correction to the rig's action and return the action.

        Unless the action is a corrected one that nothing else uses, the rig gets a copy first.

        Raises:
            NikiError: the rig's action cannot be changed now.
        """
        action = rig.animation_data.action
        reusable = (
            action.get(_CORRECTS) and action.users - action.use_fake_user == 1 and action.library is None
        )
        if not reusable:
            origin = action.get(_CORRECTS) or action.name
            copy_action(rig, f"{origin} corrected")[_CORRECTS] = origin
        owner = fcurve_owner(rig)
        for name, further in self._turns.items():
            bone = rig.pose.bones[name]
            channel, locks = rotation_property(bone), rotation_locks(bone)
            before = self._values(owner, bone, channel)
            after = [
                values_in_mode(as_quaternion(bone.rotation_mode, a) @ b, bone.rotation_mode, a)
                for a, b in zip(before, further, strict=True)
            ]
            changed = np.array([quaternion.angle > MIN_TURN for quaternion in further])
            self._write(owner, bone, channel, np.array(after), before, changed, locks)
        for name, further in self._moves.items():
            bone = rig.pose.bones[name]
            before = self._values(owner, bone, "location")
            changed = (np.abs(further) > MIN_MOVE).any(1)
            self._write(owner, bone, "location", before + further, before, changed, bone.lock_location)
        return rig.animation_data.action  # pyright: ignore[reportReturnType]

    def _values(self, owner, bone: bpy.types.PoseBone, channel: str) -> np.ndarray:
        """(T, n) the values of a channel from its f-curves, or its current value where it has none."""
        columns = []
        for index, current in enumerate(getattr(bone, channel)):
            curve = owner.fcurves.find(bone_path(bone.name, channel), index=index)
            columns.append(values_at(curve, self._frames) if curve else [current] * len(self._frames))
        return np.array(columns).T

    def _write(self, owner, bone, channel: str, after, before, changed, locks) -> None:
        """Key a channel from the first to the last changed frame; locked components keep their values."""
        stretch = slice(np.flatnonzero(changed)[0], np.flatnonzero(changed)[-1] + 1)
        values = np.where(locks, before, after)[stretch]
        write_curves(owner, bone_path(bone.name, channel), bone.name, self._frames[stretch], values)


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


class NIKI_OT_propagate(_OnAnimatedArmature, bpy.types.Operator):
    """Blend the pulled pose of the current frame into the frames around it, in a copy of the action"""

    bl_idname = "niki.propagate"
    bl_label = "Propagate"

    def execute(self, context):
        rig, scene = active_object(context), context.scene
        first, last = action_range(rig)
        now = scene.frame_current
        if not first <= now <= last:
            self.report(
                {"ERROR"}, f"The current frame is outside of the action. Go to a frame from {first} to {last}"
            )
            return {"CANCELLED"}
        posed, changed = Channels.of(rig), set()
        with unkeyed.keep_unkeyed(scene, changed):
            scene.frame_set(now, subframe=scene.frame_subframe)
            animated = Channels.of(rig)
            correction, span = self._correction(rig, posed, animated, now, (first, last))
            if not correction:
                self.report(
                    {"WARNING"},
                    "The pose is unchanged at this frame. Pull a joint first, with auto-keying off",
                )
                return {"CANCELLED"}
            try:
                action = correction.apply(rig)
            except NikiError as problem:
                self.report({"ERROR"}, str(problem))
                return {"CANCELLED"}
            changed |= correction.changed_paths(rig)
        self.report({"INFO"}, f"{action.name}: changed frames {span[0]} to {span[-1]}")
        return {"FINISHED"}

    def _correction(self, rig, posed: Channels, animated: Channels, now: int, limits: tuple[int, int]):
        """The change of the pose against the animation, faded over the neighboring frames; and the frames."""
        before, after = rig.niki_pose.fade_in, rig.niki_pose.fade_out
        frames = np.arange(max(limits[0], now - before), min(limits[1], now + after) + 1)
        weights = fade_weights(len(frames), now - frames[0], before, after)
        correction = Correction(frames)
        for name in posed.changed_since(animated):
            further = animated.quaternion(name).inverted() @ posed.quaternion(name)
            further = -further if further.w < 0 else further  # pyright: ignore[reportOperatorIssue]
            correction.turn(name, [Quaternion().slerp(further, weight) for weight in weights])
            moved = np.array(posed.locations[name]) - animated.locations[name]
            correction.move(name, weights[:, None] * moved)
        return correction, frames


class NIKI_OT_hold(_OnAnimatedArmature, bpy.types.Operator):
    """Hold the selected joints in place over a frame range, where they are at its start. A foot also keeps its direction"""

    bl_idname = "niki.hold"
    bl_label = "Hold in Place"

    first: IntProperty(name="Start Frame", description="First frame at which the joints are held in place")
    last: IntProperty(name="End Frame", description="Last frame at which the joints are held in place")
    blend: IntProperty(
        name="Blend", default=5, min=0, description="Frames over which the change fades in and out"
    )

    @classmethod
    def poll(cls, context):
        if not super().poll(context):
            return False
        if not any(context.object.niki_pose.pulled):
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
        frames = np.arange(max(start, self.first - self.blend), min(end, self.last + self.blend) + 1)
        motion = sample_motion(rig, int(frames[0]), int(frames[-1]), own_space=True)
        joints = [JOINTS[j] for j, pulled in enumerate(rig.niki_pose.pulled) if pulled]
        corrected, free = motion, unlocked_directions(rig)
        for joint in joints:
            corrected = pin_joint(
                corrected, joint, self.first - frames[0], self.last - frames[0], self.blend, free
            )
        correction = correction_between(rig, motion, corrected, frames)
        labels = ", ".join(map(joint_label, joints))
        if not correction:
            self.report({"INFO"}, f"{labels}: already in place from frame {self.first} to {self.last}")
            return {"CANCELLED"}
        with unkeyed.keep_posed_by_hand(rig, context.scene) as (unkeyed_bones, changed):
            try:
                action = correction.apply(rig)
            except NikiError as problem:
                self.report({"ERROR"}, str(problem))
                return {"CANCELLED"}
            changed |= correction.changed_paths(rig, excluded=unkeyed_bones)
        self.report({"INFO"}, f"{action.name}: {labels} held from frame {self.first} to {self.last}")
        return {"FINISHED"}


def correction_between(
    rig: bpy.types.Object, before: Motion, after: Motion, frames: np.ndarray
) -> Correction:
    """The correction that changes one motion of the rig, in armature space, into another."""
    axes = rest_orientations(rig)
    turns = rot.transpose(before.rotations) @ after.rotations
    in_bones = [quaternions_in_bones(frame, axes) for frame in turns]
    correction = Correction(frames)
    for i, name in enumerate(BONES):
        correction.turn(name, [frame[i] for frame in in_bones])
    under_root = rot.apply(rot.transpose(root_poses(rig, frames)[0]), to_blender(after.trans - before.trans))
    correction.move(BONES[0], under_root @ axes[0])
    return correction


CLASSES = (NIKI_OT_propagate, NIKI_OT_hold)
register, unregister = bpy.utils.register_classes_factory(CLASSES)
