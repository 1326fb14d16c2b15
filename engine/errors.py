"""Errors a user can cause: one clear message, no traceback, exit code 2."""


class InputError(ValueError):
    """Bad input: the message names the file, column, row or key and says what to do next."""
