"""Pulling joints, targets, corrections and baking."""

MODULES = ("settings", "handles", "tool", "correcting", "bake", "targets", "panel")
"""Those that register, in this order."""
