"""Kinds of fields that layouts are made of: numbers in some unit, dates of some form, parts of a code or of a name."""

import re
from collections.abc import Callable
from typing import Any

import polars as pl

from engine.data.vendors.layout import Field
from engine.data.vendors.sight import COMPACT, DAY_MONTH, ISO, SAS, SLASHED, YMD, Sight
from engine.data.vendors.symbols import osi, plain_ticker, settlement, style

MICROSECONDS, MILLISECONDS, NANOSECONDS = "us", "ms", "ns"  # since 1970, UTC


def number(*columns: str, scale: float = 1.0, missing: tuple[float, ...] = ()) -> Field:
    """Return a field of numbers, in the unit `scale` brings to ours."""
    said = "" if scale == 1.0 else f"/ {1 / scale:g}" if scale < 1.0 else f"* {scale:g}"
    return Field(columns, lambda sight: sight.number(sight.first(columns)), said, scale, missing)


def text(*columns: str) -> Field:
    """Return a field of texts."""
    return Field(columns, lambda sight: sight.text(sight.first(columns)))


def day(*columns: str, forms: tuple[str, ...] = ISO) -> Field:
    """Return a field of dates, in one of these forms."""
    said = "" if forms == ISO else f"({' or '.join(_FORMS.get(form, form) for form in forms)})"
    return Field(columns, lambda sight: sight.day(sight.first(columns), forms), said)


def expiry_day(*columns: str, forms: tuple[str, ...] = ISO) -> Field:
    """Return a field of expiries: those on a Saturday, as monthly ones were until 2015, traded last the day before."""
    plain = day(*columns, forms=forms)

    def make(sight: Sight) -> pl.Expr:
        date = plain.make(sight)
        return pl.when(date.dt.weekday() == 6).then(date - pl.duration(days=1)).otherwise(date)

    return Field(columns, make, " ".join(filter(None, (plain.said, "(of a Saturday, the day before)"))))


def moment(column: str, unit: str, zone: str = "UTC") -> Field:
    """Return a field of dates, of moments counted in some unit since 1970, or written in ISO form with a Z."""

    def make(sight: Sight) -> pl.Expr:
        counted = sight.number(column).cast(pl.Int64, strict=False)
        if sight.schema[column].is_integer():
            counted = pl.col(column).cast(pl.Int64)
        elif sight.schema[column] == pl.String:
            counted = sight.text(column).cast(pl.Int64, strict=False)
        known = pl.from_epoch(counted, time_unit=unit if unit != MILLISECONDS else "ms")  # pyright: ignore
        days = known.dt.replace_time_zone("UTC").dt.convert_time_zone(zone).dt.date()
        if sight.schema[column] != pl.String:
            return days
        return pl.coalesce(days, sight.text(column).str.slice(0, 10).str.to_date(YMD, strict=False))

    return Field((column,), make, f"({unit} since 1970, day in {zone})")


def ticker(*columns: str) -> Field:
    """Return a field of tickers, spelt as the engine does: BRK.B, SPX for ^SPX and for the root SPXW."""
    return Field(columns, lambda sight: plain_ticker(sight.text(sight.first(columns))))


def of_code(part: str, *columns: str) -> Field:
    """Return a field taken from an OSI code: ticker, root, expiry, right, strike, settlement or style."""

    def make(sight: Sight) -> pl.Expr:
        code = sight.text(sight.first(columns))
        if part in ("ticker", "settlement", "style"):
            root = osi(code, "root")
            return {"ticker": plain_ticker, "settlement": settlement, "style": style}[part](root)
        return osi(code, part)

    return Field(columns, make, f"({part} of the code)", always=part not in ("settlement", "style"))


def of_name(pattern: str, forms: tuple[str, ...] = ()) -> Field:
    """Return a field whose value is part of the file's name, or its folder's: a ticker, or with `forms` a date.

    Two dates in one name could both be meant: neither is taken.
    """

    def make(sight: Sight) -> pl.Expr:
        name = sight.name.rpartition("/")[2]
        found = set(re.findall(pattern, name, re.IGNORECASE) or re.findall(pattern, sight.name, re.IGNORECASE)[:1])
        value = pl.lit(found.pop() if len(found) == 1 else None, pl.String)
        if forms:
            return pl.coalesce(*(value.str.to_date(form, strict=False) for form in forms))
        return plain_ticker(value)

    return Field((), make, "the file's name")


def same(value: Any) -> Field:
    """Return a field that has one value in all rows."""
    return Field((), lambda sight: pl.lit(value), f"always {value}")


def formula(said: str, function: Callable[..., pl.Expr], *columns: str, missing: tuple[float, ...] = ()) -> Field:
    """Return a field of numbers, worked out of others."""
    return Field(
        columns, lambda sight: function(*(sight.number(column) for column in columns)), said, 1.0, missing, all_of=True
    )


def worked(said: str, function: Callable[[Sight], pl.Expr], *columns: str) -> Field:
    """Return a field worked out of columns that are not all numbers."""
    return Field(columns, function, said, all_of=True, always=False)


def either(*fields: Field) -> Field:
    """Return the first of some fields whose columns the file has."""

    def make(sight: Sight) -> pl.Expr:
        return next(one for one in fields if one.there(sight.schema)).make(sight)

    return Field(
        tuple(column for one in fields for column in one.columns),
        make,
        "; else ".join(one.said for one in fields if one.said),
        fields[0].scale,
        fields[0].missing,
        always=all(one.always for one in fields),
        options=fields,
    )


_FORMS = {
    YMD: "YYYY-MM-DD",
    COMPACT: "YYYYMMDD",
    SLASHED: "M/D/YYYY",
    DAY_MONTH: "DD-MMM-YYYY",
    SAS: SAS,
    "%d%b%Y": "DDMMMYYYY",
}
