"""Draws the selected joints' paths through the frames around the current one, and how far a correction reaches."""

from __future__ import annotations

import blf
import bpy
import gpu
import numpy as np
from gpu_extras.batch import batch_for_shader

from ..handles.handles import is_tool_active, posed_armature
from ..handles.selecting import selected_joints
from .preview import Preview, preview_of

EARLIER, LATER = (0.2, 0.65, 0.3), (0.25, 0.45, 1.0)
"""Colors of what is before the current frame, and after it."""
LABELS = {"fade_in": "Fade In", "fade_out": "Fade Out"}
_REACHED, _PLAIN, _KEY, _NOW = (1.0, 0.62, 0.1), (0.75, 0.78, 0.85), (0.98, 0.9, 0.45), (1.0, 1.0, 1.0)
_EDGE = (0.05, 0.05, 0.07)
_FAINT = 0.3
_CIRCLE = np.array([(np.cos(a), np.sin(a)) for a in np.linspace(0, 2 * np.pi, 13)])

_draw_handler = None


def shown_armature(context: bpy.types.Context) -> bpy.types.Object | None:
    """The armature that the Pull Joints tool poses in this view; None with overlays off and during playback."""
    rig, space = posed_armature(context), context.space_data
    if rig is None or not is_tool_active(context) or not space.overlay.show_overlays:
        return None
    if context.screen.is_animation_playing or not rig.visible_in_viewport_get(space):  # pyright: ignore[reportArgumentType]
        return None
    return rig


def markers(rig: bpy.types.Object, preview: Preview) -> dict[str, int]:
    """Where along a trail the ends of the reach are, by setting: the first frames on each side that do not change."""
    frames, settings = preview.frames[preview.trail], rig.niki_pose
    ends = {"fade_in": preview.now - settings.fade_in - 1, "fade_out": preview.now + settings.fade_out + 1}
    if not len(frames):
        return {}
    return {name: int(np.abs(frames - end).argmin()) for name, end in ends.items()}


def paths_in_region(context, rig: bpy.types.Object, preview: Preview) -> list[np.ndarray]:
    """The trails (n, 2) of the selected joints in pixels."""
    joints = selected_joints(rig)
    return [_in_region(context, path) for path in preview.paths(rig, joints)]


def _draw() -> None:
    """Draw handler, in pixels."""
    context = bpy.context
    rig = shown_armature(context)
    if rig is None or not rig.niki_pose.trail or not selected_joints(rig):
        return
    preview = preview_of(rig, context.scene.frame_current_final)
    if preview is None or len(preview.trail) < 2:
        return
    joints = selected_joints(rig)
    gpu.state.blend_set("ALPHA")
    if preview.corrected:
        for path in preview.paths(rig, joints, before=True):
            _draw_line(_in_region(context, path), np.tile([*_PLAIN, _FAINT], (len(path), 1)), 1.0)
    ends = markers(rig, preview)
    for points in paths_in_region(context, rig, preview):
        _draw_path(context, preview, points)
        _draw_ends(context, points, ends)
        if len(joints) == 1:
            _name_ends(context, rig, points, ends)
    gpu.state.blend_set("NONE")


def _draw_path(context, preview: Preview, points: np.ndarray) -> None:
    """A thin line, a thicker one as far as the correction reaches, and a dot for each frame."""
    weights, frames = preview.weights[preview.trail], preview.frames[preview.trail]
    scale, later = context.preferences.system.ui_scale, (frames >= preview.now)[:, None]
    plain = np.where(later, LATER, EARLIER)
    _draw_line(points, np.column_stack([plain, np.ones(len(points))]), 1.5 * scale)
    _draw_line(points, np.column_stack([np.tile(_REACHED, (len(points), 1)), weights]), 3.5 * scale)
    keyed = preview.keyed[preview.trail]
    colors, sizes = np.where(keyed[:, None], _KEY, _PLAIN), np.where(keyed, 2.6, 1.8)
    now = frames == preview.now
    colors[now], sizes[now] = _NOW, 5.0
    _draw_dots(points, scale * sizes, colors)


def _draw_ends(context, points: np.ndarray, ends: dict[str, int]) -> None:
    """The ends of the reach, which one can drag."""
    places, scale = points[list(ends.values())], context.preferences.system.ui_scale
    for size, color in ((8.0, _EDGE), (6.5, _REACHED), (2.5, _EDGE)):
        _draw_dots(places, np.full(len(places), scale * size), np.tile(color, (len(places), 1)))


def _name_ends(context, rig: bpy.types.Object, points: np.ndarray, ends: dict[str, int]) -> None:
    """Say beside each end how many frames it is away."""
    font, scale = 0, context.preferences.system.ui_scale
    blf.size(font, 12 * scale)
    blf.enable(font, blf.SHADOW)
    blf.shadow(font, 3, 0.0, 0.0, 0.0, 0.9)
    blf.shadow_offset(font, 0, 0)
    blf.color(font, *_REACHED, 1.0)
    for name, index in ends.items():
        text, (x, y) = f"{LABELS[name]} {getattr(rig.niki_pose, name)}", points[index]
        if not np.isnan(x):
            left = name == "fade_in"
            aside = -14 * scale - blf.dimensions(font, text)[0] if left else 14 * scale
            blf.position(font, x + aside, y - 4 * scale, 0)
            blf.draw(font, text)
    blf.disable(font, blf.SHADOW)


def _draw_dots(points: np.ndarray, sizes: np.ndarray, colors: np.ndarray) -> None:
    """Discs around the points (n, 2) that are before the view, of radii (n,) and colors (n, 3)."""
    seen = ~np.isnan(points).any(1)
    if not seen.any():
        return
    circles = points[seen, None] + sizes[seen, None, None] * _CIRCLE
    centers = np.broadcast_to(points[seen, None], circles[:, 1:].shape)
    corners = np.stack([centers, circles[:, :-1], circles[:, 1:]], 2).reshape(-1, 2)
    shades = np.repeat(np.column_stack([colors[seen], np.ones(seen.sum())]), 3 * (len(_CIRCLE) - 1), 0)
    shader = gpu.shader.from_builtin("SMOOTH_COLOR")
    corners = np.column_stack([corners, np.zeros(len(corners))]).astype(np.float32)
    batch_for_shader(shader, "TRIS", {"pos": corners, "color": shades.astype(np.float32)}).draw(shader)


def _draw_line(points: np.ndarray, colors: np.ndarray, width: float) -> None:
    """A line through the points (n, 2) that are before the view, colored (n, 4)."""
    starts = np.flatnonzero(~np.isnan(points[:-1] + points[1:]).any(1))
    if not len(starts):
        return
    ends = np.column_stack([starts, starts + 1]).ravel()
    places = np.column_stack([points[ends], np.zeros(len(ends))]).astype(np.float32)
    shader = gpu.shader.from_builtin("POLYLINE_SMOOTH_COLOR")
    shader.bind()
    shader.uniform_float("viewportSize", gpu.state.viewport_get()[2:])
    shader.uniform_float("lineWidth", width)
    batch_for_shader(shader, "LINES", {"pos": places, "color": colors[ends].astype(np.float32)}).draw(shader)


def _in_region(context, points: np.ndarray) -> np.ndarray:
    """Points (n, 3) in world space as pixels (n, 2); NaN behind the view."""
    projected = (
        np.column_stack([points, np.ones(len(points))]) @ np.array(context.region_data.perspective_matrix).T
    )
    depth = np.where(projected[:, 3:] > 1e-6, projected[:, 3:], np.nan)
    return (projected[:, :2] / depth + 1) / 2 * [context.region.width, context.region.height]


def register():
    global _draw_handler
    if not bpy.app.background:
        _draw_handler = bpy.types.SpaceView3D.draw_handler_add(_draw, (), "WINDOW", "POST_PIXEL")


def unregister():
    global _draw_handler
    if _draw_handler is not None:
        bpy.types.SpaceView3D.draw_handler_remove(_draw_handler, "WINDOW")
        _draw_handler = None
