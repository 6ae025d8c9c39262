"""The armature: its bones, channels, actions, keyframes and confidence."""

MODULES = ("settings", "refine_settings", "confidence", "doubt", "new_body", "panel")
"""Modules that register, in this order."""
