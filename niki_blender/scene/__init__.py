"""The user's scene: found again, matched, restored, framed."""

MODULES = ("identity",)
"""Those that register, in this order."""
