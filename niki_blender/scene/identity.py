"""Keys by which scenes and armatures are found again, whatever they are called by then."""

from __future__ import annotations

import uuid

import bpy
from bpy.props import StringProperty

_seen: dict[str, int] = {}
"""Of this file: whose keys were asked for, also where undo has taken them away since."""


def identity_of(item: bpy.types.Scene | bpy.types.Object) -> str:
    """A key that stays with a scene or an armature when it is renamed, and is saved with the file. A copy, which
    Blender gives the same key, gets its own here; what is linked from a library has none."""
    if item.library is not None:
        return ""
    key = item.niki_identity
    if not key or any(other.session_uid < item.session_uid for other in _with(_kin(item), key)):
        key = item.niki_identity = uuid.uuid4().hex
    _seen[key] = item.session_uid
    return key


def find_by_identity(items, name: str, identity: str = ""):
    """Of ``bpy.data.scenes`` or ``bpy.data.objects``, the one that had this name and this key: by name alone where
    ``identity`` is ""; None where it is gone, or copies of it cannot be told apart."""
    named = items.get(name)
    if not identity or (named is not None and named.niki_identity == identity):
        return named
    same = _with(items, identity)
    if same:
        return same[0] if len(same) == 1 else None
    if named is None or named.niki_identity:
        return None
    # undo, or a file that was not saved since, has taken the key away
    return named if _seen.get(identity, named.session_uid) == named.session_uid else None


def forget_identities() -> None:
    """Another file is open."""
    _seen.clear()


def _kin(item):
    return bpy.data.scenes if isinstance(item, bpy.types.Scene) else bpy.data.objects


def _with(items, key: str) -> list:
    return [item for item in items if item.niki_identity == key]


def register():
    bpy.types.Scene.niki_identity = StringProperty(
        options={"HIDDEN"}, description="Finds the scene again after it was renamed"
    )
    bpy.types.Object.niki_identity = StringProperty(
        options={"HIDDEN"}, description="Finds the armature again after it was renamed"
    )


def unregister():
    del bpy.types.Object.niki_identity
    del bpy.types.Scene.niki_identity
