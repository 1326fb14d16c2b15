"""Errors a user can cause: one clear message, no traceback, exit code 2."""


class InputError(ValueError):
    r"""Bad input: the message names the file, column, row or key and says what to do next, in one line.

    Examples
    --------
    >>> str(InputError("study=a" + chr(10) + "b is no name"))
    'study=a\\nb is no name'
    """

    def __str__(self) -> str:
        text = super().__str__()
        return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
