"""Cboe DataShop: end-of-day summaries with and without calculations, and interval quotes."""

import polars as pl

from engine.data.quotes.clock import Clock
from engine.data.vendors.fields import day, expiry_day, number, text, ticker, worked
from engine.data.vendors.layout import Drop, Field, Layout, Vendor, View
from engine.data.vendors.market import VendorMarket
from engine.data.vendors.sight import SLASHED, YMD, Sight
from engine.data.vendors.symbols import ADJUSTED, settlement, style

_FORMS = (YMD, SLASHED)
_WHEN = day("quote_date", "quote_datetime", forms=_FORMS)
_TICKER = ticker("underlying_symbol")


def _quotes(suffix: str, last_by: tuple[str, ...] = ()) -> View:
    """All from one clock: the volatilities of 15:45 are not those of the quotes at the close."""
    delta, volatility = f"delta{suffix}", f"implied_volatility{suffix}"

    def nothing_priced(sight: Sight) -> pl.Expr:
        """A delta beside a volatility of 0 is none."""
        return sight.number(volatility) == 0.0 if volatility in sight.schema else pl.lit(False)

    return View(
        "quotes",
        {
            "date": _WHEN,
            "ticker": _TICKER,
            "expiry": expiry_day("expiration", forms=_FORMS),
            "strike": number("strike"),
            "right": text("option_type"),
            "bid": number(f"bid{suffix}"),
            "ask": number(f"ask{suffix}", missing=(0.0,)),
            "iv": number(volatility, missing=(0.0,)),
            "delta": Field((delta,), lambda s: s.number(delta), unless=nothing_priced),
            "oi": number("open_interest"),
            **({} if last_by else {"volume": number("trade_volume")}),  # of an interval it is that interval's
            "forward": number(f"implied_underlying_price{suffix}", missing=(0.0,)),
            "style": worked(
                "European of cash indices", lambda s: style(s.text("underlying_symbol")), "underlying_symbol"
            ),
            "settlement": worked("of SPX am, of SPXW pm", lambda s: settlement(s.text("root")), "root"),
        },
        last_by=last_by,
    )


def _spot(suffix: str) -> View:
    bid, ask, active = f"underlying_bid{suffix}", f"underlying_ask{suffix}", f"active_underlying_price{suffix}"

    def make(sight: Sight) -> pl.Expr:
        low, high = sight.number(bid), sight.number(ask)
        mid = pl.when((low > 0.0) & (high > 0.0)).then((low + high) / 2.0)
        return pl.coalesce(mid, sight.number(active)) if active in sight.schema else mid

    close = Field((bid, ask), make, "(their middle)", missing=(0.0,), all_of=True, always=False)
    return View("prices", {"date": _WHEN, "ticker": _TICKER, "close": close}, first_by=lambda sight: pl.lit(0))


_DROPS = (
    Drop("adjusted_contract", "delivery_code", lambda sight: sight.text("delivery_code").is_not_null()),
    Drop("adjusted_contract", "root", lambda sight: sight.text("root").str.contains(ADJUSTED)),
)
_OPTION = ("underlying_symbol", "root", "expiration", "strike", "option_type")

VENDOR = Vendor(
    "cboe_datashop",
    "Cboe DataShop",
    (
        Layout(
            "cboe_eod_calcs",
            "end of day with calculations, quotes of 15:45",
            (*_OPTION, "quote_date", "bid_1545", "implied_volatility_1545"),
            (_quotes("_1545"), _spot("_1545")),
            drops=_DROPS,
            note="without index values (CGI) the spots of indices are 0, which is missing",
        ),
        Layout(
            "cboe_eod_quotes",
            "end of day, quotes of 15:45 without volatilities",
            (*_OPTION, "quote_date", "bid_1545"),
            (_quotes("_1545"), _spot("_1545")),
            drops=_DROPS,
        ),
        Layout(
            "cboe_interval",
            "quotes by interval, the last one of a day counts",
            (*_OPTION, "quote_datetime", "bid", "ask"),
            (_quotes("", ("quote_datetime",)), _spot("")),
            drops=_DROPS,
        ),
    ),
    clock=Clock(quotes="15:45"),
)


class CboeDatashop(VendorMarket):
    """Cboe DataShop: end of day with or without calculations, quotes by interval."""

    vendor = VENDOR
