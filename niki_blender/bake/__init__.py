"""Plain keyframes: Bake Pose and Reduce Keys."""

MODULES = ("reduce_keys", "bake")
"""Modules that register, in this order."""
