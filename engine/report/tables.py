"""Tables: numbers arranged to be read, as rows of text; the same rows serve the terminal and the page."""

import math

import polars as pl

from engine.correlation import OWN_BASKET

# name in the summary, words shown, unit shown
_ROWS = (
    ("pnl_gross", "Gross P&L", "money"),
    ("cost", "Cost", "money"),
    ("pnl_net", "Net P&L", "money"),
    ("breakeven_cost", "Break-even option cost", "vol points per index vega"),
    ("option_cost_per_vega", "Option cost charged", "vol points per index vega"),
    ("hedge_cost_per_vega", "Hedge cost charged", "vol points per index vega"),
    ("pnl_gross_per_vega", "Gross P&L per unit index vega", "vol points"),
    ("pnl_net_per_vega", "Net P&L per unit index vega", "vol points"),
    ("sharpe_gross", "Sharpe ratio, gross", "ratio"),
    ("sharpe_net", "Sharpe ratio, net", "ratio"),
    ("hac_t", "t-statistic of net P&L (HAC)", "ratio"),
    ("return_net_annual", "Net return a year on capital", "percent"),
    ("max_drawdown", "Worst drawdown, net", "money"),
    ("max_drawdown_share", "Worst drawdown, of capital", "percent"),
    ("worst_day", "Worst day, net", "money"),
    ("cohorts", "Cohorts entered", "count"),
    ("cohorts_apart", "of them not overlapping", "count"),
    ("cohorts_undecided", "Entry dates without an opinion of the strategy", "count"),
    ("cohorts_open", "still open at the end", "count"),
    ("cohorts_lost", "lost in a hole of the data", "count"),
    ("unsettled_share", "|P&L| of cohorts open or lost", "percent"),
    ("pnl_gross_unsettled", "Gross P&L of cohorts open or lost", "money"),
    ("cost_if_closed", "Cost, were those sold at their last marks", "money"),
    ("pnl_net_if_closed", "Net P&L, were those sold at their last marks", "money"),
    ("cohorts_exited", "sold before expiry", "count"),
    ("cohorts_skipped", "skipped for want of quotes", "count"),
    ("legs_settled_early", "Legs settled early (merger, delisting)", "count"),
    ("legs_closed_early", "Legs closed on unknown terms", "count"),
    ("coverage", "Basket weight quoted at entry", "percent"),
    ("stale_share", "|P&L| on stale marks", "percent"),
    ("extrapolated_share", "|P&L| on extrapolated marks", "percent"),
    ("unexplained_share", "Unexplained of |gamma| + |theta|", "percent"),
)


def as_text(value: float | None, unit: str) -> str:
    """Write one number in its unit.

    Examples
    --------
    >>> as_text(-1234.5, "money"), as_text(0.1234, "percent"), as_text(float("nan"), "ratio")
    ('-1,234', '12.3 %', 'n/a')
    """
    if value is None or not math.isfinite(value):
        return "n/a"
    match unit:
        case "money":
            return f"{value:,.0f}"
        case "percent":
            return f"{100 * value:.1f} %"
        case "count":
            return f"{value:,.0f}"
        case "ratio":
            return f"{value:.2f}"
    return f"{value:.3f}"


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
    units = {"money": currency, "percent": "", "count": "", "ratio": ""}
    rows = [
        {"metric": words, "value": as_text(summary[name], unit), "unit": units.get(unit, unit)}
        for name, words, unit in _ROWS
        if name in summary
    ]
    return pl.DataFrame(rows)


def leaderboard(runs: pl.DataFrame, metric: str = "sharpe_net") -> pl.DataFrame:
    """Return sweep results best first: the overrides that differ, gross, cost, net, break-even, metric and cautions.

    Parameters
    ----------
    runs : frame
        As from `load_runs`: one row per job.
    """
    numbers = ["pnl_gross", "cost", "pnl_net", "breakeven_cost", "sharpe_gross", "sharpe_net", "hac_t"]
    shown = [name for name in dict.fromkeys([*numbers, metric, "cautions"]) if name in runs.columns]
    summary_fields = {name for name, *_ in _ROWS} | {"index_vega", "capital", "cautions"}
    varied = [c for c in runs.columns if c not in summary_fields and runs[c].n_unique() > 1]
    return runs.select(*varied, *shown).sort(metric, descending=True, nulls_last=True)


def correlation_levels(long: pl.DataFrame) -> pl.DataFrame:
    """Summarise implied correlation at 50 delta: one row per basket and tenor, decimals and counts.

    Parameters
    ----------
    long : frame
        date, basket, tenor, delta, implied_correlation, names, coverage, status.
    """
    rho = pl.col("implied_correlation")
    usable = rho.filter(pl.col("status") == "ok")
    return (
        long.filter(pl.col("delta") == 50)
        .group_by("basket", "tenor", maintain_order=True)
        .agg(
            usable.count().alias("dates_ok"),
            pl.len().alias("dates"),
            usable.mean().alias("mean"),
            usable.min().alias("lowest"),
            usable.max().alias("highest"),
            usable.last().alias("last"),
            pl.col("names").mean().round(1).alias("names"),
            pl.col("coverage").mean().alias("coverage"),
        )
    )
