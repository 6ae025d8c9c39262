"""The user's scene: find it again, match it to footage, restore it, frame the result."""

MODULES = ("identity",)
"""Modules that register, in this order."""
