"""The line along which a drag is locked to an axis of the scene, in the axis' color of the theme."""

from __future__ import annotations

import bpy
import gpu
import numpy as np
from gpu_extras.batch import batch_for_shader

_NEAREST = 0.02  # of the depth of the joint: as near to the viewer as the line comes
_LENGTH = 1000.0  # meters to either side

_line: tuple[np.ndarray, int] | None = None
_draw_handler = None


def show_axis(through: np.ndarray, axis: int | None) -> None:
    """Draw the line along ``axis`` through a point (3,) of the scene; None draws none."""
    global _line
    _line = None if axis is None else (np.asarray(through, float), axis)


def hide_axis() -> None:
    """Draw no line."""
    global _line
    _line = None


def axis_segment(through: np.ndarray, axis: int, perspective: np.ndarray) -> np.ndarray | None:
    """(2, 2) the ends of the part of the line that is before the viewer, from -1 to 1 across the view.

    Args:
        perspective: (4, 4) a view's perspective matrix. None if the point is behind the viewer.
    """
    point = perspective @ [*through, 1.0]
    along = perspective[:, axis] * _LENGTH
    if point[3] <= 1e-6:
        return None
    least = point[3] * _NEAREST
    reach = np.array([-1.0, 1.0])
    if along[3] != 0:
        end = (least - point[3]) / along[3]
        reach = np.clip(reach, end, None) if along[3] > 0 else np.clip(reach, None, end)
    ends = point + reach[:, None] * along
    return ends[:, :2] / ends[:, 3:]


def _draw() -> None:
    """Draw handler, in pixels."""
    if _line is None:
        return
    context = bpy.context
    region, (through, axis) = context.region, _line
    ends = axis_segment(through, axis, np.array(context.region_data.perspective_matrix))
    if ends is None:
        return
    theme = context.preferences.themes[0].user_interface
    color = (theme.axis_x, theme.axis_y, theme.axis_z)[axis]
    points = np.column_stack([(ends + 1) / 2 * (region.width, region.height), np.zeros(2)])
    shader = gpu.shader.from_builtin("POLYLINE_UNIFORM_COLOR")
    gpu.state.blend_set("ALPHA")
    shader.bind()
    shader.uniform_float("viewportSize", gpu.state.viewport_get()[2:])
    shader.uniform_float("lineWidth", 1.5 * context.preferences.system.ui_scale)
    shader.uniform_float("color", (*color, 1.0))
    batch_for_shader(shader, "LINES", {"pos": points.astype(np.float32)}).draw(shader)
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
