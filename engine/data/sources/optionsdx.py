"""OptionsDX: calls and puts side by side, the symbol in the file's name."""

import polars as pl

from engine.data.vendors.fields import day, number, of_name, same, worked
from engine.data.vendors.layout import Field, Layout, Vendor, View
from engine.data.vendors.market import VendorMarket
from engine.data.vendors.sight import Sight
from engine.data.vendors.symbols import style

_TICKER = of_name(r"(?:^|/)([a-z^.]+)_(?:eod|\d+x)?_?\d{4}")
_WHEN = day("quote_date")


def _style(sight: Sight) -> pl.Expr:
    return style(_TICKER.make(sight))


def _side(right: str) -> View:
    letter = right.lower()
    fields: dict[str, Field] = {
        "date": _WHEN,
        "ticker": _TICKER,
        "expiry": day("expire_date"),
        "strike": number("strike"),
        "right": same(right),
        "bid": number(f"{letter}_bid"),
        "ask": number(f"{letter}_ask", missing=(0.0,)),
        "iv": number(f"{letter}_iv", missing=(0.0,)),
        "delta": number(f"{letter}_delta"),
        "volume": number(f"{letter}_volume"),
        "style": worked("European of cash indices", _style),
    }
    return View("quotes", fields, last_by=("quote_unixtime",))


VENDOR = Vendor(
    "optionsdx",
    "OptionsDX",
    (
        Layout(
            "optionsdx",
            "chains by month, the last time of a day counts",
            ("quote_date", "expire_date", "strike", "c_iv", "p_iv"),
            (
                _side("C"),
                _side("P"),
                View(
                    "prices",
                    {"date": _WHEN, "ticker": _TICKER, "close": number("underlying_last", missing=(0.0,))},
                    first_by=lambda sight: -sight.number(sight.first(("quote_unixtime", "strike"))),
                ),
            ),
            note="where SPX and SPXW share an expiry and a strike they cannot be told apart; it has no open interest",
        ),
    ),
    index="SPX",
)


class OptionsDx(VendorMarket):
    """OptionsDX: chains by month."""

    vendor = VENDOR
