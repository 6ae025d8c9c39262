"""Handles of joints in the 3D view: drawn, found under the mouse, selected."""

MODULES = ("hover", "draw_handles")
"""Modules that register, in this order."""
