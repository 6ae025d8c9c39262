"""Keys for bones that were moved, by the rules that Blender's own auto-keying follows."""

from __future__ import annotations

import contextlib

import bpy

from ..rig.channels import rotation_locks
from ..rig.selection import select_temporarily


def auto_key(context, rig: bpy.types.Object, changed: dict[str, list[str]], frame: float) -> int:
    """Key what has changed, where auto-keying is on; how many bones were keyed.

    The active keying set counts, *Only Insert Needed* and *Only Insert Available*, the type for new keys,
    *Replace* and *Cycle-Aware* keying; locked channels are not keyed.

    Args:
        changed: by bone, its properties that have changed ("rotation_quaternion", "location" ...).
    """
    tools = context.scene.tool_settings
    if not tools.use_keyframe_insert_auto:
        return 0
    paths, options = None, _options(context)
    if tools.use_keyframe_insert_keyingset and context.scene.keying_sets_all.active is not None:
        paths, options = _keying_set_paths(context, rig, changed)
    return sum(
        [
            _key_bone(rig.pose.bones[name], channels, frame, paths, options, tools.keyframe_type)
            for name, channels in changed.items()
        ]
    )


def _options(context) -> set[str]:
    edit, tools = context.preferences.edit, context.scene.tool_settings
    wanted = {
        "INSERTKEY_VISUAL": edit.use_visual_keying,
        "INSERTKEY_NEEDED": edit.use_auto_keyframe_insert_needed,
        "INSERTKEY_AVAILABLE": edit.use_keyframe_insert_available,
        "INSERTKEY_CYCLE_AWARE": tools.use_keyframe_cycle_aware,
        "INSERTKEY_REPLACE": tools.auto_keying_mode == "REPLACE_KEYS",
    }
    return {name for name, on in wanted.items() if on}


def _keying_set_paths(context, rig, bones) -> tuple[set[tuple[str, int]], set[str]]:
    """What the active keying set wants keyed of ``rig``, as (data path, index or -1), and how."""
    active = context.scene.keying_sets_all.active
    if not active.is_path_absolute:  # a set of Blender's own is made for what is selected
        with select_temporarily(rig, bones), contextlib.suppress(RuntimeError):
            active.refresh()
    paths = {
        (path.data_path, -1 if path.use_entire_array else path.array_index)
        for path in active.paths
        if path.id == rig
    }
    options = {"INSERTKEY_VISUAL"} if active.use_insertkey_visual else set()
    options |= {"INSERTKEY_NEEDED"} if active.use_insertkey_needed else set()
    if context.scene.tool_settings.use_keyframe_cycle_aware:
        options.add("INSERTKEY_CYCLE_AWARE")
    return paths, options


def _key_bone(bone: bpy.types.PoseBone, channels, frame: float, paths, options: set[str], kind: str) -> bool:
    keyed = False
    for channel in channels:
        path = bone.path_from_id(channel)
        locks = bone.lock_location if channel == "location" else rotation_locks(bone)
        for index, locked in enumerate(locks):
            wanted = paths is None or not paths.isdisjoint({(path, -1), (path, index)})
            if not locked and wanted:
                keyed |= bone.keyframe_insert(
                    channel, index=index, frame=frame, group=bone.name, options=options, keytype=kind
                )
    return keyed
