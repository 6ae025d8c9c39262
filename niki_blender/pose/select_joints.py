"""Operators that select handles: all of them, none, or those in a box."""

from __future__ import annotations

import bpy
import gpu
import numpy as np
from gpu_extras.batch import batch_for_shader

from ...niki.body.skeleton import NUM_JOINTS
from ..handles.handle_shapes import CLICK, handles_in_box
from ..handles.handles import InPoseMode, handles_in_view, joint_under_mouse
from ..handles.selecting import select_joints, selected_joints
from ..interface.layout import CONTEXT
from ..rig.armature import active_object
from ..rig.selection import is_selected, select
from .key_pose import status_of

_LINE, _FILL = (1.0, 1.0, 1.0, 0.8), (1.0, 1.0, 1.0, 0.06)
_HINT = "Drag: box select   Shift: extend   Ctrl: subtract   Esc: cancel"


class NIKI_OT_select_joints(InPoseMode, bpy.types.Operator):
    """Select or deselect the handles of all joints"""

    bl_idname = "niki.select_joints"
    bl_label = "Select Joints"
    bl_options = {"REGISTER", "UNDO"}

    action: bpy.props.EnumProperty(
        name="Action",
        translation_context=CONTEXT,
        items=(("SELECT", "Select", ""), ("DESELECT", "Deselect", "")),
    )

    def execute(self, context):
        rig = active_object(context)
        if self.action == "SELECT":
            others = [bone for bone in rig.pose.bones if is_selected(bone)]
            select_joints(rig, range(NUM_JOINTS))
            for bone in others:  # those without a handle stay selected
                select(bone, True)
        else:
            select_joints(rig, [])
        return {"FINISHED"}


class NIKI_OT_box_select(InPoseMode, bpy.types.Operator):
    """Select the handles in a box. Shift extends the selection, Ctrl subtracts. Click beside all handles to deselect them"""

    bl_idname = "niki.box_select"
    bl_label = "Box Select Joints"
    bl_options = {"UNDO", "BLOCKING"}

    def invoke(self, context, event):
        self._rig, self._region, self._area = active_object(context), context.region, context.area
        self._start, self._mouse = None, _place(event)
        if event.type == "LEFTMOUSE":
            if joint_under_mouse(context, self._rig, *self._mouse) is not None:
                return {"PASS_THROUGH"}
            self._begin(event)
        else:
            context.workspace.status_text_set(_HINT)
            context.window.cursor_modal_set("CROSSHAIR")
        self._drawing = bpy.types.SpaceView3D.draw_handler_add(self._draw, (), "WINDOW", "POST_PIXEL")
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context, event):
        if event.type == "MOUSEMOVE":
            self._mouse = _place(event)
            self._area.tag_redraw()
        elif event.type in ("ESC", "RIGHTMOUSE") and event.value == "PRESS":
            return self._end(context, False)
        elif event.type == "LEFTMOUSE" and event.value == "PRESS":
            self._mouse = _place(event)
            self._begin(event)
        elif event.type == "LEFTMOUSE" and event.value == "RELEASE" and self._start is not None:
            self._mouse = _place(event)
            return self._end(context, self._select(context, self._start))
        return {"RUNNING_MODAL"}

    def cancel(self, context):
        """Stop when Blender ends the operator."""
        self._end(context, False)

    def _begin(self, event):
        self._start = self._mouse
        self._mode = "SUB" if event.ctrl else "ADD" if event.shift else "SET"

    def _select(self, context, start: np.ndarray) -> bool:
        """Select what is in the box; return whether that changes anything."""
        before, places = set(selected_joints(self._rig)), handles_in_view(context, self._rig)[0]
        if np.linalg.norm(self._mouse - start) > CLICK:
            found = set(handles_in_box(places, start, self._mouse))
        else:
            found = set()
        after = {"SET": found, "ADD": before | found, "SUB": before - found}[self._mode]
        beyond = self._mode == "SET" and any(map(is_selected, self._rig.pose.bones))
        if after == before and not (beyond and not after):
            return False
        select_joints(self._rig, after)
        return True

    def _end(self, context, changed: bool):
        bpy.types.SpaceView3D.draw_handler_remove(self._drawing, "WINDOW")
        context.window.cursor_modal_restore()
        context.workspace.status_text_set(status_of(context.scene) or None)
        self._area.tag_redraw()
        return {"FINISHED" if changed else "CANCELLED"}

    def _draw(self):
        """Draw handler: the box, or lines that cross at the mouse."""
        region = bpy.context.region
        if region != self._region:
            return
        shader, (x, y) = gpu.shader.from_builtin("UNIFORM_COLOR"), self._mouse
        gpu.state.blend_set("ALPHA")
        shader.uniform_float("color", _LINE)
        if self._start is None:
            lines = [(0, y), (region.width, y), (x, 0), (x, region.height)]
            batch_for_shader(shader, "LINES", {"pos": lines}).draw(shader)
        else:
            left, bottom = self._start
            corners = [(left, bottom), (x, bottom), (x, y), (left, y)]
            batch_for_shader(shader, "LINE_STRIP", {"pos": [*corners, corners[0]]}).draw(shader)
            shader.uniform_float("color", _FILL)
            triangles = [(0, 1, 2), (0, 2, 3)]
            batch_for_shader(shader, "TRIS", {"pos": corners}, indices=triangles).draw(shader)
        gpu.state.blend_set("NONE")


def _place(event) -> np.ndarray:
    """(2,) where the mouse is in the region."""
    return np.array([event.mouse_region_x, event.mouse_region_y], float)


CLASSES = (NIKI_OT_select_joints, NIKI_OT_box_select)
register, unregister = bpy.utils.register_classes_factory(CLASSES)
