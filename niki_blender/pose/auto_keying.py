"""Keys changed bones by the rules of Blender's own auto-keying."""

from __future__ import annotations

import contextlib

import bpy

from ..rig.channels import rotation_locks
from ..rig.selection import select_temporarily


def is_auto_keying(context: bpy.types.Context) -> bool:
    """Whether auto-keying is on."""
    return context.scene.tool_settings.use_keyframe_insert_auto


def key_changed(
    context: bpy.types.Context,
    rig: bpy.types.Object,
    changed: dict[str, list[str]],
    frame: float,
    new_curves: bool = False,
) -> int:
    """Key what has changed, whether auto-keying is on or not; return the number of bones keyed.

    Respects the active keying set, *Only Insert Needed*, *Only Insert Available*, the keyframe type,
    *Replace* and *Cycle-Aware* keying. Locked channels are not keyed.

    Args:
        changed: for each bone, the properties that have changed ("rotation_quaternion", "location" ...).
        new_curves: key also what has no f-curve yet, in spite of *Only Insert Available*.
    """
    tools = context.scene.tool_settings
    paths, options = None, _options(context)
    if tools.use_keyframe_insert_keyingset and context.scene.keying_sets_all.active is not None:
        paths, options = _keying_set_paths(context, rig, changed)
    if new_curves:
        options -= {"INSERTKEY_AVAILABLE"}
    return sum(
        [
            _key_bone(rig.pose.bones[name], channels, frame, paths, options, tools.keyframe_type)
            for name, channels in changed.items()
        ]
    )


def _options(context) -> set[str]:
    """The options of :meth:`keyframe_insert` that the user's settings call for."""
    edit, tools = context.preferences.edit, context.scene.tool_settings
    enabled = {
        "INSERTKEY_VISUAL": edit.use_visual_keying,
        "INSERTKEY_NEEDED": edit.use_auto_keyframe_insert_needed,
        "INSERTKEY_AVAILABLE": edit.use_keyframe_insert_available,
        "INSERTKEY_CYCLE_AWARE": tools.use_keyframe_cycle_aware,
        "INSERTKEY_REPLACE": tools.auto_keying_mode == "REPLACE_KEYS",
    }
    return {name for name, on in enabled.items() if on}


def _keying_set_paths(context, rig, bones) -> tuple[set[tuple[str, int]], set[str]]:
    """The paths of ``rig`` in the active keying set, as (data path, array index or -1 for all), and its options."""
    active = context.scene.keying_sets_all.active
    if not active.is_path_absolute:  # a built-in set collects its paths from the selection
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
    """Key the unlocked components of a bone's channels; return whether any was keyed."""
    keyed = False
    for channel in channels:
        path = bone.path_from_id(channel)
        locks = bone.lock_location if channel == "location" else rotation_locks(bone)
        for index, locked in enumerate(locks):
            in_set = paths is None or not paths.isdisjoint({(path, -1), (path, index)})
            if not locked and in_set:
                keyed |= bone.keyframe_insert(
                    channel, index=index, frame=frame, group=bone.name, options=options, keytype=kind
                )
    return keyed
