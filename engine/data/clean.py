"""Dropping quotes for stated reasons, and counting every one."""

import polars as pl


class QualityReport:
    """Counts of quotes read, kept and dropped, by asset and reason; nothing is dropped without a line here."""

    def __init__(self):
        self._counts = []

    def keep(self, quotes: pl.DataFrame, rules: dict, final: bool = True) -> pl.DataFrame:
        """Return the quotes that break no rule; each other one is counted under the first it breaks.

        Parameters
        ----------
        quotes : frame with a column `asset`
        rules : dict of reason -> polars expression
            True (or null) where a quote is to be dropped.
        final : bool
            False where the quotes kept will be judged again: they are then counted by the last judgement only.
        """
        reason = pl.coalesce(
            *(pl.when(rule.fill_null(True)).then(pl.lit(name)) for name, rule in rules.items()), pl.lit("kept")
        )
        judged = quotes.with_columns(reason.alias("_reason"))
        counted = judged if final else judged.filter(pl.col("_reason") != "kept")
        self._counts.append(counted.group_by("asset", pl.col("_reason").alias("reason")).len(name="rows"))
        return judged.filter(pl.col("_reason") == "kept").drop("_reason")

    def frame(self) -> pl.DataFrame:
        """Return asset, reason, rows; the reason `kept` is one of them, so rows sum to the rows read."""
        if not self._counts:
            return pl.DataFrame(schema={"asset": pl.String, "reason": pl.String, "rows": pl.UInt32})
        counts = pl.concat(self._counts).group_by("asset", "reason").agg(pl.col("rows").sum())
        return counts.sort("asset", "reason")
