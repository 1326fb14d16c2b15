"""Deribit: Tardis chains, dumps of the public API, and snapshots as collectors at home write them; prices in coin."""

import polars as pl

from engine.data.quotes.clock import Clock
from engine.data.vendors.fields import (
    MICROSECONDS,
    MILLISECONDS,
    day,
    either,
    moment,
    number,
    of_name,
    same,
    text,
    worked,
)
from engine.data.vendors.layout import MEDIUM, Field, Layout, Vendor, View
from engine.data.vendors.market import VendorMarket
from engine.data.vendors.sight import COMPACT, YMD, Sight

# BTC-27JUN25-90000-C, and XRP_USDC-30AUG26-2d8-C, which is linear: in dollars, its point a d.
_NAME = r"^([A-Z0-9]+)(?:_(USDC|USDT))?-(\d{1,2}[A-Z]{3}\d{2})-(\d+(?:d\d+)?)-([CP])$"
_PARTS = {"ticker": 1, "expiry": 3, "strike": 4, "right": 5}


def _of(column: str, part: str) -> Field:
    """Return part of an instrument's name."""

    def make(sight: Sight) -> pl.Expr:
        found = (
            sight.text(column).str.to_uppercase().str.replace(r"(\d)D(\d)", "${1}d$2").str.extract(_NAME, _PARTS[part])
        )
        if part == "expiry":
            return found.str.to_titlecase().str.to_date("%d%b%y", strict=False)
        return found.str.replace("d", ".", literal=True).cast(pl.Float64) if part == "strike" else found

    return Field((column,), make, f"({part} of the name)")


def _dollars(price: str, name: str) -> Field:
    """Return a price in dollars: that of an inverse contract is in coin, and times the forward of its expiry."""

    def make(sight: Sight) -> pl.Expr:
        linear = sight.text(name).str.contains(r"_USD[CT]-")
        return sight.number(price) * pl.when(linear).then(1.0).otherwise(sight.number("underlying_price"))

    return Field((price, "underlying_price"), make, "(coin times forward)", all_of=True)


def _option(name: str):
    return lambda sight: sight.text(name).str.to_uppercase().str.contains(r"-[CP]$")


def _views(
    date: Field, name: str, contract: dict[str, Field], bid: str, ask: str, iv: Field, oi: str
) -> tuple[View, ...]:
    forward = number("underlying_price", missing=(0.0,))
    of = {"date": date, "ticker": _of(name, "ticker")}
    quotes = of | contract | {"bid": _dollars(bid, name), "ask": _dollars(ask, name), "iv": iv}
    quotes |= {"delta": number("delta", "greeks.delta"), "oi": number(oi), "forward": forward}
    quotes |= {"style": same("european")}  # all settle at 08:00 UTC

    def left(sight: Sight) -> pl.Expr:
        expiry = contract["expiry"]
        return expiry.make(sight).cast(pl.Int32) if expiry.there(sight.schema) else pl.lit(0)

    spot = number("estimated_delivery_price", "index_price", "underlying_price", missing=(0.0,))
    last = ("timestamp", "creation_timestamp", "snapshot_utc")
    return (
        View("quotes", quotes, where=_option(name), last_by=last),
        View("prices", of | {"close": spot}, where=_option(name), first_by=left),
        View("rates", {"date": date, "rate": same(0.0)}, where=_option(name), first_by=left),
    )


def _named(name: str) -> dict[str, Field]:
    return {part: _of(name, part) for part in ("expiry", "strike", "right")}


_PERCENT = number("mark_iv", scale=0.01, missing=(0.0,))
_TARDIS = {"expiry": moment("expiration", MICROSECONDS), "strike": number("strike_price"), "right": text("type")}
_SNAPSHOT = {"expiry": day("expiry"), "strike": number("strike"), "right": text("type")}


def _by_exchange(sight: Sight) -> pl.Expr:
    scale = pl.when(sight.text("exchange").str.to_lowercase() == "deribit").then(0.01).otherwise(1.0)
    return sight.number("mark_iv") * scale


VENDOR = Vendor(
    "deribit",
    "Deribit",
    (
        Layout(
            "tardis_chain",
            "option chains of Tardis, the last row of a day counts",
            ("exchange", "symbol", "timestamp", "local_timestamp", "strike_price", "underlying_price", "mark_iv"),
            _views(
                moment("timestamp", MICROSECONDS),
                "symbol",
                _TARDIS,
                "bid_price",
                "ask_price",
                _PERCENT,
                "open_interest",
            ),
        ),
        Layout(
            "deribit_book",
            "dumps of the public API",
            ("instrument_name", "mark_iv", "underlying_price", "bid_price", "ask_price"),
            _views(
                either(
                    moment("creation_timestamp", MILLISECONDS),
                    moment("timestamp", MILLISECONDS),
                    of_name(r"(?<!\d)(20\d{2}-?[01]\d-?[0-3]\d)(?!\d)", (YMD, COMPACT)),
                ),
                "instrument_name",
                _named("instrument_name"),
                "bid_price",
                "ask_price",
                _PERCENT,
                "open_interest",
            ),
        ),
        Layout(
            "crypto_snapshot",
            "snapshots of collectors at home",
            ("exchange", "instrument", "expiry", "strike", "type", "mark_iv", "underlying_price"),
            _views(
                day("snapshot_utc", "date"),
                "instrument",
                _SNAPSHOT,
                "bid",
                "ask",
                worked("/ 100 where the exchange is Deribit", _by_exchange, "mark_iv", "exchange"),
                "open_interest",
            ),
            sure=MEDIUM,
        ),
    ),
    calendar="24/7",
    index="BTC",
    note="prices are in coin and become dollars; underlying_price is a forward, one for each expiry",
    clock=Clock(quotes="00:00", am="08:00", pm="08:00"),
)


class Deribit(VendorMarket):
    """Deribit: Tardis chains, dumps of the API, snapshots."""

    vendor = VENDOR
