"""Names that traded under another ticker before: on all dates they are what they are called last."""

from dataclasses import replace

import polars as pl

from engine.data.tables.action_kinds import RENAME
from engine.data.tables.judge import Judged
from engine.data.tables.membership import contract_key
from engine.errors import InputError


def renamed(tables: dict[str, Judged], index: str) -> dict[str, Judged]:
    """Give rows of a ticker from before it was renamed the new one; from then on it may be another company's.

    Rows without a date are of all dates, and are renamed too.

    Raises
    ------
    InputError
        When the new ticker has rows of its own on those dates, or the index is asked for by a ticker that it lost.
    """
    actions = tables.get("actions")
    if actions is None:
        return tables
    renames = renames_in(actions)
    if renames.is_empty():
        return tables
    for since, old, new in renames.filter(ticker=index).head(1).iter_rows():
        raise InputError(
            f"{actions.file}: {old} is the index, and is called {new} from {since} on, as its rows before are then; "
            f"ask for it as {new}"
        )
    # A rename itself is told of the name that goes on, and `into` is then what that was called before.
    ticker, into = (
        pl.when(pl.col("kind") == RENAME).then(one).otherwise(other).alias(other)
        for one, other in (("into", "ticker"), ("ticker", "into"))
    )
    found = tables | {"actions": replace(actions, kept=actions.kept.with_columns(ticker, into))}
    return {name: renamed_rows(table, renames) for name, table in found.items()}


def renames_in(actions: Judged | None) -> pl.DataFrame:
    """Return date, ticker and into of the names that changed."""
    columns = {"date": pl.Date, "ticker": pl.String, "into": pl.String}
    if actions is None:
        return pl.DataFrame(schema=columns)
    return actions.kept.filter(pl.col("kind") == RENAME).sort("date").select(list(columns))


def renamed_rows(table: Judged, renames: pl.DataFrame) -> Judged:
    """Give the rows of a table the names that came later; as `renamed`."""
    for since, old, new in renames.iter_rows():
        table = _one(table, since, old, new)
    return table


def _one(table: Judged, since, old: str, new: str) -> Judged:
    rows = table.kept
    when = next((name for name in ("date", "since") if name in rows.columns), "")
    before = (pl.col(when) < since).fill_null(True) if when else pl.lit(True)
    columns = [name for name in ("ticker", "into") if name in rows.columns]
    # What a name was called before another one's rename, it was called.
    lasts = {"into": pl.col("kind") == RENAME} if "into" in columns else {}
    kept = rows.with_columns(
        pl.when(before & (pl.col(name) == old) & ~lasts.get(name, pl.lit(False)))
        .then(pl.lit(new))
        .otherwise(name)
        .alias(name)
        for name in columns
    )
    key = contract_key(table)
    if (twice := kept.filter(pl.struct(key).is_duplicated())).height:
        row = ", ".join(str(value) for value in twice.select(key).row(0) if value is not None)
        raise InputError(
            f"{table.file}: {old} was renamed {new} on {since}, and both have a row of {row}; keep those of the one "
            "that it is"
        )
    return replace(table, kept=kept)
