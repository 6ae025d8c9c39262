"""Preserves values that the user changed but did not key.

A frame change resets them to the animation, in the whole file, so whoever visits other frames must restore
them afterwards.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Set

import bpy

from .animation import fcurves_with_nla
from .channels import Channels

Values = dict[tuple[bpy.types.ID, str], object]


@contextlib.contextmanager
def keep_unkeyed(
    scene: bpy.types.Scene, changed: Set[tuple[bpy.types.ID, str]] = frozenset()
) -> Iterator[None]:
    """On leaving the context, restore the current frame and the value of every animated property.

    Args:
        changed: what not to restore, as (data-block, data path); it may grow within the context.
    """
    frame, subframe, before = scene.frame_current, scene.frame_subframe, animated_values()
    try:
        yield
    finally:
        scene.frame_set(frame, subframe=subframe)
        now = animated_values()
        for key, value in before.items():
            if key not in changed and key in now and now[key] != value:
                # Values that a driver sets, or of a linked data-block, cannot be written.
                with contextlib.suppress(AttributeError, TypeError, ValueError):
                    _set_value(*key, value)


@contextlib.contextmanager
def keep_posed_by_hand(
    rig: bpy.types.Object, scene: bpy.types.Scene
) -> Iterator[tuple[list[str], set[tuple[bpy.types.ID, str]]]]:
    """:func:`keep_unkeyed` while keys are written to ``rig``. Yields the bones that were posed by hand and not keyed,
    which are to stay as they stand, and a set for the channels, (data-block, data path), that were written and may
    change."""
    posed, changed = Channels.of(rig), set()
    with keep_unkeyed(scene, changed):
        scene.frame_set(scene.frame_current, subframe=scene.frame_subframe)
        yield posed.changed_since(Channels.of(rig)), changed


def animated_values() -> Values:
    """The current value of every property in the file that an action or the NLA animates."""
    values = {}
    for block in _animated_blocks():
        for path in {curve.data_path for curve in fcurves_with_nla(block)}:
            with contextlib.suppress(ValueError):  # the path does not resolve
                value = block.path_resolve(path)
                is_array = hasattr(value, "__len__") and not isinstance(value, str)
                values[block, path] = tuple(value) if is_array else value
    return values


def _animated_blocks() -> Iterator[bpy.types.ID]:
    """All data-blocks with animation data, including embedded node trees."""
    for collection in bpy.data.bl_rna.properties:
        if collection.type == "COLLECTION":
            for block in getattr(bpy.data, collection.identifier):
                for owner in (block, getattr(block, "node_tree", None)):
                    if owner is not None and getattr(owner, "animation_data", None) is not None:
                        yield owner


def _set_value(block: bpy.types.ID, path: str, value) -> None:
    if path.endswith('"]'):  # a custom property
        start = path.rindex('["')
        owner = block.path_resolve(path[:start]) if start else block
        owner[bpy.utils.unescape_identifier(path[start + 2 : -2])] = value
    else:
        head, _, name = path.rpartition(".")
        setattr(block.path_resolve(head) if head else block, name, value)
