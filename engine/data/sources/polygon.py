"""Polygon (Massive) flat files: daily aggregates of options that traded, and of stocks."""

import polars as pl

from engine.data.vendors.fields import NANOSECONDS, moment, number, of_code, ticker
from engine.data.vendors.layout import Field, Layout, Vendor, View
from engine.data.vendors.market import VendorMarket
from engine.data.vendors.sight import Sight
from engine.data.vendors.symbols import code_drops

_ZONE = "America/New_York"
_WHEN, _QUOTED = moment("window_start", NANOSECONDS, _ZONE), moment("sip_timestamp", NANOSECONDS, _ZONE)


def _option(sight: Sight) -> pl.Expr:
    return sight.text("ticker").str.starts_with("O:")


def _of_day(sight: Sight) -> pl.Expr:
    """The volume of bars that begin at midnight: of minutes the last one's is not the day's."""
    start = sight.text("window_start").cast(pl.Int64, strict=False)
    clock = pl.from_epoch(start, time_unit="ns").dt.replace_time_zone("UTC").dt.convert_time_zone(_ZONE)
    return pl.when(clock.dt.hour() == 0).then(sight.number("volume"))


def _contract(date: Field) -> dict[str, Field]:
    return {"date": date} | {part: of_code(part, "ticker") for part in ("ticker", "expiry", "strike", "right")}


_KIND = {"style": of_code("style", "ticker"), "settlement": of_code("settlement", "ticker")}

VENDOR = Vendor(
    "polygon",
    "Polygon",
    (
        Layout(
            "polygon_day",
            "daily aggregates (minutes: the last one of a day counts)",
            ("ticker", "window_start", "transactions", "close"),
            (
                View(
                    "quotes",
                    _contract(_WHEN)
                    | {
                        "price": number("close"),
                        "volume": Field(
                            ("volume", "window_start"), _of_day, "(of daily bars)", all_of=True, always=False
                        ),
                    }
                    | _KIND,
                    where=_option,
                    last_by=("window_start",),
                    rank=1,
                ),
                View(
                    "prices",
                    {"date": _WHEN, "ticker": ticker("ticker"), "close": number("close")},
                    where=lambda sight: ~_option(sight),
                    last_by=("window_start",),
                ),
            ),
            drops=code_drops("ticker"),
            note="last trades, of contracts that traded: no bid, no ask, and of no common time",
        ),
        Layout(
            "polygon_quotes",
            "every quote of a day, of each contract the last one counts",
            ("ticker", "ask_price", "bid_price", "sip_timestamp"),
            (
                View(
                    "quotes",
                    _contract(_QUOTED)
                    | {"bid": number("bid_price"), "ask": number("ask_price", missing=(0.0,))}
                    | _KIND,
                    where=_option,
                    last_by=("sip_timestamp", "sequence_number"),
                ),
            ),
            drops=code_drops("ticker"),
            note="a contract's last quote may be of any time of its day",
        ),
        Layout(
            "polygon_trades",
            "every trade of a day",
            ("ticker", "price", "size", "conditions", "sip_timestamp"),
            note="the last trade of a day, and its volume, are in the daily aggregates",
        ),
    ),
    index="SPY",
)


class Polygon(VendorMarket):
    """Polygon flat files: daily aggregates of options and stocks."""

    vendor = VENDOR
