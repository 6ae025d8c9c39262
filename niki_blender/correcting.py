"""Operators that correct a motion over time: a pulled pose carried over its neighbours, joints held."""

from __future__ import annotations

import bpy
import numpy as np
from bpy.props import IntProperty

from ..niki.corrections import carried, held
from ..niki.errors import NikiError
from ..niki.motion import Motion
from ..niki.skeleton import JOINTS
from .animation import fcurves_of
from .armature import OnArmature
from .baking import bake_motion
from .posture import body_of, read_posture
from .sampling import sample_motion

_CORRECTS = "niki_corrects"
"""On an action that corrections made: the name of the one they were made of."""


def action_range(rig: bpy.types.Object) -> tuple[int, int]:
    """First and last frame of the rig's action."""
    first, last = rig.animation_data.action.frame_range
    return int(np.floor(first)), int(np.ceil(last))


def replace_motion(rig: bpy.types.Object, motion: Motion, first: int) -> bpy.types.Action:
    """Give the rig ``motion`` as a corrected action. What was captured is kept: the first correction makes
    a copy, further ones change that."""
    was = rig.animation_data.action
    origin = was.get(_CORRECTS, "")
    if origin:
        was.name += ".old"
    action = bake_motion(rig, motion, first, f"{origin or was.name} corrected")
    action[_CORRECTS] = origin or was.name
    if origin:
        bpy.data.actions.remove(was)
    return action


class _OnMotion(OnArmature):
    """Shared by operators on an animated armature."""

    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context):
        if not super().poll(context):
            return False
        if not any(True for _ in fcurves_of(context.object)):
            cls.poll_message_set("The armature has no action to correct")
            return False
        return True


class NIKI_OT_carry(_OnMotion, bpy.types.Operator):
    """Carry what was pulled at this frame over the frames around it, fading away; into an action of its own"""

    bl_idname = "niki.carry"
    bl_label = "Carry Over"

    def execute(self, context):
        rig, scene = context.object, context.scene
        first, last = action_range(rig)
        now = scene.frame_current
        if not first <= now <= last:
            self.report({"ERROR"}, f"The action has frames {first} to {last}; go to one of them")
            return {"CANCELLED"}
        posture = read_posture(rig, body_of(rig))
        motion = sample_motion(rig, first, last, own_space=True)
        settings = rig.niki
        corrected = carried(motion, now - first, posture, settings.carry_before, settings.carry_after)
        if np.abs(corrected.poses - motion.poses).max() + np.abs(corrected.trans - motion.trans).max() < 1e-6:
            self.report({"WARNING"}, "Nothing is pulled at this frame: pull a joint first, and do not key it")
            return {"CANCELLED"}
        action = replace_motion(rig, corrected, first)
        scene.frame_set(now)
        self.report({"INFO"}, f"{action.name}: changed from frame {max(first, now - settings.carry_before)} to "
                    f"{min(last, now + settings.carry_after)}")  # fmt: skip
        return {"FINISHED"}


class NIKI_OT_hold(_OnMotion, bpy.types.Operator):
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
        motion = sample_motion(rig, start, end, own_space=True)
        chosen = [JOINTS[j] for j, pulled in enumerate(rig.niki.pulled) if pulled]
        try:
            for joint in chosen:
                motion = held(motion, joint, self.first - start, self.last - start, self.blend)
        except NikiError as problem:
            self.report({"ERROR"}, f"{problem.message} (the action has frames {start} to {end})")
            return {"CANCELLED"}
        now = scene.frame_current
        action = replace_motion(rig, motion, start)
        scene.frame_set(now)
        self.report({"INFO"}, f"{action.name}: {', '.join(chosen)} held from {self.first} to {self.last}")
        return {"FINISHED"}


CLASSES = (NIKI_OT_carry, NIKI_OT_hold)
