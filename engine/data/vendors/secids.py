"""From IvyDB's keys to tickers, and from its shares outstanding to weights that were known at the time."""

import polars as pl

from engine.calendar import year_fraction
from engine.data.tables.judge import LINE
from engine.data.vendors.symbols import one_name, plain_ticker
from engine.errors import InputError

# Indices and funds whose keys are public. Any other one is named by the table of names, or keeps its key.
SECIDS = {
    "108105": "SPX",
    "102456": "DJX",
    "102480": "NDX",
    "102434": "RUT",
    "117801": "VIX",
    "109820": "SPY",
    "116070": "TLT",
    "122392": "GLD",
    "126776": "SLV",
}
OPEN_END = "2099-12-31"


def securities(tables: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Name the keys, weight the members, and find the splits.

    Parameters
    ----------
    tables : dict of table -> frame
        Canonical tables with keys as tickers, and where they are there identifiers (date, ticker, name), shares (date,
        ticker, close, shares, cfadj), members (permno, date, until), links (ticker, permno, date, until) and yields
        (date, ticker, expiry, yield).

    Returns
    -------
    dict of canonical table -> frame
        Weights are shares times close over the sum of all that had both, or of the members where there is a list of
        them: of full capitalisations, where an index may take floats. A name is the last one of its key.
    """
    named = dict(tables)
    identifiers, shares = named.pop("identifiers", None), named.pop("shares", None)
    members, links = named.pop("members", None), named.pop("links", None)
    yields = named.pop("yields", None)
    if yields is not None and {"prices", "rates"} <= named.keys():
        named["forwards"] = _with_forwards(named.get("forwards"), yields, named["prices"], named["rates"])
    if shares is not None and shares.height:
        splits = _splits(shares)
        if "actions" not in named or named["actions"].is_empty():
            named["actions"] = splits
        else:
            _check_agree(named["actions"], splits)
        if "weights" not in named:
            if members is not None and links is None:
                raise InputError(
                    "a list of members by permno is there, and no file that links them to secids: add opcrsphist, or "
                    "move the list away, for weights of all that have shares or market.weights=FILE"
                )
            named["weights"] = _weights(shares, _spells(members, links))
    name = dict(SECIDS)
    if identifiers is not None:
        known = identifiers.drop_nulls(["ticker", "name"]).sort("date", maintain_order=True)
        known = known.with_columns(name=one_name(plain_ticker(pl.col("name")), pl.col("date")))
        name |= dict(known.unique("ticker", keep="last", maintain_order=True).select("ticker", "name").iter_rows())
    return {
        table: frame.with_columns(pl.col("ticker").replace(name)) if "ticker" in frame.columns else frame
        for table, frame in named.items()
    }


def _with_forwards(
    forwards: pl.DataFrame | None, yields: pl.DataFrame, prices: pl.DataFrame, rates: pl.DataFrame
) -> pl.DataFrame:
    """Add the forwards that follow from a dividend yield, close x exp((rate - yield) T), where a day has none.

    The rate is the last one known on the date.
    """
    closes = prices.select("date", "ticker", "close").unique(["date", "ticker"], keep="first")
    known = rates.select("date", "rate").drop_nulls().unique("date", keep="first").sort("date")
    there = yields.drop_nulls(["date", "yield"]).join(closes, on=["date", "ticker"]).sort("date")
    there = there.join_asof(known, on="date")
    if forwards is not None:
        there = there.join(forwards, on=["date", "ticker"], how="anti")
    years = year_fraction((pl.col("expiry") - pl.col("date")).dt.total_days())
    forward = pl.col("close") * ((pl.col("rate") - pl.col("yield")) * years).exp()
    worked = there.filter(pl.col("expiry") > pl.col("date")).with_columns(forward=forward)
    worked = worked.select("date", "ticker", "expiry", "forward", LINE)
    return worked if forwards is None else pl.concat([forwards, worked.select(forwards.columns)])


def _check_agree(actions: pl.DataFrame, splits: pl.DataFrame) -> None:
    """Raise InputError where distributions and the cumulative factor of the prices tell another split of one day."""
    both = actions.join(splits, on=["date", "ticker"], suffix="_of_prices")
    differ = both.filter((pl.col("factor") / pl.col("factor_of_prices") - 1.0).abs() > 0.01)
    if differ.height:
        date, key, factor, other = differ.select("date", "ticker", "factor", "factor_of_prices").row(0)
        raise InputError(
            f"a split of secid {key} on {date} is {factor:.4g} by distrd and {other:.4g} by cfadj of secprd; mend one"
        )


def _weights(shares: pl.DataFrame, spells: pl.DataFrame | None) -> pl.DataFrame:
    known = shares.filter((pl.col("shares") > 0.0) & (pl.col("close") > 0.0)).unique(["date", "ticker"], keep="first")
    if spells is not None:
        # Weights of a date count in the next session: of its members, whose closes are those of the date.
        days = known.select(pl.col("date").unique().sort()).with_columns(used=pl.col("date").shift(-1))
        used = known.join(days.with_columns(pl.col("used").fill_null(pl.col("date"))), on="date")
        during = used.join(spells, on="ticker").filter(pl.col("used").is_between("since", "until"))
        # Two keys of one company on a day: the one that was linked to it last has its weight, or it would count twice.
        latest = during.sort("linked", "ticker", descending=[True, False])
        known = latest.unique(["date", "permno"], keep="first", maintain_order=True).unique(["date", "ticker"])
    size = pl.col("shares") * pl.col("close")
    weighted = known.sort("date", "ticker").with_columns(weight=size / size.sum().over("date"))
    return weighted.select("date", "ticker", "weight", LINE)


def _spells(members: pl.DataFrame | None, links: pl.DataFrame | None) -> pl.DataFrame | None:
    """Return since when and until when a key was a member; None where nothing says so."""
    if members is None or links is None:
        return None
    open_end = pl.lit(OPEN_END).str.to_date()
    linked = members.join(links, on="permno", suffix="_linked").with_columns(pl.col("until").fill_null(open_end))
    return linked.select(
        "ticker",
        "permno",
        linked="date_linked",
        since=pl.max_horizontal("date", "date_linked"),
        until=pl.min_horizontal("until", pl.col("until_linked").fill_null(open_end)),
    ).filter(pl.col("since") <= pl.col("until"))


def _splits(shares: pl.DataFrame) -> pl.DataFrame:
    """Return the splits that the cumulative factor tells: it grows by how many shares one became."""
    odd = shares.filter(~((pl.col("cfadj") > 0.0) & pl.col("cfadj").is_finite()))
    if odd.height:
        date, key, factor = odd.select("date", "ticker", "cfadj").row(0)
        raise InputError(f"cfadj of secid {key} on {date} in secprd is {factor:g}, no factor; mend it")
    rows = shares.drop_nulls("cfadj").unique(["date", "ticker"], keep="first").sort("ticker", "date")
    factor = pl.col("cfadj").shift(1).over("ticker") / pl.col("cfadj")
    moved = rows.with_columns(factor=factor).filter(
        pl.col("factor").is_finite() & ((pl.col("factor") - 1.0).abs() > 1e-9)
    )
    return moved.select("date", "ticker", pl.lit("split").alias("kind"), "factor", LINE)
