"""The tables a market is made of, and the contract of each: columns, types, key, and what its values must be.

A row that breaks a rule is rejected for the first one it breaks, with column and value (`engine.data.tables.judge`).
What makes a whole table unusable - a column that is not there, values of another type or unit - is refused.
"""

from dataclasses import dataclass, replace

import polars as pl

from engine.data.tables.action_kinds import KINDS, MIXED_MERGER, RENAME, STOCK_MERGER, STRIKE_DIVIDEND, WITHOUT_RENAMES

DATE, TEXT, NUMBER, CODE = "date", "text", "number", "code"

CALLS: tuple[str, ...] = ("c", "call", "calls", "ce", "ca")  # CE, CA: European and American calls of Indian files
PUTS: tuple[str, ...] = ("p", "put", "puts", "pe", "pa")
RIGHTS: dict[str, str] = dict([*((word, "C") for word in CALLS), *((word, "P") for word in PUTS)])
STYLES = {"european": "european", "e": "european", "american": "american", "a": "american"}
SETTLEMENTS = {"am": "am", "pm": "pm"}

# No volatility of a year lies outside these, nor a continuous rate or a tenor beyond these.
LEAST_IV, MOST_IV = 0.01, 5.0
MOST_RATE, MOST_TENOR = 0.5, 36525  # days: no option lives for a century


@dataclass(frozen=True)
class Column:
    """What one column holds.

    Parameters
    ----------
    kind : str
        date, text, number or code.
    required : bool
        Whether a table can do without it; it then is null throughout.
    also : tuple of str
        Other names it is found under; case, spaces and underscores at the ends never count.
    codes : dict of spelling -> meaning, or None
        Of a code: all there are, in lower case.
    unknown : bool
        Whether a row without a value says something, such as an action on terms that are not known.
    """

    kind: str
    required: bool = True
    also: tuple[str, ...] = ()
    codes: dict[str, str] | None = None
    unknown: bool = False


@dataclass(frozen=True, eq=False)
class Rule:
    """What a row must not be.

    Parameters
    ----------
    reason : str
    column : str
        The column whose value is shown with the reason.
    broken : polars expression
        True where the rule is broken; a null is not.
    blank : bool
        The value is taken as missing, and counted, but the row stays.
    """

    reason: str
    column: str
    broken: pl.Expr
    blank: bool = False


@dataclass(frozen=True, eq=False)
class Table:
    """The contract of a table.

    Parameters
    ----------
    name : str
    columns : dict of name -> Column
        In the order of the frame that is kept.
    key : tuple of str
        What tells rows apart: no two rows have the same.
    rules : tuple of Rule
        Beside those that every table has: what is there is understood, the key is there, numbers are finite.
    may_be_empty : bool
        Whether a table without a row is one.
    may_be_mostly_bad : bool
        Whether most of its rows may be rejected without a doubt about the rest, as of quotes.
    """

    name: str
    columns: dict[str, Column]
    key: tuple[str, ...]
    rules: tuple[Rule, ...] = ()
    may_be_empty: bool = False
    may_be_mostly_bad: bool = False

    @property
    def values(self) -> list[str]:
        """The columns whose value a row is there for: without one it says nothing, and is counted as missing."""
        needed = [name for name, column in self.columns.items() if column.required and not column.unknown]
        return [name for name in needed if name not in self.key]


def _not_positive(column: str) -> Rule:
    return Rule(f"{column}_not_positive", column, pl.col(column) <= 0.0)


_DATE = Column(DATE, also=("quote_date", "trade_date", "session_date", "day"))
_TICKER = Column(TEXT, also=("symbol", "asset", "underlying"))
_EXPIRY = Column(DATE, also=("expiration", "expiry_date", "exdate"))
_RIGHT = Column(CODE, also=("cp_flag", "option_type", "put_call", "call_put", "cp"), codes=RIGHTS)

SURFACE = Table(
    "surface",
    {
        "date": _DATE,
        "ticker": _TICKER,
        "tenor": Column(NUMBER, also=("days", "maturity", "dte")),
        "delta": Column(NUMBER),
        "right": Column(CODE, required=False, also=_RIGHT.also, codes=RIGHTS),
        "iv": Column(NUMBER, also=("impl_volatility", "implied_volatility", "implied_vol", "impliedvol")),
    },
    ("date", "ticker", "tenor", "delta", "right"),
    (
        Rule("tenor_not_whole_days", "tenor", ~pl.col("tenor").is_in([float(day) for day in range(1, MOST_TENOR + 1)])),
        Rule("delta_not_1_to_99", "delta", ~pl.col("delta").is_between(1.0, 99.0)),
        Rule("delta_not_whole_percent", "delta", pl.col("delta") != pl.col("delta").round()),
        Rule("iv_not_positive", "iv", pl.col("iv") <= 0.0),
        Rule("iv_out_of_bounds", "iv", ~pl.col("iv").is_between(LEAST_IV, MOST_IV)),
    ),
)
QUOTES = Table(
    "quotes",
    {
        "date": _DATE,
        "ticker": _TICKER,
        "expiry": _EXPIRY,
        "strike": Column(NUMBER, also=("strike_price",)),
        "right": _RIGHT,
        "bid": Column(NUMBER, required=False, also=("best_bid",)),
        "ask": Column(NUMBER, required=False, also=("best_offer", "offer", "best_ask")),
        "price": Column(NUMBER, required=False, also=("mid", "premium", "last", "close", "mark")),
        "iv": Column(NUMBER, required=False, also=("impl_volatility", "implied_volatility", "implied_vol")),
        "delta": Column(NUMBER, required=False),
        "oi": Column(NUMBER, required=False, also=("open_interest", "openinterest")),
        "forward": Column(NUMBER, required=False, also=("forward_price",)),
        "volume": Column(NUMBER, required=False, also=("traded",)),
        "multiplier": Column(NUMBER, required=False, also=("contract_size", "lot_size")),
        "style": Column(CODE, required=False, also=("exercise_style",), codes=STYLES),
        "settlement": Column(CODE, required=False, codes=SETTLEMENTS),
    },
    ("date", "ticker", "expiry", "strike", "right", "settlement"),
    (
        _not_positive("strike"),
        Rule("expired", "expiry", pl.col("expiry") < pl.col("date")),
        Rule("bid_negative", "bid", pl.col("bid") < 0.0),
        Rule("ask_negative", "ask", pl.col("ask") < 0.0),
        Rule("crossed", "bid", pl.col("bid") > pl.col("ask")),
        Rule("price_negative", "price", pl.col("price") < 0.0),
        Rule("iv_not_usable", "iv", ~pl.col("iv").is_between(LEAST_IV, MOST_IV), blank=True),
        Rule("delta_not_usable", "delta", ~pl.col("delta").is_between(-1.0, 1.0), blank=True),
        Rule("oi_negative", "oi", pl.col("oi") < 0.0, blank=True),
        Rule("volume_negative", "volume", pl.col("volume") < 0.0, blank=True),
        Rule("multiplier_not_positive", "multiplier", pl.col("multiplier") <= 0.0, blank=True),
        Rule("forward_not_positive", "forward", pl.col("forward") <= 0.0, blank=True),
        Rule(
            "no_price",
            "price",
            pl.all_horizontal(pl.col("price", "iv").is_null(), pl.any_horizontal(pl.col("bid", "ask").is_null())),
        ),
    ),
    may_be_mostly_bad=True,
)
WEIGHTS = Table(
    "weights",
    {"date": Column(DATE, required=False, also=(*_DATE.also, "asof")), "ticker": _TICKER, "weight": Column(NUMBER)},
    ("date", "ticker"),
    (Rule("weight_negative", "weight", pl.col("weight") < 0.0),),
)
PRICES = Table(
    "prices",
    {"date": _DATE, "ticker": _TICKER, "close": Column(NUMBER, also=("price", "spot", "px", "px_last"))},
    ("date", "ticker"),
    (_not_positive("close"),),
)
RATES = Table(
    "rates",
    {"date": _DATE, "rate": Column(NUMBER)},
    ("date",),
    (Rule("rate_out_of_bounds", "rate", pl.col("rate").abs() > MOST_RATE),),
)
EXCHANGE_RATES = Table(
    "fx",
    {"date": _DATE, "currency": Column(TEXT, also=("code",)), "rate": Column(NUMBER, also=("close",))},
    ("date", "currency"),
    (_not_positive("rate"),),
)
_FACTOR = Column(NUMBER, also=("price_factor",), unknown=True)
_STOCK = pl.col("kind") == STOCK_MERGER
_TAKEN, _MIXED = pl.col("kind") == STRIKE_DIVIDEND, pl.col("kind") == MIXED_MERGER
_TERMS = _MIXED & pl.any_horizontal(pl.col("amount", "cash").is_not_null())  # none are told: sold before it
_GOES_ON = pl.col("kind").is_in([STOCK_MERGER, RENAME]) | _TERMS
# Of a bankruptcy nothing is 0.
_PAID = _STOCK | _TAKEN | _TERMS | pl.col("kind").is_in(["cash_merger", "delisting"])
ACTIONS = Table(
    "actions",
    {
        "date": _DATE,
        "ticker": _TICKER,
        "kind": Column(CODE, codes=KINDS),
        "factor": _FACTOR,
        "amount": Column(NUMBER, required=False),
        "into": Column(TEXT, required=False),
        "cash": Column(NUMBER, required=False),
    },
    ("date", "ticker", "kind"),
    (
        _not_positive("factor"),
        Rule("no_amount", "amount", _PAID & pl.col("amount").is_null()),
        Rule("amount_negative", "amount", pl.col("amount") < 0.0),
        Rule("amount_not_positive", "amount", (_STOCK | _TAKEN | _MIXED) & (pl.col("amount") <= 0.0)),
        Rule("no_cash", "cash", _TERMS & pl.col("cash").is_null()),
        Rule("cash_not_positive", "cash", pl.col("cash") <= 0.0),
        Rule("into_no_name", "into", _GOES_ON & (pl.col("into").is_null() | (pl.col("into") == pl.col("ticker")))),
    ),
    may_be_empty=True,
)
# Of files whose other tables call a name alike on all dates.
FILE_ACTIONS = replace(ACTIONS, columns=ACTIONS.columns | {"kind": Column(CODE, codes=WITHOUT_RENAMES)})
FORWARDS = Table(
    "forwards",
    {"date": _DATE, "ticker": _TICKER, "expiry": _EXPIRY, "forward": Column(NUMBER, also=("forward_price",))},
    ("date", "ticker", "expiry"),
    (_not_positive("forward"), Rule("expired", "expiry", pl.col("expiry") <= pl.col("date"))),
)
SECTORS = Table("sectors", {"ticker": _TICKER, "sector": Column(TEXT)}, ("ticker",))
EARNINGS = Table(
    "earnings",
    {"date": _DATE, "ticker": _TICKER, "known": Column(DATE, also=("announced",), required=False)},
    ("date", "ticker"),
    (Rule("known_after_the_date", "known", pl.col("known") > pl.col("date")),),
    may_be_empty=True,
)
DIVIDENDS = Table(
    "dividends",
    {
        "date": Column(DATE, also=("ex_date", "exdate")),
        "ticker": _TICKER,
        "amount": Column(NUMBER, also=("dividend", "cash")),
        "known": Column(DATE, also=("announced", "declared"), required=False),
    },
    ("date", "ticker"),
    (_not_positive("amount"), Rule("known_after_the_date", "known", pl.col("known") > pl.col("date"))),
    may_be_empty=True,
)
PORTFOLIO = Table(
    "portfolio",
    {"ticker": Column(TEXT, also=("name", *_TICKER.also)), "weight": Column(NUMBER)},
    ("ticker",),
)
BASKET_OPTION = Table(
    "option",
    {"date": _DATE, "tenor": SURFACE.columns["tenor"], "iv": SURFACE.columns["iv"]},
    ("date", "tenor"),
    (Rule("iv_out_of_bounds", "iv", ~pl.col("iv").is_between(LEAST_IV, MOST_IV)),),
)
POSITIONS = Table(
    "positions",
    {
        "symbol": Column(TEXT, required=False, also=("osi", "option_symbol", "contract")),
        "underlying": Column(TEXT, required=False, also=("ticker", "leg", "asset")),
        "expiry": Column(DATE, required=False, also=_EXPIRY.also),
        "strike": Column(NUMBER, required=False, also=("strike_price",)),
        "kind": Column(
            CODE, required=False, also=("instrument", "right", *_RIGHT.also), codes=RIGHTS | {"straddle": "S", "s": "S"}
        ),
        "quantity": Column(NUMBER, also=("contracts", "qty", "lots")),
        "multiplier": Column(NUMBER, required=False, also=("contract_size", "lot_size")),
        "entered": Column(DATE, required=False, also=("entry_date",)),
        "left": Column(DATE, required=False, also=("exit_date",)),
        "status": Column(TEXT, required=False),
    },
    ("symbol", "underlying", "expiry", "strike", "kind", "entered"),
    (_not_positive("strike"), _not_positive("multiplier")),
)
TABLES = {
    table.name: table
    for table in (SURFACE, QUOTES, WEIGHTS, PRICES, RATES, ACTIONS, FORWARDS, SECTORS, EARNINGS, DIVIDENDS)
}
