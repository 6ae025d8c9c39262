"""Posing: pulling joints, targets, corrections over time, baking."""

MODULES = ("settings", "handles", "tool", "correcting", "reduce_keys", "bake", "targets", "panel")
"""Modules that register, in this order."""
