"""Runs of cohorts, each with the sessions it is held on: how a panel larger than the GPU's memory makes a book."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from engine.backend import namespace
from engine.backtest.contracts.structure import Cohorts
from engine.data.panel import MarketPanel
from engine.data.records import History
from engine.errors import InputError
from engine.stream import WINDOW_BYTES, stream


def cohort_windows(panel: MarketPanel, cohorts: Cohorts, days: int) -> Iterator[tuple[int, MarketPanel, Cohorts]]:
    """Yield every cohort once, in order, with a panel whose arrays are all where it is computed.

    A panel that is all in one place is yielded once, as it is. If its volatilities stay on the host (`window_bytes` is
    set), each window holds the sessions of a run of cohorts, and the next one is copied meanwhile; a window is valid
    until the next is asked for.

    Parameters
    ----------
    panel : MarketPanel
    cohorts : Cohorts
        Ascending by entry.
    days : int
        H, sessions after entry that are marked.

    Yields
    ------
    first : int
        Session of `panel` at which the window starts.
    window : MarketPanel
        Sessions from the first entry of the run to `days` after its last, or to the end of the data.
    held : Cohorts
        The run, its sessions counted from the window's first.

    Raises
    ------
    InputError
        When a window cannot hold the sessions of a single cohort.
    """
    if panel.window_bytes is None:
        yield 0, panel, cohorts
        return
    name, volatilities = (
        ("component_iv", panel.component_iv) if panel.listed is None else ("listed.iv", panel.listed.iv)
    )
    runs = _runs(cohorts.entry, _longest(panel.window_bytes, volatilities[:1].nbytes, days), days)
    spans = [slice(run[0], min(run[-1] + days + 1, len(panel))) for run in (cohorts.entry[r] for r in runs)]
    closes = panel.known_closes()  # of all sessions: a hedge may look back from the first of a window
    for run, span, streamed in zip(runs, spans, stream(namespace(panel.spot), volatilities, spans), strict=True):
        yield span.start, _window(panel, span, name, streamed, closes), cohorts[run].since(span.start)


def _longest(window_bytes: int, date_bytes: int, days: int) -> int:
    """Sessions of a window: those of one cohort at least, as many as stream well at most."""
    if (days + 1) * date_bytes > window_bytes:
        raise InputError(
            f"a cohort is held for {days + 1} sessions, of which the device may hold {window_bytes // date_bytes} "
            "at a time; give more memory_budget, or use backend=numpy"
        )
    return max(days + 1, min(window_bytes, WINDOW_BYTES) // date_bytes)


def _runs(entry: np.ndarray, longest: int, days: int) -> list[slice]:
    """Cut cohorts so that those of a run are held within `longest` sessions."""
    runs, first = [], 0
    while first < len(entry):
        after = int(np.searchsorted(entry, entry[first] + longest - days))
        runs.append(slice(first, after))
        first = after
    return runs


def _window(panel: MarketPanel, span: slice, name: str, volatilities, closes: History) -> MarketPanel:
    cut = panel.map_arrays(lambda each, array: volatilities if each == name else array[span])
    return replace(cut, window_bytes=None, history=closes, validate=False)
