"""Posing: pulling joints, targets, corrections over time, baking."""

MODULES = ("settings", "handles", "tool", "correcting", "reduce_keys", "bake", "targets", "key_pose", "panel")
"""Modules that register, in this order."""
