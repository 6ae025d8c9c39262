"""The armature: bones, channels, actions and keyframes, confidence."""

MODULES = ("settings", "confidence", "doubt", "new_body", "panel")
"""Modules that register, in this order."""
