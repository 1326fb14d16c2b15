"""Dropping quotes for stated reasons, and counting every one; so the rows of other tables, and what is suspicious."""

import logging
from typing import TYPE_CHECKING

import polars as pl

from engine.data.tables.judge import COUNTS, REJECTED

if TYPE_CHECKING:
    from engine.data.tables.judge import Judged

log = logging.getLogger(__name__)

# In-the-money options beyond this are quoted wide and their volatilities are unusable; a smile never needs them.
DEEPEST_IN_THE_MONEY = 0.80
DEPTH = pl.when(pl.col("right") == "C").then(pl.col("call_delta")).otherwise(1.0 - pl.col("call_delta"))

# A vendor's deltas are often American, on spot and of two decimals: nine in ten puts of two years lie within .08 of
# Black's on a forward, shorter ones nearer. What differs by more was computed at another time.
DELTA_TOLERANCE = 0.10

# Reason -> condition under which a quote of any vendor is no point of a smile; of its columns right, iv, call_delta.
SMILE_RULES = {
    "iv_out_of_bounds": ~pl.col("iv").is_between(0.01, 5.0),  # first: the delta is computed from it
    "delta_out_of_range": ~((pl.col("call_delta") > 0.0) & (pl.col("call_delta") < 1.0)),
    "deep_in_the_money": DEPTH > DEEPEST_IN_THE_MONEY,
}


class QualityReport:
    """Counts of quotes kept and dropped, by asset and reason; no quote is dropped without being counted here."""

    def __init__(self):
        self._counts = []
        self._tables = {}
        self._suspected = {}

    def keep(self, quotes: pl.DataFrame, rules: dict, final: bool = True) -> pl.DataFrame:
        """Return the quotes that break no rule; each other quote is counted under the first rule that it breaks.

        Parameters
        ----------
        quotes : frame with a column `asset`
        rules : dict of reason -> polars expression
            True (or null) where a quote is to be dropped.
        final : bool
            False where the quotes that are kept will go through `keep` once more: only the last call counts them.
        """
        reasons = pl.Enum([*rules, "kept"])  # a number for each quote instead of a text
        broken = (pl.when(rule.fill_null(True)).then(pl.lit(name, reasons)) for name, rule in rules.items())
        judged = quotes.select("asset", pl.coalesce(*broken, pl.lit("kept", reasons)).alias("reason"))
        kept = judged["reason"] == "kept"
        counted = judged if final else judged.filter(~kept)
        self._counts.append(counted.group_by("asset", "reason").len(name="rows"))
        return quotes.filter(kept)

    def note(self, quotes: pl.DataFrame, reason: str) -> None:
        """Count quotes that are odd and not dropped for it; their reason starts with the table, as other tables' do."""
        counted = quotes.group_by("asset").len(name="rows")
        self._counts.append(counted.select("asset", pl.lit(f"quotes.{reason}").alias("reason"), "rows"))

    def take(self, found: "Judged") -> pl.DataFrame:
        """Count what a table's contract rejects, once however often it is read, and return the rows that are kept."""
        if (found.table, found.file) not in self._tables:
            self._tables[found.table, found.file] = found
            for note in found.notes:
                log.warning("%s: %s", found.file, note)
        return found.kept

    def suspect(self, asset: str, reason: str, rows: int, text: str) -> None:
        """Tell of something that is possible and seldom true, and count it: so many rows, or sessions, of an asset."""
        if (asset, reason) not in self._suspected:
            log.warning(text)
        self._suspected[asset, reason] = rows

    def rejected(self) -> pl.DataFrame:
        """Return the rows that the contracts of tables reject: table, file, line, column, reason, value."""
        return pl.concat([pl.DataFrame(schema=REJECTED), *(found.rejected for found in self._tables.values())])

    def frame(self) -> pl.DataFrame:
        """Return asset, reason, rows.

        `kept` is one of the reasons, so that rows without a dot in their reason sum to the number of quotes read. The
        others start with the table they are of.
        """
        parts = [*self._counts, *(_named(found) for found in self._tables.values())]
        suspected = [(asset, reason, rows) for (asset, reason), rows in self._suspected.items()]
        parts = [part.select(pl.col(name).cast(kind) for name, kind in COUNTS.items()) for part in parts]
        counts = pl.concat([pl.DataFrame(suspected, schema=COUNTS, orient="row"), *parts])
        return counts.group_by("asset", "reason").agg(pl.col("rows").sum()).sort("asset", "reason")


def _named(found: "Judged") -> pl.DataFrame:
    return found.counts.with_columns(pl.format("{}.{}", pl.lit(found.table), "reason").alias("reason"))
