"""The operator Bake Pose: keyframes the evaluated pose, which includes targets, constraints and the NLA."""

from __future__ import annotations

import time
from collections.abc import Generator

import bpy
import numpy as np
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty

from ...niki.body.skeleton import BONES
from ...niki.errors import NikiError
from ...niki.motion.motion import Motion
from ..interface.layout import CONTEXT
from ..pose.last_pull import action_name, take_pulls_along
from ..rig import unkeyed
from ..rig.animation import action_range, bone_path, copy_action, fcurve_owner, fcurves_of
from ..rig.armature import OnArmature, active_object
from ..rig.channels import rotation_property
from ..rig.keying import bake_motion, keyed_motion
from ..rig.sampling import sample_frames
from ..rig.selection import is_selected
from ..work import words
from .reduce_keys import in_words, keep_dense_and_reduce

_SLICE = 0.05  # seconds of sampling before Blender handles the next event


class NIKI_OT_bake(OnArmature, bpy.types.Operator):
    """Bake the motion of the armature, with targets and constraints, to keyframes. Esc cancels without changes"""

    bl_idname = "niki.bake"
    bl_label = "Bake Pose"
    bl_options = {"REGISTER", "UNDO"}

    span: EnumProperty(
        name="Range",
        translation_context=CONTEXT,
        items=(
            ("SCENE", "Scene", "The frame range of the scene, or its preview range if that is on"),
            ("ACTION", "Action", "The frame range of the armature's action"),
            ("CUSTOM", "Custom", "From Start Frame to End Frame"),
        ),
    )
    first: IntProperty(name="Start Frame", default=1, description="First frame to bake")
    last: IntProperty(name="End Frame", default=250, description="Last frame to bake")
    step: IntProperty(name="Frame Step", default=1, min=1, description="Number of frames between keyframes")
    only_selected: BoolProperty(name="Only Selected Bones", description="Key only the selected bones")
    reduce: BoolProperty(
        name="Reduce Keys",
        description="Replace the keys by fewer ones with Bezier handles. The dense keys stay in a muted NLA track",
    )
    max_error: FloatProperty(
        name="Max Error (mm)",
        default=5.0,
        min=0.01,
        description="How far any part of the bones may be from the dense motion, in millimeters",
    )
    use_current_action: BoolProperty(
        name="Overwrite Current Action",
        description="Bake into the armature's action, whose keys in the range are replaced, instead of into a copy of it",
    )

    _sampling: Generator[int, None, Motion] | None = None

    def invoke(self, context, event):
        rig = active_object(context)
        if not self.properties.is_property_set("span", ghost=False) and any(
            len(curve.keyframe_points) for curve in fcurves_of(rig)
        ):
            self.span = "ACTION"  # a scene is often longer than the captured clip
        return context.window_manager.invoke_props_dialog(self, title="Bake Pose", confirm_text="Bake")

    def draw(self, context):
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "span")
        if self.span == "CUSTOM":
            layout.prop(self, "first")
            layout.prop(self, "last")
        layout.prop(self, "step")
        layout.prop(self, "only_selected")
        layout.prop(self, "use_current_action")
        layout.prop(self, "reduce")
        part = layout.column()
        part.active = self.reduce
        part.prop(self, "max_error")

    def execute(self, context):
        self._rig = active_object(context)
        problem = self._find_range(context.scene)
        if problem:
            self.report({"ERROR"}, problem)
            return {"CANCELLED"}
        first, last = self._range
        self._sampling, self._count = sample_frames(self._rig, first, last, own_space=True), last - first + 1
        if context.window is None or bpy.app.background:
            motion = self._sample(np.inf)
            assert motion is not None  # there was no time limit
            return self._finish(motion)
        self._timer = context.window_manager.event_timer_add(0.01, window=context.window)
        context.window_manager.progress_begin(0, self._count)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context, event):
        if event.type == "ESC" and event.value == "PRESS":
            self.cancel(context)
            self.report({"INFO"}, "Baking cancelled. Nothing was changed")
            return {"CANCELLED"}
        if event.type != "TIMER":
            return {"RUNNING_MODAL"}
        try:
            motion = self._sample(_SLICE)
        except Exception as problem:  # for example, the armature has been deleted
            self.cancel(context)
            self.report({"ERROR"}, f"Baking failed: {words.describe_error(problem)}")
            return {"CANCELLED"}
        context.window_manager.progress_update(self._done)
        context.workspace.status_text_set(f"Baking: {self._done} of {self._count} frames   Esc: cancel")
        if motion is None:
            return {"RUNNING_MODAL"}
        self.cancel(context)
        return self._finish(motion)

    def cancel(self, context):
        """Stop sampling, which restores the scene's frame. Blender calls this too, if it ends the operator."""
        if self._sampling is None:
            return
        self._sampling.close()
        self._sampling = None
        context.window_manager.event_timer_remove(self._timer)
        context.window_manager.progress_end()
        context.workspace.status_text_set(None)

    def _find_range(self, scene) -> str:
        """Set the range to bake; return what is wrong with it, or ""."""
        if self.span == "ACTION":
            if not any(len(curve.keyframe_points) for curve in fcurves_of(self._rig)):
                return "The armature has no action with keyframes. Choose another range"
            self._range = action_range(self._rig)
        elif self.span == "CUSTOM":
            self._range = (self.first, self.last)
        elif scene.use_preview_range:
            self._range = (scene.frame_preview_start, scene.frame_preview_end)
        else:
            self._range = (scene.frame_start, scene.frame_end)
        if self._range[1] < self._range[0]:
            return "The frame range is empty. Set End Frame to Start Frame or later"
        if self.only_selected and not self._selected_bones():
            return "No bones are selected. Select some, or turn off Only Selected Bones"
        return ""

    def _sample(self, seconds: float) -> Motion | None:
        """Sample frames for some time; return the motion when all are done."""
        assert self._sampling is not None
        until = time.perf_counter() + seconds
        try:
            while time.perf_counter() < until:
                self._done = next(self._sampling)
        except StopIteration as done:
            return done.value
        return None

    def _selected_bones(self) -> tuple[str, ...]:
        return tuple(name for name in BONES if is_selected(self._rig.pose.bones[name]))

    def _finish(self, motion: Motion) -> set[str]:
        """Key the sampled motion and report; the result of the operator."""
        keyed, last = keyed_motion(self._rig, motion), len(motion) - 1
        keys = np.union1d(np.arange(0, last + 1, self.step), [last])
        bones = self._selected_bones() if self.only_selected else BONES
        rig, name, reduced = self._rig, f"{self._rig.name} baked", None
        with unkeyed.keep_posed_by_hand(rig, bpy.context.scene) as (unkeyed_bones, changed):
            try:
                was = action_name(rig)
                copied = fcurve_owner(rig) is not None and (not self.use_current_action or _is_linked(rig))
                if copied:
                    copy_action(rig, name)  # with every channel that is not baked
                rig.niki_pose.follow_targets = False
                dense = keys if not self.reduce else np.arange(last + 1)
                action = bake_motion(rig, motion, self._range[0], name, dense, bones, new=False, keyed=keyed)
                take_pulls_along(rig, was)
                if self.reduce:
                    reduced = keep_dense_and_reduce(
                        rig, self.max_error, bones, self._range, self.step, overwrite=not copied
                    )
                    action = rig.animation_data.action or action
            except NikiError as problem:
                self.report({"ERROR"}, str(problem))
                return {"CANCELLED"}
            changed |= {
                (rig, path) for bone in bones if bone not in unkeyed_bones for path in _paths(rig, bone)
            }
        if reduced is not None and reduced.kept:
            error = 1000 * reduced.error
            message = f"{action.name}: {in_words(rig, reduced)}"
        else:
            error = 1000 * keyed.deviation(dense).max()
            message = f"{action.name}: keyed {len(dense)} of {len(motion)} frames, max error {error:.1f} mm"
        missed = self.reduce and error > self.max_error
        if missed:
            message += f". To get below {self.max_error:g} mm, lower Frame Step from {self.step}"
        others = _other_influences(rig)
        if others:
            message += f". Mute {others}, or the motion is applied twice"
        self.report({"WARNING" if others or missed else "INFO"}, message)
        return {"FINISHED"}


def _is_linked(rig: bpy.types.Object) -> bool:
    return rig.animation_data.action.library is not None


def _paths(rig: bpy.types.Object, bone: str) -> tuple[str, str]:
    """The data paths of the channels of a bone that a bake keys."""
    return bone_path(bone, rotation_property(rig.pose.bones[bone])), bone_path(bone, "location")


def _other_influences(rig: bpy.types.Object) -> str:
    """The unmuted constraints and NLA tracks that still act on the bones, in words; "" if none."""
    constraints = sum(
        not c.mute and c.influence > 0 for name in BONES for c in rig.pose.bones[name].constraints
    )
    tracks = sum(not track.mute and len(track.strips) > 0 for track in rig.animation_data.nla_tracks)
    counts = ((constraints, "constraint"), (tracks, "NLA track"))
    return " and ".join(f"{n} {kind}{'s' * (n > 1)}" for n, kind in counts if n)


CLASSES = (NIKI_OT_bake,)
register, unregister = bpy.utils.register_classes_factory(CLASSES)
