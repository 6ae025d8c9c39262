"""Paths that a user has given. No bpy."""

from pathlib import Path


def is_file(path: str) -> bool:
    """Whether there is a file at a path, whatever the path is: too long, with a null in it, of a drive that is gone."""
    try:
        return Path(path).is_file()
    except (OSError, ValueError):
        return False
