"""Pulling joints, targets, corrections and baking."""

MODULES = ("settings", "handles", "tool", "correcting", "bake", "targets", "panel")
"""Modules that register, in this order."""
