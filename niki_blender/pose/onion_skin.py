"""Draws the poses of neighboring frames as translucent mannequins."""

from __future__ import annotations

import bpy
import gpu
import numpy as np
from mathutils import Matrix

from ...niki.meshes.mannequin import mannequin
from ...niki.meshes.posable import PosableSkin
from ..rig.space import to_blender
from .preview import Preview, preview_of
from .trail import shown_armature

_CELL = 0.016  # meters: coarser than the body's mesh, but fingers are still whole
_EARLIER, _LATER = (0.15, 0.55, 0.25), (0.2, 0.35, 0.8)
_ALPHA = 0.32

_draw_handler = None
_skin: tuple[bytes, PosableSkin, gpu.types.GPUIndexBuf] | None = None
_drawn: tuple[Preview, int, dict] | None = None


def _draw() -> None:
    """Draw handler, in world space."""
    context = bpy.context
    rig = shown_armature(context)
    if rig is None or not rig.niki_pose.onion_skin:
        return
    preview = preview_of(rig, context.scene.frame_current_final)
    if preview is None or not len(preview.ghosts):
        return
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    away = np.abs(preview.frames[preview.ghosts] - preview.now)
    gpu.state.blend_set("ALPHA")
    gpu.state.depth_test_set("LESS_EQUAL")
    gpu.state.face_culling_set("BACK")
    try:
        for rank in np.argsort(-away):  # the nearest in time last
            index = int(preview.ghosts[rank])
            color = _EARLIER if preview.frames[index] < preview.now else _LATER
            alpha = _ALPHA * (1 - 0.7 * away[rank] / (away.max() + 1))
            world = preview.world(rig, index)
            gpu.state.front_facing_set(bool(np.linalg.det(world[:3, :3]) < 0))
            with gpu.matrix.push_pop():
                gpu.matrix.multiply_matrix(Matrix(world.tolist()))
                shader.bind()
                shader.uniform_float("color", (*color, alpha))
                _batch(preview, index).draw(shader)
    finally:
        gpu.state.front_facing_set(False)
        gpu.state.face_culling_set("NONE")
        gpu.state.depth_test_set("NONE")
        gpu.state.blend_set("NONE")


def _batch(preview: Preview, index: int) -> gpu.types.GPUBatch:
    """The ghost of a frame, made anew only where its pose has changed."""
    global _drawn
    if _drawn is None or _drawn[0] is not preview:
        _drawn = preview, 0, {}
    pose = preview.ghost_pose(index)
    made = _drawn[2].get(index)
    if made is None or not (np.array_equal(made[0], pose[0]) and np.array_equal(made[1], pose[1])):
        skin, faces = _skin_of(preview.body)
        vertices = np.ascontiguousarray(to_blender(skin.vertices(*pose)), np.float32)
        layout = gpu.types.GPUVertFormat()
        layout.attr_add(id="pos", comp_type="F32", len=3, fetch_mode="FLOAT")
        buffer = gpu.types.GPUVertBuf(layout, len(vertices))  # pyright: ignore
        buffer.attr_fill("pos", vertices)  # pyright: ignore
        made = *pose, gpu.types.GPUBatch(type="TRIS", buf=buffer, elem=faces)  # pyright: ignore
        _drawn[2][index] = made
    return made[2]


def _skin_of(body) -> tuple[PosableSkin, gpu.types.GPUIndexBuf]:
    global _skin
    key = body.rest_joints.tobytes()
    if _skin is None or _skin[0] != key:
        skin = mannequin(body, _CELL)
        faces = skin.faces[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3).astype(np.int32)
        _skin = key, PosableSkin(skin, body), gpu.types.GPUIndexBuf(type="TRIS", seq=faces)  # pyright: ignore
    return _skin[1:]


def register():
    global _draw_handler
    if not bpy.app.background:
        _draw_handler = bpy.types.SpaceView3D.draw_handler_add(_draw, (), "WINDOW", "POST_VIEW")


def unregister():
    global _draw_handler, _skin, _drawn
    if _draw_handler is not None:
        bpy.types.SpaceView3D.draw_handler_remove(_draw_handler, "WINDOW")
    _draw_handler = _skin = _drawn = None
