"""Place a motion in the user's scene: armature, body, action, camera. Changes nothing else unless the user chose
to."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import TypeGuard

import bpy
import numpy as np

from ...niki.body import rotation as rot
from ...niki.body.skeleton import Body
from ...niki.errors import NikiError
from ...niki.motion.motion import Motion
from ..rig.animation import ensure_animation_data, keep_unused, slot_handle
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
    hide_default_cube,
    is_untouched,
    match_to_footage,
    rate_of,
    view_layer_of,
)
from .camera import create_camera, show_behind

IF_EMPTY, ALWAYS, NEVER = "IF_EMPTY", "ALWAYS", "NEVER"
AddBody = Callable[[bpy.types.Object, Body], bpy.types.Object]
_FARTHEST = 1e9  # meters; excludes NaN as well


@dataclass
class Placement:
    """Where and how a motion goes.

    Attributes:
        armature, armature_identity: name and :func:`identity_of` the armature to animate; "" creates a new one
            with a body.
        frame_start: scene frame of the motion's first frame.
        scene, scene_identity: name and :func:`identity_of` the scene; "" is the current one.
        point: (x, y, z) in meters, where the person stands when first seen; None keeps the position that they
            have in front of a camera at the origin.
        match_scene: whether the scene takes the footage's frame rate, range, resolution and camera: ``ALWAYS``,
            ``NEVER``, or ``IF_EMPTY``. If not, the motion is resampled to the scene's frame rate.
        camera: add the camera of the footage.
        footage: show the footage in its background.
        active_camera: make it the scene's active camera even if the scene has one.
        root_bone: give a new armature a root bone on the floor.
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
    root_bone: bool = False

    def as_dict(self) -> dict:
        """All attributes, for :meth:`from_dict`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: dict) -> Placement:
        """Restore a stored placement. Unknown attributes are ignored; invalid ones get their defaults."""
        valid = {}
        for attribute in fields(cls):
            value = stored.get(attribute.name)
            if attribute.name == "point":
                valid["point"] = tuple(map(float, value)) if _is_point(value) else None
            elif type(value) is type(attribute.default):
                valid[attribute.name] = value
        return cls(**valid)


def _is_point(value) -> TypeGuard[Sequence[float]]:
    if not isinstance(value, (list, tuple)) or len(value) != 3:
        return False
    all_numbers = all(isinstance(n, (int, float)) and not isinstance(n, bool) for n in value)
    return all_numbers and all(abs(n) < _FARTHEST for n in value)


def place_motion(
    motion: Motion,
    name: str,
    placement: Placement,
    add_body: AddBody = add_mannequin,
    show: bool = True,
    readings: str = "",
) -> tuple[bpy.types.Object, list[str]]:
    """Add ``motion`` to a scene as a new action of a new or existing armature.

    A new armature, its body and the camera go into a new collection within the active one.

    Args:
        name: for the action, the collection and a new armature.
        add_body: called as ``add_body(rig, body)`` to give a new armature a visible body.
        show: select and frame the armature, if the scene is the current one and in Object Mode.
        readings: path of the motion's file, from which it can be refined.

    Returns:
        the armature, and warnings for the user.

    Raises:
        NikiError: the scene no longer exists, or something to change is linked from a library or in the NLA's
            tweak mode. After any exception the file is unchanged.
    """
    scene, warnings = find_scene(placement.scene, placement.scene_identity), []
    rig = _existing_armature(placement, motion, warnings)
    with all_or_nothing(scene, rig):
        rig, layer = _add_to_scene(scene, rig, motion, name, placement, add_body, warnings, readings)
    if show and scene == bpy.context.scene and bpy.context.mode == "OBJECT":
        select_only(rig, layer)
        frame_selected(scene)
    return rig, warnings


def _add_to_scene(
    scene: bpy.types.Scene, rig: bpy.types.Object | None, motion: Motion, name: str, placement: Placement,
    add_body: AddBody, warnings: list[str], readings: str,
) -> tuple[bpy.types.Object, bpy.types.ViewLayer]:  # fmt: skip
    untouched = is_untouched(scene)
    matching = placement.match_scene == ALWAYS or (placement.match_scene == IF_EMPTY and untouched)
    if matching:
        match_to_footage(scene, motion, placement.frame_start)
        if untouched and hide_default_cube(scene):
            warnings.append("The default cube was hidden because it would surround the person")
    original = motion
    motion, resampled = _resample_to_scene(scene, motion, warnings)
    additions = _Additions(scene, name)
    layer = view_layer_of(scene)
    layer.update()
    if rig is None:
        rig = create_armature(motion.body, name, additions.collection, placement.root_bone)
        add_body(rig, motion.body)
    world = np.array(rig.matrix_world)
    offset = _offset_to(placement.point, motion, world)
    rig_motion, camera_motion = move(motion, offset, world)
    bake_motion(rig, rig_motion, placement.frame_start, name)
    if not matching:
        _warn_if_cut(scene, placement.frame_start + len(motion) - 1, warnings)
    if placement.camera and motion.image_size.all():
        camera = create_camera(
            camera_motion, f"{rig.name} Camera", scene, additions.collection, placement.frame_start
        )
        if scene.camera is None or placement.active_camera or matching:
            scene.camera = camera
        if placement.footage and motion.footage:
            clip = show_behind(camera, motion.footage, motion, placement.frame_start, f"{rig.name} Footage")
            if clip is None:
                warnings.append(f"Blender cannot show {motion.footage} in the background of the camera")
            elif resampled:
                warnings.append(
                    "The background footage plays at its own frame rate: set the scene to that rate to see them in sync"
                )
    select_bones(rig)
    if hasattr(rig, "niki_refine"):  # not where the extension is not registered
        _remember(rig, original, motion.mocap_framerate, placement.frame_start, offset, world, readings)
    return rig, layer


def _remember(
    rig: bpy.types.Object, motion: Motion, rate: float, frame_start: int, offset: np.ndarray, world: np.ndarray, readings: str
) -> None:  # fmt: skip
    """Note on the armature what is needed to refine the motion."""
    settings = rig.niki_refine
    for action in (settings.before, settings.after):
        keep_unused(action, besides=1)
    if motion.has_readings:
        settings.readings, settings.frames = readings, len(motion)
        settings.captured = fingerprint_of_readings(motion)
        settings.frame_start, settings.rate = frame_start, rate
        settings.captured_rate = motion.mocap_framerate
        settings.offset, settings.world = offset, world.ravel()
        settings.before, settings.slot = rig.animation_data.action, slot_handle(rig)
        settings.after, settings.fingerprint = None, ""
    elif settings.frames:  # what it was captured to before is no longer what it does
        for name in ("readings", "frames", "captured", "before", "after", "fingerprint"):
            settings.property_unset(name)


def fingerprint_of_readings(motion: Motion) -> str:
    """Of what was seen in which frames of the footage, which is the same however the motion is solved."""
    digest = hashlib.sha256()
    for values, kind in ((motion.keypoints, "<f4"), (motion.frames, "<i8")):
        digest.update(np.ascontiguousarray(values, kind).tobytes())
    return digest.hexdigest()


class _Additions:
    """The collection for the objects of one motion; created when it is first needed."""

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
            warnings.append(f"The armature '{name}' no longer exists: a new one was created")
        return None
    if not rig.is_editable:
        raise NikiError(f"{rig.name} is linked from a library", "make a library override first")
    ensure_animation_data(rig)
    if not np.allclose(rig.data.bones["L_Knee"].length, motion.body.bone_lengths[7], rtol=0.05):
        warnings.append(f"{rig.name} has different proportions from the person: hands and feet will be off")
    return rig


def _resample_to_scene(scene: bpy.types.Scene, motion: Motion, warnings: list[str]) -> tuple[Motion, bool]:
    """The motion at the scene's frame rate, and whether it had to be resampled."""
    rate, footage_rate = rate_of(scene), motion.mocap_framerate
    if abs(rate - footage_rate) <= 1e-3 * footage_rate:
        return motion, False
    warnings.append(
        f"The motion was resampled from {footage_rate:.5g} to the scene's {rate:.5g} frames per second"
    )
    return motion.resampled(rate), True


def _offset_to(point: tuple[float, float, float] | None, motion: Motion, world: np.ndarray) -> np.ndarray:
    """(3,) how far ``motion`` must be moved in the scene for the person to start at ``point``; not at all for None."""
    if point is None:
        return np.zeros(3)
    first = np.argmax(motion.seen) if motion.seen.any() else 0
    pelvis = to_blender(motion.trans[first] + motion.body.pelvis)
    return np.array(point) - _scale_of(world) * pelvis * (1, 1, 0)


def _scale_of(world: np.ndarray) -> float:
    return float(np.abs(np.linalg.svd(world[:3, :3])[1]).mean())


def move(motion: Motion, offset: np.ndarray, world: np.ndarray) -> tuple[Motion, Motion]:
    """Move ``motion`` by ``offset`` (3,) in the scene; keep its direction, take the armature's scale.

    Args:
        world: (4, 4) world matrix of the armature.

    Returns:
        the motion in the armature's space, for its keyframes; and with its camera in the scene's space.
    """
    scale = _scale_of(world)
    pelvis = to_blender(motion.trans + motion.body.pelvis)
    inverse = np.linalg.inv(world)
    turn = rotations_to_library(rotation_of(inverse))
    poses = motion.poses.copy()
    poses[:, :3] = rot.axis_angle_from_matrix(turn @ rot.matrix_from_axis_angle(poses[:, :3]))
    in_armature = to_library(transform_points(inverse, scale * pelvis + offset)) - motion.body.pelvis
    camera = motion.camera_pose.copy()
    camera[:3, 3] = scale * camera[:3, 3] + to_library(offset)
    return replace(motion, poses=poses, trans=in_armature), replace(motion, camera_pose=camera)


def _warn_if_cut(scene: bpy.types.Scene, last: int, warnings: list[str]) -> None:
    if last > scene.frame_end:
        warnings.append(f"The motion ends at frame {last}, after the end of the scene ({scene.frame_end})")
