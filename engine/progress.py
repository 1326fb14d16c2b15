"""A progress bar for long work: on a terminal's stderr, gone when done, nothing elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(words: str, total: int, wanted: bool = True) -> Iterator[Callable[[int], None]]:
    """Show a bar with its count and time left while the block runs; what it gives moves the bar by a number.

    Examples
    --------
    >>> with progress_bar("counting", 3, wanted=False) as advance:
    ...     advance(3)
    """
    if not (wanted and sys.stderr.isatty()):
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(words, total=total)
        yield lambda count: progress.advance(task, count)
