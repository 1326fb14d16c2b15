"""What tables of one's own do not say of themselves."""

from dataclasses import dataclass

from engine.data.quotes.clock import minutes
from engine.errors import InputError
from engine.kinds import check_kinds

EXERCISE = ("american", "european")


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What tables do not say of themselves.

    Parameters
    ----------
    index : str
        Ticker of the index leg in surface, or quotes, and prices.
    currency : str
    calendar : str
        exchange_calendars code. Sessions come from the surface; the calendar checks them.
    tenor, delta : int or None
        Of a surface without columns of that name, such as a wide one: calendar days, and call delta in percent.
    iv_unit, delta_unit, rate_unit, weight_unit : str or None
        "decimals" or "percent" (delta: "fraction" or "percent"); None = found out and said. Rates are decimals.
    weights_known : str
        "close": weights dated t are that close's, and count from the next session. "open": they count on t.
    index_note : str
        What the index leg is, such as "VIX3M x .92, a strip": it stands in every report.
    marks : str
        What the volatilities are made from, one of `engine.data.records.MARKS`. "" = surface, or where option quotes
        have bid and ask quoted, and otherwise unknown.
    style, index_style : str
        "american" or "european": exercise of quotes that do not say, on the names and on the index.
    quotes_at : str
        When option quotes are taken, "HH:MM" at the exchange.
    settles_at : str
        When options settle on their last day, those that settle at the close.
    max_extrapolation_days : float
        Of option quotes: how far beyond the quoted expiries a tenor may take the nearest one's volatility.
    strict : bool
        Refuse where a row is rejected.
    """

    index: str = ""
    currency: str = "USD"
    calendar: str = "XNYS"
    tenor: int | None = None
    delta: int | None = None
    iv_unit: str | None = None
    delta_unit: str | None = None
    rate_unit: str | None = None
    weight_unit: str | None = None
    weights_known: str = "close"
    index_note: str = ""
    marks: str = ""
    style: str = "american"
    index_style: str = "european"
    quotes_at: str = "16:00"
    settles_at: str = "16:00"
    max_extrapolation_days: float = 14.0
    strict: bool = False

    def __post_init__(self):
        check_kinds(self)
        for name in ("style", "index_style"):
            if (style := getattr(self, name)) not in EXERCISE:
                raise InputError(f"{name}={style} is unknown; take {' or '.join(EXERCISE)}")
        for name in ("quotes_at", "settles_at"):
            minutes(getattr(self, name), name)
        if not 0.0 <= self.max_extrapolation_days < 1e6:
            raise InputError(f"max_extrapolation_days={self.max_extrapolation_days} is no number of days")
