"""What a configuration of Python's logging may name: handlers, formatters and filters of the standard library, no code.

Hydra hands `hydra.job_logging` to `logging.config.dictConfig`, which calls whatever stands under `()` or `class`; Hydra
itself refuses only what it knows to be harmful.
"""

import logging
import logging.handlers

from engine.errors import InputError

MODULES = {"logging": logging, "logging.handlers": logging.handlers}
KINDS = (logging.Handler, logging.Formatter, logging.Filter)
STREAMS = ("ext://sys.stdout", "ext://sys.stderr")


def check_logging(node, where: str) -> None:
    """Raise InputError where a configuration of logging names anything but a handler, formatter, filter or stream.

    Examples
    --------
    >>> console = {"class": "logging.StreamHandler", "stream": "ext://sys.stderr"}
    >>> check_logging({"handlers": {"console": console}}, "hydra.job_logging")
    """
    if isinstance(node, dict):
        for key, value in node.items():
            place = f"{where}.{key}"
            if key == "()" or (key == "class" and not _is_standard(value)):
                raise InputError(f"{place}={value} is refused: logging takes handlers and formatters of Python alone")
            check_logging(value, place)
    elif isinstance(node, list):
        for number, value in enumerate(node):
            check_logging(value, f"{where}.{number}")
    elif isinstance(node, str) and node.startswith("ext://") and node not in STREAMS:
        raise InputError(f"{where}={node} is refused; write {' or '.join(STREAMS)}")


def _is_standard(path) -> bool:
    module, _, name = str(path).rpartition(".")
    found = getattr(MODULES.get(module), name, None)
    return isinstance(found, type) and issubclass(found, KINDS)
