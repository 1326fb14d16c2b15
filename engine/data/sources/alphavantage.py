"""Alpha Vantage HISTORICAL_OPTIONS, and the copies of it in parquet."""

from engine.data.vendors.fields import day, number, of_code, text, ticker
from engine.data.vendors.layout import Layout, Vendor, View
from engine.data.vendors.market import VendorMarket
from engine.data.vendors.symbols import code_drops

_CODE = ("contractid", "contract_id")

VENDOR = Vendor(
    "alphavantage",
    "Alpha Vantage",
    (
        Layout(
            "alphavantage",
            "historical options",
            ("symbol", "expiration", "strike", "type", "mark", "bid", "ask", "date", "implied_volatility"),
            (
                View(
                    "quotes",
                    {
                        "date": day("date"),
                        "ticker": ticker("symbol"),
                        "expiry": day("expiration"),
                        "strike": number("strike"),
                        "right": text("type"),
                        "bid": number("bid"),
                        "ask": number("ask", missing=(0.0,)),
                        "iv": number("implied_volatility", missing=(0.0,)),
                        "delta": number("delta"),
                        "oi": number("open_interest"),
                        "volume": number("volume"),
                        "style": of_code("style", *_CODE),
                        "settlement": of_code("settlement", *_CODE),
                    },
                ),
            ),
            one_of=(_CODE,),
            drops=code_drops(*_CODE, strike="strike"),
            note="it has no price of the underlying",
        ),
    ),
    index="SPY",
)


class AlphaVantage(VendorMarket):
    """Alpha Vantage: historical options."""

    vendor = VENDOR
