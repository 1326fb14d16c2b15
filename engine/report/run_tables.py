"""What a run comes to, as frames: index against members, names, cohorts, months, drawdowns, exposure, scenarios."""

import numpy as np
import polars as pl

from engine.arrays import Dates, Floats
from engine.backtest.metrics import SESSIONS_PER_YEAR, sharpe
from engine.backtest.outcome.ledger import SUMS
from engine.backtest.outcome.performance import drawdowns as deepest
from engine.errors import InputError

LEAST_WINDOW = 42  # sessions of a rolling Sharpe ratio
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def by_class(names: pl.DataFrame) -> pl.DataFrame:
    """Sum `BacktestResult.by_name` to index, members and both together."""
    legs = names.with_columns(leg=pl.col("leg_class").replace({"component": "members"}))
    rows = legs.group_by("leg", maintain_order=True).agg(pl.col(name).sum() for name in SUMS)
    return pl.concat([rows, rows.select(pl.lit("together").alias("leg"), *(pl.col(name).sum() for name in SUMS))])


def ends(frame: pl.DataFrame, by: str, count: int = 5) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the best rows and the worst, none in both: the worst first where there are few."""
    ordered = frame.sort(by, descending=True, nulls_last=True)
    worst = min(count, frame.height // 2)
    return ordered.head(min(count, frame.height - worst)), ordered.tail(worst).reverse()


def months(dates: Dates, pnl: Floats) -> pl.DataFrame:
    """Sum P&L by calendar year and month: a row per year, newest first, null where there is no session.

    Examples
    --------
    >>> dates = np.array(["2023-12-29", "2024-01-02", "2024-01-03"], dtype="datetime64[D]")
    >>> months(dates, np.array([1.0, 2.0, 3.0])).select("year", "Jan", "Dec", "all").rows()
    [('2024', 5.0, None, 5.0), ('2023', None, 1.0, 1.0)]
    """
    month = dates.astype("datetime64[M]").astype(int)
    found, at = np.unique(month, return_inverse=True)
    total = np.bincount(at, pnl)
    years = np.arange(found[-1] // 12, found[0] // 12 - 1, -1)
    grid = np.full((len(years), 12), np.nan)
    grid[years[0] - found // 12, found % 12] = total
    columns = {name: grid[:, m] for m, name in enumerate(MONTHS)}
    frame = pl.DataFrame({"year": [str(1970 + year) for year in years], **columns, "all": np.nansum(grid, axis=1)})
    return frame.with_columns(pl.selectors.float().fill_nan(None))


def drawdowns(dates: Dates, pnl: Floats, count: int = 5) -> pl.DataFrame:
    """Return the deepest falls of cumulative P&L below its high: depth, and the dates of peak, trough and recovery.

    The account starts at 0 on the first date. `sessions` runs from the peak to the recovery, or to the end of the data.

    Examples
    --------
    >>> dates = np.arange("2024-01-01", "2024-01-07", dtype="datetime64[D]")
    >>> found = drawdowns(dates, np.array([2.0, -1.0, -3.0, 5.0, -1.0, 0.5]))
    >>> found.select("depth", pl.selectors.date().dt.day(), "sessions").rows()
    [(-4.0, 1, 3, 4, 3), (-1.0, 4, 5, None, 2)]
    """
    rows = []
    for fall in deepest(pnl)[:count]:
        peak, end = max(fall.start, 0), len(dates) - 1 if fall.end is None else fall.end
        recovered = None if fall.end is None else dates[fall.end].item()
        rows.append((fall.depth, dates[peak].item(), dates[fall.trough].item(), recovered, end - peak))
    schema = {"depth": pl.Float64, "peak": pl.Date, "trough": pl.Date, "recovered": pl.Date, "sessions": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def rolling_sharpe(pnl: Floats, hurdle: float = 0.0) -> tuple[int, Floats]:
    """Return a window in sessions, a year or a quarter of what there is, and the Sharpe ratio over it, (T,).

    NaN before the window is full; `engine.backtest.metrics.sharpe` of each window. A window below two months says
    nothing: it is 0, and no ratio known.
    """
    window = min(SESSIONS_PER_YEAR, len(pnl) // 4)
    out = np.full(len(pnl), np.nan)
    if window < LEAST_WINDOW:
        return 0, out
    out[window - 1 :] = sharpe(np.lib.stride_tricks.sliding_window_view(pnl, window), hurdle)
    return window, out


def exposure_words(exposure: Floats, cohorts: pl.DataFrame) -> str:
    """Say how much of the time, and how strongly, a run is invested."""
    short, long = (float(np.mean(sign * exposure > 0.0)) for sign in (1, -1))
    sides = [f"{share:.0%} {words}" for share, words in ((short, "short correlation"), (long, "long")) if share]
    sides = sides or ["never invested"]
    flat = np.flatnonzero(np.diff(np.concatenate([[1.0], exposure != 0.0, [1.0]])))
    longest = int((flat[1::2] - flat[::2]).max(initial=0))
    size = cohorts["exposure"].abs().mean() if cohorts.height else 0.0
    return (
        f"Of the sessions {' and '.join(sides)}; {cohorts.height:,} cohorts, {size:.3g} of full size on average, up to "
        f"{np.abs(exposure).max(initial=0.0):.3g} held at once; longest without a position: {longest:,} session(s)."
    )


def scenario_grid(result, p: int) -> tuple[str, list[pl.DataFrame]] | None:
    """Return when the last cohort was entered, and what the book then held earns if spot, volatility and correlation
    move: a row per move of spot, a column per move of volatility; named crises; a row of moves of correlation.

    None where nothing is held, or held as listed contracts, which no surface reprices, or hedged by past returns.
    """
    entered = np.flatnonzero(result.entry_exposure[p])
    looks_back = getattr(result.book.recipe.hedge, "looks_back", False)
    if not len(entered) or result.book.listed is not None or looks_back:
        return None
    date = str(result.dates[result.book.cohorts.entry[entered[-1]]])
    grid = result.scenarios(date, p=p, vol=(-0.2, 0.0, 0.2))
    named = grid.with_columns(
        spot=pl.Series([f"spot {_move(v)}" for v in grid["spot"]]),
        vol=pl.Series([f"vol {_move(v)}" for v in grid["vol"]]),
    )
    tables = [named.pivot(on="vol", index="spot", values="pnl_gross").rename({"spot": "move"})]
    crises = result.stress(p=p, dates=[date])
    sides = {"index": "pnl_index", "members": "pnl_component", "both": "pnl_gross"}
    tables.append(crises.select(pl.col("stress").alias("move"), **{side: pl.col(name) for side, name in sides.items()}))
    try:
        moved = result.scenarios(date, p=p, spot=(0.0,), vol=(0.0,), correlation=(-0.1, -0.05, 0.05, 0.1))
    except InputError:  # so much correlation off leaves the index no volatility
        return date, tables
    words = [f"{100 * v:+.0f} points" for v in moved["correlation"]]
    row = dict(zip(words, moved["pnl_gross"], strict=True))
    return date, [*tables, pl.DataFrame({"move": ["correlation"], **row})]


def breakevens(result, p: int, date: str) -> pl.DataFrame | None:
    """Return what each leg of the last cohort held on from a date must move by to break even, as shares of its forward.

    None where it holds what has no such prices: swaps, options of two expiries.
    """
    try:
        found = result.breakeven_prices(date, p=p)
    except InputError:
        return None
    last = found.filter(pl.col("cohort") == pl.col("cohort").max())
    below, above = (pl.col(side) / pl.col("forward") - 1.0 for side in ("lower", "upper"))
    moves = last.select("leg", below.alias("below"), above.alias("above"), pl.col("move").alias("a day"))
    return moves.with_columns(pl.selectors.float().fill_nan(None))


def _move(share: float) -> str:
    return f"{share:+.0%}" if share else "as it is"
