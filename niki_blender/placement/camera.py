"""The camera of the footage, with the footage as its background."""

import bpy
import numpy as np
from mathutils import Matrix

from ...niki.motion.motion import Motion
from ..rig.space import LIBRARY_TO_BLENDER
from ..work.paths import is_file

_MARK = "niki_footage_camera"
_SENSOR_WIDTH = 36.0  # millimeters; only its ratio to the focal length matters


def create_camera(
    motion: Motion, name: str, scene: bpy.types.Scene, collection: bpy.types.Collection
) -> bpy.types.Object:
    """Create a camera with the motion's intrinsics and pose in ``collection``. Does not change ``scene``.

    The whole footage fits into the picture that ``scene`` renders, whatever its aspect ratio. A motion without a
    camera (no image size) gets Blender's default lens.
    """
    data = bpy.data.cameras.new(name)
    camera = bpy.data.objects.new(name, data)
    camera[_MARK] = True
    collection.objects.link(camera)
    pose = np.eye(4)
    # Blender's camera looks down its own -Z with Y up, OpenCV's down +Z with Y down.
    pose[:3, :3] = LIBRARY_TO_BLENDER @ motion.camera_pose[:3, :3] @ np.diag([1.0, -1.0, -1.0])
    pose[:3, 3] = LIBRARY_TO_BLENDER @ motion.camera_pose[:3, 3]
    camera.matrix_world = Matrix(pose.tolist())
    width, height = (int(n) for n in motion.image_size)
    if width and height:
        fits_width = _fits_width(width, height, scene.render)
        fitted = width if fits_width else height
        data.sensor_fit = "HORIZONTAL" if fits_width else "VERTICAL"
        data.sensor_width = data.sensor_height = _SENSOR_WIDTH
        data.lens = float(motion.camera[0, 0]) / fitted * _SENSOR_WIDTH
        data.shift_x = (width / 2 - float(motion.camera[0, 2])) / fitted
        data.shift_y = (float(motion.camera[1, 2]) - height / 2) / fitted
    return camera


def is_footage_camera(camera: bpy.types.Object) -> bool:
    """Whether :func:`create_camera` made it."""
    return _MARK in camera


def _fits_width(width: int, height: int, render: bpy.types.RenderSettings) -> bool:
    """Whether footage that fits into the rendered picture fills its width; else it fills its height."""
    rendered = render.resolution_x * render.pixel_aspect_x / (render.resolution_y * render.pixel_aspect_y)
    if abs(rendered * height / width - 1) < 1e-3:
        return width >= height
    return width / height > rendered


def show_behind(
    camera: bpy.types.Object, path: str, motion: Motion, frame_start: int = 1, name: str = "Footage"
) -> bpy.types.MovieClip | None:
    """Show the footage in the background of ``camera``, in sync with a motion that starts at ``frame_start``. Always
    creates a new movie clip.

    Args:
        path: a video, or the first image of a numbered sequence.
        name: for the movie clip.

    Returns:
        the movie clip, or None if the file does not exist or Blender cannot read it.
    """
    if not is_file(path):
        return None
    try:
        clip = bpy.data.movieclips.load(path)
    except RuntimeError:
        return None
    clip.name = name
    clip.frame_start = frame_start - int(motion.frames[0])
    camera.data.show_background_images = True
    background = camera.data.background_images.new()
    background.source = "MOVIE_CLIP"
    background.clip = clip
    background.frame_method = "FIT"
    background.display_depth = "BACK"
    background.alpha = 1.0
    return clip
