"""The unit a table is in: declared, or found out and said; one that contradicts itself is refused."""

from collections.abc import Callable

import polars as pl

from engine.data.quotes.schema import PLAUSIBLE_MEDIAN_IV
from engine.errors import InputError

MIXED = 20.0  # a median this many times another one's is in another unit, not in another market
SUM_IN_DECIMALS = 1.5  # weights of a date that sum to more are not in decimals
SUM_IN_PERCENT = 20.0  # and to less, not in percent: what a few large members hold of an index
MOST_SUM = 1.01  # of the weights of a date: what rounding adds


def in_our_units(
    table: str, rows: pl.DataFrame, file: str, units: dict[str, str]
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Return the rows in the engine's units, and what was found out about theirs.

    Volatilities, rates and weights are decimals, deltas of a surface call deltas in percent, those of quotes signed
    decimals.

    Raises
    ------
    InputError
        When a unit is unknown, contradicts the numbers, or the numbers contradict each other.
    """
    change = _CHANGES.get(table)
    return (rows, ()) if change is None else change(rows, file, units)


def _surface(rows: pl.DataFrame, file: str, units: dict[str, str]) -> tuple[pl.DataFrame, tuple[str, ...]]:
    rows, iv_note = _iv(rows, file, units.get("iv"))
    rows, delta_note = _call_deltas(rows, file, units.get("delta"))
    return rows, tuple(note for note in (iv_note, delta_note) if note)


def _quotes(rows: pl.DataFrame, file: str, units: dict[str, str]) -> tuple[pl.DataFrame, tuple[str, ...]]:
    days = (pl.col("expiry") - pl.col("date")).dt.total_days()
    rows, iv_note = _iv(rows, file, units.get("iv"), days.is_between(7, 400))  # of one day any volatility is plausible
    largest = rows.select(pl.col("delta").abs().quantile(0.99)).item()
    unit = _declared(units.get("delta"), ("percent", "fraction"), "delta")
    percent = unit == "percent" or (unit is None and largest is not None and largest > 1.5)
    if percent:
        rows = rows.with_columns(pl.col("delta") / 100.0)
    delta_note = "delta is in percent" if percent and unit is None else ""
    return rows, tuple(note for note in (iv_note, delta_note) if note)


def _iv(rows: pl.DataFrame, file: str, declared: str | None, usual: pl.Expr | None = None) -> tuple[pl.DataFrame, str]:
    """Bring volatilities to decimals: a median above 3 is in percent."""
    unit = _declared(declared, ("decimals", "percent"), "iv")
    positive = rows.filter(pl.col("iv").is_finite() & (pl.col("iv") > 0.0))
    told = positive if usual is None or (some := positive.filter(usual)).is_empty() else some
    median = told.select(pl.col("iv").median()).item()
    if median is None:
        return rows, ""
    low, high = PLAUSIBLE_MEDIAN_IV
    found = unit or ("percent" if median > high else "decimals")
    scaled = median / 100.0 if found == "percent" else median
    if not low <= scaled <= high:
        said = f"declared as {unit}" if unit else "neither in decimals (0.2) nor in percent (20)"
        raise InputError(f"{file}, column iv: the median volatility is {median:.4g}, {said}; say iv_unit=, or mend it")
    months = told.group_by("ticker", pl.col("date").dt.truncate("1mo").alias("month"), maintain_order=True)
    other = months.agg(pl.col("iv").median(), pl.len().alias("rows")).filter(
        ~pl.col("iv").is_between(median / MIXED, median * MIXED), pl.col("rows") > 1
    )
    if other.height:
        ticker, month, value, _ = other.row(0)
        raise InputError(
            f"{file}, column iv: the median is {median:.4g}, of {ticker} in {month:%Y-%m} {value:.4g}: two units in "
            "one column; bring all to one"
        )
    dates = told.group_by("date").agg(pl.col("iv").median(), pl.len().alias("rows")).sort("date")
    dates = dates.filter(~pl.col("iv").is_between(median / MIXED, median * MIXED), pl.col("rows") > 2)
    if dates.height:
        date, value, _ = dates.row(0)
        raise InputError(
            f"{file}, column iv: the median is {median:.4g}, on {date} {value:.4g}: two units in one column; bring all "
            "to one"
        )
    if found == "percent":
        rows = rows.with_columns(pl.col("iv") / 100.0)
    return rows, "" if unit or found == "decimals" else f"iv is in percent (median {median:.4g})"


def _call_deltas(rows: pl.DataFrame, file: str, declared: str | None) -> tuple[pl.DataFrame, str]:
    """Bring the deltas of a surface to call deltas in percent; puts are signed, or told by the column right."""
    unit = _declared(declared, ("percent", "fraction"), "delta")
    largest = rows.select(pl.col("delta").abs().max()).item()
    if largest is None:
        return rows, ""
    found = unit or ("fraction" if largest <= 1.0 else "percent")
    delta = pl.col("delta") * 100.0 if found == "fraction" else pl.col("delta")
    delta = pl.when((delta - delta.round()).abs() < 1e-6).then(delta.round()).otherwise(delta)
    rows = rows.with_columns(delta)
    put = (pl.col("delta") < 0.0) | (pl.col("right") == "P")
    wrong = rows.filter((pl.col("delta") < 0.0) & (pl.col("right") == "C"))
    if wrong.height:
        raise InputError(f"{file}, column delta: a call on {wrong['date'][0]} has delta {wrong['delta'][0]:g}; mend it")
    puts = rows.select(put.fill_null(False).sum()).item()
    if puts:
        # A signed put is marked as one, so that it is not taken for the call of the same node.
        rows = rows.with_columns(
            delta=pl.when(put).then(100.0 - pl.col("delta").abs()).otherwise(pl.col("delta")),
            right=pl.when(put).then(pl.lit("P")).otherwise(pl.coalesce("right", pl.lit("C"))),
        )
    said = [] if unit or found == "percent" else ["delta is in fractions"]
    said += [f"{puts:,} deltas are of puts: their call delta is 100 less as much"] if puts else []
    return rows, "; ".join(said)


def _weights(rows: pl.DataFrame, file: str, units: dict[str, str]) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Bring weights to decimals: those of a date that sum to about 100 are in percent."""
    unit = _declared(units.get("weight"), ("decimals", "percent"), "weight")
    positive = rows.filter(pl.col("weight").is_finite() & (pl.col("weight") > 0.0))
    unique = positive.unique(["date", "ticker"], maintain_order=True)
    sums = unique.group_by("date", maintain_order=True).agg(pl.col("weight").sum())
    middle = sums.select(pl.col("weight").median()).item()
    if middle is None:
        return rows, ()
    found = unit or ("percent" if middle > SUM_IN_PERCENT else "decimals")
    scale = 100.0 if found == "percent" else 1.0
    wrong = sums.filter((pl.col("weight") > MOST_SUM * scale) | ((pl.col("weight") <= SUM_IN_DECIMALS) & (scale > 1.0)))
    if wrong.height:
        date, total = wrong.row(0)
        when = "" if date is None else f" of {date}"
        raise InputError(
            f"{file}, column weight: the weights{when} sum to {total:.6g}, on most dates to "
            f"{middle:.6g}; give shares of 1, or percent that sum to 100"
        )
    if found == "percent":
        rows = rows.with_columns(pl.col("weight") / 100.0)
    return rows, (f"weights are in percent (their sum is {middle:.4g})",) if found == "percent" and not unit else ()


def _rates(rows: pl.DataFrame, file: str, units: dict[str, str]) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Bring rates to decimals: their unit cannot be found out, since 0.1 is a rate in percent and in decimals."""
    unit = _declared(units.get("rate"), ("decimals", "percent"), "rate")
    if unit == "percent":
        return rows.with_columns(pl.col("rate") / 100.0), ()
    size = rows.select(pl.col("rate").abs().median()).item()
    if size is not None and size > 0.3:
        raise InputError(
            f"{file}, column rate: half of the rates are beyond {size:.4g}; if they are in percent, divide them by 100"
        )
    return rows, ()


def _declared(unit: str | None, known: tuple[str, ...], column: str) -> str | None:
    if unit is not None and unit not in known:
        raise InputError(f"{column}_unit={unit} is unknown; choose one of {', '.join(known)}")
    return unit


_CHANGES: dict[str, Callable] = {"surface": _surface, "quotes": _quotes, "weights": _weights, "rates": _rates}
