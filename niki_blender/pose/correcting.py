"""Operators that correct a motion over time: a pulled pose carried over its neighbours, joints held.

They change a copy of the action, and in it the channels of the bones that are corrected, at the frames that
are corrected. What bones turn further is added to their own channels, so that constraints stay what they are.
"""

from __future__ import annotations

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
from ..rig.armature import OnArmature, rest_orientations
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
from ..rig.sampling import sample_motion
from ..rig.space import to_blender

_CORRECTS = "niki_corrects"
"""On an action that corrections made: the name of the one they were made of."""


class Correction:
    """What bones turn and move further, about and along their own axes, frame by frame.

    Args:
        frames: (T,) scene frames, consecutive.
    """

    def __init__(self, frames: np.ndarray):
        self._frames = frames
        self._turns: dict[str, list[Quaternion]] = {}
        self._moves: dict[str, np.ndarray] = {}

    def turn(self, bone: str, further: list[Quaternion]) -> None:
        """Turn a bone by T quaternions, the short way."""
        further = [-quaternion if quaternion.w < 0 else quaternion for quaternion in further]
        if any(quaternion.angle > MIN_TURN for quaternion in further):
            self._turns[bone] = further

    def move(self, bone: str, further: np.ndarray) -> None:
        """Move a bone by (T, 3)."""
        if np.abs(further).max() > MIN_MOVE:
            self._moves[bone] = further

    def __bool__(self) -> bool:
        return bool(self._turns or self._moves)

    def channels(self, rig: bpy.types.Object, but=()) -> set[tuple[bpy.types.ID, str]]:
        """What it changes, as (data-block, data path); of bones in ``but`` nothing."""
        turns = {bone_path(n, rotation_property(rig.pose.bones[n])) for n in self._turns if n not in but}
        moves = {bone_path(n, "location") for n in self._moves if n not in but}
        return {(rig, path) for path in turns | moves}

    def apply(self, rig: bpy.types.Object) -> bpy.types.Action:
        """Into the rig's action, or into a copy of it if the action is not a correction's already or
        others use it.

        Raises:
            NikiError: the rig's action cannot be changed at present.
        """
        was = rig.animation_data.action
        mine = was.get(_CORRECTS) and was.users - was.use_fake_user == 1 and was.library is None
        if not mine:
            origin = was.get(_CORRECTS) or was.name
            copy_action(rig, f"{origin} corrected")[_CORRECTS] = origin
        owner = fcurve_owner(rig)
        for name, further in self._turns.items():
            bone = rig.pose.bones[name]
            channel, locks = rotation_property(bone), rotation_locks(bone)
            was_turned = self._values(owner, bone, channel)
            turned = [
                values_in_mode(as_quaternion(bone.rotation_mode, a) @ b, bone.rotation_mode, a)
                for a, b in zip(was_turned, further, strict=True)
            ]
            touched = np.array([quaternion.angle > MIN_TURN for quaternion in further])
            self._write(owner, bone, channel, np.array(turned), was_turned, touched, locks)
        for name, further in self._moves.items():
            bone = rig.pose.bones[name]
            was_at = self._values(owner, bone, "location")
            touched = (np.abs(further) > MIN_MOVE).any(1)
            self._write(owner, bone, "location", was_at + further, was_at, touched, bone.lock_location)
        return rig.animation_data.action

    def _values(self, owner, bone: bpy.types.PoseBone, channel: str) -> np.ndarray:
        """(T, n) of a channel as its f-curves have it; where it has none, as it stands."""
        columns = []
        for index, still in enumerate(getattr(bone, channel)):
            curve = owner.fcurves.find(bone_path(bone.name, channel), index=index)
            columns.append(values_at(curve, self._frames) if curve else [still] * len(self._frames))
        return np.array(columns).T

    def _write(self, owner, bone, channel: str, values, was, touched, locks) -> None:
        stretch = slice(np.flatnonzero(touched)[0], np.flatnonzero(touched)[-1] + 1)
        values = np.where(locks, was, values)[stretch]
        write_curves(owner, bone_path(bone.name, channel), bone.name, self._frames[stretch], values)


class _OnAnimatedArmature(OnArmature):
    """Shared by operators on an animated armature."""

    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context):
        if not super().poll(context):
            return False
        if not any(len(curve.keyframe_points) for curve in fcurves_of(context.object)):
            cls.poll_message_set("The armature has no action to correct")
            return False
        return True


class NIKI_OT_carry(_OnAnimatedArmature, bpy.types.Operator):
    """Carry what was pulled at this frame over the frames around it, fading away; in a copy of the action"""

    bl_idname = "niki.carry"
    bl_label = "Carry Over"

    def execute(self, context):
        rig, scene = context.object, context.scene
        first, last = action_range(rig)
        now = scene.frame_current
        if not first <= now <= last:
            self.report({"ERROR"}, f"The action has frames {first} to {last}; go to one of them")
            return {"CANCELLED"}
        posed, changed = Channels.of(rig), set()
        with unkeyed.keep_unkeyed(scene, changed):
            scene.frame_set(now, subframe=scene.frame_subframe)
            animated = Channels.of(rig)
            correction, span = self._correction(rig, posed, animated, now, (first, last))
            if not correction:
                self.report(
                    {"WARNING"}, "Nothing is pulled at this frame: pull a joint first, and do not key it"
                )
                return {"CANCELLED"}
            try:
                action = correction.apply(rig)
            except NikiError as problem:
                self.report({"ERROR"}, str(problem))
                return {"CANCELLED"}
            changed |= correction.channels(rig)
        self.report({"INFO"}, f"{action.name}: changed from frame {span[0]} to {span[-1]}")
        return {"FINISHED"}

    def _correction(self, rig, posed: Channels, animated: Channels, now: int, limits: tuple[int, int]):
        """What differs from the animation now, faded over the frames around; and those frames."""
        before, after = rig.niki.carry_before, rig.niki.carry_after
        frames = np.arange(max(limits[0], now - before), min(limits[1], now + after) + 1)
        weights = fade_weights(len(frames), now - frames[0], before, after)
        correction = Correction(frames)
        for name in posed.changed_since(animated):
            further = animated.quaternion(name).inverted() @ posed.quaternion(name)
            further = -further if further.w < 0 else further
            correction.turn(name, [Quaternion().slerp(further, weight) for weight in weights])
            moved = np.array(posed.locations[name]) - animated.locations[name]
            correction.move(name, weights[:, None] * moved)
        return correction, frames


class NIKI_OT_hold(_OnAnimatedArmature, bpy.types.Operator):
    """Hold the selected joints from one frame to another where they are at the first; a foot keeps its direction"""

    bl_idname = "niki.hold"
    bl_label = "Hold in Place"

    first: IntProperty(name="From", description="Scene frame from which the joints stay")
    last: IntProperty(name="To", description="Last scene frame at which they do")
    blend: IntProperty(name="Blend", default=5, min=0, description="Frames over which it fades in and out")

    @classmethod
    def poll(cls, context):
        if not super().poll(context):
            return False
        if not any(context.object.niki.pulled):
            cls.poll_message_set("Select handles of joints with the tool Pull Joints")
            return False
        return True

    def invoke(self, context, event):
        self.first = context.scene.frame_current
        self.last = min(self.first + 20, action_range(context.object)[1])
        return context.window_manager.invoke_props_dialog(self)

    def execute(self, context):
        rig, scene = context.object, context.scene
        start, end = action_range(rig)
        if self.last < self.first:
            self.report({"ERROR"}, "The range is empty: its last frame is before its first")
            return {"CANCELLED"}
        if not start <= self.first <= self.last <= end:
            self.report({"ERROR"}, f"The action has frames {start} to {end} only")
            return {"CANCELLED"}
        frames = np.arange(max(start, self.first - self.blend), min(end, self.last + self.blend) + 1)
        motion = sample_motion(rig, int(frames[0]), int(frames[-1]), own_space=True)
        chosen = [JOINTS[j] for j, pulled in enumerate(rig.niki.pulled) if pulled]
        corrected, free = motion, unlocked_directions(rig)
        for joint in chosen:
            corrected = pin_joint(
                corrected, joint, self.first - frames[0], self.last - frames[0], self.blend, free
            )
        correction = correction_between(rig, motion, corrected, frames)
        if not correction:
            self.report({"INFO"}, f"{', '.join(chosen)}: already still from {self.first} to {self.last}")
            return {"CANCELLED"}
        posed, changed = Channels.of(rig), set()
        with unkeyed.keep_unkeyed(scene, changed):
            scene.frame_set(scene.frame_current, subframe=scene.frame_subframe)
            by_hand = posed.changed_since(Channels.of(rig))
            try:
                action = correction.apply(rig)
            except NikiError as problem:
                self.report({"ERROR"}, str(problem))
                return {"CANCELLED"}
            changed |= correction.channels(rig, but=by_hand)
        self.report({"INFO"}, f"{action.name}: {', '.join(chosen)} held from {self.first} to {self.last}")
        return {"FINISHED"}


def correction_between(
    rig: bpy.types.Object, before: Motion, after: Motion, frames: np.ndarray
) -> Correction:
    """What turns one motion of the rig, in its own space, into another."""
    axes = rest_orientations(rig)
    turns = rot.transpose(before.rotations) @ after.rotations
    in_bones = [quaternions_in_bones(frame, axes) for frame in turns]
    correction = Correction(frames)
    for i, name in enumerate(BONES):
        correction.turn(name, [frame[i] for frame in in_bones])
    correction.move(BONES[0], to_blender(after.trans - before.trans) @ axes[0])
    return correction


CLASSES = (NIKI_OT_carry, NIKI_OT_hold)
