"""Corrections of a motion: layers that can be muted and removed, Propagate and Hold."""

MODULES = ("corrections", "correcting", "corrections_panel")
"""Modules that register, in this order."""
