"""What is odd about the forwards and smiles that quotes gave: counts for the quality report."""

import polars as pl

from engine.data.quotes.parity import CARRIED, NEIGHBOURS

OFFSET = 5e-4  # of the spot: five basis points, and three times its own doubt
APART = 0.01  # own volatility from a vendor's
GAP = 5e-3  # median distance of the pairs of a forward from it
_OFF = (pl.col("spot_offset").abs() > OFFSET) & (pl.col("spot_offset").abs() > 3.0 * pl.col("spot_offset_doubt"))
WORDS = {
    "spot_off_the_options": "closes and quotes are not of one moment",
    "forward_of_spot_and_rate": "no put and call of one strike on the date: forwards are spot and rate",
    "forward_of_neighbours": "no put and call of one strike: forwards have the carry of other expiries",
    "parity_gap": "puts and calls contradict each other by half a percent",
    "vendor_iv_differs": "own volatility near the money is not the vendor's",
    "without_price": "quotes without a price, among others that have one, count with the volatility given",
    "parity_break": "a put and a call contradict the forward by more than their spreads",
    "butterfly_in_quotes": "quotes allow a butterfly: the smile is smoother than they are",
    "butterfly": "a butterfly is left in the smile",
    "calendar": "the next expiry has less total variance",
}


def vendor_check(inverted: pl.DataFrame) -> pl.DataFrame:
    """Count quotes near the money whose own volatility is not the vendor's, and those that have no other, by asset.

    Parameters
    ----------
    inverted : frame, as from `inverted_quotes`

    Returns
    -------
    frame of asset, check, count, of
        vendor_iv_differs : by more than a vol point, and more than half the spread
        without_price : of an asset and date whose other quotes have prices
    """
    near = inverted.filter(pl.col("call_delta").is_between(0.3, 0.7), pl.col("vendor_iv").is_not_null())
    half = (0.5 * (pl.col("ask_iv") - pl.col("bid_iv"))).fill_nan(0.0)
    apart = (pl.col("iv") - pl.col("vendor_iv")).abs()
    mixed = inverted.filter(pl.col("priced").any().over("date", "asset"))
    return pl.concat(
        [
            _counted(near, "vendor_iv_differs", (apart > APART) & (apart > half)),
            _counted(mixed, "without_price", ~pl.col("priced")),
        ]
    )


def surface_checks(forwards: pl.DataFrame, smiles: pl.DataFrame) -> pl.DataFrame:
    """Count what is odd, by asset.

    Parameters
    ----------
    forwards : frame, as from `parity_forwards`
    smiles : frame, as `QuotedSmiles.smiles`

    Returns
    -------
    frame of asset, check, count, of
        `count` of `of` smiles, of dates in spot_off_the_options:

        forward_of_neighbours, forward_of_spot_and_rate : no pair of the expiry, none of any expiry of that day
        parity_gap : the pairs of an expiry contradict each other by more than half a percent
        parity_break : a pair near the money contradicts the forward by more than its spreads
        spot_off_the_options : close and quotes were not taken together (`spot_offsets`), or are dated wrongly
        butterfly_in_quotes : made safe by a smoother smile; butterfly : still there in it
        calendar : the next expiry has less total variance at some strike
    """
    of_forwards = {
        "forward_of_neighbours": pl.col("origin") == NEIGHBOURS,
        "forward_of_spot_and_rate": pl.col("origin") == CARRIED,
        "parity_gap": pl.col("parity_gap") > GAP,
        "parity_break": pl.col("breaks") > 0,
    }
    of_smiles = {
        "butterfly_in_quotes": pl.col("stiff"),
        "butterfly": pl.col("butterfly") > 0,
        "calendar": pl.col("calendar") > 0,
    }
    days = forwards.unique(["date", "asset"], keep="first")
    return pl.concat(
        [
            *(_counted(forwards, name, rule) for name, rule in of_forwards.items()),
            _counted(days, "spot_off_the_options", _OFF),
            *(_counted(smiles, name, rule) for name, rule in of_smiles.items()),
        ]
    ).sort("asset", "check")


def _counted(frame: pl.DataFrame, name: str, rule: pl.Expr) -> pl.DataFrame:
    counted = frame.group_by("asset").agg(
        rule.fill_null(False).sum().cast(pl.Int64).alias("count"), pl.len().cast(pl.Int64).alias("of")
    )
    return counted.select("asset", pl.lit(name).alias("check"), "count", "of")


def told_checks(checks: pl.DataFrame, forwards: pl.DataFrame, most: int = 5) -> list[str]:
    """Say in sentences what `surface_checks` counted, the assets with the largest share first; [] where nothing is odd.

    Parameters
    ----------
    checks : frame, as from `surface_checks`
    forwards : frame, as from `parity_forwards`
    most : int
        Assets named per check.

    Examples
    --------
    >>> counted = pl.DataFrame({"asset": ["A", "B"], "check": ["calendar"] * 2, "count": [1, 0], "of": [4, 4]})
    >>> told_checks(counted, pl.DataFrame())
    ['the next expiry has less total variance: 1 of 8 (A 1)']
    """
    found = []
    for check, words in WORDS.items():
        rows = checks.filter(pl.col("check") == check)
        odd = rows.filter(pl.col("count") > 0).sort(pl.col("count") / pl.col("of"), "asset", descending=[True, False])
        if odd.height:
            named = ", ".join(
                f"{asset} {count:,}" for asset, count in odd.select("asset", "count").head(most).iter_rows()
            )
            more = f" and {odd.height - most:,} more" if odd.height > most else ""
            line = f"{words}: {odd['count'].sum():,} of {rows['of'].sum():,} ({named}{more})"
            found.append(line + (_largest_offset(forwards) if check == "spot_off_the_options" else ""))
    return found


def _largest_offset(forwards: pl.DataFrame) -> str:
    known = forwards.filter(_OFF).sort(pl.col("spot_offset").abs(), descending=True)
    date, asset, offset = known.select("date", "asset", "spot_offset").row(0)
    return f"; furthest on {date}, {asset}: its options say a spot {100.0 * offset:+.2f} % from the close"
