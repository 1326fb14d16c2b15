"""A run's ledger held to itself, and its days and ledger to those of the same backtest run again."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import polars as pl

from engine.runs.again import ROUNDING, TABLES, made_again

if TYPE_CHECKING:
    from engine.runs.read import Run

TOLERANCE = 1e-9  # sums of a few of the terms in another order
_SOURCES = ("pnl_option", "pnl_hedge", "financing", "settlement")  # of P&L, of a row


def of_ledger(run: "Run") -> Iterator[str]:
    """Say where rows of a ledger do not add up, lie on no session, or are of more or fewer cohorts than was told."""
    ledger, sessions = run.ledger, run.daily["date"].to_list()
    sources = [name for name in _SOURCES if name in ledger.columns]  # runs of earlier versions have fewer
    added, gross, cost = pl.sum_horizontal(*sources), pl.col("pnl_gross"), pl.col("cost")
    scale = ledger.select(pl.max_horizontal(pl.col(*sources, "cost").abs().max())).item() or 0.0
    entry, leave = pl.col("entry_date"), pl.col("exit_date")
    for right, told in (
        ((added - gross).abs() <= TOLERANCE * scale, f"{', '.join(sources)} do not sum to pnl_gross"),
        ((gross - cost - pl.col("pnl_net")).abs() <= TOLERANCE * scale, "pnl_gross less cost is not pnl_net"),
        (entry.is_in(sessions), "entry_date is no session of the run"),
        (leave.is_in(sessions) & (leave >= entry), "exit_date is no session from the entry on"),
        (entry.n_unique().over("cohort") == 1, "there are two dates of entry"),
    ):
        yield from _told(ledger.filter(~right), told)
    told = run.summary.get("cohorts")
    if told is not None and (found := ledger["cohort"].n_unique()) != told:
        yield f"ledger.parquet has {found:,} cohorts, and summary.json {told:,}"


def of_another_run(run: "Run") -> Iterator[str]:
    """Run a backtest again, and say where days and ledger are not what comes out.

    Raises
    ------
    InputError
        Where it cannot be run again, or comes to other totals.
    """
    result = made_again(run)
    for name in TABLES:
        kept, made = run.frame(name), getattr(result, name)()
        if kept.height != made.height:
            yield f"{name}.parquet has {kept.height:,} rows, and {made.height:,} come out again"
            continue
        for column in (column for column in kept.columns if column in made.columns):
            wrong = kept.filter(_differ(kept[column], made[column]))
            if wrong.height:
                first = wrong["date" if name == "daily" else "entry_date"][0]
                yield f"{name}.parquet: {column} is not what comes out again, first on {first} ({wrong.height:,} rows)"


def _told(wrong: pl.DataFrame, what: str) -> Iterator[str]:
    if wrong.height:
        row = wrong.row(0, named=True)
        yield f"ledger.parquet: {what} of cohort {row['cohort']}, {row['leg']} ({wrong.height:,} rows in all)"


def _differ(kept: pl.Series, made: pl.Series) -> pl.Series:
    """Tell the rows that differ, by more than a batch or a device does that adds up in another order."""
    if not (kept.dtype.is_float() and made.dtype.is_float()):
        return kept.ne_missing(made.cast(kept.dtype, strict=False))
    known = [series.fill_nan(None) for series in (kept, made)]
    scale = max(float(known[1].abs().max() or 0.0), 0.0)  # pyright: ignore[reportArgumentType] - of numbers
    close = ((known[0] - known[1]).abs() <= ROUNDING * scale).fill_null(False)
    return ~(close | (known[0].is_null() & known[1].is_null()))
