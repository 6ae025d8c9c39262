"""Imports and exports motion files."""

MODULES = ("motion_files",)
"""Those that register, in this order."""
