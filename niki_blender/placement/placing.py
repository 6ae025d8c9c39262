"""A motion into the user's scene: armature, body, action, camera. Nothing of theirs is changed but what
they asked for."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace

import bpy
import numpy as np

from ...niki.body import rotation as rot
from ...niki.errors import NikiError
from ...niki.motion.motion import Motion
from ..rig.animation import ensure_animation_data
from ..rig.armature import create_armature, is_our_armature, select_bones
from ..rig.body import add_mannequin
from ..rig.keying import bake_motion
from ..rig.space import rotation_of, rotations_to_library, to_blender, to_library, transform_points
from ..scene.framing import frame_selected, select_only
from ..scene.identity import find_by_identity
from ..scene.take_back import all_or_nothing
from ..scene.users_scene import (
    active_collection,
    find_scene,
    hide_start_up_cube,
    is_untouched,
    match_to_footage,
    rate_of,
    view_layer_of,
)
from .camera import create_camera, show_behind

IF_EMPTY, ALWAYS, NEVER = "IF_EMPTY", "ALWAYS", "NEVER"
_FARTHEST = 1e9  # metres; NaN is not below it either


@dataclass
class Placement:
    """Where and how a motion goes.

    Attributes:
        armature, armature_identity: name and :func:`identity_of` one of ours to animate; "" makes a new one with a
            body.
        frame_start: scene frame of the motion's first frame.
        scene, scene_identity: name and :func:`identity_of` the scene it belongs to; "" is the current one.
        point: where in the scene the person stands when first seen, (x, y, z) metres; None leaves them where
            they are before the camera.
        match_scene: whether the scene takes the footage's frame rate, range, resolution and camera: ``ALWAYS``,
            ``NEVER``, or ``IF_EMPTY``. Else the motion is resampled to the scene's rate.
        camera, footage: make the camera that saw it; show the footage behind.
        active_camera: make that camera the scene's, also where it has one.
    """

    armature: str = ""
    armature_identity: str = ""
    frame_start: int = 1
    scene: str = ""
    scene_identity: str = ""
    point: tuple[float, float, float] | None = None
    match_scene: str = NEVER
    camera: bool = True
    footage: bool = True
    active_camera: bool = False

    def as_dict(self) -> dict:
        """For storing; :meth:`from_dict` restores it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, told: dict) -> Placement:
        """A placement as it was stored; what is unknown or makes no sense is left at its default."""
        known = {}
        for one in fields(cls):
            value = told.get(one.name)
            if one.name == "point":
                known["point"] = tuple(map(float, value)) if _is_point(value) else None
            elif type(value) is type(one.default):
                known[one.name] = value
        return cls(**known)


def _is_point(value) -> bool:
    if not isinstance(value, (list, tuple)) or len(value) != 3:
        return False
    numbers = all(isinstance(n, (int, float)) and not isinstance(n, bool) for n in value)
    return numbers and all(abs(n) < _FARTHEST for n in value)


def place_motion(
    motion: Motion, name: str, placement: Placement, add_body=add_mannequin, show: bool = True
) -> tuple[bpy.types.Object, list[str]]:
    """The armature with ``motion`` as its new action, and warnings for the user.

    A new armature, its body and the camera are in a collection called ``name``, within the active collection.
    In Object Mode, and where the scene is the current one, the armature is selected and shown, if ``show``.
    ``add_body(rig, body)`` gives a new armature something to be seen by.

    Raises:
        NikiError: the scene is gone, or what would be changed is linked from a library or in the NLA's tweak mode.
            Whatever is raised, the file is as it was.
    """
    scene, warnings = find_scene(placement.scene, placement.scene_identity), []
    rig = _existing_armature(placement, motion, warnings)
    with all_or_nothing(scene, rig):
        rig, layer = _placed_in(scene, rig, motion, name, placement, add_body, warnings)
    if show and scene == bpy.context.scene and bpy.context.mode == "OBJECT":
        select_only(rig, layer)
        frame_selected(scene)
    return rig, warnings


def _placed_in(
    scene: bpy.types.Scene, rig: bpy.types.Object | None, motion: Motion, name: str, placement: Placement,
    add_body, warnings: list[str],
) -> tuple[bpy.types.Object, bpy.types.ViewLayer]:  # fmt: skip
    untouched = is_untouched(scene)
    matching = placement.match_scene == ALWAYS or (placement.match_scene == IF_EMPTY and untouched)
    if matching:
        match_to_footage(scene, motion, placement.frame_start)
        if untouched and hide_start_up_cube(scene):
            warnings.append("Blender's start-up cube is hidden: it would stand around the person")
    motion, resampled = _at_rate_of(scene, motion, warnings)
    made = _Made(scene, name)
    layer = view_layer_of(scene)
    layer.update()
    if rig is None:
        rig = create_armature(motion.body, name, made.collection)
        add_body(rig, motion.body)
    placed, seen_from = _placed(motion, placement.point, np.array(rig.matrix_world))
    bake_motion(rig, placed, placement.frame_start, name)
    if not matching:
        _say_if_cut(scene, placement.frame_start + len(motion) - 1, warnings)
    if placement.camera and motion.image_size.all():
        camera = create_camera(seen_from, f"{rig.name} Camera", scene, made.collection)
        if scene.camera is None or placement.active_camera or matching:
            scene.camera = camera
        if placement.footage and motion.footage:
            clip = show_behind(camera, motion.footage, motion, placement.frame_start, f"{rig.name} Footage")
            if clip is None:
                warnings.append(f"Blender cannot show {motion.footage} behind the camera")
            elif resampled:
                warnings.append(
                    "The footage behind plays at its own rate: give the scene that rate to see them in step"
                )
    select_bones(rig)
    return rig, layer


class _Made:
    """The collection for what one capture brings, made when there is something to hold."""

    def __init__(self, scene: bpy.types.Scene, name: str):
        self._scene, self._name = scene, name
        self._collection: bpy.types.Collection | None = None

    @property
    def collection(self) -> bpy.types.Collection:
        if self._collection is None:
            self._collection = bpy.data.collections.new(self._name)
            active_collection(self._scene).children.link(self._collection)
        return self._collection


def _existing_armature(placement: Placement, motion: Motion, warnings: list[str]) -> bpy.types.Object | None:
    name = placement.armature
    rig = find_by_identity(bpy.data.objects, name, placement.armature_identity) if name else None
    if not is_our_armature(rig) or not (rig.library or rig.users_scene):
        if name:
            warnings.append(f"There is no armature '{name}' any more: a new one is made")
        return None
    if not rig.is_editable:
        raise NikiError(f"{rig.name} is linked from a library", "make a library override of it first")
    ensure_animation_data(rig)
    if not np.allclose(rig.data.bones["L_Knee"].length, motion.body.bone_lengths[7], rtol=0.05):
        warnings.append(f"{rig.name} has other proportions than the person: hands and feet will be off")
    return rig


def _at_rate_of(scene: bpy.types.Scene, motion: Motion, warnings: list[str]) -> tuple[Motion, bool]:
    rate, footage_rate = rate_of(scene), motion.mocap_framerate
    if abs(rate - footage_rate) <= 1e-3 * footage_rate:
        return motion, False
    warnings.append(
        f"The motion is resampled from {footage_rate:.5g} to the scene's {rate:.5g} frames per second"
    )
    return motion.resampled(rate), True


def _placed(motion: Motion, point, world: np.ndarray) -> tuple[Motion, Motion]:
    """``motion`` moved to where it belongs: in the space of an armature whose matrix is ``world`` (4, 4), to be
    keyed there; and in the scene's, as the camera there sees it. Moved as a whole, facing as before, and as
    large as the armature is."""
    scale = np.abs(np.linalg.svd(world[:3, :3])[1]).mean()
    first = np.argmax(motion.seen) if motion.seen.any() else 0
    pelvis = to_blender(motion.trans + motion.body.pelvis)
    moved = np.zeros(3) if point is None else np.array(point) - scale * pelvis[first] * (1, 1, 0)
    inverse = np.linalg.inv(world)
    turned = rotations_to_library(rotation_of(inverse))
    poses = motion.poses.copy()
    poses[:, :3] = rot.axis_angle_from_matrix(turned @ rot.matrix_from_axis_angle(poses[:, :3]))
    in_armature = to_library(transform_points(inverse, scale * pelvis + moved)) - motion.body.pelvis
    camera = motion.camera_pose.copy()
    camera[:3, 3] = scale * camera[:3, 3] + to_library(moved)
    return replace(motion, poses=poses, trans=in_armature), replace(motion, camera_pose=camera)


def _say_if_cut(scene: bpy.types.Scene, last: int, warnings: list[str]) -> None:
    if last > scene.frame_end:
        warnings.append(f"The motion ends at frame {last}, after the scene's last ({scene.frame_end})")
