"""Draws the handles on the joints of the active armature in a 3D view."""

from __future__ import annotations

import bpy
import gpu
import numpy as np
from gpu_extras.batch import batch_for_shader

from .handle_mesh import handle_mesh
from .handle_shapes import drawing_order
from .handles import handles_in_view, is_tool_active, posed_armature
from .selecting import selected_joints

_FREE, _SELECTED, _PINNED = (0.92, 0.94, 0.98, 0.9), (1.0, 0.62, 0.1, 1.0), (0.86, 0.16, 0.14, 1.0)
_EDGE = (0.05, 0.05, 0.07, 0.9)

_draw_handler = None


def _draw() -> None:
    """Draw handler: the handles of all joints."""
    context = bpy.context
    rig = posed_armature(context)
    if rig is None or not is_tool_active(context) or not context.space_data.overlay.show_overlays:
        return
    places, sizes = handles_in_view(context, rig)
    order = np.array([joint for joint in drawing_order() if not np.isnan(places[joint]).any()], int)
    if not len(order):
        return
    selected = np.isin(order, selected_joints(rig))[:, None]
    pinned = np.array(rig.niki_pose.pinned, bool)[order][:, None]
    fills = np.where(selected, _SELECTED, np.where(pinned, _PINNED, _FREE))
    edges = np.where(selected & pinned, _PINNED, _EDGE)
    scale = context.preferences.system.ui_scale
    mesh = handle_mesh(places[order], sizes[order], pinned[:, 0], fills, edges, scale)
    positions, colors, triangles = mesh
    shader = gpu.shader.from_builtin("SMOOTH_COLOR")
    gpu.state.blend_set("ALPHA")
    batch_for_shader(shader, "TRIS", {"pos": positions, "color": colors}, indices=triangles).draw(shader)
    gpu.state.blend_set("NONE")


def register():
    global _draw_handler
    if not bpy.app.background:
        _draw_handler = bpy.types.SpaceView3D.draw_handler_add(_draw, (), "WINDOW", "POST_PIXEL")


def unregister():
    global _draw_handler
    if _draw_handler is not None:
        bpy.types.SpaceView3D.draw_handler_remove(_draw_handler, "WINDOW")
        _draw_handler = None
