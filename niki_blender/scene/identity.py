"""Keys that identify scenes and armatures after they have been renamed."""

from __future__ import annotations

import uuid
from typing import Any

import bpy
from bpy.props import StringProperty

_seen: dict[str, int] = {}
"""Session UIDs by key, for all keys used in this file, even if undo has removed them since."""


def identity_of(item: bpy.types.Scene | bpy.types.Object) -> str:
    """A key that a scene or an object keeps when it is renamed; saved with the file. Created if there is none, or if
    the key is that of the original of a copy. "" for linked data, which cannot be changed."""
    if item.library is not None:
        return ""
    key = item.niki_identity
    if not key or any(other.session_uid < item.session_uid for other in _with(_kin(item), key)):
        key = item.niki_identity = uuid.uuid4().hex
    _seen[key] = item.session_uid
    return key


def find_by_identity(items: bpy.types.bpy_prop_collection, name: str, identity: str = "") -> Any:
    """Find the item of ``bpy.data.scenes`` or ``bpy.data.objects`` that had this name and key.

    Args:
        identity: the key; "" finds it by name alone.

    Returns:
        None if it no longer exists, or if copies of it have the same key.
    """
    named = items.get(name)
    if not identity or (named is not None and named.niki_identity == identity):
        return named
    same = _with(items, identity)
    if same:
        return same[0] if len(same) == 1 else None
    if named is None or named.niki_identity:
        return None
    # undo, or reopening the file without saving, has removed the key
    return named if _seen.get(identity, named.session_uid) == named.session_uid else None


def forget_identities() -> None:
    """Forget all keys, when another file is opened."""
    _seen.clear()


def _kin(item):
    return bpy.data.scenes if isinstance(item, bpy.types.Scene) else bpy.data.objects


def _with(items, key: str) -> list:
    return [item for item in items if item.niki_identity == key]


def register() -> None:
    bpy.types.Scene.niki_identity = StringProperty(
        options={"HIDDEN"}, description="Identifies the scene after it has been renamed"
    )
    bpy.types.Object.niki_identity = StringProperty(
        options={"HIDDEN"}, description="Identifies the object after it has been renamed"
    )


def unregister() -> None:
    del bpy.types.Object.niki_identity
    del bpy.types.Scene.niki_identity
