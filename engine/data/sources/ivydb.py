"""OptionMetrics IvyDB US, as WRDS serves it and in its own daily files; members and links of CRSP beside it."""

import polars as pl

from engine.data.vendors.fields import day, either, expiry_day, formula, number, same, text, worked
from engine.data.vendors.ivydb_unread import UNREAD
from engine.data.vendors.layout import LOW, MEDIUM, Drop, Layout, Vendor, View
from engine.data.vendors.market import VendorMarket
from engine.data.vendors.secids import securities
from engine.data.vendors.sight import COMPACT, SAS, SLASHED, YMD, Sight

_FORMS = (YMD, COMPACT, "%d%b%Y", SLASHED, SAS)  # whoever exports chooses; SAS and Stata files count days
_NOTHING = (-99.99,)
_KEY = text("secid", "securityid")
_WHEN = day("date", forms=_FORMS)
_YIELD = number("rate", scale=0.01, missing=_NOTHING)
_AHEAD = worked("91 days after it", lambda s: s.day("date", _FORMS) + pl.duration(days=91), "date")
_YIELDED = either(expiry_day("expiration", forms=_FORMS), _AHEAD)  # older vintages have none: the carry is the same
_RIGHT = text("cp_flag", "callput")
_IV = number("impl_volatility", "impliedvolatility", "impliedvol", missing=_NOTHING)


def _nearest_month(sight: Sight) -> pl.Expr:
    return (sight.number("days") - 30.0).abs()


def _named(sight: Sight) -> pl.Expr:
    """Ticker and class of shares: BRK and B are BRK.B."""
    name, letter = sight.text("ticker").str.to_uppercase(), sight.text("class")
    return pl.when(letter.is_in(["A", "B", "C"]) & name.is_in(["BRK", "BF"])).then(name + "." + letter).otherwise(name)


def _named_by(when: str) -> View:
    fields = {"date": day(when, forms=_FORMS), "ticker": _KEY, "name": worked("", _named, "ticker", "class")}
    return View("identifiers", fields)


_SURFACE = View(
    "surface",
    {"date": _WHEN, "ticker": _KEY, "tenor": number("days"), "delta": number("delta"), "right": _RIGHT, "iv": _IV},
)
_QUOTES = View(
    "quotes",
    {
        "date": _WHEN,
        "ticker": _KEY,
        "expiry": expiry_day("exdate", "expiration", forms=_FORMS),
        "strike": number("strike_price", "strike", scale=0.001),
        "right": _RIGHT,
        "bid": number("best_bid", "bestbid"),
        "ask": number("best_offer", "bestoffer", missing=(0.0,)),
        "iv": _IV,
        "delta": number("delta", missing=_NOTHING),
        "oi": number("open_interest", "openinterest"),
        "volume": number("volume"),
        "multiplier": number("contract_size", "contractsize", missing=(0.0,)),
        "forward": number("forward_price", missing=(-99.99, 0.0)),
        "style": text("exercise_style"),
        "settlement": worked(
            "1 = am", lambda s: s.text("am_settlement").replace({"1": "am", "0": "pm"}), "am_settlement"
        ),
    },
)
_NATIVE_QUOTES = View(
    "quotes",
    _QUOTES.fields
    | {
        "settlement": worked("1 = am", lambda s: s.text("amsettlement").replace({"1": "am", "0": "pm"}), "amsettlement")
    },
)
_ADJUSTED = tuple(
    Drop("adjusted_contract", column, lambda sight, column=column, plain=plain: sight.text(column) != plain)
    for column, plain in (
        ("ss_flag", "0"),
        ("specialsettlement", "0"),
        ("contract_size", "100"),
        ("contractsize", "100"),
    )
)
# A negative price is the middle of bid and ask on a day without a trade.
_CLOSE = "the middle of bid and ask where it is negative"


def _prices(close: str, shares: str, cumulative: str) -> tuple[View, ...]:
    closes = {"date": _WHEN, "ticker": _KEY, "close": formula(_CLOSE, lambda c: c.abs(), close, missing=(0.0,))}
    return (
        View("prices", closes),
        View("shares", closes | {"shares": number(shares, scale=1000.0), "cfadj": number(cumulative)}),
    )


VENDOR = Vendor(
    "ivydb",
    "OptionMetrics IvyDB US",
    (
        Layout(
            "om_vsurf",
            "volatility surface (vsurfd)",
            ("secid", "date", "days", "delta", "impl_volatility", "impl_strike"),
            (_SURFACE, _named_by("date")),
            note="points that were interpolated, not prices that traded",
        ),
        Layout(
            "om_stdop",
            "standardised options, at the money forward (stdopd)",
            ("secid", "date", "days", "forward_price", "premium", "impl_volatility"),
            (
                View("surface", _SURFACE.fields | {"delta": same(50)}, rank=1),
                View(
                    "forwards",
                    {
                        "date": _WHEN,
                        "ticker": _KEY,
                        "expiry": worked(
                            "and days after it",
                            lambda s: s.day("date", _FORMS) + pl.duration(days=s.number("days").cast(pl.Int32)),
                            "date",
                            "days",
                        ),
                        "forward": number("forward_price", missing=_NOTHING),
                    },
                    first_by=lambda sight: pl.lit(0),
                    rank=1,
                ),
            ),
            note="at the money forward is taken as a call delta of 50",
        ),
        Layout(
            "om_opprc",
            "option prices (opprcd)",
            ("secid", "date", "exdate", "cp_flag", "strike_price", "best_bid", "best_offer"),
            (_QUOTES, _named_by("date")),
            drops=_ADJUSTED,
            note="cfadj is of the stock: strikes are as listed that day, and not adjusted",
        ),
        Layout(
            "om_opprc_native",
            "option prices, names of the vendor",
            ("securityid", "date", "expiration", "callput", "strike", "bestbid", "bestoffer"),
            (_NATIVE_QUOTES,),
            sure=MEDIUM,
            drops=_ADJUSTED,
        ),
        Layout(
            "om_secprd",
            "security prices (secprd)",
            ("secid", "date", "close", "cfadj", "cfret", "shrout"),
            _prices("close", "shrout", "cfadj"),
        ),
        Layout(
            "om_fwdprd",
            "forwards (fwdprd)",
            ("secid", "date", "expiration", "amsettlement", "forwardprice"),
            (
                View(
                    "forwards",
                    {
                        "date": _WHEN,
                        "ticker": _KEY,
                        "expiry": expiry_day("expiration", forms=_FORMS),
                        "forward": number("forwardprice", missing=_NOTHING),
                    },
                    first_by=lambda sight: sight.number("amsettlement"),  # of two the one that settles at the close
                ),
            ),
        ),
        Layout(
            "om_zero",
            "zero curve (zerocd)",
            ("date", "days", "rate"),
            (View("rates", {"date": _WHEN, "rate": number("rate", scale=0.01)}, first_by=_nearest_month),),
            exactly=True,
        ),
        Layout(
            "om_secnm",
            "names of securities (secnmd)",
            ("secid", "effect_date", "ticker", "class"),
            (_named_by("effect_date"),),
        ),
        Layout(
            "om_dist",
            "distributions (distrd)",
            ("secid", "ex_date", "distr_type", "adj_factor"),
            (
                View(
                    "actions",
                    {
                        "date": day("ex_date", forms=_FORMS),
                        "ticker": _KEY,
                        "kind": worked(
                            "2 = split, 3 = stock dividend",
                            lambda s: s.text("distr_type").replace({"2": "split", "3": "stock_dividend"}),
                            "distr_type",
                        ),
                        "factor": formula("1 over it", lambda factor: 1.0 / factor, "adj_factor"),
                    },
                    where=lambda s: s.text("distr_type").is_in(["2", "3"]),
                ),
            ),
            drops=(Drop("cancelled", "cancel_flag", lambda s: s.text("cancel_flag").is_in(["1", "Y", "y"])),),
            note="dividends of this table are not read",
        ),
        Layout(
            "om_link",
            "link of secid and permno",
            ("secid", "permno", "sdate", "edate", "score"),
            (
                View(
                    "links",
                    {
                        "ticker": _KEY,
                        "permno": text("permno"),
                        "date": day("sdate", forms=_FORMS),
                        "until": day("edate", forms=_FORMS),
                    },
                    where=lambda s: s.number("score") <= 2,
                ),
            ),
        ),
        Layout(
            "crsp_sp500",
            "members of the S&P 500 (CRSP)",
            ("permno",),
            (
                View(
                    "members",
                    {
                        "permno": text("permno"),
                        "date": day("start", "mbrstartdt", forms=_FORMS),
                        "until": day("ending", "mbrenddt", forms=_FORMS),
                    },
                ),
            ),
            one_of=(("start", "mbrstartdt"), ("ending", "mbrenddt")),
        ),
        Layout(
            "om_idxdvd",
            "dividend yields of indices (idxdvd)",
            ("secid", "date", "rate"),
            (View("yields", {"date": _WHEN, "ticker": _KEY, "expiry": _YIELDED, "yield": _YIELD}),),
            note="the carry of an index is the rate less its yield, where no forward is told",
        ),
        *UNREAD,
        Layout(
            "om_native_opprc",
            "option prices, daily file of the vendor",
            (),
            (_NATIVE_QUOTES,),
            sure=LOW,
            file=r"IVYOPPRC",
            header=(
                *("securityid", "date", "symbol", "symbolflag", "strike", "expiration", "callput", "bestbid"),
                *("bestoffer", "lasttradedate", "volume", "openinterest", "specialsettlement", "impliedvolatility"),
                *("delta", "gamma", "vega", "theta", "optionid", "adjustmentfactor", "amsettlement", "contractsize"),
                "expiryindicator",
            ),
            drops=_ADJUSTED,
        ),
        Layout(
            "om_native_vsurf",
            "volatility surface, daily file of the vendor",
            (),
            (_SURFACE,),
            sure=LOW,
            file=r"IVYVSURF",
            header=("securityid", "date", "days", "delta", "callput", "impliedvol", "strike", "premium", "dispersion"),
        ),
        Layout(
            "om_native_secpr",
            "security prices, daily file of the vendor",
            (),
            _prices("closeprice", "sharesoutstanding", "adjustmentfactor"),
            sure=LOW,
            file=r"IVYSECPR",
            header=(
                *("securityid", "date", "bidlow", "askhigh", "closeprice", "volume", "totalreturn"),
                *("adjustmentfactor", "openprice", "sharesoutstanding", "adjustmentfactor2"),
            ),
        ),
        Layout(
            "om_native_zero",
            "zero curve, daily file of the vendor",
            (),
            (View("rates", {"date": _WHEN, "rate": number("rate", scale=0.01)}, first_by=_nearest_month),),
            sure=LOW,
            file=r"IVYZEROC",
            header=("date", "days", "rate"),
        ),
    ),
    finish=securities,
)


class IvyDb(VendorMarket):
    """OptionMetrics IvyDB US: opprcd or vsurfd, secprd, zerocd, distrd, secnmd; weights of shares outstanding."""

    vendor = VENDOR
