"""Preferences, and the Python environment that captures run in."""

MODULES = ("environment_operators", "preferences")
"""Modules that register, in this order."""
