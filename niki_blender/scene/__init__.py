"""The user's scene: found again, matched, restored, framed."""
