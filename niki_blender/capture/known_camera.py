"""A camera of the scene that tells how the footage's camera was held: solved, or placed by the user."""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np

from ...niki.body.rotation import angle_between, matrix_from_axis_angle
from ...niki.motion.camera_tilt import LARGEST_TILT, tilt_and_roll
from ..placement.camera import is_footage_camera
from ..rig.space import rotation_of
from ..scene.users_scene import START_UP_CAMERA
from ..work.job import same_path
from .sources import Source, file_info

_MOMENTS = 25  # of a solve that are looked at
_SAME = np.radians(1.5)  # Blender's own start-up cameras differ by half a degree


@dataclass(frozen=True)
class KnownCamera:
    """How the footage's camera was held, in degrees as :mod:`niki.motion.camera_tilt` counts them, and where that is
    known from, in the user's words."""

    tilt: float
    roll: float
    origin: str


def known_camera(scene: bpy.types.Scene, source: Source) -> KnownCamera | None:
    """What the scene knows of the footage's camera; None if nothing, or only what nobody has oriented.

    First a camera with a Camera Solver constraint to a solved clip of the footage: its median over the captured frames.
    Else the scene's camera as it is now, if the user gave it the footage as background. A camera as Blender starts
    with, and one that NIKI added, tell nothing.
    """
    return _solved(scene, source) or _placed(scene, source)


def _solved(scene, source) -> KnownCamera | None:
    clips = [clip for clip in bpy.data.movieclips if _is_of(clip.filepath, clip.library, source)]
    if not any(clip.tracking.reconstruction.is_valid for clip in clips):
        return None
    cameras = [item for item in scene.objects if item.type == "CAMERA"]
    for camera in sorted(cameras, key=lambda item: item != scene.camera):
        for constraint in camera.constraints:
            if not _follows_a_solve(constraint) or constraint.influence < 1:
                continue
            clip = scene.active_clip if constraint.use_active_clip else constraint.clip
            if clip in clips and clip.tracking.reconstruction.is_valid:
                turns = _solved_turns(scene, camera, clip, source)
                if turns is not None:
                    return _held(turns, "the camera solve")
    return None


def _solved_turns(scene, camera, clip, source) -> np.ndarray | None:
    """(N, 3, 3) how the camera is turned in the captured frames; None if the solve has not been oriented.

    A solve has no vertical of its own. Set Floor and its kin, or the user's hand, turn the camera object, which the
    constraint multiplies by the solved matrices.
    """
    cameras = clip.tracking.reconstruction.cameras
    now = np.array(cameras.matrix_from_frame(frame=max(scene.frame_current - clip.frame_start + 1, 0)))
    oriented = np.array(camera.matrix_world) @ np.linalg.inv(now)
    if _is_unplaced(rotation_of(oriented)):
        return None
    begin = file_info(source.path).index + clip.frame_offset
    first = 1 if source.first is None else source.first - begin + 1
    last = clip.frame_duration if source.last is None else source.last - begin + 1
    frames = np.unique(np.linspace(max(first, 1), max(first, last, 1), _MOMENTS).round().astype(int))
    solved = [np.array(cameras.matrix_from_frame(frame=int(frame))) for frame in frames]
    return rotation_of(oriented @ np.array(solved))


def _follows_a_solve(constraint) -> bool:
    return constraint.type == "CAMERA_SOLVER" and not constraint.mute


def _placed(scene, source) -> KnownCamera | None:
    camera = scene.camera
    if camera is None or camera.type != "CAMERA" or is_footage_camera(camera):
        return None
    if any(_follows_a_solve(constraint) for constraint in camera.constraints):
        return None  # and nobody has oriented it, or it would have been taken as solved
    shown = [_shown_in(background) for background in camera.data.background_images]
    if not any(item is not None and _is_of(item.filepath, item.library, source) for item in shown):
        return None
    turn = rotation_of(np.array(camera.matrix_world))
    return None if _is_unplaced(turn) else _held(turn[None], camera.name)


def _shown_in(background) -> bpy.types.MovieClip | bpy.types.Image | None:
    return background.clip if background.source == "MOVIE_CLIP" else background.image


def _is_of(path: str, library, source: Source) -> bool:
    return bool(path) and same_path(bpy.path.abspath(path, library=library), source.path)


def _is_unplaced(turn: np.ndarray) -> bool:
    """Whether a rotation (3, 3) is that of no object's, or of a camera that Blender creates."""
    start_up = np.eye(3)
    for axis, angle in zip(np.eye(3), START_UP_CAMERA, strict=True):
        start_up = matrix_from_axis_angle(angle * axis) @ start_up
    return bool((angle_between(turn, np.stack([np.eye(3), start_up])) < _SAME).any())


def _held(turns: np.ndarray, origin: str) -> KnownCamera | None:
    """Of Blender cameras' rotations (N, 3, 3); None if they look straight up or down."""
    # Blender's camera axes are X right, Y up, Z backward.
    up = np.median(turns[:, 2] * [1.0, -1.0, -1.0], axis=0)
    tilt, roll = (float(angle) for angle in tilt_and_roll(up))
    return KnownCamera(tilt, roll, origin) if abs(tilt) < LARGEST_TILT else None
