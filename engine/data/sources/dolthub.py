"""DoltHub post-no-preference: option chains, volatility history, closes and splits."""

from engine.data.vendors.fields import day, formula, number, same, text, ticker, worked
from engine.data.vendors.layout import Layout, Vendor, View
from engine.data.vendors.market import VendorMarket
from engine.data.vendors.symbols import style

_WHEN, _TICKER = day("date"), ticker("act_symbol")

VENDOR = Vendor(
    "dolthub",
    "DoltHub post-no-preference",
    (
        Layout(
            "dolthub_chain",
            "option chains",
            ("date", "act_symbol", "expiration", "strike", "call_put", "vol"),
            (
                View(
                    "quotes",
                    {
                        "date": _WHEN,
                        "ticker": _TICKER,
                        "expiry": day("expiration"),
                        "strike": number("strike"),
                        "right": text("call_put"),
                        "bid": number("bid"),
                        "ask": number("ask", missing=(0.0,)),
                        "iv": number("vol", missing=(0.0,)),
                        "delta": number("delta"),
                        "style": worked(
                            "European of cash indices", lambda s: style(s.text("act_symbol")), "act_symbol"
                        ),
                    },
                ),
            ),
            note="three dates a week before 2025, few expiries and strikes; the SQL API stops at 1,000 rows",
        ),
        Layout(
            "dolthub_vol",
            "volatility history",
            ("date", "act_symbol", "hv_current", "iv_current"),
            (
                View(
                    "surface",
                    {
                        "date": _WHEN,
                        "ticker": _TICKER,
                        "tenor": same(30),
                        "delta": same(50),
                        "iv": number("iv_current", missing=(0.0,)),
                    },
                ),
            ),
            note="iv_current is taken as the 30-day volatility at the money",
        ),
        Layout(
            "dolthub_closes",
            "daily closes",
            ("date", "act_symbol", "open", "high", "low", "close", "volume"),
            (View("prices", {"date": _WHEN, "ticker": _TICKER, "close": number("close")}),),
        ),
        Layout(
            "dolthub_split",
            "splits",
            ("act_symbol", "ex_date", "to_factor", "for_factor"),
            (
                View(
                    "actions",
                    {
                        "date": day("ex_date"),
                        "ticker": _TICKER,
                        "kind": same("split"),
                        "factor": formula(
                            "the second over the first", lambda to, of: of / to, "to_factor", "for_factor"
                        ),
                    },
                ),
            ),
        ),
    ),
    index="SPY",
)


class DoltHub(VendorMarket):
    """DoltHub post-no-preference: option chains, volatility history, closes, splits."""

    vendor = VENDOR
