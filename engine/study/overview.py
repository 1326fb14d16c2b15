"""What a correlation run says on one screen: the first basket by tenor, then every basket at one of them."""

import polars as pl

from engine.correlation.indices import TENORS, index_name
from engine.study.levels import Levels

MIDDLE, FRONT = 50, 91  # call delta and tenor that stand for the others: COR3M
MOST_ROWS = 8


def overview(levels: Levels) -> dict[str, pl.DataFrame]:
    """Return the tables by heading, correlation x 100; means are over dates whose status is ok.

    Baskets stand at the tenor nearest to three months of those at which any was measured.
    Baskets without a value, for want of an index leg or of quotes, are counted: what is known of them is on the page.
    """
    first = levels.baskets[0].label
    at_delta = min(levels.implied["delta"].unique(), key=lambda delta: abs(delta - MIDDLE))
    measured = levels.measured().filter(pl.col("delta") == at_delta)
    found = {}
    by_tenor = _levels(measured.filter(pl.col("basket") == first), "tenor")
    if by_tenor.height:
        names = [_name(tenor, at_delta) for tenor in by_tenor["tenor"]]
        found[f"Implied correlation of {first} at {at_delta} delta, x 100"] = by_tenor.insert_column(
            0, pl.Series("index", names)
        )
    if not measured.height:
        return found
    known = measured.filter(pl.col("status") == "ok")
    tenor = min((known if known.height else measured)["tenor"].unique(), key=lambda days: abs(days - FRONT))
    rows = _levels(measured.filter(pl.col("tenor") == tenor), "basket").join(
        _realized(levels), on="basket", how="left", maintain_order="left"
    )
    rows = rows.filter(pl.col("dates_ok") > 0)
    without = len(levels.baskets) - rows.height
    heading = f"Baskets at {tenor} days, x 100, and realised over {levels.front} sessions"
    heading += f" ({without} without a value)" if without else ""
    more = f"; the first {MOST_ROWS} of {rows.height}" if rows.height > MOST_ROWS else ""
    found[heading + more] = rows.head(MOST_ROWS)
    return found


def _levels(rows: pl.DataFrame, by: str) -> pl.DataFrame:
    rho = 100.0 * pl.col("implied_correlation").filter(pl.col("status") == "ok")
    return rows.group_by(by, maintain_order=True).agg(
        rho.mean().round(2).alias("mean"),
        rho.min().round(2).alias("lowest"),
        rho.max().round(2).alias("highest"),
        rho.last().round(2).alias("last"),
        rho.count().alias("dates_ok"),
        (100.0 * pl.col("coverage").mean()).round(1).alias("coverage"),
    )


def _realized(levels: Levels) -> pl.DataFrame:
    rho = 100.0 * pl.col("realized_correlation").filter(pl.col("status") == "ok")
    return (
        levels.in_front()
        .group_by("basket", maintain_order=True)
        .agg(
            pl.col("realized_leg").first().alias("index_leg"),
            rho.mean().round(2).alias("realised"),
            rho.last().round(2).alias("realised_last"),
        )
    )


def _name(tenor: int, delta: int) -> str:
    """Cboe's name of the index of a tenor; of a tenor that has none, its days."""
    return index_name(tenor, delta) if tenor in TENORS.values() and delta % 5 == 0 else f"{tenor} days"
