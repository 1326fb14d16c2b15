"""A progress bar for long work: drawn on stderr where that is a terminal, and removed when the work is done."""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any


@contextmanager
def progress_bar(
    words: str, total: int, wanted: bool = True, unit: str = ""
) -> Generator[Callable[[int], None], None, None]:
    """Show a bar with the count done and the time left while the `with` block runs.

    The block is given a function; calling it with a number moves the bar forward by that number.

    Parameters
    ----------
    words : str
        What is being done, shown before the bar.
    total : int
        The count at which the work is done.
    wanted : bool
        False shows nothing, as does a stderr that is no terminal.
    unit : str
        What is counted, such as "sets"; if given, the number done per second is shown too.

    Examples
    --------
    >>> with progress_bar("counting", 3, wanted=False) as advance:
    ...     advance(3)
    """
    if not (wanted and sys.stderr and sys.stderr.isatty()):
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Throughput(ProgressColumn):
        def render(self, task: Any) -> Text:
            return Text(f"{task.speed:,.0f} {unit}/s" if task.speed else "")

    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]
    columns += [Throughput()] if unit else []
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(words, total=total)
        yield lambda count: progress.advance(task, count)
