"""Databento OPRA.PILLAR as csv: bars, consolidated quotes, open interest; prices in 1e-9 or in decimals."""

import polars as pl

from engine.data.vendors.fields import NANOSECONDS, moment, number, of_code, ticker
from engine.data.vendors.layout import MEDIUM, Drop, Field, Layout, Vendor, View
from engine.data.vendors.market import VendorMarket
from engine.data.vendors.sight import Sight
from engine.data.vendors.symbols import code_drops, osi

_UNDEFINED = 9223372036854775807
_DAILY, _EASTERN = moment("ts_event", NANOSECONDS), moment("ts_event", NANOSECONDS, "America/New_York")


def _price(column: str) -> Field:
    """Return a price: whole numbers count billionths, text with a point is in dollars; the largest number is none."""

    def make(sight: Sight) -> pl.Expr:
        kind = sight.schema[column]
        if kind.is_float():
            return sight.number(column)
        if kind != pl.String:
            return pl.when(pl.col(column) != _UNDEFINED).then(pl.col(column) / 1e9)
        text = sight.text(column)
        value = text.cast(pl.Float64, strict=False)
        counted = pl.when(text.str.contains(".", literal=True)).then(value).otherwise(value / 1e9)
        return pl.when(text != str(_UNDEFINED)).then(counted)

    return Field((column,), make, "(/ 1e9 of whole numbers)", always=False)


def _option(sight: Sight) -> pl.Expr:
    return osi(sight.text("symbol"), "root").is_not_null()


def _contract(date: Field) -> dict[str, Field]:
    return {"date": date} | {part: of_code(part, "symbol") for part in ("ticker", "expiry", "strike", "right")}


_KIND = {"style": of_code("style", "symbol"), "settlement": of_code("settlement", "symbol")}
_ADJUSTED = code_drops("symbol")
_NOT_DAILY = Drop("not_a_daily_bar", "rtype", lambda s: s.number("rtype") != 35.0)

VENDOR = Vendor(
    "databento",
    "Databento",
    (
        Layout(
            "databento_bars",
            "daily bars",
            ("ts_event", "rtype", "publisher_id", "instrument_id", "open", "high", "low", "close", "volume", "symbol"),
            (
                View(
                    "quotes",
                    _contract(_DAILY) | {"price": _price("close"), "volume": number("volume")} | _KIND,
                    where=_option,
                    rank=1,
                ),
                View(
                    "prices",
                    {"date": _DAILY, "ticker": ticker("symbol"), "close": _price("close")},
                    where=lambda sight: ~_option(sight),
                ),
            ),
            drops=(*_ADJUSTED, _NOT_DAILY),
            note="last trades, of contracts that traded: no bid, no ask",
        ),
        Layout(
            "databento_quotes",
            "consolidated quotes, the last one of a day counts",
            ("ts_event", "rtype", "publisher_id", "instrument_id", "bid_px_00", "ask_px_00", "symbol"),
            (
                View(
                    "quotes",
                    _contract(_EASTERN) | {"bid": _price("bid_px_00"), "ask": _price("ask_px_00")} | _KIND,
                    where=_option,
                    last_by=("ts_event",),
                ),
            ),
            drops=_ADJUSTED,
        ),
        Layout(
            "databento_statistics",
            "statistics: open interest",
            ("ts_event", "rtype", "publisher_id", "instrument_id", "stat_type", "quantity", "symbol"),
            (
                View(
                    "open_interest",
                    _contract(_EASTERN) | {"oi": Field(("quantity",), lambda s: s.number("quantity"))},
                    where=lambda s: s.number("stat_type") == 9.0,
                    last_by=("ts_recv",),
                ),
            ),
            drops=_ADJUSTED,
            sure=MEDIUM,
        ),
        Layout(
            "databento_trades",
            "every trade, of each contract the last one of a day counts",
            (
                "ts_event",
                "rtype",
                "publisher_id",
                "instrument_id",
                "action",
                "side",
                "depth",
                "price",
                "size",
                "symbol",
            ),
            (
                View(
                    "quotes",
                    _contract(_EASTERN) | {"price": _price("price")} | _KIND,
                    where=_option,
                    last_by=("ts_event", "sequence"),
                    rank=2,
                ),
            ),
            drops=_ADJUSTED,
            note="last trades: files of quotes, and daily bars, count before them",
        ),
        Layout(
            "databento_definition",
            "definitions of instruments",
            ("publisher_id", "instrument_id", "raw_symbol", "instrument_class", "expiration"),
            note="expiry, strike and right are in the symbol of every quote, and contracts on other terms are left "
            "out by it; contracts on 100 shares are traded whole with marks.multiplier=100",
        ),
    ),
    index="SPY",
)


class Databento(VendorMarket):
    """Databento OPRA as csv: bars, quotes, statistics."""

    vendor = VENDOR
