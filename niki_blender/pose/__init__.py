"""Posing: pulling joints, targets, corrections over time, baking."""

MODULES = (
    "settings",
    "preview",
    "handles",
    "onion_skin",
    "trail",
    "reach",
    "tool",
    "correcting",
    "bake",
    "targets",
    "panel",
    "onion_panel",
)
"""Modules that register, in this order."""
