"""What a command needs of Python before anything else: where imports are looked for, and help that comes late."""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from engine.places import checkout


def import_from_here_last() -> None:
    """Put the working directory at the end of the module search path, unless it is the checkout that is running.

    `python -m` puts it first, where a folder named strategies/ would be taken for the engine's own; the console
    script leaves it out, and a strategy of one's own could not be found.
    """
    here = os.getcwd()
    if here != str(checkout()):
        sys.path[:] = [path for path in sys.path if (path or here) != here]
    if here not in sys.path:
        sys.path.append(here)


def sweep_from_anywhere() -> None:
    """Put -m before the settings: argparse, which reads the command for Hydra, takes none that follow it otherwise."""
    words, wanted = sys.argv[1:], ("-m", "--multirun")
    sys.argv[1:] = [word for word in words if word in wanted] + [word for word in words if word not in wanted]


@contextmanager
def help_that_comes_late() -> Iterator[None]:
    """Let Hydra 1.3 give argparse a help that becomes text only when it is printed.

    Python 3.14 looks at every help as soon as an option is declared, and fails on one that is no text yet.
    """
    check = getattr(argparse.ArgumentParser, "_check_help", None)
    if check is None:  # before 3.14
        yield
        return
    argparse.ArgumentParser._check_help = lambda self, action: (  # pyright: ignore[reportAttributeAccessIssue]
        isinstance(action.help, str) and check(self, action)
    )
    try:
        yield
    finally:
        argparse.ArgumentParser._check_help = check  # pyright: ignore[reportAttributeAccessIssue]
