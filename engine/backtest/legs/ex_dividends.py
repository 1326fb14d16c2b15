"""Dividends that decide on early exercise: of a table, or those that a panel's own prices show; on the host."""

from dataclasses import dataclass

import numpy as np

from engine.arrays import Floats, Integers
from engine.backend import to_host
from engine.data.panel import MarketPanel
from engine.errors import InputError

ROUNDING = 1e-9  # of a dividend


@dataclass(frozen=True, eq=False)
class ExDividends:
    """Dividends of every name, per share.

    Parameters
    ----------
    next : array (T, N)
        What a share held at the close before loses on each session, as far as it was known at that close.
    ex_day, known_day : array (N, M), int
        Days since 1970; `ex_day` ascends, and a name with fewer ends in 0.
    amount : array (N, M)
    """

    next: Floats
    ex_day: Integers
    known_day: Integers
    amount: Floats


def ex_dividends(panel: MarketPanel, file: str | None) -> ExDividends:
    """Return the dividends of a table; without one those that the factors of the panel's prices show, one at a time.

    Raises
    ------
    InputError
        When there is no such file, a row cannot be what it says, or none is of a name of the panel.
    """
    return _of_prices(panel) if file is None else _of_table(panel, file)


def _of_prices(panel: MarketPanel) -> ExDividends:
    kept = to_host(panel.return_factor) / to_host(panel.strike_factor)
    paid, none = np.zeros(kept.shape), np.zeros((kept.shape[1], 0), dtype=int)
    paid[1:] = to_host(panel.spot)[:-1] * (1.0 - kept[1:])
    if panel.strike_reduction is not None:  # what strikes fall by too is no reason to exercise
        taken = to_host(panel.strike_reduction)
        left = paid - taken / to_host(panel.strike_factor)
        paid = np.where(taken > 0.0, np.where(left > ROUNDING * taken, left, 0.0), paid)
    paid = np.where(np.isfinite(paid) & (kept < 1.0), paid, 0.0)
    return ExDividends(paid, none, none, none.astype(float))


def _of_table(panel: MarketPanel, file: str) -> ExDividends:
    from engine.data.tables.contracts import DIVIDENDS  # frames, which a book does without
    from engine.data.tables.followed_dividends import followed_dividends
    from engine.data.tables.whole_file import read_whole

    place = {str(name): n for n, name in enumerate(panel.names)}
    actions = None if panel.report is None else panel.report.actions
    table = followed_dividends(read_whole(DIVIDENDS, file, setting="structure.dividends"), actions)
    table = table.sort("ticker", "date")
    table = table.filter(table["ticker"].is_in(list(place)))
    if table.is_empty():
        raise InputError(f"structure.dividends={file} has no dividend of a name of {panel.info.name}")
    tickers, known = table["ticker"].to_numpy(), table["known"].to_numpy().astype("datetime64[D]")
    n, m = np.array([place[ticker] for ticker in tickers]), np.arange(len(tickers)) - np.searchsorted(tickers, tickers)
    days = table["date"].to_numpy().astype("datetime64[D]").astype(int), np.where(np.isnat(known), 0, known.astype(int))
    ex_day, known_day = (np.zeros((len(place), int(m.max()) + 1), dtype=int) for _ in days)
    ex_day[n, m], known_day[n, m] = days
    amount = np.zeros(ex_day.shape)
    amount[n, m] = table["amount"].to_numpy()

    today = panel.dates.astype(np.int64)
    session = np.searchsorted(today, days[0])
    counts = (session > 0) & (session < len(today))
    counts[counts] = days[1][counts] <= today[session[counts] - 1]
    t, n, each = session[counts], n[counts], table["amount"].to_numpy()[counts]
    paid = np.zeros(panel.strike_factor.shape)
    # As quoted on the ex-date: of a share of the eve a split has made several.
    np.add.at(paid, (t, n), each / to_host(panel.strike_factor)[t, n])
    return ExDividends(np.nan_to_num(paid), ex_day, known_day, amount)
