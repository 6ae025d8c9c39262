"""What the status bar says while the Pull Joints tool is active and nothing is pressed."""

from __future__ import annotations

import bpy

from ..handles.handles import is_tool_active
from ..rig.armature import LINKED, is_our_armature
from .key_pose import status_of

_KEYS = (
    (("MOUSE_LMB_DRAG",), "Pull"),
    (("EVENT_SHIFT", "MOUSE_LMB"), "Extend"),
    (("EVENT_A",), "All"),
    (("EVENT_ALT", "EVENT_A"), "None"),
    (("EVENT_B",), "Box Select"),
    (("EVENT_P",), "Pin"),
    (("EVENT_I",), "Key Pose"),
)
"""Icons and what the keys do."""
NOT_OURS = "Pull Joints works on NIKI armatures: captured ones, and Add > Armature > NIKI Body"


def refusal_of(rig: bpy.types.Object | None) -> str:
    """Why the tool does nothing on an armature in Pose Mode; "" where it works."""
    if not is_our_armature(rig):
        return NOT_OURS
    return LINKED if rig.library is not None else ""


def _draw(header, context) -> None:
    """At the left of the status bar."""
    if context.mode != "POSE" or not is_tool_active(context) or _is_taken(context):
        return
    row = header.layout.row()
    refusal = refusal_of(context.object)
    if refusal:
        row.label(text=refusal, icon="INFO")
        return
    for icons, text in _KEYS:
        key = row.row(align=True)
        for icon in icons:
            key.label(text="", icon=icon)
        key.label(text=text)


def _is_taken(context) -> bool:
    """Whether an operator that is running, or a pose that is not keyed, has the status bar."""
    return bool(context.window.modal_operators or status_of(context.scene))


def register():
    if not bpy.app.background:
        bpy.types.STATUSBAR_HT_header.prepend(_draw)


def unregister():
    if not bpy.app.background:
        bpy.types.STATUSBAR_HT_header.remove(_draw)
