"""The Pull Joints tool in Pose Mode, and the operators behind its clicks and keys."""

from __future__ import annotations

import bpy
import numpy as np
from bpy_extras.view3d_utils import region_2d_to_location_3d
from mathutils import Vector

from ...niki.body.skeleton import JOINTS, NUM_JOINTS
from ...niki.errors import NikiError
from ..rig.armature import OnArmature, active_object, is_our_armature
from .handles import TOOL, joint_under_mouse, paths, posed_armature
from .path_preview import PathPreview, can_preview
from .pulling import Pull

_CLICK = 4  # pixels: a shorter movement is a click, not a drag
_PRECISE = 0.1  # speed of a drag with Shift
_AXES = {"X": 0, "Y": 1, "Z": 2}
_HINT = "Drag: move   X/Y/Z: along an axis   Shift: precise   Esc: cancel"


class _InPoseMode:
    """Mixin for operators on the handle under the mouse."""

    @classmethod
    def poll(cls, context):
        if posed_armature(context) is None:
            cls.poll_message_set("Select a captured armature or a NIKI Body, in Pose Mode")
            return False
        return True


class NIKI_OT_pull(_InPoseMode, bpy.types.Operator):
    """Pull the joint under the mouse; the body follows. Click to select, Shift-click to extend the selection"""

    bl_idname = "niki.pull"
    bl_label = "Pull Joint"
    bl_options = {"REGISTER", "UNDO", "GRAB_CURSOR", "BLOCKING"}

    def invoke(self, context, event):
        self._rig = active_object(context)
        mouse = (event.mouse_region_x, event.mouse_region_y)
        joint = joint_under_mouse(context, self._rig, *mouse)
        if joint is None:
            return {"PASS_THROUGH"}
        self._joint, self._extend, self._axis = joint, event.shift, None
        self._first = self._mouse = Vector(mouse)
        self._moved, self._pull = Vector((0, 0)), None
        context.window_manager.modal_handler_add(self)
        context.workspace.status_text_set(_HINT)
        return {"RUNNING_MODAL"}

    def modal(self, context, event):
        if event.type == "MOUSEMOVE":
            now = Vector((event.mouse_region_x, event.mouse_region_y))
            self._moved += (now - self._mouse) * (_PRECISE if event.shift else 1.0)
            self._mouse = now
            if self._pull is None and (now - self._first).length > _CLICK:
                return self._begin(context)
            self._drag(context)
        elif event.type in _AXES and event.value == "PRESS":
            axis = _AXES[event.type]
            self._axis = None if self._axis == axis else axis
            self._drag(context)
        elif event.type in ("ESC", "RIGHTMOUSE") and event.value == "PRESS":
            if self._pull is not None:
                self._pull.restore()
            return self._end(context, "CANCELLED")
        elif event.type == "LEFTMOUSE" and event.value == "RELEASE":
            if self._pull is None:
                self._select(self._extend)
            else:
                self._pull.key(context, context.scene.frame_current_final)
            return self._end(context, "FINISHED")
        return {"RUNNING_MODAL"}

    def cancel(self, context):
        """Restore the pose when Blender ends the operator."""
        if self._pull is not None:
            self._pull.restore()
        self._end(context, "CANCELLED")

    def _begin(self, context):
        """Start the drag, now that the mouse has moved further than in a click."""
        if not self._rig.niki_pose.pulled[self._joint]:
            self._select(self._extend)
        try:
            self._pull = Pull(self._rig)
        except NikiError as problem:
            self.report({"ERROR"}, str(problem))
            return self._end(context, "CANCELLED")
        self._positions = self._pull.start_positions()
        self._pulled = [j for j in range(NUM_JOINTS) if self._rig.niki_pose.pulled[j]]
        auto_keying = context.scene.tool_settings.use_keyframe_insert_auto
        frame = context.scene.frame_current
        self._preview = PathPreview(self._rig, frame) if can_preview(self._rig) and not auto_keying else None
        self._drag(context)
        return {"RUNNING_MODAL"}

    def _drag(self, context):
        if self._pull is None:
            return
        region, view, origin = context.region, context.region_data, Vector(self._positions[self._joint])
        start, end = (
            region_2d_to_location_3d(region, view, at, origin)
            for at in (self._first, self._first + self._moved)
        )
        moved = np.array(end - start)
        if self._axis is not None:
            moved = np.eye(3)[self._axis] * moved
        posture = self._pull.move_joints({JOINTS[j]: self._positions[j] + moved for j in self._pulled})
        if self._preview is not None:
            paths[:] = self._preview.paths(self._pull.start, posture, self._pulled)
        context.area.tag_redraw()

    def _select(self, extend: bool):
        pulled = self._rig.niki_pose.pulled
        others = list(pulled) if extend else [False] * NUM_JOINTS
        others[self._joint] = not (extend and pulled[self._joint])
        self._rig.niki_pose.pulled = others

    def _end(self, context, result: str):
        context.workspace.status_text_set(None)
        paths.clear()
        context.area.tag_redraw()
        return {result}


class NIKI_OT_pin(_InPoseMode, bpy.types.Operator):
    """Pin the joint under the mouse where it is, or unpin it"""

    bl_idname = "niki.pin"
    bl_label = "Pin Joint"
    bl_options = {"REGISTER", "UNDO"}

    def invoke(self, context, event):
        rig = active_object(context)
        joint = joint_under_mouse(context, rig, event.mouse_region_x, event.mouse_region_y)
        if joint is None:
            return {"PASS_THROUGH"}
        rig.niki_pose.pinned[joint] = not rig.niki_pose.pinned[joint]
        context.area.tag_redraw()
        return {"FINISHED"}


class NIKI_OT_pin_selected(bpy.types.Operator):
    """Pin the selected joints, or unpin them if all of them are pinned"""

    bl_idname = "niki.pin_selected"
    bl_label = "Pin Selected"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context):
        rig = posed_armature(context)
        if rig is None or not any(rig.niki_pose.pulled):
            cls.poll_message_set("Select joints with the Pull Joints tool first")
            return False
        return True

    def execute(self, context):
        settings = posed_armature(context).niki_pose
        selected = [j for j in range(NUM_JOINTS) if settings.pulled[j]]
        pin = not all(settings.pinned[j] for j in selected)
        for j in selected:
            settings.pinned[j] = pin
        return {"FINISHED"}


class NIKI_OT_unpin_all(bpy.types.Operator):
    """Unpin all joints"""

    bl_idname = "niki.unpin_all"
    bl_label = "Unpin All"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context):
        if not is_our_armature(context.object) or not any(context.object.niki_pose.pinned):
            cls.poll_message_set("No joints are pinned")
            return False
        return True

    def execute(self, context):
        context.object.niki_pose.pinned = [False] * NUM_JOINTS
        return {"FINISHED"}


class NIKI_OT_pull_mode(OnArmature, bpy.types.Operator):
    """Switch to Pose Mode and the Pull Joints tool"""

    bl_idname = "niki.pull_mode"
    bl_label = "Pull Joints"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context):
        if context.mode != "POSE":
            bpy.ops.object.mode_set(mode="POSE")
        bpy.ops.wm.tool_set_by_id(name=TOOL, space_type="VIEW_3D")
        return {"FINISHED"}


class NIKI_TT_pull(bpy.types.WorkSpaceTool):
    """The Pull Joints tool in the toolbar of Pose Mode."""

    bl_space_type = "VIEW_3D"
    bl_context_mode = "POSE"
    bl_idname = TOOL
    bl_label = "Pull Joints"
    bl_description = "Pull a joint and the body follows. Alt-click pins a joint, P pins the selected ones"
    bl_icon = "ops.pose.push"
    bl_widget = None
    bl_options = {"KEYMAP_FALLBACK"}
    bl_keymap = (
        ("niki.pull", {"type": "LEFTMOUSE", "value": "PRESS"}, None),
        ("niki.pull", {"type": "LEFTMOUSE", "value": "PRESS", "shift": True}, None),
        ("niki.pin", {"type": "LEFTMOUSE", "value": "PRESS", "alt": True}, None),
        ("niki.pin_selected", {"type": "P", "value": "PRESS"}, None),
    )

    @staticmethod
    def draw_settings(context, layout, tool):
        rig = posed_armature(context)
        if rig is not None:
            layout.prop(rig.niki_pose, "pull_mode", text="")
            layout.prop(rig.niki_pose, "follow")
            layout.prop(rig.niki_pose, "plant_feet")


CLASSES = (
    NIKI_OT_pull, NIKI_OT_pin, NIKI_OT_pin_selected, NIKI_OT_unpin_all, NIKI_OT_pull_mode,
)  # fmt: skip
_register_classes, _unregister_classes = bpy.utils.register_classes_factory(CLASSES)


def register():
    _register_classes()
    if not bpy.app.background:
        bpy.utils.register_tool(NIKI_TT_pull, after={"builtin.transform"}, separator=True)


def unregister():
    if not bpy.app.background:
        bpy.utils.unregister_tool(NIKI_TT_pull)
    _unregister_classes()
