"""Draws handles on the joints of the active armature in a 3D view, and finds the one under the mouse."""

from __future__ import annotations

import bpy
import gpu
import numpy as np
from bpy_extras.view3d_utils import location_3d_to_region_2d
from gpu_extras.batch import batch_for_shader
from mathutils import Vector

from ..rig.armature import is_our_armature
from .pulling import joint_positions

TOOL = "niki.pull"
REACH = 12.0
"""Pixels, at a resolution scale of 1, within which a click hits a handle."""
_FREE, _SELECTED, _PINNED = (0.92, 0.94, 0.98, 0.9), (1.0, 0.62, 0.1, 1.0), (0.86, 0.16, 0.14, 1.0)
_EDGE = (0.05, 0.05, 0.07, 0.9)
_CIRCLE = np.array([(np.cos(a), np.sin(a)) for a in np.linspace(0, 2 * np.pi, 17)])
_SQUARE = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)])
_FIRST_TIP = 24  # joints from this one on are tips of fingers, toes and the head: small handles

_draw_handler = None


def posed_armature(context: bpy.types.Context) -> bpy.types.Object | None:
    """The active armature, if it has the SMPL bones and is in Pose Mode."""
    rig = context.object
    return rig if rig is not None and rig.mode == "POSE" and is_our_armature(rig) else None


def handle_positions(context: bpy.types.Context, rig: bpy.types.Object) -> list[Vector | None]:
    """The position of each joint in the region, in pixels; None behind the view."""
    region, view = context.region, context.region_data
    return [location_3d_to_region_2d(region, view, Vector(position)) for position in joint_positions(rig)]


def joint_under_mouse(context: bpy.types.Context, rig: bpy.types.Object, x: float, y: float) -> int | None:
    """The index of the joint whose handle is nearest to (x, y), within reach; None if there is none."""
    nearest, reach = None, REACH * context.preferences.system.ui_scale
    for joint, position in enumerate(handle_positions(context, rig)):
        if position is not None and (distance := (position - Vector((x, y))).length) < reach:
            nearest, reach = joint, distance
    return nearest


def _draw() -> None:
    """Draw handler: the handles of all joints."""
    context = bpy.context
    rig = posed_armature(context)
    tool = context.workspace.tools.from_space_view3d_mode(context.mode)
    if rig is None or tool is None or tool.idname != TOOL or not context.space_data.overlay.show_overlays:
        return
    shader, scale = gpu.shader.from_builtin("UNIFORM_COLOR"), context.preferences.system.ui_scale
    gpu.state.blend_set("ALPHA")
    for joint, position in enumerate(handle_positions(context, rig)):
        if position is None:
            continue
        pinned, selected = rig.niki_pose.pinned[joint], rig.niki_pose.pulled[joint]
        shape = _SQUARE if pinned else _CIRCLE
        size = scale * (4.0 if joint >= _FIRST_TIP and not (pinned or selected) else 6.0)
        inside = _SELECTED if selected else _PINNED if pinned else _FREE
        outside = _PINNED if pinned and selected else _EDGE
        for radius, color in ((size + 1.8 * scale, outside), (size, inside)):
            points = np.vstack([[0, 0], shape]) * radius + np.array(position)
            slices = [(0, k, k + 1) for k in range(1, len(shape))]
            shader.uniform_float("color", color)
            batch_for_shader(shader, "TRIS", {"pos": points.tolist()}, indices=slices).draw(shader)
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
