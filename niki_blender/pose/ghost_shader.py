"""Draws bodies in many poses: skinned on the graphics card, which is given the bones' moves alone."""

from __future__ import annotations

import gpu
import numpy as np

from ...niki.body.skeleton import NUM_BONES, Body
from ...niki.meshes.dual_quaternions import (
    dual_quaternions,
    skin_vertices,
    strongest_bones,
    vertex_normals,
)
from ...niki.meshes.mannequin import mannequin
from ..rig.space import rotations_to_blender, to_blender

_CELL = 0.02  # meters: as coarse as leaves fingers whole
_INSIDE = 0.12  # how opaque a ghost is where it faces the eye, as a share of its outline
_BONES = f"struct NikiBones {{ vec4 moves[{2 * NUM_BONES}]; }};"  # for each a rotation (w, x, y, z), then the dual part
_VERTEX = """
void main()
{
  vec4 pivot = body.moves[2 * int(bones.x + 0.5)];
  vec4 turn = vec4(0.0, 0.0, 0.0, 0.0);
  vec4 dual = vec4(0.0, 0.0, 0.0, 0.0);
  for (int k = 0; k < 4; k++) {
    int row = 2 * int(bones[k] + 0.5);
    vec4 rotation = body.moves[row];
    float share = dot(rotation, pivot) < 0.0 ? -weights[k] : weights[k];
    turn += share * rotation;
    dual += share * body.moves[row + 1];
  }
  float size = length(turn);
  turn /= size;
  dual /= size;
  vec3 axis = turn.yzw;
  vec3 place = 2.0 * (turn.x * dual.yzw - dual.x * axis + cross(axis, dual.yzw));
  vec3 at = pos + 2.0 * cross(axis, cross(axis, pos) + turn.x * pos) + place;
  across = normal + 2.0 * cross(axis, cross(axis, normal) + turn.x * normal);
  ray = eye.xyz - eye.w * at;
  gl_Position = ModelViewProjectionMatrix * vec4(at, 1.0);
}
"""
_FRAGMENT = f"""
void main()
{{
  float slant = 1.0 - abs(dot(normalize(across), normalize(ray)));
  fragColor = vec4(color.rgb, color.a * mix({_INSIDE}, 1.0, slant * slant * slant));
}}
"""

_shader: gpu.types.GPUShader | None = None
_refused = False  # whether the graphics card does not take it


class GhostMesh:
    """The mesh of a body on the graphics card."""

    def __init__(self, body: Body):
        skin = mannequin(body, _CELL)
        self.rest_joints = body.rest_joints
        self._rest = to_blender(body.rest_joints)
        self._vertices = to_blender(skin.vertices)
        self._bones, self._weights = strongest_bones(skin.weights)
        faces = skin.faces[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3).astype(np.int32)
        self._faces = gpu.types.GPUIndexBuf(type="TRIS", seq=faces)  # pyright: ignore
        self._normals = vertex_normals(self._vertices, faces)
        self._skinned = None

    def moves(self, joints: np.ndarray, orientations: np.ndarray) -> np.ndarray:
        """(n, 24, 8) how bones move in n poses, (n, 29, 3) and (n, 24, 3, 3) in library space."""
        return dual_quaternions(to_blender(joints), rotations_to_blender(orientations), self._rest)

    def skinned(self) -> gpu.types.GPUBatch:
        """The batch of the resting mesh, with what the shader needs to pose it."""
        if self._skinned is None:
            self._skinned = self._batch(
                pos=self._vertices, normal=self._normals, bones=self._bones, weights=self._weights
            )
        return self._skinned

    def posed(self, moves: np.ndarray) -> gpu.types.GPUBatch:
        """A batch of the posed mesh, where the shader does not work."""
        return self._batch(pos=skin_vertices(self._vertices, self._bones, self._weights, moves))

    def _batch(self, **attributes: np.ndarray) -> gpu.types.GPUBatch:
        layout = gpu.types.GPUVertFormat()
        for name, values in attributes.items():
            layout.attr_add(id=name, comp_type="F32", len=values.shape[1], fetch_mode="FLOAT")
        buffer = gpu.types.GPUVertBuf(layout, len(self._vertices))  # pyright: ignore
        for name, values in attributes.items():
            buffer.attr_fill(name, np.ascontiguousarray(values, np.float32))  # pyright: ignore
        return gpu.types.GPUBatch(type="TRIS", buf=buffer, elem=self._faces)  # pyright: ignore


class Ghost:
    """A body in one pose on the graphics card."""

    def __init__(self, mesh: GhostMesh):
        self._mesh, self._moves, self._buffer, self._batch = mesh, np.zeros(0), None, None

    def pose(self, moves: np.ndarray) -> None:
        """Take the pose in which bones have moved by ``moves`` (24, 8)."""
        self._moves, self._batch = moves, None
        if not _skinning_shader():
            return
        rows = np.ascontiguousarray(moves, np.float32)
        if self._buffer is None:
            self._buffer = gpu.types.GPUUniformBuf(rows)  # pyright: ignore
        else:
            self._buffer.update(rows)  # pyright: ignore

    def draw(self, eye: np.ndarray, color: tuple[float, float, float, float]) -> None:
        """Draw only what is in front, so that one sees a solid figure through which the scene shines.

        Args:
            eye: (4,) where one looks from, in the body's space, and 1; or the direction there, and 0.
        """
        shader = _skinning_shader()
        if shader:
            shader.bind()
            shader.uniform_block("body", self._buffer)
            shader.uniform_float("eye", eye.tolist())
            batch = self._mesh.skinned()
        else:
            shader = gpu.shader.from_builtin("UNIFORM_COLOR")
            shader.bind()
            batch = self._batch = self._batch or self._mesh.posed(self._moves)
            color = *color[:3], color[3] * 3 * _INSIDE
        shader.uniform_float("color", color)
        gpu.state.color_mask_set(False, False, False, False)
        batch.draw(shader)
        gpu.state.color_mask_set(True, True, True, True)
        batch.draw(shader)


def _skinning_shader() -> gpu.types.GPUShader | None:
    """The shader; None where the graphics card refuses it, of which the console tells once."""
    global _shader, _refused
    if _shader is None and not _refused:
        try:
            _shader = _make_shader()
        except Exception as problem:  # of whatever kind, one can do without
            _refused = True
            print(f"NIKI: the onion skin is slower here, as its shader does not work: {problem}")
    return _shader


def _make_shader() -> gpu.types.GPUShader:
    info = gpu.types.GPUShaderCreateInfo()
    between = gpu.types.GPUStageInterfaceInfo("niki_ghost")  # pyright: ignore
    between.smooth("VEC3", "across")
    between.smooth("VEC3", "ray")
    info.typedef_source(_BONES)
    info.uniform_buf(0, "NikiBones", "body")
    info.push_constant("MAT4", "ModelViewProjectionMatrix")  # Blender sets it
    info.push_constant("VEC4", "eye")
    info.push_constant("VEC4", "color")  # 96 bytes in all; every system has 128
    for slot, (kind, name) in enumerate(
        (("VEC3", "pos"), ("VEC3", "normal"), ("VEC4", "bones"), ("VEC4", "weights"))
    ):
        info.vertex_in(slot, kind, name)
    info.vertex_out(between)
    info.fragment_out(0, "VEC4", "fragColor")
    info.vertex_source(_VERTEX)
    info.fragment_source(_FRAGMENT)
    return gpu.shader.create_from_info(info)


def forget_shader() -> None:
    """Free the shader."""
    global _shader, _refused
    _shader, _refused = None, False
