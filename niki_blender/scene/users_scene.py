"""The user's scene: find it, tell where new objects go, tell whether it is untouched, match it to footage."""

from __future__ import annotations

import bpy
import numpy as np

from ...niki.errors import NikiError
from ...niki.motion.motion import Motion
from .identity import find_by_identity

_FACTORY = {
    "fps": 24,
    "fps_base": 1.0,
    "resolution_x": 1920,
    "resolution_y": 1080,
    "resolution_percentage": 100,
}
_FACTORY_RANGE = (1, 250)
START_UP_CAMERA = (1.1093, 0.0, 0.8149)
"""Euler angles of the camera in Blender's start-up file."""
_DEFAULT_OBJECTS = {  # of Blender's start-up file: type, location and Euler angles
    "Cube": ("MESH", (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
    "Camera": ("CAMERA", (7.3589, -6.9258, 4.9583), START_UP_CAMERA),
    "Light": ("LIGHT", (4.0762, 1.0055, 5.9039), (0.6503, 0.0552, 1.8664)),
}
_NTSC = tuple(whole / 1.001 for whole in (24, 30, 48, 60, 120))
_SAME_RATE = 1e-4  # relative: containers write n / 1.001 as 23.976 or 29.97


def find_scene(name: str, identity: str = "") -> bpy.types.Scene:
    """The scene that a result belongs to; the current one if ``name`` is "".

    Raises:
        NikiError: it no longer exists, or is linked from a library.
    """
    scene = bpy.context.scene if not name else find_by_identity(bpy.data.scenes, name, identity)
    if scene is None:
        raise NikiError(
            f"The scene '{name}' no longer exists",
            "switch to the scene you want it in and choose Import Capture",
        )
    refuse_linked(scene)
    return scene


def refuse_linked(scene: bpy.types.Scene) -> None:
    """Raise NikiError if a scene is linked from a library: nothing can be added to it."""
    if scene.library is not None:
        raise NikiError(f"The scene '{scene.name}' is linked from a library", "make it local first")


def has_scene(name: str, identity: str = "") -> bool:
    """Whether :func:`find_scene` would find one."""
    return not name or find_by_identity(bpy.data.scenes, name, identity) is not None


def view_layer_of(scene: bpy.types.Scene) -> bpy.types.ViewLayer:
    """The view layer in which the user sees the scene."""
    windows = bpy.context.window_manager.windows
    if scene == bpy.context.scene:
        return bpy.context.view_layer
    return next((window.view_layer for window in windows if window.scene == scene), scene.view_layers[0])


def active_collection(scene: bpy.types.Scene) -> bpy.types.Collection:
    """The collection for new objects: the active one, or the scene's own if that one is hidden, excluded, linked or
    overridden."""
    layer = view_layer_of(scene).active_layer_collection
    if layer is None or layer.exclude or not layer.is_visible:
        return scene.collection
    collection = layer.collection
    own = collection.library is None and collection.override_library is None
    return collection if own else scene.collection


def is_untouched(scene: bpy.types.Scene) -> bool:
    """Whether the user has not worked in the scene: it has no objects, or only unchanged default ones, and the
    default settings."""
    render, editor = scene.render, scene.sequence_editor
    if any(abs(getattr(render, name) - value) > 1e-6 for name, value in _FACTORY.items()):
        return False
    if (scene.frame_start, scene.frame_end) != _FACTORY_RANGE or scene.use_preview_range:
        return False
    if len(scene.timeline_markers) or scene.animation_data is not None:
        return False
    if editor is not None and len(strips_of(scene)):
        return False
    return all(_is_default(item) for item in scene.objects)


def hide_default_cube(scene: bpy.types.Scene) -> bool:
    """Hide Blender's default cube, which would surround a person at the origin.

    Returns:
        whether there was one.
    """
    cube = scene.objects.get("Cube")
    if cube is None or not _is_default(cube):
        return False
    for layer in scene.view_layers:
        if cube.name in layer.objects:
            cube.hide_set(True, view_layer=layer)
    cube.hide_render = True
    return True


def _is_default(item: bpy.types.Object) -> bool:
    kind, location, angles = _DEFAULT_OBJECTS.get(item.name, ("", (), ()))
    if item.type != kind or not np.allclose(
        [*item.location, *item.rotation_euler], location + angles, atol=1e-3
    ):
        return False
    if item.parent or item.children or item.constraints or item.modifiers or item.animation_data:
        return False
    if kind != "MESH":
        return True
    corners = np.array([vertex.co for vertex in item.data.vertices])
    unchanged = len(corners) == 8 and np.allclose(np.abs(corners), 1)
    return unchanged and np.allclose(np.array(item.matrix_basis), np.eye(4), atol=1e-6)


def strips_of(scene: bpy.types.Scene) -> bpy.types.bpy_prop_collection | tuple:
    """The sequencer's top-level strips."""
    editor = scene.sequence_editor
    if editor is None:
        return ()
    return editor.strips if hasattr(editor, "strips") else editor.sequences  # `sequences` before Blender 4.4


def place_of(scene: bpy.types.Scene, place_at: str) -> tuple[float, float, float] | None:
    """The point (x, y, z) in meters for "ORIGIN" or "CURSOR"; None for "FILMED"."""
    points = {"ORIGIN": (0.0, 0.0, 0.0), "CURSOR": scene.cursor.location.to_tuple()}
    return points.get(place_at)


def match_to_footage(scene: bpy.types.Scene, motion: Motion, frame_start: int) -> None:
    """Give the scene the motion's frame rate and range and, if it has a camera, its resolution.

    Args:
        motion: at the frame rate of the footage.
        frame_start: scene frame of the first frame of the motion.
    """
    set_rate(scene, motion.mocap_framerate)
    scene.frame_start, scene.frame_end = frame_start, frame_start + len(motion) - 1
    width, height = (int(n) for n in motion.image_size)
    if width and height:
        render = scene.render
        render.resolution_x, render.resolution_y, render.resolution_percentage = width, height, 100
        render.pixel_aspect_x = render.pixel_aspect_y = 1.0


def rate_of(scene: bpy.types.Scene) -> float:
    """The scene's frame rate in frames per second."""
    return scene.render.fps / scene.render.fps_base


def set_rate(scene: bpy.types.Scene, rate: float) -> None:
    """Set the scene's frame rate: exactly if it is whole or n / 1.001 (NTSC), else as a fraction."""
    render = scene.render
    ntsc = next((known for known in _NTSC if abs(rate - known) < _SAME_RATE * known), None)
    if ntsc is not None:
        render.fps, render.fps_base = round(ntsc), 1.001
    elif abs(rate - round(rate)) < _SAME_RATE * rate:
        render.fps, render.fps_base = round(rate), 1.0
    else:
        render.fps = max(1, round(rate))
        render.fps_base = render.fps / rate
