"""Changes that are made as a whole or not at all."""

from __future__ import annotations

import contextlib

import bpy

_KINDS = ("objects", "collections", "armatures", "meshes", "cameras", "actions", "materials", "movieclips")
_RENDER = (
    "fps", "fps_base", "resolution_x", "resolution_y", "resolution_percentage", "pixel_aspect_x", "pixel_aspect_y",
)  # fmt: skip


@contextlib.contextmanager
def all_or_nothing(scene: bpy.types.Scene, rig: bpy.types.Object | None = None):
    """Where an exception leaves the block, remove what was added to the file within, and give back what a
    placement changes: the scene's settings and camera, what is hidden in it, and ``rig``'s action."""
    there = {kind: _uids(kind) for kind in _KINDS}
    settings = {name: getattr(scene.render, name) for name in _RENDER}
    first, last, camera = scene.frame_start, scene.frame_end, scene.camera
    hidden = [(thing, thing.hide_render) for thing in scene.objects]
    hidden_in = [
        (layer, thing, thing.hide_get(view_layer=layer))
        for layer in scene.view_layers
        for thing in layer.objects
        if thing is not None  # removed, and the layer not yet updated
    ]
    animated = _action_of(rig)
    try:
        yield
    except Exception:
        scene.camera = camera
        _give_back(rig, animated)
        bpy.data.batch_remove([
            item for kind in _KINDS for item in getattr(bpy.data, kind) if item.session_uid not in there[kind]
        ])  # fmt: skip
        for name, value in settings.items():
            setattr(scene.render, name, value)
        scene.frame_start, scene.frame_end = first, last
        for thing, was in hidden:
            if thing.hide_render != was:
                thing.hide_render = was
        for layer, thing, was in hidden_in:
            if thing.hide_get(view_layer=layer) != was:
                thing.hide_set(was, view_layer=layer)
        raise


def _uids(kind: str) -> set[int]:
    return {item.session_uid for item in getattr(bpy.data, kind)}


def _action_of(rig: bpy.types.Object | None):
    """The rig's action, its slot, and whether the action is kept without users; None where it has none."""
    data = rig.animation_data if rig is not None else None
    if data is None or data.action is None:
        return None
    return data.action, getattr(data, "action_slot", None), data.action.use_fake_user


def _give_back(rig: bpy.types.Object | None, animated) -> None:
    data = rig.animation_data if rig is not None else None
    if data is None:
        return
    action, slot, kept = animated or (None, None, False)
    if data.action != action:
        data.action = action
        if slot is not None:
            data.action_slot = slot
        if action is not None:
            action.use_fake_user = kept
