"""The one exception a user is meant to read, and the system's errors in words."""

from __future__ import annotations

import os


class NikiError(Exception):
    """Something the user can act on: says what is wrong and, in ``hint``, what to do.

    The command line prints it as one line; panels show it as it is. What cannot be printed, as in a
    name out of a damaged file, becomes a question mark.
    """

    def __init__(self, message: str, hint: str = ""):
        self.message, self.hint = ("".join(c if c.isprintable() else "?" for c in t) for t in (message, hint))
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


def in_words(error: OSError) -> str:
    """What the system refused, and of which file: without its number and Python's quotes."""
    reason = error.strerror or str(error) or type(error).__name__
    file = error.filename
    return f"{os.fsdecode(file)}: {reason}" if isinstance(file, (str, bytes, os.PathLike)) else reason
