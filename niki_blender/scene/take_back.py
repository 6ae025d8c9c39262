"""Changes that are made completely or not at all."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import bpy

_KINDS = ("objects", "collections", "armatures", "meshes", "cameras", "actions", "materials", "movieclips")
_RENDER = (
    "fps", "fps_base", "resolution_x", "resolution_y", "resolution_percentage", "pixel_aspect_x", "pixel_aspect_y",
)  # fmt: skip


@contextlib.contextmanager
def all_or_nothing(scene: bpy.types.Scene, rig: bpy.types.Object | None = None) -> Iterator[None]:
    """Context manager: if an exception leaves the block, remove the data-blocks added within it, and restore what a
    placement changes: the scene's settings, camera and hidden objects, and ``rig``'s action."""
    before = {kind: _uids(kind) for kind in _KINDS}
    settings = {name: getattr(scene.render, name) for name in _RENDER}
    first, last, camera = scene.frame_start, scene.frame_end, scene.camera
    hidden_in_renders = [(item, item.hide_render) for item in scene.objects]
    hidden_in_views = [
        (layer, item, item.hide_get(view_layer=layer))
        for layer in scene.view_layers
        for item in layer.objects
        if item is not None  # removed, but the layer is not updated yet
    ]
    animation = _action_of(rig)
    try:
        yield
    except Exception:
        scene.camera = camera
        _restore_action(rig, animation)
        bpy.data.batch_remove([
            item for kind in _KINDS for item in getattr(bpy.data, kind) if item.session_uid not in before[kind]
        ])  # fmt: skip
        for name, value in settings.items():
            setattr(scene.render, name, value)
        scene.frame_start, scene.frame_end = first, last
        for item, hidden in hidden_in_renders:
            if item.hide_render != hidden:
                item.hide_render = hidden
        for layer, item, hidden in hidden_in_views:
            if item.hide_get(view_layer=layer) != hidden:
                item.hide_set(hidden, view_layer=layer)
        raise


def _uids(kind: str) -> set[int]:
    return {item.session_uid for item in getattr(bpy.data, kind)}


def _action_of(rig: bpy.types.Object | None):
    """The rig's action, its slot, and whether it has a fake user; None if there is no action."""
    data = rig.animation_data if rig is not None else None
    if data is None or data.action is None:
        return None
    return data.action, getattr(data, "action_slot", None), data.action.use_fake_user


def _restore_action(rig: bpy.types.Object | None, animation) -> None:
    data = rig.animation_data if rig is not None else None
    if data is None:
        return
    action, slot, fake_user = animation or (None, None, False)
    if data.action != action:
        data.action = action
        if slot is not None:
            data.action_slot = slot
        if action is not None:
            action.use_fake_user = fake_user
