"""Paths entered by the user. No bpy."""

from pathlib import Path


def is_file(path: str) -> bool:
    """Whether a file exists at ``path``. False, without an error, for paths that are too long, contain a null or
    are on a drive that is gone."""
    try:
        return Path(path).is_file()
    except (OSError, ValueError):
        return False
