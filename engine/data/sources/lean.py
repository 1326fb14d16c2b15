"""QuantConnect LEAN: option zips of headerless files, one for each contract, universes, closes, splits."""

import polars as pl

from engine.data.vendors.fields import day, number, of_name, text
from engine.data.vendors.layout import Field, Layout, Vendor, View
from engine.data.vendors.market import VendorMarket
from engine.data.vendors.sight import COMPACT, Sight
from engine.data.vendors.split_factors import splits_between
from engine.data.vendors.symbols import plain_ticker, style

# aapl_quote_american_call_6450000_20140621.csv, and of minutes 20140606_aapl_minute_quote_american_call_...csv
_KINDS = r"(?:minute_|hour_|daily_)?(?:quote|trade|openinterest)"
_MEMBER = rf"(?:^|/)(?:(\d{{8}})_)?([a-z.]+)_{_KINDS}_([a-z]+)_(call|put)_(\d+)_(\d{{8}})\.csv$"
_DAY, _TICKER, _STYLE, _RIGHT, _STRIKE, _EXPIRY = range(1, 7)


def _part(group: int, said: str) -> Field:
    def make(sight: Sight) -> pl.Expr:
        found = sight.text("member").str.to_lowercase().str.extract(_MEMBER, group)
        if group == _TICKER:
            return plain_ticker(found)
        if group == _EXPIRY:
            return found.str.to_date("%Y%m%d", strict=False)
        return found.cast(pl.Float64) / 10_000.0 if group == _STRIKE else found

    return Field(("member",), make, f"({said} of the name)")


def _when(sight: Sight) -> pl.Expr:
    """`20140606 00:00` of daily files; of minutes since midnight the day is in the name."""
    daily = sight.text("time").str.slice(0, 8).str.to_date("%Y%m%d", strict=False)
    named = sight.text("member").str.extract(_MEMBER, _DAY).str.to_date("%Y%m%d", strict=False)
    return pl.coalesce(named, daily)


def _of_day(sight: Sight) -> pl.Expr:
    """The volume of daily bars: of minutes the last one's is not the day's."""
    named = sight.text("member").str.extract(_MEMBER, _DAY)
    return pl.when(named.is_null() & ~sight.text("member").str.contains("_hour_")).then(sight.number("volume"))


_CONTRACT = {
    "date": Field(("time", "member"), _when, all_of=True),
    "ticker": _part(_TICKER, "ticker"),
    "expiry": _part(_EXPIRY, "expiry"),
    "strike": _part(_STRIKE, "strike / 10000"),
    "right": _part(_RIGHT, "right"),
}
_PRICE = 0.0001
_OF_FILE = of_name(r"(?:universe_|^|/|equity_daily_)([a-z.]+?)(?:_\d{8})?(?:/\d{8})?\.csv")
_UNDERLYING = of_name(r"(?:^universes?_|/universe_|^|/)([a-z.]+)[_/]\d{8}\.csv")


def _option(sight: Sight) -> pl.Expr:
    return sight.text("right").is_not_null()


_FILE_DATE = of_name(r"(\d{8})\.csv", (COMPACT,))

VENDOR = Vendor(
    "lean",
    "QuantConnect LEAN",
    (
        Layout(
            "lean_quotes",
            "quotes of options, one file for each contract, the last time of a day counts",
            (),
            (
                View(
                    "quotes",
                    _CONTRACT
                    | {
                        "bid": number("bidclose", scale=_PRICE),
                        "ask": number("askclose", scale=_PRICE, missing=(0.0,)),
                        "style": _part(_STYLE, "style"),
                    },
                    last_by=("time",),
                ),
            ),
            file=r"quote_(american|european)",
            header=(
                *("time", "bidopen", "bidhigh", "bidlow", "bidclose", "bidsize"),
                *("askopen", "askhigh", "asklow", "askclose", "asksize"),
            ),
            note="prices and strikes count ten-thousandths",
        ),
        Layout(
            "lean_interest",
            "open interest of options",
            (),
            (View("open_interest", _CONTRACT | {"oi": number("oi")}, last_by=("time",)),),
            file=r"openinterest_(american|european)",
            header=("time", "oi"),
        ),
        Layout(
            "lean_trades",
            "trades of options, one file for each contract, the last bar of a day counts",
            (),
            (
                View(
                    "quotes",
                    _CONTRACT
                    | {
                        "price": number("close", scale=_PRICE, missing=(0.0,)),
                        "volume": Field(("volume", "member"), _of_day, "(of daily bars)", all_of=True, always=False),
                        "style": _part(_STYLE, "style"),
                    },
                    last_by=("time",),
                    rank=2,
                ),
            ),
            file=r"trade_(american|european)",
            header=("time", "open", "high", "low", "close", "volume"),
            note="last trades: quotes, and universes, of a ticker's day count before them",
        ),
        Layout(
            "lean_universe",
            "universe of options: end of day, with volatilities",
            ("expiry", "strike", "right", "open", "close", "open_interest", "implied_volatility", "delta"),
            (
                View(
                    "quotes",
                    {
                        "date": _FILE_DATE,
                        "ticker": _UNDERLYING,
                        "expiry": day("expiry"),
                        "strike": number("strike"),
                        "right": text("right"),
                        "price": number("close", missing=(0.0,)),
                        "iv": number("implied_volatility", missing=(0.0, 1e-7, 1.0)),
                        "delta": number("delta"),
                        "oi": number("open_interest"),
                        "volume": number("volume"),
                        "style": Field((), lambda s: style(_UNDERLYING.make(s)), "European of cash indices"),
                    },
                    where=_option,
                    rank=1,
                ),
                View(
                    "prices",
                    {"date": _FILE_DATE, "ticker": _UNDERLYING, "close": number("close")},
                    where=lambda sight: ~_option(sight).fill_null(False),
                    rank=1,
                ),
            ),
            note="the first row is the underlying",
        ),
        Layout(
            "lean_daily",
            "daily bars of a stock",
            (),
            (View("prices", {"date": day("time"), "ticker": _OF_FILE, "close": number("close", scale=_PRICE)}),),
            file=r"(?:^|/)(?:equity_daily_)?[a-z.]+\.(?:zip|csv)",
            header=("time", "open", "high", "low", "close", "volume"),
        ),
        Layout(
            "lean_factors",
            "factors of splits and dividends",
            (),
            (View("split_factors", {"date": day("time"), "ticker": _OF_FILE, "factor": number("split_factor")}),),
            file=r"factor",
            header=("time", "price_factor", "split_factor", "reference"),
        ),
    ),
    index="SPX",
    finish=splits_between,
)


class Lean(VendorMarket):
    """QuantConnect LEAN: option zips, universes, closes."""

    vendor = VENDOR
