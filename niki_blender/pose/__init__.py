"""Posing: pulling joints, targets, corrections over time, baking."""

MODULES = (
    "settings",
    "handles",
    "tool",
    "corrections",
    "correcting",
    "bake",
    "targets",
    "key_pose",
    "panel",
    "corrections_panel",
)
"""Modules that register, in this order."""
