"""Tables: numbers arranged to be read, as rows of text; the same rows serve the terminal and the page."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from engine.backtest.outcome.wording import ROWS, summary_rows
from engine.correlation import OWN_BASKET


def realized_words(window: int, leg: str) -> str:
    """Say what a realised correlation is measured on.

    Examples
    --------
    >>> realized_words(21, "SPY")
    'realised, 21 sessions, own returns of SPY'
    """
    return f"realised, {window} sessions, own returns of {f'the {leg}' if leg == OWN_BASKET else leg}"


def rounded(frame: pl.DataFrame, digits: int = 3) -> pl.DataFrame:
    """Round what is shown: to so many digits, and to whole numbers from a thousand on."""
    return frame.with_columns(
        pl.when(pl.selectors.float().abs() >= 1000)
        .then(pl.selectors.float().round(0))
        .otherwise(pl.selectors.float().round(digits))
    )


def aligned(frame: pl.DataFrame) -> list[str]:
    """Return a frame as lines of text: the names of the columns, then the rows, all aligned to the right.

    Examples
    --------
    >>> aligned(pl.DataFrame({"index": ["COR1M"], "level": [8.6], "money": [12345.6], "last": [None]}))
    ['index  level   money  last', 'COR1M  8.600  12,346   n/a']
    """
    cells = [[_plain(value) for value in row] for row in frame.iter_rows()]
    widths = [max(map(len, column)) for column in zip(frame.columns, *cells, strict=True)]
    return [
        "  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True)) for row in (frame.columns, *cells)
    ]


def _plain(value) -> str:
    if value is None:
        return "n/a"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3f}"
    return str(value)


def summary_table(summary: dict, currency: str) -> pl.DataFrame:
    """Return the summary as rows metric, value, unit, gross, cost, net and break-even first."""
    return pl.DataFrame(summary_rows(summary, currency), schema=["metric", "value", "unit"], orient="row")


def leaderboard(runs: pl.DataFrame, metric: str = "sharpe_net") -> pl.DataFrame:
    """Return sweep results best first: the overrides that differ, gross, cost, net, break-even, metric and cautions.

    Parameters
    ----------
    runs : frame
        As from `load_runs`: one row per job.
    """
    numbers = ["pnl_gross", "cost", "pnl_net", "breakeven_cost", "sharpe_gross", "sharpe_net", "hac_t"]
    shown = [name for name in dict.fromkeys([*numbers, metric, "cautions"]) if name in runs.columns]
    summary_fields = {name for name, *_ in ROWS} | {"index_vega", "capital", "cautions"}
    varied = [c for c in runs.columns if c not in summary_fields and runs[c].n_unique() > 1]
    # Runs that differ by size alone have one Sharpe ratio but for rounding, and stay in order.
    rank = pl.col(metric).round_sig_figs(12) if runs.schema[metric].is_float() else pl.col(metric)
    return runs.select(*varied, *shown).sort(rank, descending=True, nulls_last=True, maintain_order=True)


def with_deflated(board: pl.DataFrame, leaders: Sequence[tuple[str, float]]) -> pl.DataFrame:
    """Add to a leaderboard, beside the net Sharpe ratio, the probability that it is above what luck would have shown.

    Parameters
    ----------
    board : frame
        As from `leaderboard`, with the column run.
    leaders : sequence of (str, float)
        Folders and probabilities, as a sweep's judgement has them; null for other runs.

    Examples
    --------
    >>> board = pl.DataFrame({"run": ["results/a/7", "results/a/8"], "sharpe_net": [0.5, 0.1], "hac_t": [1.0, 0.2]})
    >>> with_deflated(board, [("a/7", 0.8)]).columns
    ['run', 'sharpe_net', 'deflated', 'hac_t']
    >>> with_deflated(board, [("a/7", 0.8)])["deflated"].to_list()
    [0.8, None]
    """
    known = {Path(folder).name: chance for folder, chance in leaders}
    chances = [known.get(Path(run).name) for run in board["run"]]
    column = pl.Series("deflated", chances, dtype=pl.Float64)
    return board.clone().insert_column(board.get_column_index("sharpe_net") + 1, column)


def correlation_levels(long: pl.DataFrame) -> pl.DataFrame:
    """Summarise implied correlation at 50 delta: one row per basket and tenor, decimals and counts.

    Parameters
    ----------
    long : frame
        date, basket, tenor, delta, implied_correlation, names, coverage, status; where there are, implied_correlation_
        bid, ask and ex_earnings.
    """
    rho = pl.col("implied_correlation")
    usable = rho.filter(pl.col("status") == "ok")
    beside = [c for c in long.columns if c.startswith("implied_correlation_")]
    return (
        long.filter(pl.col("delta") == 50)
        .group_by("basket", "tenor", maintain_order=True)
        .agg(
            usable.count().alias("dates_ok"),
            pl.len().alias("dates"),
            usable.mean().alias("mean"),
            *(
                pl.col(c).filter(pl.col("status") == "ok").mean().alias(c.removeprefix("implied_correlation_"))
                for c in beside
            ),
            usable.min().alias("lowest"),
            usable.max().alias("highest"),
            usable.last().alias("last"),
            pl.col("names").mean().round(1).alias("names"),
            pl.col("coverage").mean().alias("coverage"),
        )
    )
