"""The armature: bones, channels, actions and keyframes, confidence."""

MODULES = ("settings", "confidence", "doubt", "new_body", "panel")
"""Those that register, in this order."""
