"""Symbols of US options and stocks: OSI codes taken apart, roots of indices, share classes, names that changed."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from engine.data.quotes.filters import EUROPEAN
from engine.data.vendors.layout import Drop
from engine.data.vendors.sight import Sight
from engine.errors import InputError

# Root, expiry as YYMMDD, right, strike in thousandths: read from the right, since a root may end in a digit.
# Ten digits of strike are found where it does not fit into eight.
_OSI = r"^(?:O:|[.\-])?([A-Z][A-Z./]{0,5}\d?)\s*(\d{6})([CP])(\d{8}|\d{10})$"
CENT = 0.0101  # strikes are given to the cent, and their codes to a tenth of it
ADJUSTED = r"^[A-Z./]+\d$"  # a digit after the root: the contract delivers something else than 100 shares

# Roots under which an index or a class of shares is listed, and how the options settle: in the morning or evening.
ROOTS: dict[str, tuple[str, str | None]] = {
    "SPX": ("SPX", "am"),
    "SPXW": ("SPX", "pm"),
    "SPXPM": ("SPX", "pm"),
    "NDX": ("NDX", "am"),
    "NDXP": ("NDX", "pm"),
    "RUT": ("RUT", "am"),
    "RUTW": ("RUT", "pm"),
    "VIX": ("VIX", "am"),
    "VIXW": ("VIX", "am"),
    "XSP": ("XSP", "pm"),
    "DJX": ("DJX", "am"),
    "OEX": ("OEX", "pm"),
    "XEO": ("XEO", "pm"),
}

# Companies with more than one class of shares, which every vendor writes another way: BRK.B, BRK-B, BRK/B, BRK_B, BRKB.
CLASSES = ("BRK.A", "BRK.B", "BF.A", "BF.B", "LEN.B", "HEI.A", "MOG.A", "UHAL.B")


ALWAYS = "9999-12-31"


@dataclass(frozen=True)
class Rename:
    """A ticker that became another one: before `date` the company had the old one; `ALWAYS`: only spelt otherwise."""

    old: str
    new: str
    date: str


RENAMES = (
    Rename("WLP", "ANTM", "2014-12-03"),
    Rename("PCLN", "BKNG", "2018-02-27"),
    Rename("HRS", "LHX", "2019-07-01"),
    Rename("SYMC", "NLOK", "2019-11-05"),
    Rename("BBT", "TFC", "2019-12-09"),
    Rename("UTX", "RTX", "2020-04-03"),
    Rename("COG", "CTRA", "2021-10-04"),
    Rename("WLTW", "WTW", "2022-01-10"),
    Rename("VIAC", "PARA", "2022-02-17"),
    Rename("FB", "META", "2022-06-09"),
    Rename("ANTM", "ELV", "2022-06-28"),
    Rename("NLOK", "GEN", "2022-11-08"),
    Rename("ABC", "COR", "2023-08-30"),
    Rename("FLT", "CPAY", "2024-03-25"),
    Rename("SQ", "XYZ", "2025-01-21"),
)


def osi(symbol: pl.Expr, part: str) -> pl.Expr:
    """Return a part of an OSI code, padded or compact: root, expiry, right or strike; null where it is none.

    Examples
    --------
    >>> codes = pl.DataFrame({"code": ["ZZQ   190215C00100000", "O:ZZQ1190215P00062500", "nothing"]})
    >>> codes.select(**{part: osi(pl.col("code"), part) for part in ("root", "right", "strike")}).rows()
    [('ZZQ', 'C', 100.0), ('ZZQ1', 'P', 62.5), (None, None, None)]
    """
    found = symbol.str.strip_chars().str.to_uppercase()
    group = ("root", "expiry", "right", "strike").index(part) + 1
    text = found.str.extract(_OSI, group)
    if part == "expiry":
        return (pl.lit("20") + text).str.to_date("%Y%m%d", strict=False)
    return text.cast(pl.Float64) / 1000.0 if part == "strike" else text


def code_drops(*codes: str, strike: str = "") -> tuple[Drop, ...]:
    """Return which rows of contracts with an OSI code are left out: adjusted ones, of another strike, or without one.

    Parameters
    ----------
    codes : columns of which one holds the code
    strike : column of the strike; "" = the code alone tells it
    """

    def other_strike(sight: Sight, code: str) -> pl.Expr:
        if strike not in sight.schema:
            return pl.lit(False)
        given = sight.number(strike)
        other = (given > 0.0) & ((osi(sight.text(code), "strike") - given).abs() > CENT)
        return other & (other.mean() <= 0.5)  # else the column is in another unit, which is not a matter of rows

    def no_code(sight: Sight, code: str) -> pl.Expr:
        unread = osi(sight.text(code), "root").is_null()
        return unread & (unread.mean() <= 0.5)  # else the codes are of another kind, such as those before 2010

    adjusted = (
        Drop("adjusted_contract", code, lambda s, code=code: osi(s.text(code), "root").str.contains(ADJUSTED))
        for code in codes
    )
    if not strike:
        return tuple(adjusted)
    others = (Drop("not_the_strike_of_its_code", code, lambda s, code=code: other_strike(s, code)) for code in codes)
    without = (Drop("no_contract_code", code, lambda s, code=code: no_code(s, code)) for code in codes)
    return (*adjusted, *others, *without)


def plain_ticker(ticker: pl.Expr) -> pl.Expr:
    """Return tickers as the engine writes them: upper case, BRK.B for a class of shares, SPX for ^SPX and SPXW.

    Examples
    --------
    >>> pl.DataFrame({"t": ["^spx", "SPXW", "brk-b", "BRKB", "BRK/B", "BF_B", "A"]}).select(plain_ticker(pl.col("t")))[
    ...     "t"
    ... ].to_list()
    ['SPX', 'SPX', 'BRK.B', 'BRK.B', 'BRK.B', 'BF.B', 'A']
    """
    plain = ticker.cast(pl.String).str.strip_chars().str.strip_chars_start("^$").str.to_uppercase()
    return plain.replace(_SPELLINGS)


def settlement(root: pl.Expr) -> pl.Expr:
    """Return am or pm of an index's root, null of others."""
    known = {name: when for name, (_, when) in ROOTS.items()}
    plain = root.cast(pl.String).str.strip_chars().str.strip_chars_start("^$").str.to_uppercase()
    return plain.replace_strict(known, default=None, return_dtype=pl.String)


def style(ticker: pl.Expr) -> pl.Expr:
    """Return how US options of a ticker are exercised: those of most indices at expiry only."""
    return pl.when(plain_ticker(ticker).is_in(EUROPEAN)).then(pl.lit("european")).otherwise(pl.lit("american"))


def one_name(ticker: pl.Expr, date: pl.Expr, renames: tuple[Rename, ...] = RENAMES) -> pl.Expr:
    """Return the last ticker of each company, over all its dates.

    A row of FB before 9 June 2022 is of META, whether its vendor filled the new name in or not; a row of FB after that
    day is of whoever took the ticker since.

    Examples
    --------
    >>> from datetime import date
    >>> days = [date(2022, 6, 8), date(2022, 6, 9), date(2025, 1, 2)]
    >>> rows = pl.DataFrame({"ticker": ["FB", "META", "FB"], "date": days})
    >>> rows.select(one_name(pl.col("ticker"), pl.col("date")))["ticker"].to_list()
    ['META', 'META', 'FB']
    """
    after: dict[str, list[Rename]] = {}
    for rename in sorted(renames, key=lambda rename: rename.date):
        after.setdefault(rename.old, []).append(rename)
    named = ticker
    # Several companies may have had a ticker, one after the other: of its renames the first one after the date counts.
    for place in reversed(range(max(map(len, after.values()), default=0))):
        of = {old: several[place] for old, several in after.items() if len(several) > place}
        until = ticker.replace_strict({old: one.date for old, one in of.items()}, default=None, return_dtype=pl.String)
        last = {old: _last(one, after) for old, one in of.items()}
        named = pl.when(date < until.str.to_date()).then(ticker.replace(last)).otherwise(named)
    return named


def _last(rename: Rename, after: dict[str, list[Rename]]) -> str:
    """Follow a company from name to name."""
    while later := [one for one in after.get(rename.new, []) if one.date > rename.date]:
        rename = later[0]
    return rename.new


def read_renames(file: Path | str | None) -> tuple[Rename, ...]:
    """Return the renames that are known, and those of a file of one's own: old, new, date; no date = another spelling.

    Raises
    ------
    InputError
        When the file is missing, lacks a column, or a date is none.
    """
    if file is None:
        return RENAMES
    path = Path(file)
    if not path.is_file():
        raise InputError(f"market.identifiers={path} is missing; give a csv file with the columns old, new, date")
    try:
        rows = pl.read_csv(path, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise InputError(f"{path} cannot be read ({str(error).splitlines()[0][:120]})") from None
    wanted = ("old", "new", "date")
    if missing := [name for name in wanted if name not in rows.columns]:
        raise InputError(f"{path} has no column {missing[0]}; it has {', '.join(rows.columns)}; needed: old, new, date")
    dates = rows["date"].str.to_date("%Y-%m-%d", strict=False)
    unread = dates.is_null() & (rows["date"].str.strip_chars() != "").fill_null(False)
    if unread.any():
        line = int(unread.arg_max() or 0) + 2
        raise InputError(f"{path}, line {line}, column date: {rows['date'][line - 2]} is no date; write 2022-06-09")
    told = rows.with_columns(dates.cast(pl.String).fill_null(ALWAYS).alias("date")).select(wanted)
    if (lacks := told["old"].is_null() | told["new"].is_null()).any():
        raise InputError(f"{path}, line {int(lacks.arg_max() or 0) + 2}: a rename needs the old and the new ticker")
    own = tuple(Rename(old.strip().upper(), new.strip().upper(), date) for old, new, date in told.rows())
    replaced = {(rename.old, rename.date) for rename in own}
    return (*(rename for rename in RENAMES if (rename.old, rename.date) not in replaced), *own)


_SPELLINGS = {root: ticker for root, (ticker, _) in ROOTS.items()} | {
    spelt: whole
    for whole in CLASSES
    for name, letter in [whole.split(".")]
    for spelt in (*(f"{name}{mark}{letter}" for mark in "-/_ "), f"{name}{letter}")
}
