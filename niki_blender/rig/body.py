"""The body mesh of an armature, skinned to its 24 bones, and its materials."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import bpy
import numpy as np

from ...niki.body.skeleton import BONES, Body
from ...niki.meshes.mannequin import Skin, mannequin
from .space import to_blender

_MADE_AS = "niki_made_as"  # custom property of a material made here: its fingerprint at that time
_CLAY = (0.42, 0.46, 0.52, 1.0)


def add_mannequin(rig: bpy.types.Object, body: Body) -> bpy.types.Object:
    """Add the neutral mannequin to ``rig``, which has the proportions of ``body``; return the mesh object."""
    mesh = add_skin(rig, mannequin(body))
    mesh.data.materials.append(make_material("NIKI Clay", _CLAY))
    return mesh


def add_skin(rig: bpy.types.Object, skin: Skin) -> bpy.types.Object:
    """Add a smooth-shaded mesh object with one vertex group per bone, parented to ``rig``, in its collections."""
    name = f"{rig.name} Body"
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(to_blender(skin.vertices).tolist(), [], skin.faces.tolist())
    mesh.polygons.foreach_set("use_smooth", np.ones(len(mesh.polygons), bool))  # pyright: ignore[reportArgumentType]
    mesh.update()
    skinned = bpy.data.objects.new(name, mesh)
    for collection in rig.users_collection:
        collection.objects.link(skinned)
    for i, bone in enumerate(BONES):
        group = skinned.vertex_groups.new(name=bone)
        for weight, vertices in _group_by_weight(skin.weights[:, i]):
            group.add(vertices, weight, "REPLACE")
    modifier = skinned.modifiers.new("Armature", "ARMATURE")
    modifier.object = rig
    modifier.use_deform_preserve_volume = True
    skinned.parent = rig
    return skinned


def make_material(name: str, color: Sequence[float], roughness: float = 0.55) -> bpy.types.Material:
    """A plain material with the same color in the viewport and in renders.

    One made earlier is used again, if it has not been changed since.

    Args:
        color: red, green, blue and alpha, 0 to 1.
    """
    for material in bpy.data.materials:
        if material.library is None and material.get(_MADE_AS) == _fingerprint(name, material):
            return material
    material = bpy.data.materials.new(name)
    material.diffuse_color = color
    material.roughness = roughness
    if material.node_tree is None:  # before Blender 5.0
        material.use_nodes = True
    surface = next(n for n in material.node_tree.nodes if n.type == "BSDF_PRINCIPLED")
    surface.inputs["Base Color"].default_value = color
    surface.inputs["Roughness"].default_value = roughness
    material[_MADE_AS] = _fingerprint(name, material)
    return material


def _fingerprint(name: str, material: bpy.types.Material) -> str:
    """A text that changes with any setting that affects the look of a material."""
    tree = material.node_tree
    settings = [
        list(material.diffuse_color),
        material.roughness,
        material.metallic,
        material.animation_data is None,
    ]
    if tree is not None:
        settings += [len(tree.links), tree.animation_data is None]
        for node in tree.nodes:
            settings += [node.bl_idname, node.mute, *map(_value, node.inputs)]
    return f"{name}|{hashlib.sha256(repr(settings).encode()).hexdigest()[:16]}"


def _value(socket: bpy.types.NodeSocket):
    """The default value of a socket in a form whose ``repr`` depends on the value alone."""
    value = getattr(socket, "default_value", None)
    if isinstance(value, float | int | str | None):
        return value
    try:
        return [float(x) for x in value]
    except (TypeError, ValueError):  # another data-block
        return repr(value)


def _group_by_weight(weights: np.ndarray):
    """Yield (weight, vertex indices), with weights rounded to 1/256: one call then serves many vertices."""
    steps = np.round(weights * 256).astype(int)
    order = np.argsort(steps, kind="stable")[np.count_nonzero(steps == 0) :]
    for same in np.split(order, np.flatnonzero(np.diff(steps[order])) + 1):
        if len(same):
            yield steps[same[0]] / 256, same.tolist()
