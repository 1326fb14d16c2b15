"""Positions of the user's from a file, as contracts of a market: OSI symbols, or keys of one's own."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from engine.backend import to_host
from engine.backtest.batch import MOST
from engine.backtest.risk.positions import INDEX, Positions
from engine.calendar import read_date
from engine.data.tables.contracts import POSITIONS
from engine.data.tables.in_common import SCALED
from engine.data.tables.judge import judged
from engine.data.tables.tickers import spelt_otherwise
from engine.data.tables.whole_file import read_whole, whole
from engine.data.vendors.symbols import ADJUSTED, osi, plain_ticker
from engine.errors import InputError
from engine.kernels.codes import Kind

LEDGER = "the ledger"  # what messages call one that is no file
OSI_MULTIPLIER = 100.0  # shares of a listed US option
KINDS = {"C": Kind.CALL, "P": Kind.PUT, "S": Kind.STRADDLE}
SOLD = "exited"
LEFT = (SOLD, "exercised", "assigned")  # of a ledger, what was held no more before its expiry
PARTS_OF_KEY = ("underlying", "expiry", "strike", "kind")


def session_of(market, date) -> int:
    """Return the position of a session; the last one where no date is given.

    Raises
    ------
    InputError
        When the date is no session of the market.
    """
    if date is None:
        return len(market) - 1
    found = np.flatnonzero(market.dates == read_date(date, "date"))
    if not len(found):
        raise InputError(f"date={date} is no session of {market.info.name}, {market.dates[0]} to {market.dates[-1]}")
    return int(found[0])


def read_positions(market, path: str | Path, session: int, setting: str = "positions") -> Positions:
    """Read a file of positions: a symbol, or underlying, expiry, strike and kind; and a quantity, negative = short.

    Quantities are contracts of `multiplier` shares: 100 of an OSI symbol, 1 of other rows where nothing else is said.
    Strikes and quantities are of the session, or of the date in `entered`. A ledger of a run is such a file.

    Parameters
    ----------
    market : MarketPanel
    path : str or Path
    session : int
        What a row without `entered` is held on.
    setting : str
        Which setting named the file.

    Raises
    ------
    InputError
        When a row is no contract, or of an underlying that the market does not have, or has expired.
    """
    return _positions(market, _contracts(read_whole(POSITIONS, path, setting=setting), str(path)), session, path)


def of_ledger(market, ledger: pl.DataFrame, session: int) -> Positions:
    """Return the rows of a ledger of a run as positions, none where it has none; parameters as for `read_positions`."""
    other = sorted(set(ledger["instrument"]) - {"straddle", "call", "put"})
    if other:
        raise InputError(
            f"target=strategy would hold {other[0]}, and a sheet is of straddles, calls and puts of one expiry; choose "
            "such a structure"
        )
    rows = _contracts(whole(judged(replace(POSITIONS, may_be_empty=True), ledger, LEDGER)), LEDGER)
    return _positions(market, rows, session, LEDGER)


def _positions(market, rows: pl.DataFrame, session: int, path: str | Path) -> Positions:
    known = {str(name): n for n, name in enumerate(market.names)} | {market.info.index: INDEX}
    if missing := set(rows["underlying"]) - set(known):
        raise InputError(
            f"{path} has underlyings that {market.info.name} does not have: {spelt_otherwise(missing, known)}; its "
            f"index is {market.info.index}"
        )
    entered = rows["entered"].fill_null(market.dates[session].item())
    expired = rows.with_columns(entered=entered).filter(pl.col("expiry") <= pl.col("entered"))
    if expired.height:
        raise InputError(
            f"{path}: {_named(expired.row(0, named=True))} has expired by {expired['entered'][0]}; leave it out, or "
            "choose an earlier date"
        )
    leg = np.array([known[name] for name in rows["underlying"]], dtype=int)
    entry = _sessions(market, entered.to_numpy().astype("datetime64[D]"), str(path))
    _check_size(market, rows, leg, entry, path)
    sold = pl.when(pl.col("status").fill_null(SOLD).is_in(LEFT)).then(pl.col("left"))
    sold = rows.select(sold=sold.fill_null(pl.date(9999, 1, 1)))["sold"]
    return Positions(
        leg=leg,
        kind=np.array([int(KINDS[kind]) for kind in rows["kind"]], dtype=int),
        expiry=rows["expiry"].to_numpy().astype("datetime64[D]"),
        strike=rows["strike"].to_numpy().astype(float),
        quantity=(rows["quantity"] * rows["multiplier"]).to_numpy().astype(float),
        entry=entry,
        dated=rows["entered"].is_not_null().to_numpy(),
        left=np.searchsorted(market.dates, sold.to_numpy().astype("datetime64[D]")),
    )


def _check_size(market, rows: pl.DataFrame, leg: np.ndarray, entry: np.ndarray, path: str | Path) -> None:
    """Raise InputError where a strike is in another unit than the close it was entered on, or a quantity absurd."""
    prices = np.concatenate([to_host(market.index_spot)[:, None], to_host(market.spot)], axis=1)
    close, strike = prices[entry, leg - INDEX], rows["strike"].to_numpy().astype(float)
    times = strike / close
    for row in np.flatnonzero((times > SCALED) | (times < 1.0 / SCALED)):
        raise InputError(
            f"{path}: the strike of {_named(rows.row(int(row), named=True))} is {times[row]:.3g} times the close of "
            f"{rows['underlying'][int(row)]} on {market.dates[entry[row]]}; give it in the unit of the price"
        )
    for row in np.flatnonzero(np.abs(rows["quantity"].to_numpy().astype(float)) > MOST):
        raise InputError(f"{path}: quantity {rows['quantity'][int(row)]:g} is more than any market has; give contracts")


def _contracts(rows: pl.DataFrame, file: str) -> pl.DataFrame:
    """Return rows with every part of their key, from the symbol where there is one."""
    symbol, root = pl.col("symbol"), osi(pl.col("symbol"), "root")
    unread = rows.filter(symbol.is_not_null() & root.is_null())
    if unread.height:
        raise InputError(
            f"{file}: {unread['symbol'][0]} is no OSI symbol, such as 'SPXW  260918C06500000'; a name that has no root "
            f"of letters is given by the columns {', '.join(PARTS_OF_KEY)}"
        )
    adjusted = rows.filter(root.str.contains(ADJUSTED))
    if adjusted.height:
        raise InputError(
            f"{file}: {adjusted['symbol'][0]} is an adjusted contract, which delivers something else than 100 shares; "
            "leave it out"
        )
    told = {"underlying": plain_ticker(root)} | {
        part: osi(symbol, of) for part, of in (("expiry", "expiry"), ("strike", "strike"), ("kind", "right"))
    }
    for part, by_symbol in told.items():
        if (odd := rows.with_columns(by_symbol.alias("_told")).filter(pl.col(part) != pl.col("_told"))).height:
            row = odd.row(0, named=True)
            raise InputError(
                f"{file}: {row['symbol']} has {part} {row['_told']}, and the column {part} says {row[part]}; keep one"
            )
    read = rows.with_columns(
        **{part: pl.coalesce(by_symbol, part) for part, by_symbol in told.items()},
        multiplier=pl.coalesce("multiplier", pl.when(symbol.is_not_null()).then(OSI_MULTIPLIER).otherwise(1.0)),
    )
    for part in PARTS_OF_KEY:
        if (without := read.with_row_index().filter(pl.col(part).is_null())).height:
            row = int(without["index"][0]) + 1
            raise InputError(f"{file}: position {row} has no {part}; give an OSI symbol, or {', '.join(PARTS_OF_KEY)}")
    return read


def _sessions(market, dates: np.ndarray, file: str) -> np.ndarray:
    at = np.minimum(np.searchsorted(market.dates, dates), len(market) - 1)
    if (odd := dates[market.dates[at] != dates]).size:
        raise InputError(f"{file}: entered on {odd[0]}, which is no session of {market.info.name}")
    return at


def _named(row: dict) -> str:
    return row["symbol"] or " ".join(str(row[part]) for part in PARTS_OF_KEY)
