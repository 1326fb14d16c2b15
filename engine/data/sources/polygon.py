"""Polygon (Massive) flat files: daily aggregates of options that traded, and of stocks."""

import polars as pl

from engine.data.vendors.fields import NANOSECONDS, moment, number, of_code, ticker
from engine.data.vendors.layout import Layout, Vendor, View
from engine.data.vendors.market import VendorMarket
from engine.data.vendors.sight import Sight
from engine.data.vendors.symbols import code_drops

_WHEN = moment("window_start", NANOSECONDS, "America/New_York")


def _option(sight: Sight) -> pl.Expr:
    return sight.text("ticker").str.starts_with("O:")


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
                    {
                        "date": _WHEN,
                        "ticker": of_code("ticker", "ticker"),
                        "expiry": of_code("expiry", "ticker"),
                        "strike": of_code("strike", "ticker"),
                        "right": of_code("right", "ticker"),
                        "price": number("close"),
                        "style": of_code("style", "ticker"),
                        "settlement": of_code("settlement", "ticker"),
                    },
                    where=_option,
                    last_by=("window_start",),
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
        Layout("polygon_quotes", "every quote of a day", ("ticker", "ask_price", "bid_price", "sip_timestamp")),
    ),
    index="SPY",
)


class Polygon(VendorMarket):
    """Polygon flat files: daily aggregates of options and stocks."""

    vendor = VENDOR
