"""Posing: pulling joints, targets, corrections over time, baking."""

MODULES = (
    "settings",
    "preview",
    "draw_handles",
    "onion_skin",
    "trail",
    "reach",
    "tool",
    "correcting",
    "reduce_keys",
    "bake",
    "targets",
    "key_pose",
    "panel",
    "onion_panel",
)
"""Modules that register, in this order."""
