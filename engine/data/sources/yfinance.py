"""Chains that yfinance fetched and somebody saved: the date is in a column session, or in the file's name."""

from engine.data.vendors.fields import day, either, number, of_code, of_name, ticker
from engine.data.vendors.layout import Layout, Vendor, View
from engine.data.vendors.market import VendorMarket
from engine.data.vendors.sight import COMPACT, YMD
from engine.data.vendors.symbols import code_drops

_WHEN = either(
    day("session", "date", "snapshot_date", "quote_date"),
    of_name(r"(?<!\d)(20\d{2}-?[01]\d-?[0-3]\d)(?!\d)", (YMD, COMPACT)),
)
# What Yahoo's solver stops at where there is no price: 1e-5, and the halves of 1 on its way there.
_NO_IV = (0.0, 1e-5, *(2.0**-n + 1e-5 * (1.0 - 2.0**-n) for n in range(1, 11)))

VENDOR = Vendor(
    "yfinance",
    "Yahoo, saved by yfinance",
    (
        Layout(
            "yfinance",
            "option chains",
            ("contractsymbol", "strike", "bid", "ask", "impliedvolatility", "lasttradedate"),
            (
                View(
                    "quotes",
                    {
                        "date": _WHEN,
                        "ticker": of_code("ticker", "contractsymbol"),
                        "expiry": of_code("expiry", "contractsymbol"),
                        "strike": number("strike"),
                        "right": of_code("right", "contractsymbol"),
                        "bid": number("bid"),
                        "ask": number("ask", missing=(0.0,)),
                        "iv": number("impliedvolatility", missing=_NO_IV),
                        "oi": number("openinterest"),
                        "volume": number("volume"),
                        "style": of_code("style", "contractsymbol"),
                        "settlement": of_code("settlement", "contractsymbol"),
                    },
                ),
                View(
                    "prices",
                    {
                        "date": _WHEN,
                        "ticker": of_code("ticker", "contractsymbol"),
                        "close": number("spot", "underlying_price", missing=(0.0,)),
                    },
                    first_by=lambda sight: sight.number("strike") * 0.0,
                ),
            ),
            drops=code_drops("contractsymbol", strike="strike"),
            note="quotes taken outside the session are 0; the spot is a column that whoever saved it added",
        ),
        Layout(
            "yfinance_history",
            "history of closes",
            ("date", "open", "high", "low", "close", "volume", "dividends", "stock_splits"),
            (
                View(
                    "prices",
                    {"date": day("date"), "ticker": ticker("ticker", "symbol"), "close": number("close")},
                ),
            ),
            note="closes of yfinance are adjusted for splits: take them with actions of none",
        ),
    ),
    index="SPY",
)


class YFinance(VendorMarket):
    """Chains of Yahoo that yfinance fetched."""

    vendor = VENDOR
