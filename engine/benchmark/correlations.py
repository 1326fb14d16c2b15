"""What is timed on surfaces: loading a panel, and implied correlation of one basket or many."""

import tempfile
from functools import partial

import numpy as np

from engine.backend import namespace, to_host
from engine.benchmark.inputs import Market
from engine.benchmark.plain_loops import plain_correlation
from engine.benchmark.sizes import Sizes
from engine.benchmark.work import CORRELATION_LOOP, QUOTE, Work
from engine.correlation import implied_correlation
from engine.data.store.storage import open_panel, save_panel


def load(market: Market, sizes: Sizes) -> Work:
    """Open a saved panel and bring every array of it into memory, on the backend."""
    panel = market.panel
    part = panel.slice(end=panel.dates[min(sizes.load_dates, len(panel)) - 1]).to("numpy")
    folder = tempfile.TemporaryDirectory()
    save_panel(part, folder.name)
    on_device = namespace(market.top) is not np
    stored = []
    part.map_arrays(lambda _, array: stored.append(array.nbytes))

    def run():
        opened = open_panel(folder.name)
        return opened.to("cupy") if on_device else opened.map_arrays(lambda _, array: np.array(array))

    size = f"T={len(part):,} N={len(panel.names)} from files the system has cached"
    return Work(size, run, sum(stored), sum(stored), 0)


def correlation(market: Market, sizes: Sizes, dates: int | None = None, names: int | None = None) -> Work:
    """Implied correlation of all members, on all dates and names of the market or only the first ones."""
    return _correlations(market, market.baskets[1:2, :dates, :names])


def correlation_of_top(market: Market, sizes: Sizes, dates: int | None = None) -> Work:
    """Implied correlation of the 50 largest members, on all dates or only the first ones."""
    return _correlations(market, market.baskets[:1, :dates])


def thirteen_baskets(market: Market, sizes: Sizes) -> Work:
    """Implied correlation of the top 50, all members and eleven sectors."""
    return _correlations(market, market.baskets)


def _correlations(market: Market, weights) -> Work:
    """Return the work of measuring one basket or several, weights (B, T, N)."""
    _, dates, names = weights.shape
    index, members = market.panel.index_iv[:dates], market.panel.component_iv[:dates, :names]
    cells = index[0].size
    used = int((weights > 0.0).sum()) * cells
    rows = int((weights > 0.0).any(axis=0).sum())  # each is read once, however many baskets hold the name
    return Work(
        f"T={dates:,} N={names} K={index.shape[1]} D={index.shape[2]}, {used / dates / cells:,.0f} members",
        partial(implied_correlation, index, members, weights),
        used,
        (rows * cells + index.size) * members.itemsize,
        used * QUOTE,
        {CORRELATION_LOOP: used},
    )


def correlation_loop(market: Market, sizes: Sizes) -> Work:
    """Implied correlation of the top 50 on a few dates, cell by cell."""
    dates = min(sizes.loop_dates, len(market.panel))
    weights = to_host(market.top[:dates])
    index, members = (to_host(iv[:dates]) for iv in (market.panel.index_iv, market.panel.component_iv))
    index_rows = index.reshape(dates, -1).astype(float).tolist()
    held = [np.flatnonzero(row) for row in weights]
    by_cell = [m[h].reshape(len(h), -1).T.astype(float).tolist() for m, h in zip(members, held, strict=True)]
    weight_rows = [row[h].tolist() for row, h in zip(weights, held, strict=True)]
    used = sum(map(len, weight_rows)) * index[0].size
    run = partial(plain_correlation, index_rows, by_cell, weight_rows)
    return Work(f"T={dates} top 50", run, used, used * members.itemsize, used * QUOTE)
