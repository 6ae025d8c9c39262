"""Views square to the person, in which leaning shows: from the side and from above, before a grid."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Matrix

from ...niki.motion.motion import Motion
from ..rig.space import LIBRARY_TO_BLENDER, to_blender

VIEWS = ("side", "above")
"""From the side, the footage's camera is to the left; from above, it is below. Both are orthographic, and the side's
camera is level."""

_AWAY = 20.0  # meters from the person to the camera, and on to the grid
_SQUARE = 0.25  # meters, of the grid
_MARGIN = 0.12  # meters around the person, who is thicker than their joints
_GREYS = (0.26, 0.21, 0.05)  # of the squares, and of what is under the floor


class SquareView:
    """A view of the scene of a motion: an orthographic camera, which becomes the scene's, and a grid behind the person.

    Args:
        name: of :data:`VIEWS`.
        motion: as it stands in the scene.
        indices: its frames that must fit into the picture.
        shape: the picture's height over its width.
    """

    def __init__(self, name: str, motion: Motion, indices: list[int], shape: float):
        self._upright = name == "side"
        self._turn = LIBRARY_TO_BLENDER @ _axes(name, motion)
        joints = to_blender(motion.solved_joints())
        self._hips = joints[:, 0]
        in_view = (joints - self._hips[:, None])[indices] @ self._turn
        across, high = np.abs(in_view[..., 0]).max(), np.abs(in_view[..., 1]).max()
        self._middle = 0.0
        if self._upright:  # the floor stays at one height in all pictures
            heights = joints[indices][..., 2]
            low, top = min(heights.min(), 0.0), heights.max()
            self._middle, high = (low + top) / 2, (top - low) / 2
        scene = bpy.context.scene
        data = bpy.data.cameras.new(f"From {name}")
        data.type, data.sensor_fit = "ORTHO", "HORIZONTAL"
        data.ortho_scale = 2 * max(across + _MARGIN, (high + _MARGIN) / shape)
        self._camera = scene.camera = bpy.data.objects.new(data.name, data)
        self._grid = _make_grid(self._upright)
        for item in (self._camera, self._grid):
            scene.collection.objects.link(item)

    def aim(self, index: int) -> None:
        """Look at the person in a frame of the motion."""
        target = self._hips[index].copy()
        if self._upright:
            target[2] = self._middle
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = self._turn, target + _AWAY * self._turn[:, 2]
        self._camera.matrix_world = Matrix(pose.tolist())
        if self._upright:
            target -= _AWAY * self._turn[:, 2]
            target[2] = 0.0  # its lower edge is the floor
            drift = self._turn[:, :1]
        else:
            target[2] = 0.0
            drift = self._turn[:, :2]
        target -= drift @ (target @ drift % (2 * _SQUARE))  # the squares stay where they are in the world
        pose[:3, 3] = target
        self._grid.matrix_world = Matrix(pose.tolist())

    def remove(self) -> None:
        """Take camera and grid out of the scene."""
        for item in (self._camera, self._grid):
            bpy.data.objects.remove(item)


def _axes(name: str, motion: Motion) -> np.ndarray:
    """(3, 3) library space: the columns are the picture's right, its up, and the direction to the viewer."""
    up = np.array([0.0, 1.0, 0.0])
    ahead = motion.camera_pose[:3, 2] * [1, 0, 1]
    if np.linalg.norm(ahead) < 1e-3:  # it looks straight down: what is up in its picture is ahead
        ahead = -motion.camera_pose[:3, 1] * [1, 0, 1]
    ahead = ahead / np.linalg.norm(ahead)
    right = np.cross(ahead, up)
    return np.stack([ahead, up, right] if name == "side" else [right, ahead, up], -1)


def _make_grid(upright: bool) -> bpy.types.Object:
    """A checkered plane across the view; from the side it ends at the floor, and all below is dark."""
    count, half = 48, 24
    columns, rows = np.meshgrid(np.arange(count), np.arange(count))
    corner = (columns + (count + 1) * rows).ravel()
    faces = np.stack([corner, corner + 1, corner + count + 2, corner + count + 1], -1)
    x, y = np.meshgrid(np.arange(count + 1) - half, np.arange(count + 1) - (0 if upright else half))
    vertices = np.stack([x, y, 0 * x], -1).reshape(-1, 3) * _SQUARE
    shades = ((columns + rows) % 2).ravel()
    if upright:
        ends = np.array([[-1, -1, 0], [1, -1, 0], [1, 0, 0], [-1, 0, 0]]) * half * _SQUARE
        vertices, faces = np.concatenate([vertices, ends]), np.vstack([faces, len(vertices) + np.arange(4)])
        shades = np.append(shades, 2)
    mesh = bpy.data.meshes.new("Grid")
    mesh.from_pydata(vertices.tolist(), [], faces.tolist())
    for grey in _GREYS:
        mesh.materials.append(_glowing(grey))
    mesh.polygons.foreach_set("material_index", shades.tolist())
    return bpy.data.objects.new("Grid", mesh)


def _glowing(grey: float) -> bpy.types.Material:
    """A material of one grey, whatever the light."""
    material = bpy.data.materials.new(f"Grid {grey:g}")
    if material.node_tree is None:  # before Blender 5.0
        material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    nodes.clear()
    emission, output = nodes.new("ShaderNodeEmission"), nodes.new("ShaderNodeOutputMaterial")
    emission.inputs["Color"].default_value = (grey, grey, grey, 1)
    links.new(emission.outputs["Emission"], output.inputs["Surface"])
    return material
