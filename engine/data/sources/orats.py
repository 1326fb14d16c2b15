"""ORATS: near-end-of-day strikes as files and as the API spells them, summaries, closes, splits, earnings."""

import polars as pl

from engine.data.quotes.clock import Clock
from engine.data.vendors.fields import day, formula, number, of_code, same, text, ticker, worked
from engine.data.vendors.layout import MEDIUM, Field, Layout, Vendor, View
from engine.data.vendors.market import VendorMarket
from engine.data.vendors.sight import SLASHED, YMD, Sight
from engine.data.vendors.symbols import code_drops, style

_DATES = (SLASHED, YMD)
_WHEN = day("trade_date", "quotedate", "tradedate", forms=_DATES)
_EXPIRY = day("expirdate", forms=_DATES)
_NO_IV = (0.0, 9.999999)  # 0: none; the other is where it is cut off
_STYLE = worked("European of cash indices, else American", lambda sight: style(sight.text("ticker")), "ticker")
_PUT_DELTA = formula("less 1", lambda delta: delta - 1.0, "delta")


def _iv(side: str) -> Field:
    """Return the smoothed volatility of the strike, or with iv=mid the one of this side's mid."""

    def make(sight: Sight) -> pl.Expr:
        mid = sight.settings.get("iv") == "mid"
        return sight.number(sight.first((f"{side}midiv",) if mid else ("smoothsmvvol", "smvvol")))

    return Field(("smoothsmvvol", "smvvol", f"{side}midiv"), make, "", missing=_NO_IV)


def _nearest(days: int):
    """Rows by how far their expiry is from so many days after their date."""

    def order(sight: Sight) -> pl.Expr:
        when = sight.first(("trade_date", "quotedate", "tradedate"))
        left = (sight.day("expirdate", _DATES) - sight.day(when, _DATES)).dt.total_days()
        return (left - days).abs()

    return order


def _side(right: str, bid: str, ask: str, oi: str, side: str, **more: Field) -> View:
    delta = number("delta") if right == "C" else _PUT_DELTA
    fields = {"date": _WHEN, "ticker": ticker("ticker"), "expiry": _EXPIRY, "strike": number("strike")}
    fields |= {"right": same(right), "bid": number(bid), "ask": number(ask, missing=(0.0,)), "iv": _iv(side)}
    return View("quotes", fields | {"delta": delta, "oi": number(oi), "style": _STYLE} | more)


_CODE = {"settlement": of_code("settlement", "copra")}
_TOD = {"settlement": text("expirytod")}
_COMMON = (
    # Of an index the level is one for each expiry: the one that expires first is nearest to the spot.
    View(
        "prices",
        {
            "date": _WHEN,
            "ticker": ticker("ticker"),
            "close": number("stkpx", "spotprice", "stockprice", missing=(0.0,)),
        },
        first_by=_nearest(0),
        rank=1,
    ),
    View("rates", {"date": _WHEN, "rate": number("irate")}, first_by=_nearest(30)),
)

# iv30d: at the money, 30 days; dlt25iv30d: at a call delta of 25 percent, so that dlt95 is the 5-delta put.
_TENORS = {"10d": 10, "20d": 20, "30d": 30, "60d": 60, "90d": 90, "6m": 182, "1y": 365}
_DELTAS = (5, 25, 75, 95)


def _point(column: str, days: int, delta: int) -> View:
    fields = {"date": _WHEN, "ticker": ticker("ticker"), "tenor": same(days), "delta": same(delta)}
    return View("surface", fields | {"iv": number(column, missing=(0.0,))})


_SUMMARY = (
    *(_point(f"iv{word}", days, 50) for word, days in _TENORS.items()),
    *(_point(f"dlt{delta}iv{word}", days, delta) for word, days in _TENORS.items() for delta in _DELTAS),
    View("prices", {"date": _WHEN, "ticker": ticker("ticker"), "close": number("stockprice")}, rank=1),
    View("rates", {"date": _WHEN, "rate": number("riskfree30")}, first_by=lambda sight: pl.lit(0)),
)

VENDOR = Vendor(
    "orats",
    "ORATS",
    (
        Layout(
            "orats_strikes_file",
            "near-end-of-day strikes, one file a day",
            ("ticker", "stkpx", "expirdate", "strike", "cbidpx", "pbidpx", "smoothsmvvol"),
            (
                _side("C", "cbidpx", "caskpx", "coi", "c", **_CODE),
                _side("P", "pbidpx", "paskpx", "poi", "p", **_CODE),
                *_COMMON,
            ),
            one_of=(("trade_date", "quotedate"),),
            drops=code_drops("copra", strike="strike"),
            note="taken about 14 minutes before the close, not adjusted for splits; the spot of an index is the level "
            "that parity gives for the nearest expiry",
        ),
        Layout(
            "orats_strikes_api",
            "strikes as the API serves them",
            ("ticker", "tradedate", "expirdate", "strike", "callbidprice", "putbidprice", "smvvol"),
            (
                _side("C", "callbidprice", "callaskprice", "callopeninterest", "call", **_TOD),
                _side("P", "putbidprice", "putaskprice", "putopeninterest", "put", **_TOD),
                *_COMMON,
            ),
            note="the API cuts an answer off at 5,000 rows",
        ),
        Layout(
            "orats_summaries",
            "summaries: volatilities at constant maturities",
            ("ticker", "tradedate", "iv30d", "dlt25iv30d"),
            _SUMMARY,
            note="iv30d is taken as the volatility at a call delta of 50",
        ),
        Layout(
            "orats_dailies",
            "daily closes",
            ("ticker", "tradedate", "clspx", "unadjclspx"),
            (View("prices", {"date": _WHEN, "ticker": ticker("ticker"), "close": number("unadjclspx")}),),
        ),
        Layout(
            "orats_splits",
            "splits",
            ("ticker", "splitdate", "divisor"),
            (
                View(
                    "actions",
                    {
                        "date": day("splitdate", forms=_DATES),
                        "ticker": ticker("ticker"),
                        "kind": same("split"),
                        "factor": formula("1 over it", lambda divisor: 1.0 / divisor, "divisor"),
                    },
                ),
            ),
            sure=MEDIUM,
        ),
        Layout(
            "orats_earnings",
            "earnings",
            ("ticker", "earndate", "annctod"),
            (View("earnings", {"date": day("earndate", forms=_DATES), "ticker": ticker("ticker")}),),
            sure=MEDIUM,
        ),
        Layout(
            "orats_monies",
            "volatilities by delta of each listed expiry",
            ("ticker", "tradedate", "expirdate", "vol50", "atmiv"),
            (),
        ),
        Layout(
            "orats_cores", "core data, volatilities in percent", ("ticker", "tradedate", "atmivm1", "orfcst20d"), ()
        ),
        Layout("orats_ivrank", "ranks of volatility, in percent", ("ticker", "tradedate", "iv", "ivrank1y"), ()),
    ),
    clock=Clock(quotes="15:46"),
)


class Orats(VendorMarket):
    """ORATS: strikes (files or API), summaries, closes, splits."""

    vendor = VENDOR
