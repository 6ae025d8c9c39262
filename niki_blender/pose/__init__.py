"""Posing: pulling joints, targets, corrections over time, baking."""

MODULES = ("settings", "preview", "handles", "tool", "correcting", "bake", "targets", "panel")
"""Modules that register, in this order."""
