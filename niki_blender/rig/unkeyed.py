"""Values that were changed by hand but not keyed, kept while other frames are visited: to go to a frame is to
forget them, all over the scene."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import bpy

from .animation import fcurves_with_nla

Values = dict[tuple[bpy.types.ID, str], object]


@contextlib.contextmanager
def keep_unkeyed(scene: bpy.types.Scene, but: set[tuple[bpy.types.ID, str]] = frozenset()) -> Iterator[None]:
    """Come back to the scene's frame, and to every animated value as it stood, whatever happens meanwhile.

    Args:
        but: what may be another afterwards, as (data-block, data path); may still grow meanwhile.
    """
    frame, subframe, before = scene.frame_current, scene.frame_subframe, animated_values()
    try:
        yield
    finally:
        scene.frame_set(frame, subframe=subframe)
        now = animated_values()
        for place, value in before.items():
            if place not in but and place in now and now[place] != value:
                with contextlib.suppress(
                    AttributeError, TypeError, ValueError
                ):  # what a driver sets, or a library
                    _set_value(*place, value)


def animated_values() -> Values:
    """The present value of everything in the file that an action or the NLA moves."""
    values = {}
    for block in _animated_blocks():
        for path in {curve.data_path for curve in fcurves_with_nla(block)}:
            with contextlib.suppress(ValueError):  # the path leads nowhere
                value = block.path_resolve(path)
                numbers = hasattr(value, "__len__") and not isinstance(value, str)
                values[block, path] = tuple(value) if numbers else value
    return values


def _animated_blocks() -> Iterator[bpy.types.ID]:
    for collection in bpy.data.bl_rna.properties:
        if collection.type == "COLLECTION":
            for block in getattr(bpy.data, collection.identifier):
                for owner in (block, getattr(block, "node_tree", None)):
                    if getattr(owner, "animation_data", None) is not None:
                        yield owner


def _set_value(block: bpy.types.ID, path: str, value) -> None:
    if path.endswith('"]'):  # a custom property
        start = path.rindex('["')
        owner = block.path_resolve(path[:start]) if start else block
        owner[bpy.utils.unescape_identifier(path[start + 2 : -2])] = value
    else:
        head, _, name = path.rpartition(".")
        setattr(block.path_resolve(head) if head else block, name, value)
