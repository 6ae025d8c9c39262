"""Paths entered by the user, and names for files. No bpy."""

import re
from pathlib import Path


def is_file(path: str) -> bool:
    """Whether a file exists at ``path``. False, without an error, for paths that are too long, contain a null or
    are on a drive that is gone."""
    try:
        return Path(path).is_file()
    except (OSError, ValueError):
        return False


def file_name(title: str) -> str:
    """A title as a part of a file's name that any system takes: letters, digits, dots and hyphens, at most 40 of them."""
    return re.sub(r"[^\w.-]+", "_", title).strip("._-")[:40] or "motion"
