"""ORATS: near-end-of-day strikes as files and as the API spells them, monies, summaries, closes, splits, earnings."""

import polars as pl

from engine.data.quotes.clock import Clock
from engine.data.vendors.fields import day, formula, number, of_code, same, text, ticker, worked
from engine.data.vendors.layout import MEDIUM, Field, Layout, Vendor, View
from engine.data.vendors.market import VendorMarket
from engine.data.vendors.sight import SLASHED, YMD, Sight
from engine.data.vendors.symbols import code_drops, style
from engine.errors import InputError

_DATES = (SLASHED, YMD)
_WHEN = day("trade_date", "quotedate", "tradedate", forms=_DATES)
_EXPIRY = day("expirdate", forms=_DATES)
_NO_IV = (0.0, 9.999999)  # 0: none; the other is where it is cut off
_STYLE = worked("European of cash indices, else American", lambda sight: style(sight.text("ticker")), "ticker")
_PUT_DELTA = formula("less 1", lambda delta: delta - 1.0, "delta")
_ALONE = "leave market.iv out, or keep the summaries in a folder of their own"


def _iv(side: str) -> Field:
    """Return the smoothed volatility of the strike, or with iv=mid the one of this side's mid."""

    def make(sight: Sight) -> pl.Expr:
        if sight.settings.get("iv") == "ex_earnings":
            raise InputError(f"{sight.name} has no volatilities without earnings, as summaries have; {_ALONE}")
        mid = sight.settings.get("iv") == "mid"
        column = sight.first((f"{side}midiv",) if mid else ("smoothsmvvol", "smvvol"))
        if not column:
            raise InputError(f"{sight.name} has no column {side}MidIv, which market.iv=mid asks for; leave that out")
        return sight.number(column)

    return Field(("smoothsmvvol", "smvvol", f"{side}midiv"), make, "", missing=_NO_IV)


def _constant(name: str, of: str) -> Field:
    """Return a volatility at a constant maturity, or with iv=ex_earnings the one without earnings."""
    plain, without = f"{of}iv{name}", f"exern{of}iv{name}"

    def make(sight: Sight) -> pl.Expr:
        column = without if sight.settings.get("iv") == "ex_earnings" else plain
        return sight.number(column) if column in sight.schema else pl.lit(None, pl.Float64)

    return Field((plain, without), make, "(with market.iv=ex_earnings the one without)", missing=(0.0,))


def _by_delta(delta: int) -> Field:
    """Return the volatility of a listed expiry at so many percent of call delta."""

    def make(sight: Sight) -> pl.Expr:
        if sight.settings.get("iv") == "ex_earnings":
            raise InputError(f"{sight.name} has no smiles without earnings, as summaries have; {_ALONE}")
        return sight.number(f"vol{delta}")

    return Field((f"vol{delta}",), make, "", missing=(0.0,))


def _percent(column: str) -> Field:
    """Return a volatility that is in percent in most files of its kind and in decimals in some: of 300 % nobody is."""

    def make(sight: Sight) -> pl.Expr:
        given = sight.number(column)
        return pl.when(given.filter(given > 0.0).median() > 3.0).then(given / 100.0).otherwise(given)

    return Field((column,), make, "(/ 100 where its median is above 3)", missing=(0.0,))


def _nearest(days: int):
    """Rows by how far their expiry is from so many days after their date."""

    def order(sight: Sight) -> pl.Expr:
        when = sight.first(("trade_date", "quotedate", "tradedate"))
        left = (sight.day("expirdate", _DATES) - sight.day(when, _DATES)).dt.total_days()
        return (left - days).abs()

    return order


def _side(right: str, bid: str, ask: str, oi: str, volume: str, side: str, **more: Field) -> View:
    delta = number("delta") if right == "C" else _PUT_DELTA
    fields = {"date": _WHEN, "ticker": ticker("ticker"), "expiry": _EXPIRY, "strike": number("strike")}
    fields |= {"right": same(right), "bid": number(bid), "ask": number(ask, missing=(0.0,)), "iv": _iv(side)}
    return View("quotes", fields | {"delta": delta, "oi": number(oi), "volume": number(volume), "style": _STYLE} | more)


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
_ASSET = {"date": _WHEN, "ticker": ticker("ticker")}


def _point(iv: Field, days: int, delta: int, rank: int = 0) -> View:
    return View("surface", _ASSET | {"tenor": same(days), "delta": same(delta), "iv": iv}, rank=rank)


_SUMMARY = (
    *(_point(_constant(word, ""), days, 50) for word, days in _TENORS.items()),
    *(_point(_constant(word, f"dlt{delta}"), days, delta) for word, days in _TENORS.items() for delta in _DELTAS),
    View("prices", _ASSET | {"close": number("stockprice", missing=(0.0,))}, rank=1),
    View("rates", {"date": _WHEN, "rate": number("riskfree30")}, first_by=lambda sight: pl.lit(0)),
)
# vol25: at a call delta of 25 percent; vol75 is near the 25-delta put.
_MONIES = (
    View("prices", _ASSET | {"close": number("stockprice", missing=(0.0,))}, first_by=_nearest(0), rank=1),
    *(
        View("nodes", _ASSET | {"expiry": _EXPIRY, "delta": same(delta), "iv": _by_delta(delta)})
        for delta in range(5, 100, 5)
    ),
    View("rates", {"date": _WHEN, "rate": number("riskfreerate")}, first_by=_nearest(30)),
)
_CORES = (
    *(
        _point(_percent(f"iv{word}"), days, 50, rank=1)
        for word, days in (_TENORS | {"1yr": 365}).items()
        if word != "1y"
    ),
    View("prices", _ASSET | {"close": number("pxatmiv", missing=(0.0,))}, rank=2),
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
                _side("C", "cbidpx", "caskpx", "coi", "cvolu", "c", **_CODE),
                _side("P", "pbidpx", "paskpx", "poi", "pvolu", "p", **_CODE),
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
                _side("C", "callbidprice", "callaskprice", "callopeninterest", "callvolume", "call", **_TOD),
                _side("P", "putbidprice", "putaskprice", "putopeninterest", "putvolume", "put", **_TOD),
                *_COMMON,
            ),
            note="the API cuts an answer off at 5,000 rows",
        ),
        Layout(
            "orats_summaries",
            "summaries: volatilities at constant maturities",
            ("ticker", "tradedate", "iv30d", "dlt25iv30d"),
            _SUMMARY,
            note="iv30d is taken as the volatility at a call delta of 50; market.iv=ex_earnings takes those without "
            "earnings",
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
            note="it does not say since when each date was known: all are taken as known before; earnings=FILE of "
            "engine.correlate reads it",
        ),
        Layout(
            "orats_monies",
            "volatilities by delta of each listed expiry",
            ("ticker", "tradedate", "expirdate", "vol50", "atmiv"),
            _MONIES,
            note="volN is at N percent of call delta; constant maturities lie between listed expiries, total variance "
            "linear in days",
        ),
        Layout(
            "orats_cores",
            "core data, volatilities in percent",
            ("ticker", "tradedate", "atmivm1", "orfcst20d"),
            _CORES,
            sure=MEDIUM,
            note="iv30d and the like are taken as volatilities at a call delta of 50",
        ),
        Layout(
            "orats_ivrank",
            "ranks of volatility, in percent",
            ("ticker", "tradedate", "iv", "ivrank1y"),
            (_point(number("iv", scale=0.01, missing=(0.0,)), 30, 50, rank=2),),
            sure=MEDIUM,
            note="iv is taken as the volatility of 30 days at a call delta of 50, which the file does not say",
        ),
        Layout(
            "orats_divs",
            "dividends",
            ("ticker", "exdate", "divamt", "declareddate"),
            sure=MEDIUM,
            note="forwards are those that calls and puts imply, dividends included; where their dates matter for early "
            "exercise give market.dividends=FILE with date, ticker, amount as paid, known",
        ),
    ),
    clock=Clock(quotes="15:46"),
    volatilities=("smooth", "mid", "ex_earnings"),
)


class Orats(VendorMarket):
    """ORATS: strikes (files or API), monies, summaries, cores, closes, splits, earnings."""

    vendor = VENDOR
