"""Pieces of a sweep: how jobs are cut for the nodes of a cluster, and how a node runs one piece."""

import functools
import math
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from engine.backend import resolve
from engine.command.markets import built_panel, open_market
from engine.data.panel import MarketPanel
from engine.data.store.storage import open_panel
from engine.errors import InputError
from engine.runs.plan import Plan
from engine.sweep.batches import Books, batches, books_of
from engine.sweep.jobs import Job, jobs_of

if TYPE_CHECKING:
    import ray

PIECES_PER_SLOT = 4  # so that nodes of different speed end together, and one that dies takes little with it


@dataclass(frozen=True)
class PanelSource:
    """Where a node finds a panel: in its folder, if it sees the same one, else in the object store.

    Parameters
    ----------
    folder : str
    content_hash : str
        Of the panel cut to its dates.
    start, end : str or None
        The first and last of these dates; None where the panel ends.
    backend : str
        As configured; each node resolves `auto` for itself.
    memory_budget : float or None
        GB of a GPU's memory for the panel.
    stored : ray.ObjectRef or None
        The panel, cut to its dates, where a folder cannot be relied on.
    """

    folder: str
    content_hash: str
    start: str | None
    end: str | None
    backend: str
    memory_budget: float | None
    stored: "ray.ObjectRef | None" = None


def panel_source(config: dict, market: MarketPanel) -> PanelSource:
    """Return where nodes find the panel of a configuration, which is open here."""
    return PanelSource(
        folder=str(built_panel(config).resolve()),
        content_hash=market.content_hash,
        start=str(market.dates[0]),  # not those of the configuration: what is held out ends before
        end=str(market.dates[-1]),
        backend=str(config["backend"]),
        memory_budget=config["memory_budget"],
    )


def open_on_host(config: dict) -> tuple:
    """Load a market for planning only: no GPU is needed where nothing is computed."""
    if config["backend"] != "cupy":
        resolve(str(config["backend"]))
    return open_market(config | {"backend": "numpy"})


def pieces(jobs: list[Job], slots: int, largest: int) -> Iterator[list[int]]:
    """Cut jobs into pieces of one book each, small enough to keep every slot of the cluster busy.

    Parameters
    ----------
    slots : int
        Tasks the cluster runs at once.
    largest : int
        Jobs of a piece, at most.
    """
    size = min(largest, max(1, math.ceil(len(jobs) / (slots * PIECES_PER_SLOT))))
    for book in books_of(jobs):
        numbers = list(chain.from_iterable(book))
        for first in range(0, len(numbers), size):
            yield numbers[first : first + size]


def run_piece(source: PanelSource, plans: list[Plan], packed: Callable[..., Iterable]) -> list[tuple] | None:
    """Run a piece of a sweep where the task is, and return what the store keeps; None where the panel is out of reach.

    Returns
    -------
    list of (list of int, list or InputError)
        For each batch: numbers of its jobs in the piece, and what came of them.
    """
    started = time.perf_counter()
    try:
        opened = opened_panel(source)
        if opened is None:
            return None
        market, books = opened
        jobs = jobs_of(plans, lambda _: (market, source.backend))
    except InputError as error:  # such as a strategy that is not installed there
        return [(list(range(len(plans))), InputError(f"on node {socket.gethostname()}: {error}"))]
    return [
        (numbers, found if isinstance(found, InputError) else list(packed(found, [plans[n] for n in numbers], started)))
        for numbers, found in batches(jobs, books)
    ]


@functools.lru_cache(maxsize=1)
def opened_panel(source: PanelSource) -> tuple | None:
    """Open a panel, once for all the pieces that a process runs, beside the books made of it."""
    backend = resolve(source.backend)
    if source.stored is not None:
        import ray

        panel = ray.get(source.stored)
    else:
        try:
            panel = open_panel(source.folder).slice(source.start, source.end)
        except InputError:  # it is not there, or is another without these dates
            return None
        if panel.content_hash != source.content_hash:
            return None
    return (panel.to(backend, source.memory_budget) if backend == "cupy" else panel), Books()
