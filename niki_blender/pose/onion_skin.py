"""Draws the poses of neighboring frames as translucent mannequins."""

from __future__ import annotations

import bpy
import gpu
import numpy as np
from mathutils import Matrix

from ..rig.space import to_blender
from . import ghost_shader
from .ghost_shader import Ghost, GhostMesh
from .preview import Preview, preview_of
from .trail import EARLIER, LATER, shown_armature

_ALPHA = 0.9  # at a ghost's outline

_draw_handler = None
_mesh: GhostMesh | None = None
_ghosts: list[Ghost] = []
_posed: tuple[Preview, int] | None = None  # what the ghosts show


def _draw() -> None:
    """Draw handler, in world space."""
    context = bpy.context
    rig = shown_armature(context)
    if rig is None or not rig.niki_pose.onion_skin:
        return
    preview = preview_of(rig, context.scene.frame_current_final)
    if preview is None or not len(preview.ghosts):
        return
    _pose_ghosts(preview)
    frames, worlds = preview.frames[preview.ghosts], preview.worlds(rig, preview.ghosts)
    away = np.abs(frames - preview.now)
    eye = _eye(context.region_data)
    gpu.state.blend_set("ALPHA")
    gpu.state.depth_test_set("LESS_EQUAL")
    gpu.state.depth_mask_set(True)
    gpu.state.face_culling_set("BACK")
    gpu.state.front_facing_set(rig.matrix_world.is_negative)
    try:
        for k in _far_first(context.region_data, worlds, preview.kinematics(preview.ghosts)[0][:, 0]):
            color = EARLIER if frames[k] < preview.now else LATER
            alpha = _ALPHA * (1 - 0.7 * away[k] / (away.max() + 1))
            with gpu.matrix.push_pop():
                gpu.matrix.multiply_matrix(Matrix(worlds[k].tolist()))
                _ghosts[k].draw(np.linalg.solve(worlds[k], eye), (*color, alpha))
    finally:
        gpu.state.front_facing_set(False)
        gpu.state.face_culling_set("NONE")
        gpu.state.depth_mask_set(False)
        gpu.state.depth_test_set("NONE")
        gpu.state.blend_set("NONE")


def _pose_ghosts(preview: Preview) -> None:
    """Pose those anew whose poses have changed."""
    global _mesh, _posed
    if _mesh is None or not np.array_equal(_mesh.rest_joints, preview.body.rest_joints):
        _mesh, _posed = GhostMesh(preview.body), None
        _ghosts.clear()
    changed = np.arange(len(preview.ghosts))
    if _posed is not None and _posed[0] is preview:
        if _posed[1] == preview.version:
            return
        changed = np.flatnonzero(preview.weights[preview.ghosts])
    _ghosts.extend(Ghost(_mesh) for _ in range(len(preview.ghosts) - len(_ghosts)))
    moves = _mesh.moves(*preview.kinematics(preview.ghosts[changed]))
    for k, moved in zip(changed, moves, strict=True):
        _ghosts[k].pose(moved)
    _posed = preview, preview.version


def _eye(view: bpy.types.RegionView3D) -> np.ndarray:
    """(4,) where one looks from in world space, and 1; or the direction there, and 0."""
    camera = np.array(view.view_matrix.inverted())
    return camera[:, 3] if view.window_matrix[3][3] == 0 else camera[:, 2]


def _far_first(view: bpy.types.RegionView3D, worlds: np.ndarray, pelvises: np.ndarray) -> np.ndarray:
    """The order in which ghosts shine through each other."""
    places = np.einsum("nij,nj->ni", worlds[:, :3, :3], to_blender(pelvises)) + worlds[:, :3, 3]
    return np.argsort(places @ np.array(view.view_matrix)[2, :3], kind="stable")


def register():
    global _draw_handler
    if not bpy.app.background:
        _draw_handler = bpy.types.SpaceView3D.draw_handler_add(_draw, (), "WINDOW", "POST_VIEW")


def unregister():
    global _draw_handler, _mesh, _posed
    if _draw_handler is not None:
        bpy.types.SpaceView3D.draw_handler_remove(_draw_handler, "WINDOW")
    _draw_handler = _mesh = _posed = None
    _ghosts.clear()
    ghost_shader.forget_shader()
