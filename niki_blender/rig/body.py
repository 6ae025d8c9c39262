"""The body that the armature moves: a mesh with materials, skinned to the 24 bones."""

import hashlib

import bpy
import numpy as np

from ...niki.body.skeleton import BONES, Body
from ...niki.meshes.mannequin import Skin, mannequin
from .space import to_blender

_MADE_AS = "niki_made_as"  # on our materials: what they were like when made
_CLAY = (0.42, 0.46, 0.52, 1.0)


def add_mannequin(rig: bpy.types.Object, body: Body) -> bpy.types.Object:
    """The neutral mannequin on ``rig``, which has ``body``'s proportions."""
    mesh = add_skin(rig, mannequin(body))
    mesh.data.materials.append(make_material("NIKI Clay", _CLAY))
    return mesh


def add_skin(rig: bpy.types.Object, skin: Skin) -> bpy.types.Object:
    """A smooth-shaded mesh object parented to ``rig`` and beside it, one vertex group for each bone."""
    name = f"{rig.name} Body"
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(to_blender(skin.vertices).tolist(), [], skin.faces.tolist())
    mesh.polygons.foreach_set("use_smooth", np.ones(len(mesh.polygons), bool))
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


def make_material(name: str, colour, roughness: float = 0.55) -> bpy.types.Material:
    """A plain surface of ``colour`` (r, g, b, a), the same in the viewport and in renders: one that was made
    before, if nobody has changed it since."""
    for made in bpy.data.materials:
        if made.library is None and _MADE_AS in made and made[_MADE_AS] == _fingerprint(name, made):
            return made
    material = bpy.data.materials.new(name)
    material.diffuse_color = colour
    material.roughness = roughness
    if material.node_tree is None:  # before Blender 5.0
        material.use_nodes = True
    surface = next(n for n in material.node_tree.nodes if n.type == "BSDF_PRINCIPLED")
    surface.inputs["Base Color"].default_value = colour
    surface.inputs["Roughness"].default_value = roughness
    material[_MADE_AS] = _fingerprint(name, material)
    return material


def _fingerprint(name: str, material: bpy.types.Material) -> str:
    """All that makes a material's look, as text that differs once any of it is changed."""
    tree = material.node_tree
    looks = [
        list(material.diffuse_color),
        material.roughness,
        material.metallic,
        material.animation_data is None,
    ]
    if tree is not None:
        looks += [len(tree.links), tree.animation_data is None]
        for node in tree.nodes:
            looks += [node.bl_idname, node.mute, *map(_value, node.inputs)]
    return f"{name}|{hashlib.sha256(repr(looks).encode()).hexdigest()[:16]}"


def _value(socket: bpy.types.NodeSocket):
    value = getattr(socket, "default_value", None)
    if isinstance(value, float | int | str | None):
        return value
    try:
        return [float(x) for x in value]
    except (TypeError, ValueError):  # another data-block
        return repr(value)


def _group_by_weight(weights: np.ndarray):
    """(weight, vertex indices) with weights in steps of 1/256: one call for many vertices."""
    steps = np.round(weights * 256).astype(int)
    order = np.argsort(steps, kind="stable")[np.count_nonzero(steps == 0) :]
    for same in np.split(order, np.flatnonzero(np.diff(steps[order])) + 1):
        if len(same):
            yield steps[same[0]] / 256, same.tolist()
