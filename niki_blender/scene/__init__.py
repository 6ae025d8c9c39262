"""The user's scene: find it again, match it to footage, restore it, frame the result."""

MODULES = ("identity",)
"""Those that register, in this order."""
