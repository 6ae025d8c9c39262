"""Imports and exports motion files."""

MODULES = ("motion_files",)
"""Modules that register, in this order."""
