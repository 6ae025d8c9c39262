"""The camera of the footage, with the footage as its background."""

import bpy
import numpy as np
from mathutils import Matrix

from ...niki.body.rotation import continuous_quaternions, quaternion_from_matrix, transpose
from ...niki.motion.motion import Motion
from ..rig.animation import new_action, write_curves
from ..rig.space import LIBRARY_TO_BLENDER
from ..work.paths import is_file

_MARK = "niki_footage_camera"
_SENSOR_WIDTH = 36.0  # millimeters; only its ratio to the focal length matters


def create_camera(
    motion: Motion,
    name: str,
    scene: bpy.types.Scene,
    collection: bpy.types.Collection,
    frame_start: int = 1,
) -> bpy.types.Object:
    """Create a camera with the motion's intrinsics and pose in ``collection``. Does not change ``scene``. A camera that
    turns is keyed, from ``frame_start`` on.

    The whole footage fits into the picture that ``scene`` renders, whatever its aspect ratio. A motion without a
    camera (no image size) gets Blender's default lens.
    """
    data = bpy.data.cameras.new(name)
    camera = bpy.data.objects.new(name, data)
    camera[_MARK] = True
    collection.objects.link(camera)
    pose = np.eye(4)
    turns = _turns(motion)
    pose[:3, :3] = turns[0]
    pose[:3, 3] = LIBRARY_TO_BLENDER @ motion.camera_pose[:3, 3]
    camera.matrix_world = Matrix(pose.tolist())
    if not motion.camera_is_still:
        camera.rotation_mode = "QUATERNION"
        _, owner = new_action(camera, name)
        frames = (frame_start + np.arange(len(motion))).astype(np.float32)
        quaternions = continuous_quaternions(quaternion_from_matrix(turns))
        write_curves(owner, "rotation_quaternion", "Object Transforms", frames, quaternions)
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


def _turns(motion: Motion) -> np.ndarray:
    """(T, 3, 3) the rotation of Blender's camera in each frame: it looks down its own -Z with Y up, OpenCV's down +Z
    with Y down."""
    first = LIBRARY_TO_BLENDER @ motion.camera_pose[:3, :3]
    return first @ transpose(motion.camera_turns) @ np.diag([1.0, -1.0, -1.0])


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
