"""Posing: pulling joints, keeping what was pulled, corrections over time, targets; onion skin and trail."""

MODULES = (
    "settings",
    "preview",
    "onion_skin",
    "trail",
    "reach",
    "select_joints",
    "pinning",
    "axis_line",
    "tool_status",
    "tool",
    "targets",
    "key_pose",
    "panel",
    "onion_panel",
)
"""Modules that register, in this order."""
