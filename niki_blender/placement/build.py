"""Build a whole scene from a motion file, for ``niki export -o FILE.blend`` and for previews."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import bpy
import numpy as np

from ...niki.body.skeleton import Body
from ...niki.errors import NikiError
from ...niki.files import read_npz
from ...niki.meshes.mannequin import Skin
from ...niki.motion.motion import Motion
from ..rig.body import add_mannequin, add_skin, make_material
from .camera import create_camera
from .placing import ALWAYS, Placement, place_motion
from .square_views import SquareView

FRAME_START = 1
_REGION_COLORS = {"skin": (0.62, 0.40, 0.30, 1), "hair": (0.06, 0.04, 0.03, 1), "shirt": (0.10, 0.22, 0.42, 1),
                   "trousers": (0.09, 0.09, 0.10, 1), "shoes": (0.55, 0.54, 0.52, 1)}  # fmt: skip


def build_scene(motion: Motion, footage: str = "", skin_file: str = "") -> tuple[bpy.types.Object, list[str]]:
    """Create a new file with armature, body, keyframes, light and a camera with the footage in its background.

    Args:
        footage: path of the footage; by default the motion's own.
        skin_file: .npz file of a body from ``niki.meshes.anny`` instead of the mannequin.

    Returns:
        the armature object, and warnings for the user.
    """
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.name = "NIKI"
    motion = replace(motion, footage=footage or motion.footage)
    human = partial(add_human, skin_file=skin_file)
    rig, warnings = place_motion(
        motion,
        "NIKI",
        Placement(frame_start=FRAME_START, match_scene=ALWAYS),
        human if skin_file else add_mannequin,
    )
    if scene.camera is None:
        scene.camera = create_camera(motion, "NIKI Camera", scene, scene.collection, FRAME_START)
    _add_light(scene)
    scene.frame_set(FRAME_START)
    return rig, warnings


def add_human(rig: bpy.types.Object, _body: Body, skin_file: str) -> bpy.types.Object:
    """Add a realistic, clothed body from a ``niki.meshes.anny`` file."""
    data = read_npz(skin_file, kind="a body that niki.meshes.anny writes")
    mesh = add_skin(rig, Skin(data["vertices"], data["faces"], data["weights"]))
    regions, names = data["regions"], [str(n) for n in data["region_names"]]
    for name in names:
        mesh.data.materials.append(make_material(f"NIKI {name.title()}", _REGION_COLORS[name], 0.7))
    mesh.data.polygons.foreach_set("material_index", regions.astype(np.int32))  # pyright: ignore[reportArgumentType]
    return mesh


def save_blend(motion_file: str, path: str, footage: str = "", skin_file: str = "") -> list[str]:
    """Save the scene of ``motion_file`` as the .blend file ``path``; return warnings for the user."""
    _, warnings = build_scene(Motion.load(motion_file), footage, skin_file)
    _open_through_camera()
    bpy.context.preferences.filepaths.save_version = 0  # no backup beside the file
    bpy.ops.wm.save_as_mainfile(filepath=path, compress=True, relative_remap=True)
    return warnings


def render_stills(
    motion_file: str,
    indices: list[int],
    folder: str,
    width: int,
    samples: int = 24,
    skin_file: str = "",
    boxes: Sequence[Sequence[float]] = (),
    views: dict[str, list[int]] | None = None,
) -> list[str]:
    """Render the body on a floor, through the footage's camera, at some frames of the motion.

    Args:
        indices: frames of the motion, counted from 0.
        width: of the pictures in pixels.
        boxes: furniture, each the x, z and heading in degrees of its center, then its width, depth and height:
            metres, library space.
        views: further views to render, of :data:`niki_blender.placement.square_views.VIEWS`, with the size
            (width, height) of their pictures in pixels.

    Returns:
        the paths of the pictures, view after view, each in the order of ``indices``.

    Raises:
        NikiError: the motion has no camera.
    """
    motion = Motion.load(motion_file)
    if not motion.image_size.all():
        raise NikiError("The motion has no camera to render from")
    build_scene(motion, "", skin_file)
    scene = bpy.context.scene
    _use_cycles(scene, width, samples)
    floor = _add_floor(motion)
    for box in boxes:
        _add_box(*box)
    paths = _render_frames(indices, folder, "still")
    if views:
        floor.hide_render = True
        scene.render.resolution_percentage = 100
        scene.cycles.samples = max(samples // 3, 1)  # a plain figure before a plain grid
    for name, (across, high) in (views or {}).items():
        scene.render.resolution_x, scene.render.resolution_y = across, high
        view = SquareView(name, motion, indices, high / across)
        paths += _render_frames(indices, folder, name, view.aim)
        view.remove()
    return paths


def _render_frames(
    indices: list[int], folder: str, name: str, aim: Callable[[int], None] = lambda index: None
) -> list[str]:
    """Render frames of the motion as ``name`` and number, each after a call of ``aim`` with its index."""
    scene, paths = bpy.context.scene, []
    for index in indices:
        scene.frame_set(FRAME_START + index)
        aim(index)
        paths.append(str(Path(folder) / f"{name}_{index:06d}.png"))
        scene.render.filepath = paths[-1]
        bpy.ops.render.render(write_still=True)
    return paths


def _add_light(scene: bpy.types.Scene) -> None:
    world = scene.world or bpy.data.worlds.new("World")
    scene.world = world
    if world.node_tree is None:  # before Blender 5.0
        world.use_nodes = True
    background = next(n for n in world.node_tree.nodes if n.type == "BACKGROUND")
    background.inputs["Color"].default_value = (0.80, 0.84, 0.90, 1)
    background.inputs["Strength"].default_value = 0.45
    sun = bpy.data.lights.new("Sun", "SUN")
    sun.energy, sun.angle = 2.6, math.radians(8)
    light = bpy.data.objects.new("Sun", sun)
    light.rotation_euler = (math.radians(48), math.radians(12), math.radians(28))
    scene.collection.objects.link(light)


def _add_floor(motion: Motion) -> bpy.types.Object:
    x, y = motion.trans[:, 0].mean(), -motion.trans[:, 2].mean()
    bpy.ops.mesh.primitive_plane_add(size=60, location=(x, y, 0))
    floor = bpy.context.object
    assert floor is not None  # the operator has just added it
    floor.data.materials.append(make_material("Floor", (0.32, 0.34, 0.37, 1), 0.9))
    return floor


def _add_box(x: float, z: float, heading: float, width: float, depth: float, height: float) -> None:
    bpy.ops.mesh.primitive_cube_add(
        size=1, location=(x, -z, height / 2), rotation=(0, 0, math.radians(heading))
    )
    bpy.context.object.scale = (width, depth, height)
    bpy.context.object.data.materials.append(make_material("Box", (0.42, 0.28, 0.16, 1), 0.8))


def _use_cycles(scene: bpy.types.Scene, width: int, samples: int) -> None:
    scene.render.engine = "CYCLES"
    scene.cycles.samples = samples
    scene.cycles.use_denoising = True
    scene.render.resolution_percentage = max(1, min(100, round(100 * width / scene.render.resolution_x)))
    scene.render.image_settings.file_format = "PNG"
    scene.view_settings.view_transform = "Standard"


def _open_through_camera() -> None:
    """Make every 3D view look through the camera."""
    for screen in bpy.data.screens:
        for area in screen.areas:
            if area.type == "VIEW_3D":
                area.spaces.active.region_3d.view_perspective = "CAMERA"
