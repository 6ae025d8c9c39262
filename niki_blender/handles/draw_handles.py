"""Draws the handles on the joints of the active armature in a 3D view."""

from __future__ import annotations

import blf
import bpy
import gpu
import numpy as np
from gpu_extras.batch import batch_for_shader

from ...niki.body.skeleton import JOINTS
from ..rig.armature import joint_label
from .handle_mesh import handle_mesh
from .handle_shapes import drawing_order
from .handles import handles_in_view, is_tool_active, posed_armature
from .hover import hovered_joint
from .selecting import selected_joints

_FREE, _SELECTED, _PINNED = (0.92, 0.94, 0.98, 0.9), (1.0, 0.62, 0.1, 1.0), (0.86, 0.16, 0.14, 1.0)
_EDGE, _HOVERED = (0.05, 0.05, 0.07, 0.9), (1.0, 1.0, 1.0, 1.0)
_GROW = 1.25  # of the handle under the mouse

_draw_handler = None


def _draw() -> None:
    """Draw handler: the handles of all joints."""
    context = bpy.context
    rig = posed_armature(context)
    if rig is None or not is_tool_active(context) or not context.space_data.overlay.show_overlays:
        return
    places, sizes = handles_in_view(context, rig)
    chosen = selected_joints(rig)
    order = np.array([joint for joint in drawing_order(chosen) if not np.isnan(places[joint]).any()], int)
    if not len(order):
        return
    selected = np.isin(order, chosen)[:, None]
    pinned = np.array(rig.niki_pose.pinned, bool)[order][:, None]
    fills = np.where(selected, _SELECTED, np.where(pinned, _PINNED, _FREE))
    edges = np.where(selected & pinned, _PINNED, _EDGE)
    scale, hovered = context.preferences.system.ui_scale, hovered_joint(context.region)
    under_mouse = order == (-1 if hovered is None else hovered)
    edges[under_mouse] = _HOVERED
    sizes = sizes[order] * np.where(under_mouse, _GROW, 1.0)
    mesh = handle_mesh(places[order], sizes, pinned[:, 0], fills, edges, scale)
    positions, colors, triangles = mesh
    shader = gpu.shader.from_builtin("SMOOTH_COLOR")
    gpu.state.blend_set("ALPHA")
    batch_for_shader(shader, "TRIS", {"pos": positions, "color": colors}, indices=triangles).draw(shader)
    gpu.state.blend_set("NONE")
    if hovered is not None and under_mouse.any():
        _name(JOINTS[hovered], places[hovered], sizes[under_mouse][0], scale)


def _name(joint: str, place: np.ndarray, size: float, scale: float) -> None:
    """Write a joint's name beside its handle."""
    font, text = 0, joint_label(joint)
    blf.size(font, 12 * scale)
    blf.enable(font, blf.SHADOW)
    blf.shadow(font, 3, 0.0, 0.0, 0.0, 0.9)
    blf.shadow_offset(font, 0, 0)
    blf.color(font, 1.0, 1.0, 1.0, 1.0)
    x, y = place + (1.2 * size + 10 * scale, -4 * scale)
    blf.position(font, x, y, 0)
    blf.draw(font, text)
    blf.disable(font, blf.SHADOW)


def register():
    global _draw_handler
    if not bpy.app.background:
        _draw_handler = bpy.types.SpaceView3D.draw_handler_add(_draw, (), "WINDOW", "POST_PIXEL")


def unregister():
    global _draw_handler
    if _draw_handler is not None:
        bpy.types.SpaceView3D.draw_handler_remove(_draw_handler, "WINDOW")
        _draw_handler = None
