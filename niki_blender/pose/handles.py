"""Draws handles on the joints of the active armature in a 3D view, and finds the one under the mouse."""

from __future__ import annotations

import bpy
import gpu
import numpy as np
from gpu_extras.batch import batch_for_shader

from ..rig.armature import is_our_armature
from .handle_shapes import drawing_order, handle_sizes, hit_handle, project
from .pulling import joint_positions
from .selecting import selected_joints

TOOL = "niki.pull"
_FREE, _SELECTED, _PINNED = (0.92, 0.94, 0.98, 0.9), (1.0, 0.62, 0.1, 1.0), (0.86, 0.16, 0.14, 1.0)
_EDGE = (0.05, 0.05, 0.07, 0.9)
_CIRCLE = np.array([(np.cos(a), np.sin(a)) for a in np.linspace(0, 2 * np.pi, 17)])
_SQUARE = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)])

_draw_handler = None


def posed_armature(context: bpy.types.Context) -> bpy.types.Object | None:
    """The active armature, if it has the SMPL bones and is in Pose Mode."""
    rig = context.object
    return rig if rig is not None and rig.mode == "POSE" and is_our_armature(rig) else None


def handles_in_view(context: bpy.types.Context, rig: bpy.types.Object) -> tuple[np.ndarray, np.ndarray]:
    """The handles in the region, in pixels: (29, 2) places, NaN behind the view, and (29,) radii."""
    region, view = context.region, context.region_data
    places, depth = project(
        joint_positions(rig), np.array(view.perspective_matrix), region.width, region.height
    )
    pixels_per_meter = view.window_matrix[0][0] * region.width / 2 / depth
    size = abs(np.linalg.det(np.array(rig.matrix_world)[:3, :3])) ** (1 / 3)
    return places, handle_sizes(pixels_per_meter, context.preferences.system.ui_scale, size)


def joint_under_mouse(context: bpy.types.Context, rig: bpy.types.Object, x: float, y: float) -> int | None:
    """The index of the joint whose handle is at (x, y); None if there is none."""
    return hit_handle(*handles_in_view(context, rig), (x, y), context.preferences.system.ui_scale)


def _draw() -> None:
    """Draw handler: the handles of all joints."""
    context = bpy.context
    rig = posed_armature(context)
    tool = context.workspace.tools.from_space_view3d_mode(context.mode)
    if rig is None or tool is None or tool.idname != TOOL or not context.space_data.overlay.show_overlays:
        return
    shader, scale = gpu.shader.from_builtin("UNIFORM_COLOR"), context.preferences.system.ui_scale
    gpu.state.blend_set("ALPHA")
    chosen = selected_joints(rig)
    places, sizes = handles_in_view(context, rig)
    for joint in drawing_order():
        position, size = places[joint], sizes[joint]
        if np.isnan(position).any():
            continue
        pinned, selected = rig.niki_pose.pinned[joint], joint in chosen
        shape = _SQUARE if pinned else _CIRCLE
        inside = _SELECTED if selected else _PINNED if pinned else _FREE
        outside = _PINNED if pinned and selected else _EDGE
        for radius, color in ((size + 1.8 * scale, outside), (size, inside)):
            points = np.vstack([[0, 0], shape]) * radius + position
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
