"""The Pull Joints tool in Pose Mode, and the operators behind its clicks and keys."""

from __future__ import annotations

import bpy
import numpy as np
from bpy_extras.view3d_utils import region_2d_to_location_3d, region_2d_to_vector_3d
from mathutils import Vector

from ...niki.body.skeleton import JOINTS
from ...niki.errors import NikiError
from ...niki.pose.knees import KNEES, swing_knee_forward
from ..handles.handle_shapes import CLICK
from ..handles.handles import TOOL, InPoseMode, joint_under_mouse, posed_armature
from ..handles.selecting import Selection, select_joints, selected_joints
from ..rig.armature import OnArmature, active_object
from . import preview
from .axis_line import hide_axis, show_axis
from .key_pose import status_of
from .pulling import Pull
from .reach import change_reach

_PRECISE = 0.1  # speed of a drag with Shift
_AXES = {"X": 0, "Y": 1, "Z": 2}
_WIDEN = {
    "WHEELDOWNMOUSE": 1,
    "PAGE_UP": 1,
    "WHEELUPMOUSE": -1,
    "PAGE_DOWN": -1,
}  # as in proportional editing
_HINT = "Drag: move   X/Y/Z: along an axis   Shift: precise   Wheel: reach   Esc: cancel"


def _describe(moved: np.ndarray, axis: int | None) -> str:
    """How far a drag has moved the joint, ``moved`` (3,) in meters, and along which axis."""
    if axis is None:
        return f"{100 * np.linalg.norm(moved):.1f} cm"
    return f"along {'XYZ'[axis]}: {100 * moved[axis]:+.1f} cm"


class NIKI_OT_pull(InPoseMode, bpy.types.Operator):
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
        self._selection = Selection.of(self._rig)
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
            if self._pull is None and (now - self._first).length > CLICK:
                return self._begin(context)
            self._drag(context)
        elif event.type in _AXES and event.value == "PRESS":
            axis = _AXES[event.type]
            self._axis = None if self._axis == axis else axis
            self._drag(context)
        elif event.type in _WIDEN and event.value == "PRESS":
            change_reach(self._rig, _WIDEN[event.type])
            preview.update(context)
        elif event.type in ("ESC", "RIGHTMOUSE") and event.value == "PRESS":
            self.cancel(context)
            return {"CANCELLED"}
        elif event.type == "LEFTMOUSE" and event.value == "RELEASE":
            if self._pull is None:
                self._select(self._extend)
            else:
                self._pull.key(context, context.scene.frame_current_final)
            return self._end(context, "FINISHED")
        return {"RUNNING_MODAL"}

    def cancel(self, context):
        """Restore the pose and the selection, also when Blender ends the operator."""
        if self._pull is not None:
            self._pull.restore()
        self._selection.restore(self._rig)
        self._end(context, "CANCELLED")

    def _begin(self, context):
        """Start the drag, now that the mouse has moved further than in a click."""
        if self._joint not in selected_joints(self._rig):
            self._select(self._extend)
        try:
            self._pull = Pull(self._rig)
        except NikiError as problem:
            self.report({"ERROR"}, str(problem))
            return self._end(context, "CANCELLED")
        self._positions = self._pull.start_positions()
        self._pulled = selected_joints(self._rig)
        preview.begin(self._rig, context.scene.frame_current_final)
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
        show_axis(self._positions[self._joint], self._axis)
        context.workspace.status_text_set(f"{_describe(moved, self._axis)}   {_HINT}")
        places = {JOINTS[j]: self._positions[j] + moved for j in self._pulled}
        dragged = JOINTS[self._joint]
        if dragged in KNEES and self._axis is None:
            sight = np.array(region_2d_to_vector_3d(region, view, self._first + self._moved))
            places[dragged] = swing_knee_forward(dragged, places[dragged], self._positions, sight)
        self._pull.move_joints(places)
        preview.update(context)
        context.area.tag_redraw()

    def _select(self, extend: bool):
        others = set(selected_joints(self._rig)) if extend else set()
        select_joints(self._rig, others ^ {self._joint}, active=self._joint)

    def _end(self, context, result: str):
        context.workspace.status_text_set(status_of(context.scene) or None)
        hide_axis()
        preview.end()
        preview.update(context)
        return {result}


class NIKI_OT_pull_mode(OnArmature, bpy.types.Operator):
    """Switch to Pose Mode and the Pull Joints tool"""

    bl_idname = "niki.pull_mode"
    bl_label = "Pull Joints"
    bl_options = {"REGISTER", "UNDO"}  # without a step, undoing the first drag would leave Pose Mode

    def execute(self, context):
        if not (context.object.is_editable and context.object.data.is_editable):
            self.report(
                {"ERROR"},
                f"{context.object.name} is linked: make a library override first"
                " (Object > Library Override > Make)",
            )
            return {"CANCELLED"}
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
    bl_keymap = (
        ("niki.hover", {"type": "MOUSEMOVE", "value": "ANY", "any": True}, None),
        ("niki.pull", {"type": "LEFTMOUSE", "value": "PRESS"}, None),
        ("niki.pull", {"type": "LEFTMOUSE", "value": "PRESS", "shift": True}, None),
        ("niki.box_select", {"type": "LEFTMOUSE", "value": "PRESS"}, None),
        ("niki.box_select", {"type": "LEFTMOUSE", "value": "PRESS", "shift": True}, None),
        ("niki.box_select", {"type": "LEFTMOUSE", "value": "PRESS", "ctrl": True}, None),
        ("niki.box_select", {"type": "B", "value": "PRESS"}, None),
        ("niki.pin", {"type": "LEFTMOUSE", "value": "PRESS", "alt": True}, None),
        ("niki.pin_selected", {"type": "P", "value": "PRESS"}, None),
        ("niki.select_joints", {"type": "A", "value": "PRESS"}, {"properties": [("action", "SELECT")]}),
        (
            "niki.select_joints",
            {"type": "A", "value": "PRESS", "alt": True},
            {"properties": [("action", "DESELECT")]},
        ),
        ("niki.key_pose", {"type": "I", "value": "PRESS"}, None),
        ("niki.drag_reach", {"type": "LEFTMOUSE", "value": "PRESS"}, None),
    )  # Blender tries them from the last to the first

    @staticmethod
    def draw_settings(context, layout, tool):
        rig = posed_armature(context)
        if rig is not None:
            layout.prop(rig.niki_pose, "pull_mode", text="")
            layout.prop(rig.niki_pose, "follow")
            layout.prop(rig.niki_pose, "plant_feet")
            layout.prop(rig.niki_pose, "step")


CLASSES = (NIKI_OT_pull, NIKI_OT_pull_mode)
_register_classes, _unregister_classes = bpy.utils.register_classes_factory(CLASSES)


def register():
    _register_classes()
    if not bpy.app.background:
        bpy.utils.register_tool(NIKI_TT_pull, after={"builtin.transform"}, separator=True)


def unregister():
    if not bpy.app.background:
        bpy.utils.unregister_tool(NIKI_TT_pull)
    _unregister_classes()
