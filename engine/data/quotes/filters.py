"""Which option quotes can tell a volatility: one price each, and a reason for every quote that is left out.

A table of quotes holds date, ticker, expiry, strike, right (C, P), bid and ask or price, and where known iv, forward,
style (european, american) and settlement (am, pm).
"""

from dataclasses import dataclass
from datetime import date

import polars as pl

from engine.calendar import DAYS_PER_YEAR
from engine.data.quotes.clean import QualityReport
from engine.data.quotes.clock import Clock

SMILE = ["date", "asset", "expiry"]
OPTIONAL = {
    "bid": pl.Float64,
    "ask": pl.Float64,
    "price": pl.Float64,
    "iv": pl.Float64,
    "delta": pl.Float64,
    "forward": pl.Float64,
    "style": pl.String,
    "settlement": pl.String,
}
# Indices whose options are European, of the exchanges that data sets are most often of.
EUROPEAN = ("SPX", "SPXW", "XSP", "XEO", "NDX", "NDXP", "RUT", "RUTW", "DJX", "VIX", "NIFTY", "BANKNIFTY", "SX5E")
# A smile is stale when at least this share of its quotes, and this many, are those of the session before although the
# spot has moved by more than this.
STALE_SHARE = 0.9
STALE_QUOTES = 5
MOVED = 0.003


@dataclass(frozen=True)
class QuoteLimits:
    """What a quote may look like.

    Parameters
    ----------
    longest_days : calendar days beyond which an expiry is left out
    widest : largest spread as a share of the mid
    style : "european" or "american", of options that do not say
    european : tickers whose options are European where they do not say, whatever `style` is
    settlement : of an expiry with two settlements the one that is kept; "pm" settles at the close, as positions do
    """

    longest_days: float = 1100.0
    widest: float = 1.0
    style: str = "american"
    european: tuple[str, ...] = EUROPEAN
    settlement: str = "pm"


def usable_quotes(
    quotes: pl.DataFrame,
    closes: pl.DataFrame,
    rate: pl.DataFrame,
    report: QualityReport,
    clock: Clock | None = None,
    limits: QuoteLimits | None = None,
    first: date | None = None,
) -> pl.DataFrame:
    """Return the quotes that have a price or a volatility; every other one is counted in `report`.

    Parameters
    ----------
    quotes : frame of date, ticker, expiry, strike, right, and the optional columns above
    closes : frame of date, ticker, close
    rate : frame of date, rate (continuous decimals)
    report : QualityReport
    clock : Clock or None
    limits : QuoteLimits or None
    first : date or None
        Quotes of earlier dates only tell which smiles are stale: they are neither returned nor counted here.

    Returns
    -------
    frame
        date, asset, expiry, strike, right, bid, ask, mid, iv, delta, forward (null where not known), american (bool),
        spot, rate, years (to settlement), years_by_date (of whole days, what a panel's reader counts).
        Sorted by smile and strike. `mid` is null where only a volatility is given.
    """
    clock, limits = clock or Clock(), limits or QuoteLimits()
    missing = [pl.lit(None, dtype=kind).alias(name) for name, kind in OPTIONAL.items() if name not in quotes.columns]
    table = quotes.with_columns(*missing).rename({"ticker": "asset"})
    spot = closes.select("date", pl.col("ticker").alias("asset"), pl.col("close").alias("spot"))
    table = table.join(spot, on=["date", "asset"], how="left").join(rate.select("date", "rate"), on="date", how="left")
    settlement = table["settlement"].fill_null(clock.default)
    years = clock.years(table["date"].to_numpy(), table["expiry"].to_numpy(), settlement.to_numpy())
    two_sided = pl.col("bid").is_not_null() & pl.col("ask").is_not_null()
    own = pl.lit(True) if first is None else pl.col("date") >= first
    report.note(table.filter(own, pl.col("bid").is_not_null() != pl.col("ask").is_not_null()), "one_sided")
    mid = pl.when(two_sided).then(0.5 * (pl.col("bid") + pl.col("ask"))).otherwise(pl.col("price"))
    days = (pl.col("expiry") - pl.col("date")).dt.total_days()
    is_european = pl.col("asset").is_in(limits.european)
    usual = pl.when(is_european).then(pl.lit("european")).otherwise(pl.lit(limits.style))
    table = table.with_columns(
        settlement=settlement,
        years=pl.Series(years),
        years_by_date=days / DAYS_PER_YEAR,
        mid=mid,
        american=pl.coalesce("style", usual) == "american",
    ).with_columns(pl.when(two_sided).then(pl.col(side)).alias(side) for side in ("bid", "ask"))
    # An option that settles in the morning of its last date is past it at the close before; whole days still count it.
    rules = {
        "expired": ~((pl.col("years") > 0.0) & (days > 0)),
        "beyond_tenor": days > limits.longest_days,
        "no_spot": ~(pl.col("spot") > 0.0),
        "no_rate": pl.col("rate").is_null(),
        "no_price": pl.col("mid").is_null() & pl.col("iv").is_null(),
        "no_bid": pl.col("bid").fill_null(1.0) <= 0.0,
        "crossed": (pl.col("bid") > pl.col("ask")).fill_null(False),
        "too_wide": (pl.col("ask") - pl.col("bid") > limits.widest * pl.col("mid")).fill_null(False),
        "price_not_positive": pl.col("mid").fill_null(1.0) <= 0.0,
        "other_settlement": _other_settlement(limits.settlement),
    }
    sessions = table["date"].unique().sort()
    before = QualityReport().keep(table.filter(~own), rules, final=False)
    kept = report.keep(table.filter(own), rules, final=False)
    stale = _stale(pl.concat([before, kept]), sessions)
    kept = report.keep(kept.join(stale, on=SMILE, how="left"), {"stale": pl.col("stale").is_not_null()}, False)
    columns = ["strike", "right", "bid", "ask", "mid", "iv", "delta", "forward", "american", "spot", "rate"]
    return kept.select(*SMILE, *columns, "years", "years_by_date").sort(*SMILE, "strike", "right")


def _other_settlement(kept: str) -> pl.Expr:
    both = pl.col("settlement").n_unique().over(SMILE) > 1
    return both & (pl.col("settlement") != kept)


def _stale(quotes: pl.DataFrame, dates: pl.Series) -> pl.DataFrame:
    """Return the smiles that repeat those of the session before, of these dates, while the spot has moved."""
    contract = ["asset", "expiry", "strike", "right"]
    sessions = pl.DataFrame({"date": dates, "before": dates.shift(1)}).drop_nulls()
    today = quotes.join(sessions, on="date").select(*contract, "date", "before", "bid", "ask", "mid", "spot")
    then = quotes.select(*contract, pl.col("date").alias("before"), "bid", "ask", "mid", "spot")
    pairs = today.join(then, on=[*contract, "before"], suffix="_then").filter(pl.col("mid").is_not_null())
    same = pl.all_horizontal(pl.col(c).eq_missing(pl.col(f"{c}_then")) for c in ("bid", "ask", "mid"))
    moved = (pl.col("spot") / pl.col("spot_then")).log().abs() > MOVED
    found = pairs.group_by(SMILE).agg(share=same.mean(), count=pl.len(), moved=moved.first())
    stale = found.filter(pl.col("moved"), pl.col("share") >= STALE_SHARE, pl.col("count") >= STALE_QUOTES)
    return stale.select(*SMILE, stale=pl.lit(True))
