"""Refining: a captured motion is solved again from its readings, in the background, into an action beside it."""

MODULES = ("solving", "operators", "marking", "panel")
"""Modules that register, in this order."""
