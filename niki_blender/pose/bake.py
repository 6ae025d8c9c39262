"""NIKI: Bake. What the armature does, targets, constraints and layers included, as plain keys."""

from __future__ import annotations

import time

import bpy
import numpy as np
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty

from ...niki.body.skeleton import BONES
from ...niki.errors import NikiError
from ...niki.motion.motion import Motion
from ..rig import unkeyed
from ..rig.animation import action_range, bone_path, copy_action, fcurve_owner, fcurves_of
from ..rig.armature import OnArmature
from ..rig.channels import Channels, rotation_property
from ..rig.keying import bake_motion, keyed_motion
from ..rig.sampling import sample_frames
from ..rig.selection import is_selected
from ..work import words

_SLICE = 0.05  # seconds of sampling between two looks at the keyboard


class NIKI_OT_bake(OnArmature, bpy.types.Operator):
    """Turn what the armature does into plain keyframes of its bones. Esc stops it, and nothing is changed"""

    bl_idname = "niki.bake"
    bl_label = "NIKI: Bake"
    bl_options = {"REGISTER", "UNDO"}

    span: EnumProperty(
        name="Range",
        items=(
            ("SCENE", "Scene", "The scene's frame range, or its preview range"),
            ("ACTION", "Action", "The frames of the armature's action"),
            ("CUSTOM", "Custom", "From one frame to another"),
        ),
    )
    first: IntProperty(name="First", default=1)
    last: IntProperty(name="Last", default=250)
    step: IntProperty(name="Every", default=1, min=1, description="Key every so many frames")
    only_selected: BoolProperty(name="Selected Bones", description="Key only the bones that are selected")
    reduce: BoolProperty(
        name="Reduce Keys",
        description="Leave out keys, of those at every so many frames, as far as the bound below allows",
    )
    bound: FloatProperty(
        name="Within",
        default=5.0,
        min=0.01,
        description="Millimetres that no joint may be off by at any frame",
    )
    new_action: BoolProperty(
        name="New Action", default=True, description="Keep the present action as it is; else keys go into it"
    )

    _sampling = None

    def invoke(self, context, event):
        return context.window_manager.invoke_props_dialog(self)

    def draw(self, context):
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "span")
        if self.span == "CUSTOM":
            layout.prop(self, "first")
            layout.prop(self, "last")
        layout.prop(self, "step")
        layout.prop(self, "only_selected")
        layout.prop(self, "reduce")
        part = layout.column()
        part.active = self.reduce
        part.prop(self, "bound")
        layout.prop(self, "new_action")

    def execute(self, context):
        self._rig = context.object
        problem = self._find_range(context.scene)
        if problem:
            self.report({"ERROR"}, problem)
            return {"CANCELLED"}
        first, last = self._range
        self._sampling, self._count = sample_frames(self._rig, first, last, own_space=True), last - first + 1
        if context.window is None or bpy.app.background:
            return self._finish(self._sample(np.inf))
        self._timer = context.window_manager.event_timer_add(0.01, window=context.window)
        context.window_manager.progress_begin(0, self._count)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context, event):
        if event.type == "ESC" and event.value == "PRESS":
            self.cancel(context)
            self.report({"INFO"}, "Baking was stopped; nothing is changed")
            return {"CANCELLED"}
        if event.type != "TIMER":
            return {"RUNNING_MODAL"}
        try:
            motion = self._sample(_SLICE)
        except Exception as problem:  # such as an armature that was deleted meanwhile
            self.cancel(context)
            self.report({"ERROR"}, f"Baking stopped: {words.describe_error(problem)}")
            return {"CANCELLED"}
        context.window_manager.progress_update(self._done)
        context.workspace.status_text_set(f"Baking: {self._done} of {self._count} frames   Esc: stop")
        if motion is None:
            return {"RUNNING_MODAL"}
        self.cancel(context)
        return self._finish(motion)

    def cancel(self, context):
        """Stop sampling; the scene is at the frame it was at. Also when the dialog is left."""
        if self._sampling is None:
            return
        self._sampling.close()
        self._sampling = None
        context.window_manager.event_timer_remove(self._timer)
        context.window_manager.progress_end()
        context.workspace.status_text_set(None)

    def _find_range(self, scene) -> str:
        """What is wrong with the range; "" and the range is found."""
        if self.span == "ACTION":
            if not any(len(curve.keyframe_points) for curve in fcurves_of(self._rig)):
                return "The armature has no action with keys: choose another range"
            self._range = action_range(self._rig)
        elif self.span == "CUSTOM":
            self._range = (self.first, self.last)
        elif scene.use_preview_range:
            self._range = (scene.frame_preview_start, scene.frame_preview_end)
        else:
            self._range = (scene.frame_start, scene.frame_end)
        if self._range[1] < self._range[0]:
            return "The range is empty: its last frame is before its first"
        if self.only_selected and not self._selected():
            return "No bone is selected"
        return ""

    def _sample(self, seconds: float) -> Motion | None:
        until = time.perf_counter() + seconds
        try:
            while time.perf_counter() < until:
                self._done = next(self._sampling)
        except StopIteration as done:
            return done.value
        return None

    def _selected(self) -> tuple[str, ...]:
        return tuple(name for name in BONES if is_selected(self._rig.pose.bones[name]))

    def _finish(self, motion: Motion):
        keyed, last = keyed_motion(self._rig, motion), len(motion) - 1
        keys = np.union1d(np.arange(0, last + 1, self.step), [last])
        if self.reduce:
            keys = keyed.reduced(self.bound / 1000, keys)
        bones = self._selected() if self.only_selected else BONES
        rig, scene, changed = self._rig, bpy.context.scene, set()
        name = f"{rig.name} baked"
        by_hand = Channels.of(rig)
        with unkeyed.keep_unkeyed(scene, changed):
            scene.frame_set(scene.frame_current, subframe=scene.frame_subframe)
            by_hand = by_hand.changed_since(Channels.of(rig))
            try:
                if fcurve_owner(rig) is not None and (self.new_action or _is_linked(rig)):
                    copy_action(rig, name)  # with all that is not baked
                rig.niki.follow_targets = False
                action = bake_motion(rig, motion, self._range[0], name, keys, bones, new=False, keyed=keyed)
            except NikiError as problem:
                self.report({"ERROR"}, str(problem))
                return {"CANCELLED"}
            changed |= {(rig, path) for bone in bones if bone not in by_hand for path in _paths(rig, bone)}
        off = 1000 * keyed.deviation(keys).max()
        told = f"{action.name}: {len(keys)} of {len(motion)} frames keyed, no joint off by more than {off:.1f} mm"
        if self.reduce and off > self.bound:
            told += f"; a key every {self.step} frames is too few for {self.bound:g} mm"
        still = _other_influences(rig)
        if still:
            told += f"; on top of the keys there is still {still}: mute it, or it counts twice"
        self.report({"WARNING" if still or (self.reduce and off > self.bound) else "INFO"}, told)
        return {"FINISHED"}


def _is_linked(rig: bpy.types.Object) -> bool:
    return rig.animation_data.action.library is not None


def _paths(rig: bpy.types.Object, bone: str) -> tuple[str, str]:
    return bone_path(bone, rotation_property(rig.pose.bones[bone])), bone_path(bone, "location")


def _other_influences(rig: bpy.types.Object) -> str:
    """What moves the bones beside the keys now."""
    constraints = sum(
        not c.mute and c.influence > 0 for name in BONES for c in rig.pose.bones[name].constraints
    )
    tracks = sum(not track.mute and len(track.strips) > 0 for track in rig.animation_data.nla_tracks)
    counted = ((constraints, "constraint"), (tracks, "NLA track"))
    return " and ".join(f"{n} {what}{'s' * (n > 1)}" for n, what in counted if n)


CLASSES = (NIKI_OT_bake,)
