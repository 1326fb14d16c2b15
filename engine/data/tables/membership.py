"""Weights by spells: who is a member since when and until when, and how large - by weight, shares or float factor."""

from datetime import date, timedelta

import polars as pl

from engine.data.tables.contracts import DATE, NUMBER, PORTFOLIO, TABLES, Column, Rule, Table
from engine.data.tables.judge import LINE, Judged, judged, spelling
from engine.data.tables.units import MOST_SUM, SUM_IN_PERCENT
from engine.errors import InputError

MEMBERSHIP = Table(
    "membership",
    {
        "ticker": PORTFOLIO.columns["ticker"],
        "since": Column(DATE, also=("start", "from", "start_date", "effective_from")),
        "until": Column(DATE, required=False, also=("end", "ending", "thru", "to", "end_date", "effective_to")),
        "weight": Column(NUMBER, required=False),
        "shares": Column(NUMBER, required=False, also=("index_shares",)),
        "float": Column(NUMBER, required=False, also=("float_factor", "free_float", "iwf")),
        "line": Column(NUMBER, required=False, also=(LINE,)),
    },
    ("ticker", "since"),
    (
        Rule("until_before_since", "until", pl.col("until") < pl.col("since")),
        Rule("weight_negative", "weight", pl.col("weight") < 0.0),
        Rule("shares_negative", "shares", pl.col("shares") < 0.0),
        Rule("float_not_0_to_1", "float", ~pl.col("float").is_between(0.0, 1.0)),
    ),
)
OPEN_END = date(2199, 12, 31)  # of who is still a member


def has_spells(frame: pl.DataFrame) -> bool:
    """Whether a frame of weights says since when each holds, rather than on which date."""
    said = {spelling(column) for column in frame.columns}
    return "date" not in said and any(spelling(word) in said for word in ("since", *MEMBERSHIP.columns["since"].also))


def is_membership(weights: Judged | None) -> bool:
    """Whether weights are spells."""
    return weights is not None and weights.table == MEMBERSHIP.name


def contract_key(table: Judged) -> list[str]:
    """Return the columns that tell rows of a table apart."""
    return list((MEMBERSHIP if is_membership(table) else TABLES[table.table]).key)


def size_of(spells: pl.DataFrame) -> str:
    """Return the column that says how large members are: weight, shares, or neither."""
    return next((name for name in ("weight", "shares") if spells[name].is_not_null().any()), "")


def judged_membership(frame: pl.DataFrame, file: str, unit: str | None = None, first: int = 1) -> Judged:
    """Hold a table of spells against its contract.

    Parameters
    ----------
    frame : frame of ticker, since, until (both inclusive; empty = still a member), weight or shares or float
    file : str
    unit : str or None
        Of weights: decimals or percent; None = found out.
    first : int
        Line of the first row.

    Raises
    ------
    InputError
        When a row breaks a rule, since all weights hang on each member; when two spells of a ticker overlap; when
        weights sum to more than 1, or a value is missing.

    Examples
    --------
    >>> rows = pl.DataFrame({"ticker": ["A", "B"], "since": "2026-01-02", "until": ["2026-01-30", ""], "shares": 5})
    >>> judged_membership(rows, "weights").kept.select("ticker", "until", "shares").rows()
    [('A', datetime.date(2026, 1, 30), 5.0), ('B', None, 5.0)]
    """
    lined = frame if LINE in frame.columns else frame.with_row_index(LINE, first)
    found = judged(MEMBERSHIP, lined, file, part=True)
    if found.rejected.height:
        _, _, line, column, reason, value = found.rejected.row(0)
        raise InputError(f"{file}, line {line}, column {column}: {reason} ({value}); mend it: weights hang on each row")
    spells = found.kept
    size = size_of(spells)
    if both := [name for name in ("shares", "float") if size == "weight" and spells[name].is_not_null().any()]:
        raise InputError(f"{file} has weight and {both[0]}; keep one: a weight is taken as it is")
    for name in (size, "float"):
        if name and 0 < spells[name].null_count() < spells.height:
            line = spells.filter(pl.col(name).is_null())["line"][0]
            raise InputError(f"{file}, line {line:.0f}, column {name}: no number, as other rows have; add it")
    check_spells(spells, file)
    if size == "weight":
        spells, notes = _in_decimals(spells, file, unit)
        return Judged(found.table, file, spells, found.rejected, found.counts, notes)
    return found


def check_spells(spells: pl.DataFrame, file: str) -> None:
    """Raise InputError where two spells of a ticker overlap, or members leave on the day that others come."""
    rows = spells.sort("ticker", "since").with_columns(
        before=pl.col("until").fill_null(OPEN_END).shift(1).over("ticker"), other=pl.col("line").shift(1).over("ticker")
    )
    both = rows.filter(pl.col("since") <= pl.col("before"))
    if both.height:
        ticker, since, line, other = both.sort("line").select("ticker", "since", "line", "other").row(0)
        raise InputError(
            f"{file}, line {line:.0f}: {ticker} is a member since {since}, which overlaps line {other:.0f}; until is "
            "the last day that a row holds on"
        )
    ends = spells.drop_nulls("until").filter(pl.col("until") <= spells["since"].max())
    handed = ends.filter(pl.col("until").is_in(spells["since"].implode()))
    if 2 * handed.height > ends.height:
        ticker, until, line = handed.sort("line").select("ticker", "until", "line").row(0)
        raise InputError(
            f"{file}, line {line:.0f}: {ticker} ends on {until}, the day on which another row begins, and so do most: "
            "until is the last day that a row holds on; give the day before"
        )


def _in_decimals(spells: pl.DataFrame, file: str, unit: str | None) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Bring weights to decimals: those in force on a day that sum to about 100 are in percent."""
    ends = spells.drop_nulls("until").select(date=pl.col("until") + timedelta(days=1), change=-pl.col("weight"))
    steps = pl.concat([spells.select(date="since", change="weight"), ends]).group_by("date").agg(pl.col("change").sum())
    sums = steps.sort("date").with_columns(weight=pl.col("change").cum_sum())
    middle = float(sums.filter(pl.col("weight") > 1e-9)["weight"].median() or 0.0)  # pyright: ignore[reportArgumentType]
    percent = unit == "percent" or (unit is None and middle > SUM_IN_PERCENT)
    scale = 100.0 if percent else 1.0
    wrong = sums.filter(pl.col("weight") > MOST_SUM * scale)
    if wrong.height:
        date, total = wrong.select("date", "weight").row(0)
        line = spells.filter(pl.col("since") <= date).sort("since", "line")["line"][-1]
        raise InputError(
            f"{file}, line {line:.0f}: the weights in force on {date} sum to {total:.6g}; give shares of 1, or percent "
            "that sum to 100, and as until the last day that a row holds on"
        )
    note = (f"weights are in percent (their sum is {middle:.4g})",) if percent and unit is None else ()
    return spells.with_columns(pl.col("weight") / scale), note
