"""What a command does before anything else: own packages of the user can be imported, and replace none of ours."""

import os
import sys

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
