"""What is odd about the forwards and smiles that quotes gave: counts for the quality report."""

import polars as pl

from engine.data.parity import CARRIED, NEIGHBOURS

OFFSET = 5e-4  # of the spot: five basis points, and three times its own doubt
GAP = 5e-3  # median distance of the pairs of a forward from it


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
        spot_off_the_options : close and quotes were not taken together (`spot_offsets`), or are dated wrongly
        butterfly_in_quotes : made safe by a smoother smile; butterfly : still there in it
        calendar : the next expiry has less total variance at some strike
    """
    off = (pl.col("spot_offset").abs() > OFFSET) & (pl.col("spot_offset").abs() > 3.0 * pl.col("spot_offset_doubt"))
    of_forwards = {
        "forward_of_neighbours": pl.col("origin") == NEIGHBOURS,
        "forward_of_spot_and_rate": pl.col("origin") == CARRIED,
        "parity_gap": pl.col("parity_gap") > GAP,
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
            _counted(days, "spot_off_the_options", off),
            *(_counted(smiles, name, rule) for name, rule in of_smiles.items()),
        ]
    ).sort("asset", "check")


def _counted(frame: pl.DataFrame, name: str, rule: pl.Expr) -> pl.DataFrame:
    counted = frame.group_by("asset").agg(
        rule.fill_null(False).sum().cast(pl.Int64).alias("count"), pl.len().cast(pl.Int64).alias("of")
    )
    return counted.select("asset", pl.lit(name).alias("check"), "count", "of")
