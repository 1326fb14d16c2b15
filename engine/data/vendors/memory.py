"""What a build may take of the machine's memory, and what it is spent on."""

from engine.errors import InputError

USUAL = 4.0  # GB
LEAST = 1.0  # of which Python and its libraries take a third
BYTES_OF_ROW = 4000  # of the budget for each row that is judged, or inverted, at a time: it takes up to 1,500 itself
BYTES_OF_TEXT = 16  # and for each byte of a file that is read whole


def memory_bytes(memory_budget: float | None) -> float:
    """Return a budget in bytes.

    Raises
    ------
    InputError
        When it is too small to build anything.
    """
    budget = USUAL if memory_budget is None else memory_budget
    if not LEAST <= budget < 1e6:
        raise InputError(f"market.memory_budget={budget} is no number of GB that a build can keep to; give 1 or more")
    return 1e9 * budget


def rows_at_once(budget: float) -> int:
    """Return how many rows are worked on at a time."""
    return int(budget / BYTES_OF_ROW)


def text_at_once(budget: float) -> int:
    """Return how many bytes of a file are read at a time."""
    return int(budget / BYTES_OF_TEXT)
