"""Whether tables are of one market: tickers and dates in common, and prices of one unit."""

import math

import polars as pl

from engine.data.tables.dated_rows import DatedRows
from engine.data.tables.judge import Judged, reasons
from engine.data.tables.tickers import nearest
from engine.errors import InputError

# No dividend, and no time between a close and the quotes beside it, moves a spot by so much; splits do.
OFF_BY = math.log(1.25)

SHOWN = 30  # tickers, of those that an index is not among
SCALED = 50.0  # strikes this many times the price of what they are on, or this small a part of it, are in other units


def check_common(rows: DatedRows, prices: Judged, weights: Judged | None, index: str) -> None:
    """Raise InputError where tables have no index, no member or no date in common.

    Parameters
    ----------
    rows : DatedRows
        Of a surface, or of option quotes.
    prices : Judged
    weights : Judged or None
        None = equal ones.
    index : str
    """
    lost = f" (left out: {why})" if (why := reasons(rows.counts, 3)) else ""
    days = rows.days
    for file, found in ((rows.file, days), (prices.file, prices.kept)):
        if index not in (there := sorted(found["ticker"].unique())):
            near = f"; did you mean {other}?" if (other := nearest(index, there)) else ""
            some = f"{', '.join(there[:SHOWN])}{' ...' if len(there) > SHOWN else ''}"
            raise InputError(f"index={index} is no ticker of {file}, which has {some}{near}")
    if days.join(prices.kept, on=["date", "ticker"], how="semi").is_empty():
        raise InputError(
            f"{rows.file} and {prices.file} have no date and ticker in common ({days['date'].min()} to "
            f"{days['date'].max()} against {prices.kept['date'].min()} to {prices.kept['date'].max()})"
        )
    members = set(days["ticker"]) - {index}
    if not members:
        raise InputError(f"{rows.file} has the index {index} alone{lost}; give volatilities of its members too")
    if weights is not None and not members & (weighed := set(weights.kept["ticker"]) - {index}):
        theirs, ours = (", ".join(sorted(some)[:5]) for some in (weighed, members))
        raise InputError(
            f"no ticker of {weights.file} ({theirs}) is among those of {rows.file} ({ours}); spell them alike"
        )


def check_closes(offsets: pl.DataFrame, prices: Judged) -> None:
    """Raise InputError where most closes of a ticker are of another unit than the spot that its options imply.

    Closes that were adjusted for splits, beside strikes that were not, are so until the last split.

    Parameters
    ----------
    offsets : frame of date, asset, spot_offset
        Log of the spot that options imply, over the close.
    prices : Judged
    """
    days = offsets.filter(pl.col("spot_offset").is_finite())
    far = days.filter(pl.col("spot_offset").abs() > OFF_BY).group_by("asset")
    found = far.agg(pl.col("date").min(), pl.len().alias("far"), (-pl.col("spot_offset")).median().exp().alias("times"))
    found = found.join(days.group_by("asset").len("of"), on="asset").filter(2 * pl.col("far") > pl.col("of"))
    for asset, date, count, times, of in found.sort("asset").iter_rows():
        raise InputError(
            f"{prices.file}: the closes of {asset} are {times:.3g} times what its options imply on {count:,} of {of:,} "
            f"dates, the first {date}; give prices, strikes and forwards as quoted that day, none adjusted for splits"
        )


def check_strikes(days: pl.DataFrame, prices: pl.DataFrame, where: str) -> None:
    """Raise InputError where strikes are in other units than the prices of what they are on.

    Parameters
    ----------
    days : frame of date, ticker, rows, strike, as from `days_of`
    prices : frame of date, ticker, close
    where : str
        What messages call the files.
    """
    both = days.join(prices, on=["date", "ticker"])
    ratios = both.group_by("ticker").agg((pl.col("strike") / pl.col("close")).median().alias("ratio")).sort("ticker")
    wrong = ratios.filter(~pl.col("ratio").is_between(1.0 / SCALED, SCALED))
    if wrong.height:
        ticker, ratio = wrong.row(0)
        raise InputError(
            f"{where}: the strikes of {ticker} are {ratio:,.4g} times its price; they are in other units than this "
            "vendor's files have, so bring them to those"
        )
