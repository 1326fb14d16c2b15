"""What the statistics of a run say, as the tables of its page, and its cohorts by the signal that decided on them."""

from typing import Any

import numpy as np
import polars as pl

from engine.backend import to_host
from engine.errors import InputError
from engine.report.cells import Table, as_table

OF_CAPITAL = ("mean, a year", "volatility, a year", "hit rate", "mean of the worst 5 %", "worst drawdown")
SPANS = {"positive": "percent", "best": "percent", "worst": "percent"}
REPETITIONS = 500  # of the bootstrap under buckets
# What factors are by one unit of, and how much of that is a move to speak of.
MOVES = {
    "constant": ("each session", 1.0),
    "index return": ("index up 1 %", 0.01),
    "implied volatility change": ("implied volatility up 1 point", 0.01),
    "implied correlation change": ("implied correlation up 1 point", 0.01),
}


def statistics_tables(result, p: int) -> dict[str, Any] | None:
    """Return `BacktestResult.statistics` as tables by name, and the share that factors explain; None of no trade."""
    if not result.entry_exposure[p].any():
        return None
    record = result.statistics(p)
    metrics = record.metrics
    of_capital = pl.any_horizontal(pl.col("metric").str.starts_with(words) for words in OF_CAPITAL)
    numbers = ("value", "error", "low", "high")
    found: dict[str, Any] = {"regimes": None, "factors": None} | {
        "shares": as_table(metrics.filter(of_capital), dict.fromkeys(numbers, "percent"), missing=""),
        "ratios": as_table(metrics.filter(~of_capital), dict.fromkeys(numbers, "ratio"), missing=""),
    }
    spans = record.spans.rename({"best_from": "began", "worst_from": "began "})  # two columns of one name
    found["spans"] = as_table(spans, SPANS, ("best", "worst"), missing="")
    units = {"mean_annual": "percent"} | dict.fromkeys(("Sharpe", "t", "t_apart"), "ratio")
    if record.regimes is not None:
        found["regimes"] = as_table(record.regimes.rename({"sharpe": "Sharpe"}), units, ("mean_annual",), missing="")
    if record.factors is not None:
        moves = [MOVES[factor] for factor in record.factors["factor"]]
        sizes = pl.Series([1e4 * size for _, size in moves])
        rows = record.factors.select(
            pl.Series("on a day with", [words for words, _ in moves]),
            (pl.col("coefficient") * sizes).alias("bp of capital"),
            pl.col("error") * sizes,
            "t",
        )
        found["factors"] = as_table(rows, dict.fromkeys(rows.columns[1:], "ratio"), missing="")
        found["explained"] = record.factors["r2"][0]
    return found


def signal_table(result, p: int, correlation: np.ndarray) -> tuple[str, Table] | None:
    """Return all cohorts in buckets of the strategy's signal, or else of a series of correlation, and what these are.

    None where there are too few cohorts, and where `BacktestResult.by_signal` knows none.
    """
    followed = result.signal(p)
    words, values = ("implied correlation", correlation) if followed is None else (followed.words, followed.values)
    try:
        found = result.by_signal(p, signal=np.asarray(to_host(values), dtype=float), repetitions=REPETITIONS)
    except InputError:  # too few cohorts to be sorted
        return None
    if found is None:
        return None
    frame = pl.DataFrame(
        {
            "from": found.edges[:-1],
            "to": found.edges[1:],
            "cohorts": found.counts,
            "gross, vol points": found.mean,
            "HAC t": found.t,
        }
    ).with_columns(pl.selectors.float().fill_nan(None))
    told = (
        f"All {found.counts.sum():,} cohorts that could be traded and have ended, by the signal at the close that "
        f"decides ({words}), entered or not: gross P&L of one short correlation per unit index vega. Rising "
        f"throughout: p = {found.p_monotonic:.2f}, falling: p = {found.p_falling:.2f}. Rank correlation "
        f"{found.rank_correlation:.2f} ({found.rank_interval[0]:.2f} to {found.rank_interval[1]:.2f}). The edges are "
        "of the whole sample: this describes, it is no rule."
    )
    return told, as_table(frame, {"HAC t": "ratio"}, ("gross, vol points",))
