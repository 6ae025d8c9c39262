"""The one exception a user is meant to read."""


class NikiError(Exception):
    """Something the user can act on: says what is wrong and, in ``hint``, what to do.

    The command line prints it as one line; panels show it as it is.
    """

    def __init__(self, message: str, hint: str = ""):
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message
