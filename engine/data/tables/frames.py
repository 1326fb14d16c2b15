"""Tables of your own to a panel: held against their contracts, put on axes, and told what was assumed on the way."""

import difflib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import polars as pl

from engine.data.panel import MarketPanel
from engine.data.tables.choices import Choices
from engine.data.tables.contracts import TABLES
from engine.data.tables.given import as_frame, long_form
from engine.data.tables.judge import Judged, judged
from engine.data.tables.member_weights import EQUAL
from engine.data.tables.membership import contract_key, has_spells, judged_membership
from engine.data.tables.own_market import OwnMarket, from_judged
from engine.errors import InputError

log = logging.getLogger(__name__)

Part = tuple[Any, str, int]  # a frame, what it is called, the line of its first row


def from_frames(surface: Any, weights: Any, prices: Any, **choices: Any) -> MarketPanel:
    """Make a panel of frames of your own: `MarketPanel.from_frames`.

    Frames are polars or pandas. Columns are found by name in any case; dates are dates, texts such as 2024-12-31, or
    numbers such as 20241231. Rows that cannot be are left out and counted: `own_market` returns them with the panel.

    Parameters
    ----------
    surface : frame of date, ticker, tenor, delta, iv
        Implied volatilities of the index and of names: tenor in calendar days, call delta in percent (those of puts may
        be signed, or told by a column right), volatilities in decimals or percent. A wide frame - dates down, tickers
        across - takes `tenor` and `delta` as arguments.
    weights : frame of date, ticker, weight; of ticker, weight; of ticker, since, until, weight or shares; or "equal"
        Each date lists all members. Without dates they hold on all of them; from `since` to `until` on the sessions
        between, both counted; "equal" is 1 / N of the names that had a price the session before.
    prices : frame of date, ticker, close
        Raw closes, of the index too; or wide. Sessions without a surface become the panel's history.
    rates : number, or frame of date, rate
        Continuous rate in decimals; on a date the last one known before it counts. None = 0, which is said.
    actions : frame of date, ticker, kind, factor, and where names cease to trade amount, into
        Corporate actions, by new price / old price (0.1 for 10:1); dividends move returns, the others contracts too.
        Mergers, delistings and bankruptcies by what is paid for a share: cash, or shares of another ticker.
    forwards : frame of date, ticker, expiry, forward
        From which the carry is taken; without them spots grow at the rate.
    sectors : frame of ticker, sector
    name : str
        Of the market, in reports.
    **choices
        `Choices`: index (required), currency, calendar, tenor, delta, iv_unit, weights_known, index_note, strict, ...

    Raises
    ------
    InputError
        When a table is unusable or has nothing in common with another one; with `strict` for every rejected row.

    Examples
    --------
    >>> vols = pl.DataFrame({"date": ["2026-01-02", "2026-01-05"], "IDX": [0.1, 0.1], "A": [0.2, 0.2], "B": [0.3, 0.3]})
    >>> closes = vols.with_columns(pl.col("IDX", "A", "B") * 100)
    >>> weights = pl.DataFrame({"ticker": ["A", "B"], "weight": [0.6, 0.4]})
    >>> MarketPanel.from_frames(vols, weights, closes, index="IDX", tenor=91, delta=50)
    MarketPanel frames: IDX and 2 names, 2 sessions 2026-01-02 to 2026-01-05, 1 tenors x 1 deltas, USD
    """
    return own_market(surface, weights, prices, **choices).panel()


def from_quotes(quotes: Any, weights: Any, prices: Any, **choices: Any) -> MarketPanel:
    """Make a panel of option quotes of your own: `MarketPanel.from_quotes`.

    Forwards come from put-call parity, volatilities are inverted (American exercise included), smiles are fitted per
    expiry and read at constant maturities; the listed expiries stay, and where quotes have two sides their band.

    Parameters
    ----------
    quotes : frame of date, ticker, expiry, strike, right, and bid and ask, or price, or iv
        Of the index and the names. Where known also oi, forward, style (european, american), settlement (am, pm).
    dividends : frame of date (ex-date), ticker, amount, and known (from which day) where known
        For early exercise; without them forwards alone say what is paid.
    weights, prices, **choices
        As for `from_frames`; `style`, `index_style`, `quotes_at` and `max_extrapolation_days` are of quotes.

    Raises
    ------
    InputError
        As `from_frames`.
    """
    return own_market(None, weights, prices, quotes=quotes, **choices).panel()


def own_market(
    surface: Any,
    weights: Any,
    prices: Any,
    *,
    quotes: Any = None,
    rates: Any = None,
    actions: Any = None,
    forwards: Any = None,
    sectors: Any = None,
    dividends: Any = None,
    name: str = "frames",
    **choices: Any,
) -> OwnMarket:
    """Judge frames and put them on axes; as `from_frames`, with the account of what was rejected."""
    optional = {"rates": rates, "actions": actions, "forwards": forwards, "sectors": sectors}
    optional["dividends"] = dividends
    given = {"surface": surface, "quotes": quotes, "weights": weights, "prices": prices} | optional
    constant = rates if isinstance(rates, int | float) and not isinstance(rates, bool) else None
    parts = {table: [(frame, table, 1)] for table, frame in given.items() if frame is not None}
    if isinstance(weights, str):
        del parts["weights"]
        if weights != EQUAL:
            raise InputError(f'weights={weights} is unknown; give a frame, or "{EQUAL}"')
    if constant is not None:
        del parts["rates"]
    known = [f.name for f in fields(Choices)]
    for word in choices:
        if word not in known:
            near = difflib.get_close_matches(word, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise InputError(f"{word} is not a setting of tables of your own; {hint}")
    return from_parts(parts, Choices(**choices), name, constant)


def from_parts(
    parts: Mapping[str, Sequence[Part]], choices: Choices, name: str, rate: float | None = None
) -> OwnMarket:
    """Make a market of tables in parts: each a frame, what it is called, and the line of its first row.

    Raises
    ------
    InputError
        When a table is missing or unusable, when tables have nothing in common, and with `strict` for a rejected row.
    """
    if ("surface" in parts) == ("quotes" in parts):
        raise InputError(f"market {name} needs either a surface or option quotes, and not both")
    if "dividends" in parts and "quotes" not in parts:
        raise InputError(f"market {name}: dividends are read with option quotes; a surface takes forwards instead")
    if "quotes" in parts and (choices.tenor is not None or choices.delta is not None):
        raise InputError(f"market {name}: tenor and delta are of a surface that has no such columns; quotes need none")
    if "prices" not in parts:
        raise InputError(f"market {name} has no prices; give the closes of the index and the names")
    if not choices.index:
        raise InputError(f"market {name}: say which ticker is the index leg, index=TICKER (a command: market.index=)")
    tables = {table: judged_parts(table, of, choices) for table, of in parts.items()}
    return from_judged(tables, choices, name, rate)


def judged_parts(table: str, parts: Sequence[Part], choices: Choices) -> Judged:
    """Hold the parts of a table against its contract, and put them together."""
    return _joined([_judged(table, part, choices) for part in parts])


def _judged(table: str, part: Part, choices: Choices) -> Judged:
    frame, file, first = part
    contract, given = TABLES[table], as_frame(frame, file)
    if table == "weights" and has_spells(given):
        return judged_membership(given, file, choices.weight_unit, first)
    long = long_form(contract, given, file, choices.tenor, choices.delta, first)
    units = {"iv": choices.iv_unit, "delta": choices.delta_unit, "rate": choices.rate_unit}
    units["weight"] = choices.weight_unit
    return judged(contract, long, file, units={column: unit for column, unit in units.items() if unit is not None})


def _joined(parts: list[Judged]) -> Judged:
    """Put the parts of a table together; no row of one may contradict, or repeat, one of another."""
    if len(parts) == 1:
        return parts[0]
    files = [part.file for part in parts]
    if len({part.table for part in parts}) > 1:
        raise InputError(f"of {' and '.join(files)} one has dates and the other since and until; give one kind")
    table, key = parts[0].table, contract_key(parts[0])
    kept = pl.concat([part.kept for part in parts])
    if (twice := kept.filter(pl.struct(key).is_duplicated())).height:
        row = ", ".join(str(value) for value in twice.select(key).row(0) if value is not None)
        raise InputError(f"{' and '.join(files)} both have a row of {row}; keep one of them")
    if table == "weights" and 0 < kept["date"].null_count() < kept.height:
        raise InputError(f"of {' and '.join(files)} only one has dates; give dates to both")
    return Judged(
        table,
        " and ".join(files),
        kept,
        pl.concat([part.rejected for part in parts]),
        pl.concat([part.counts for part in parts]),
        tuple(f"{part.file}: {note}" for part in parts for note in part.notes),
    )
