"""Closes of the US chains on all sessions that have them, those years before the chains included."""

from pathlib import Path

import polars as pl

from engine.data.closes_to_history import closes_to_history
from engine.data.parquet import collect, scan
from engine.data.records import History
from engine.data.sources.us_chains.files import PRICES
from engine.data.tables.moves import moving
from engine.errors import InputError


def panel_history(
    folder: Path, closes: pl.DataFrame, events: pl.DataFrame, dates, index, names, legs
) -> History | None:
    """Closes beside the chains and, where us_history has them, the adjusted closes of the years before; None if none.

    Parameters
    ----------
    folder : path of us_history
    closes : frame of date, asset, spot
        Raw closes beside the chains.
    events : frame of date, asset, kind, factor
    dates, index, names, legs
        As for `closes_to_history`.

    Raises
    ------
    InputError
        When the earlier closes go on into those beside the chains.

    Notes
    -----
    Earlier closes are of the names that were members in 2025: survivors. They are adjusted, for splits and dividends
    alike, as of their own last date, so that they join raw closes only if nothing happened between the two; the files
    at hand lie a year apart, and no return is taken over that hole.
    """
    raw = closes.rename({"spot": "close"})
    actions = moving(events)
    file = folder / PRICES
    if not file.is_file():
        return closes_to_history(raw, actions, dates, index, names, legs)
    rows = scan(file, {"date": pl.Date, "ticker": pl.String, "adjusted": pl.Float64}).drop_nulls()
    earlier = collect(rows, file).rename({"ticker": "asset", "adjusted": "close"})
    last, first = earlier.select(pl.col("date").max()).item(), raw.select(pl.col("date").min()).item()
    if last is not None and last >= first:
        raise InputError(
            f"{file} goes on to {last}, and the chains' own closes start on {first}: its closes are adjusted for what "
            f"happened since, so they do not join raw ones; keep its rows before {first}"
        )
    if index not in earlier["asset"]:  # SPX: without its own closes no session of theirs can be measured
        return closes_to_history(raw, actions, dates, index, names, legs)
    actions = actions.filter(pl.col("date") >= first)  # the earlier closes know theirs already
    note = f"closes to {last} are adjusted, and of names that were members in 2025 (survivors)"
    return closes_to_history(pl.concat([earlier, raw]), actions, dates, index, names, legs, note)
