"""Posing: pulling joints, targets, corrections over time, baking."""

MODULES = (
    "settings",
    "preview",
    "hover",
    "draw_handles",
    "onion_skin",
    "trail",
    "reach",
    "select_joints",
    "pinning",
    "axis_line",
    "tool_status",
    "tool",
    "corrections",
    "correcting",
    "reduce_keys",
    "bake",
    "targets",
    "key_pose",
    "panel",
    "corrections_panel",
    "onion_panel",
)
"""Modules that register, in this order."""
