"""The National Stock Exchange's daily files as it publishes them: UDiFF, the two layouts before, cash and indices."""

from functools import partial

import polars as pl

from engine.data.quotes.clock import Clock
from engine.data.vendors.fields import day, number, same, text
from engine.data.vendors.layout import Drop, Field, Layout, Vendor, View
from engine.data.vendors.market import VendorMarket
from engine.data.vendors.sight import DAY_MONTH, YMD, Sight

_FORMS = (YMD, DAY_MONTH, "%d-%m-%Y", "%d-%b-%y")
# Names that indices had over the years, in the files of indices.
_INDICES = {
    "nifty 50": "NIFTY",
    "cnx nifty": "NIFTY",
    "s&p cnx nifty": "NIFTY",
    "nifty bank": "BANKNIFTY",
    "cnx bank": "BANKNIFTY",
    "bank nifty": "BANKNIFTY",
    "nifty financial services": "FINNIFTY",
    "nifty midcap select": "MIDCPNIFTY",
    "nifty next 50": "NIFTYNXT50",
    "india vix": "INDIAVIX",
}


def _among(column: str, *values: str):
    return lambda s: s.text(column).str.to_uppercase().is_in(values) if column in s.schema else pl.lit(False)


def _untraded(column: str):
    """The close of a contract that did not trade is carried on or made by a model, not a price."""
    return lambda sight: sight.number(column) <= 0.0


def _lots(sight: Sight) -> pl.Expr:
    return sight.number("opnintrst") / sight.number("newbrdlotqty")


def _american(column: str, sight: Sight) -> pl.Expr:
    """CA and PA: American options on stocks, until 2011."""
    american = sight.text(column).str.to_uppercase().is_in(["CA", "PA"])
    return pl.when(american).then(pl.lit("american")).otherwise(pl.lit("european"))


_NEW = {"date": day("traddt", forms=_FORMS), "ticker": text("tckrsymb")}
_NEW_EXPIRY = {"expiry": day("fininstrmactlxprydt", "xprydt", forms=_FORMS)}
_OLD = {"date": day("timestamp", forms=_FORMS), "ticker": text("symbol")}
_OLD_EXPIRY = {"expiry": day("expiry_dt", forms=_FORMS)}
_SPOT = View(
    "prices", _NEW | {"close": number("undrlygpric", missing=(0.0,))}, first_by=lambda sight: pl.lit(0), rank=1
)


def _futures(fields: dict[str, Field], where) -> tuple[View, View]:
    """What options are inverted on, and what the carry is taken from."""
    return View("futures", fields, where), View("forwards", fields, where)


def _old_derivatives(name: str, right: str, title: str) -> Layout:
    return Layout(
        name,
        title,
        ("instrument", "symbol", "expiry_dt", "strike_pr", right, "close", "contracts", "timestamp"),
        (
            View(
                "quotes",
                _OLD
                | _OLD_EXPIRY
                | {
                    "strike": number("strike_pr"),
                    "right": text(right),
                    "price": number("close"),
                    "volume": number("contracts"),
                    "style": Field((right,), partial(_american, right), "(CA, PA: American)", always=False),
                },
                where=_among("instrument", "OPTIDX", "OPTSTK"),
            ),
            *_futures(_OLD | _OLD_EXPIRY | {"forward": number("close")}, _among("instrument", "FUTIDX", "FUTSTK")),
        ),
        drops=(
            Drop(
                "not_of_stocks_or_indices",
                "instrument",
                lambda s: ~_among("instrument", "OPTIDX", "OPTSTK", "FUTIDX", "FUTSTK")(s),
            ),
            Drop("not_traded", "contracts", _untraded("contracts")),
        ),
        note="open interest, in units, is not read, since the file has no lots; it has no spots: add the cash market's",
    )


VENDOR = Vendor(
    "nse_files",
    "National Stock Exchange of India",
    (
        Layout(
            "nse_udiff",
            "derivatives and cash, UDiFF, from July 2024",
            ("traddt", "fininstrmtp", "tckrsymb", "strkpric", "optntp", "clspric"),
            (
                View(
                    "quotes",
                    _NEW
                    | _NEW_EXPIRY
                    | {
                        "strike": number("strkpric"),
                        "right": text("optntp"),
                        "price": number("clspric"),
                        "oi": Field(("opnintrst", "newbrdlotqty"), _lots, "(units / lot)", all_of=True, always=False),
                        "multiplier": number("newbrdlotqty", missing=(0.0,)),
                        "volume": number("ttltradgvol"),
                        "style": same("european"),
                    },
                    where=_among("fininstrmtp", "IDO", "STO"),
                ),
                *_futures(_NEW | _NEW_EXPIRY | {"forward": number("clspric")}, _among("fininstrmtp", "IDF", "STF")),
                View(
                    "prices",
                    _NEW | {"close": number("clspric")},
                    where=lambda s: _among("fininstrmtp", "STK")(s) & _among("sctysrs", "EQ", "BE")(s),
                ),
                View(_SPOT.table, _SPOT.fields, lambda s: ~_among("fininstrmtp", "STK")(s), _SPOT.first_by, rank=1),
            ),
            drops=(Drop("not_traded", "ttltradgvol", _untraded("ttltradgvol")),),
            note="closes of contracts that traded, on the future of their expiry: no bid, no ask; the settlement price "
            "is not read, on the last day it is the level of the underlying",
        ),
        _old_derivatives("nse_legacy_fo", "option_typ", "derivatives, until July 2024"),
        _old_derivatives("nse_oldest_fo", "optiontype", "derivatives, of years from 2003 to 2008"),
        Layout(
            "nse_legacy_cm",
            "cash market, until July 2024",
            ("symbol", "series", "close", "tottrdqty", "timestamp"),
            (View("prices", _OLD | {"close": number("close")}, where=_among("series", "EQ", "BE")),),
        ),
        Layout(
            "nse_full_cm",
            "cash market with deliveries",
            ("symbol", "series", "date1", "close_price", "deliv_per"),
            (
                View(
                    "prices",
                    {"date": day("date1", forms=_FORMS), "ticker": text("symbol"), "close": number("close_price")},
                    where=_among("series", "EQ", "BE"),
                    rank=2,
                ),
            ),
        ),
        Layout(
            "nse_index_close",
            "closes of indices",
            ("index_name", "index_date", "closing_index_value"),
            (
                View(
                    "prices",
                    {
                        "date": day("index_date", forms=("%d-%m-%Y", *_FORMS)),
                        "ticker": Field(
                            ("index_name",),
                            lambda s: s.text("index_name").str.to_lowercase().replace(_INDICES).str.to_uppercase(),
                            "(NIFTY for Nifty 50, and so on)",
                        ),
                        "close": number("closing_index_value"),
                    },
                ),
            ),
        ),
    ),
    currency="INR",
    calendar="XBOM",
    index="NIFTY",
    clock=Clock(quotes="15:30", pm="15:30"),
)


class NseFiles(VendorMarket):
    """The Indian exchange's own daily files."""

    vendor = VENDOR
