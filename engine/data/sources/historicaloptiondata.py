"""HistoricalOptionData (DeltaNeutral) and DiscountOptionData: level 2 and 3, and their other family of names."""

import polars as pl

from engine.data.vendors.fields import day, expiry_day, number, of_code, text, ticker
from engine.data.vendors.layout import LOW, Field, Layout, Vendor, View
from engine.data.vendors.market import VendorMarket
from engine.data.vendors.sight import SLASHED, YMD, Sight
from engine.data.vendors.symbols import code_drops, style

_FORMS = (SLASHED, YMD)
_WHEN = day("quotedate", "datadate", forms=_FORMS)
_NAME = ("underlying", "underlyingsymbol")
_CODE = ("optionroot", "optionsymbol")
_IV = ("impliedvol", "ivmean", "iv")


def _failed(sight: Sight) -> pl.Expr:
    """A volatility of .01 where every greek is 0 is none."""
    greeks = [name for name in ("delta", "gamma", "theta", "vega") if name in sight.schema]
    if not greeks:
        return pl.lit(False)
    iv = sight.number(sight.first(_IV))
    return (iv == 0.01) & pl.all_horizontal(*(sight.number(name) == 0.0 for name in greeks))


_VIEWS = (
    View(
        "quotes",
        {
            "date": _WHEN,
            "ticker": ticker(*_NAME),
            "expiry": expiry_day("expiration", forms=_FORMS),
            "strike": number("strike"),
            "right": text("type"),
            "bid": number("bid"),
            "ask": number("ask", missing=(0.0,)),
            "iv": Field(_IV, lambda s: s.number(s.first(_IV)), missing=(0.0,), unless=_failed),
            "delta": number("delta"),
            "oi": number("openinterest"),
            "volume": number("volume"),
            "style": Field(_NAME, lambda s: style(s.text(s.first(_NAME))), "(European of cash indices)", always=False),
            "settlement": of_code("settlement", *_CODE),
        },
    ),
    View(
        "prices",
        {
            "date": _WHEN,
            "ticker": ticker(*_NAME),
            "close": number("underlying_last", "underlyingprice", missing=(0.0,)),
        },
        first_by=lambda sight: pl.lit(0),
        rank=1,
    ),
)
_DROPS = code_drops(*_CODE, strike="strike")

VENDOR = Vendor(
    "historicaloptiondata",
    "HistoricalOptionData",
    (
        Layout(
            "hod_l2",
            "level 2 and 3",
            ("underlying", "underlying_last", "optionroot", "type", "expiration", "quotedate", "strike", "bid", "ask"),
            _VIEWS,
            drops=_DROPS,
        ),
        Layout(
            "hod_l3",
            "level 3, bare bones and DiscountOptionData",
            ("underlyingsymbol", "underlyingprice", "optionsymbol", "type", "expiration", "datadate", "strike"),
            _VIEWS,
            drops=_DROPS,
        ),
        Layout(
            "hod_stocks",
            "stock quotes",
            ("symbol", "quotedate", "open", "high", "low", "close", "volume"),
            (View("prices", {"date": _WHEN, "ticker": ticker("symbol"), "close": number("close")}),),
            sure=LOW,
        ),
    ),
)


class HistoricalOptionData(VendorMarket):
    """HistoricalOptionData: level 2 and 3."""

    vendor = VENDOR
