"""Dropping quotes for stated reasons, and counting every one."""

import polars as pl

# In-the-money options beyond this are quoted wide and their volatilities are unusable; a smile never needs them.
DEEPEST_IN_THE_MONEY = 0.80
_DEPTH = pl.when(pl.col("right") == "C").then(pl.col("call_delta")).otherwise(1.0 - pl.col("call_delta"))

# Reason -> condition under which a quote of any vendor is no point of a smile; of its columns right, iv, call_delta.
SMILE_RULES = {
    "iv_out_of_bounds": ~pl.col("iv").is_between(0.01, 5.0),  # first: the delta is computed from it
    "delta_out_of_range": ~((pl.col("call_delta") > 0.0) & (pl.col("call_delta") < 1.0)),
    "deep_in_the_money": _DEPTH > DEEPEST_IN_THE_MONEY,
}


class QualityReport:
    """Counts of quotes kept and dropped, by asset and reason; no quote is dropped without being counted here."""

    def __init__(self):
        self._counts = []

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
        reason = pl.coalesce(
            *(pl.when(rule.fill_null(True)).then(pl.lit(name)) for name, rule in rules.items()), pl.lit("kept")
        )
        judged = quotes.with_columns(reason.alias("_reason"))
        counted = judged if final else judged.filter(pl.col("_reason") != "kept")
        self._counts.append(counted.group_by("asset", pl.col("_reason").alias("reason")).len(name="rows"))
        return judged.filter(pl.col("_reason") == "kept").drop("_reason")

    def frame(self) -> pl.DataFrame:
        """Return asset, reason, rows; `kept` is one of the reasons, so that rows sum to the number of quotes read."""
        if not self._counts:
            return pl.DataFrame(schema={"asset": pl.String, "reason": pl.String, "rows": pl.UInt32})
        counts = pl.concat(self._counts).group_by("asset", "reason").agg(pl.col("rows").sum())
        return counts.sort("asset", "reason")
