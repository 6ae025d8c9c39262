"""The one exception a user is meant to read."""


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
