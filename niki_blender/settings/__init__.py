"""Preferences, and the environment that captures run in."""

MODULES = ("environment_operators", "preferences")
"""Those that register, in this order."""
