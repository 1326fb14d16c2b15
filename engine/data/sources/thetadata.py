"""ThetaData: end of day with and without greeks, quotes and open interest of version 3, and version 2."""

from engine.data.vendors.fields import day, number, text, ticker, worked
from engine.data.vendors.layout import MEDIUM, Field, Layout, Vendor, View
from engine.data.vendors.market import VendorMarket
from engine.data.vendors.symbols import settlement, style

_V3, _V2 = ticker("symbol"), ticker("root")
_EXPIRY, _RIGHT = day("expiration"), text("right")


def _quotes(date: Field, symbol: Field, strike: Field, name: str, last_by: tuple[str, ...] = ()) -> View:
    return View(
        "quotes",
        {
            "date": date,
            "ticker": symbol,
            "expiry": _EXPIRY,
            "strike": strike,
            "right": _RIGHT,
            "bid": number("bid"),
            "ask": number("ask", missing=(0.0,)),
            "iv": number("implied_vol", missing=(0.0,)),
            "delta": number("delta"),
            "volume": number("volume"),
            "style": worked("European of cash indices", lambda s: style(s.text(name)), name),
            "settlement": worked("of SPX am, of SPXW pm", lambda s: settlement(s.text(name)), name),
        },
        last_by=last_by,
    )


def _interest(date: Field, symbol: Field, strike: Field) -> View:
    fields = {"date": date, "ticker": symbol, "expiry": _EXPIRY, "strike": strike, "right": _RIGHT}
    return View("open_interest", fields | {"oi": number("open_interest")})


_DOLLARS, _MILLS = number("strike"), number("strike", scale=0.001)
_STAMP = day("timestamp")

VENDOR = Vendor(
    "thetadata",
    "ThetaData",
    (
        Layout(
            "theta_v3_greeks",
            "end of day with greeks, version 3",
            ("symbol", "expiration", "strike", "right", "bid", "ask", "implied_vol", "underlying_price"),
            (
                _quotes(day("timestamp", "underlying_timestamp"), _V3, _DOLLARS, "symbol", ("timestamp",)),
                View(
                    "prices",
                    {
                        "date": day("underlying_timestamp", "timestamp"),
                        "ticker": _V3,
                        "close": number("underlying_price", missing=(0.0,)),
                    },
                    first_by=lambda sight: sight.number("strike") * 0.0,
                ),
            ),
            note="without a subscription to indices their prices are 0, which is missing",
        ),
        Layout(
            "theta_v3_eod",
            "end of day, version 3",
            ("symbol", "expiration", "strike", "right", "created", "last_trade", "bid", "ask"),
            (_quotes(day("created"), _V3, _DOLLARS, "symbol"),),
        ),
        Layout(
            "theta_v3_quotes",
            "quotes, version 3, the last one of a day counts",
            ("symbol", "expiration", "strike", "right", "timestamp", "bid", "ask"),
            (_quotes(_STAMP, _V3, _DOLLARS, "symbol", ("timestamp",)),),
        ),
        Layout(
            "theta_v3_interest",
            "open interest, version 3",
            ("symbol", "expiration", "strike", "right", "timestamp", "open_interest"),
            (_interest(_STAMP, _V3, _DOLLARS),),
            note="stamped in the morning: the interest of the session before",
        ),
        Layout(
            "theta_v3_bars",
            "bars of trades, version 3, the last one of a day counts",
            ("symbol", "expiration", "strike", "right", "timestamp", "close", "vwap"),
            (
                View(
                    "quotes",
                    {
                        "date": _STAMP,
                        "ticker": _V3,
                        "expiry": _EXPIRY,
                        "strike": _DOLLARS,
                        "right": _RIGHT,
                        "price": number("close", missing=(0.0,)),
                        "style": worked("European of cash indices", lambda s: style(s.text("symbol")), "symbol"),
                        "settlement": worked("of SPX am, of SPXW pm", lambda s: settlement(s.text("symbol")), "symbol"),
                    },
                    last_by=("timestamp",),
                    rank=1,
                ),
            ),
            note="last trades: files of quotes count before them",
        ),
        Layout(
            "theta_v2",
            "end of day, version 2: strikes in thousandths",
            ("root", "expiration", "strike", "right", "ms_of_day", "bid", "ask", "date"),
            (_quotes(day("date"), _V2, _MILLS, "root", ("ms_of_day",)),),
            sure=MEDIUM,
        ),
    ),
)


class ThetaData(VendorMarket):
    """ThetaData: end of day, greeks, quotes, open interest."""

    vendor = VENDOR
