"""From judged tables to a panel: its axes first, then block of dates by block of dates, in memory as on disk."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from engine.calendar import year_fraction
from engine.data.arrange import in_sectors, on_dates
from engine.data.closes_to_history import closes_to_history
from engine.data.panel import MarketPanel
from engine.data.records import History, MarketInfo, SectorData
from engine.data.tables.choices import Choices
from engine.data.tables.contracts import MOST_RATE
from engine.data.tables.dated_rows import DatedRows
from engine.data.tables.endings import Endings
from engine.data.tables.in_common import check_closes, check_common
from engine.data.tables.judge import Judged
from engine.data.tables.member_weights import equal_weights, known_weights
from engine.data.tables.membership import OPEN_END, is_membership
from engine.data.tables.moves import moves, moving
from engine.data.tables.own_quotes import QuotedSurfaces
from engine.data.tables.own_surface import GivenSurfaces, Surfaces
from engine.data.tables.spell_weights import spell_weights
from engine.data.tables.strike_cash import with_factors
from engine.errors import InputError

MOST_CARRY = 1.0  # a year, either way: beyond it forwards and closes are of different units
SHORTEST_CARRY_DAYS = 7  # a forward nearer than this tells its spot's error, not its carry


@dataclass(frozen=True, eq=False)
class TabledMarket:
    """Everything of a panel on all dates, but its surfaces, which are read a block at a time.

    Parameters
    ----------
    info : MarketInfo
    surfaces : Surfaces
        Of the index and the names.
    dates, names, prices, rate, carry, weights, strike_factor, return_factor, strike_reduction
        As in `MarketPanel`; the first column of prices and carry is the index's.
    endings : Endings
        Of names that cease to trade; prices, carry and surface are still those of the names themselves.
    sectors : array (N,), str, or None
    history : History or None
    unused : frame of asset, reason, rows
        Rows that are no part of the panel, and why.
    """

    info: MarketInfo
    surfaces: Surfaces
    dates: np.ndarray
    names: list[str]
    prices: np.ndarray
    rate: np.ndarray
    carry: np.ndarray
    weights: np.ndarray
    strike_factor: np.ndarray
    return_factor: np.ndarray
    strike_reduction: np.ndarray | None
    endings: Endings
    sectors: np.ndarray | None
    history: History | None
    unused: pl.DataFrame

    def block(self, rows: slice, validate: bool = True) -> MarketPanel:
        """Build some of the sessions; what is written is checked, and told of, by who writes it."""
        dates, surfaces = self.dates[rows], self.surfaces
        part = surfaces.block(dates)
        iv, status = part.iv, part.status
        history, sectors, weights, ends = self.history, None, self.weights[rows], self.endings[rows]
        if history is not None:
            before: Any = self.dates[rows.start - 1] if rows.start else None
            history = history.between(after=before, until=dates[-1])
        if self.sectors is not None:
            none = np.empty((len(dates), 0, *iv.shape[2:]), np.float32)
            sectors = SectorData(
                of_name=self.sectors,
                legs=np.array([], dtype=str),
                symbols=np.array([], dtype=str),
                weights=in_sectors(weights, self.sectors),
                leg_spot=np.empty((len(dates), 0)),
                leg_iv=none,
                leg_status=none.astype(np.uint8),
            )
        panel = MarketPanel(
            info=self.info,
            dates=dates,
            names=np.array(self.names),
            tenors=surfaces.tenors,
            deltas=surfaces.deltas,
            index_iv=iv[:, 0],
            component_iv=iv[:, 1:],
            index_status=status[:, 0],
            component_status=status[:, 1:],
            weights=weights,
            index_spot=self.prices[rows, 0],
            spot=self.prices[rows, 1:],
            rate=self.rate[rows],
            index_carry=self.carry[rows, 0],
            carry=self.carry[rows, 1:],
            strike_factor=self.strike_factor[rows],
            return_factor=self.return_factor[rows],
            settlement=ends.settlement,
            strike_reduction=None if self.strike_reduction is None else self.strike_reduction[rows],
            listed=part.listed,
            band=part.band,
            sectors=sectors,
            history=history,
            contracts=surfaces.contracts and surfaces.contracts.between(dates[0], dates[-1]),
            validate=False,
        )
        return replace(ends.on(panel), validate=validate)


def tables_to_market(
    rows: DatedRows, tables: dict[str, Judged], info: MarketInfo, choices: Choices, rate: float | None = None
) -> TabledMarket:
    """Find the axes of a market and put everything but its surface on them.

    Parameters
    ----------
    rows : DatedRows
        Of surface, or of quotes.
    tables : dict of name -> Judged
        prices; weights, or none for equal ones; rates, actions, forwards, sectors, dividends if any; where weights are
        spells without a size of their own also sizes, the weights of who has them.
    info : MarketInfo
        Its index is a ticker of surface and prices.
    choices : Choices
    rate : float or None
        One for all dates; where there are no rates either it is 0.

    Raises
    ------
    InputError
        When the tables are not of one market.
    """
    prices = tables["prices"].kept.rename({"ticker": "asset"})
    days = rows.days
    check_common(rows, tables["prices"], tables.get("weights"), info.index)
    names = sorted(_members(tables.get("weights"), days) - {info.index})
    tickers = [info.index, *names]
    dates = days.filter(pl.col("ticker").is_in(tickers))["date"].unique().sort().to_numpy().astype("datetime64[D]")
    events = with_factors(_actions(tables), prices, tables["actions"].file if "actions" in tables else "")
    history = closes_to_history(prices, moving(events), dates, info.index, names, [])
    sessions = dates if history is None else history.dates
    moved = moves(events, dates, sessions, names)
    close = on_dates(prices, "close", dates, tickers)
    rates = _rates(tables.get("rates"), dates, 0.0 if rate is None else rate)
    if rows.table == "surface":
        surfaces = GivenSurfaces(rows, tickers)
    else:
        paid = tables["dividends"].kept if "dividends" in tables else None
        surfaces = QuotedSurfaces(rows, tables["prices"].kept, rates, dates, tickers, choices, paid)
        check_closes(surfaces.offsets, tables["prices"])
    return TabledMarket(
        info=info,
        surfaces=surfaces,
        dates=dates,
        names=names,
        prices=close,
        rate=rates,
        carry=_carry(tables.get("forwards"), close, rates, dates, tickers),
        weights=_weights(tables, sessions, dates, names, choices.weights_known),
        strike_factor=moved.strike_factor,
        return_factor=moved.return_factor,
        strike_reduction=moved.strike_reduction,
        endings=moved.endings,
        history=history,
        sectors=_sectors(tables.get("sectors"), names),
        unused=pl.concat([_not_members(table, tickers) for table in (rows, *tables.values())]),
    )


def _members(weights: Judged | None, days: pl.DataFrame) -> set[str]:
    """Return everybody who may have a weight on some date."""
    if weights is None:
        return {*days["ticker"]}
    if not is_membership(weights):
        return {*weights.kept["ticker"]}
    ended = pl.col("until").fill_null(OPEN_END) < days["date"].min()
    return {*weights.kept.filter(~ended & (pl.col("since") <= days["date"].max()))["ticker"]}


def _weights(tables: dict[str, Judged], sessions, dates, names, known: str) -> np.ndarray:
    """Weights known before each date: by spells, by dates, or equal."""
    weights, prices = tables.get("weights"), tables["prices"].kept.rename({"ticker": "asset"})
    if weights is None:
        return equal_weights(prices, sessions, dates, names)
    if not is_membership(weights):
        return known_weights(weights.kept, dates, names, known)
    base = known_weights(tables["sizes"].kept, dates, names, known) if "sizes" in tables else None
    return spell_weights(weights.kept, weights.file, dates, names, sessions, prices, _actions(tables), base)


def _rates(rates: Judged | None, dates, constant: float) -> np.ndarray:
    """Rate last known before each date, or one for all."""
    if rates is None:
        if not abs(constant) <= MOST_RATE:
            raise InputError(f"rates={constant} is no rate in decimals; 0.04 is 4 %")
        return np.full(len(dates), float(constant))
    known = rates.kept.sort("date")
    days = known["date"].to_numpy().astype("datetime64[D]")
    last = np.searchsorted(days, dates) - 1
    if (last < 0).any():
        raise InputError(
            f"{rates.file} has no rate before the first session {dates[0]} (its first is of {days[0]}); a rate counts "
            "from the session after its date: add an earlier one"
        )
    return known["rate"].to_numpy()[last]


def _carry(forwards: Judged | None, close, rate, dates, tickers) -> np.ndarray:
    """Carry to which forwards grow, (T, 1 + N): by least squares over the expiries of a date, else the rate."""
    carry = np.repeat(rate[:, None], len(tickers), axis=1)
    if forwards is None:
        return carry
    known = forwards.kept.rename({"ticker": "asset"}).with_columns(
        years=year_fraction((pl.col("expiry") - pl.col("date")).dt.total_days())
    )
    known = known.filter(pl.col("years") >= year_fraction(SHORTEST_CARRY_DAYS))
    sums = known.group_by("date", "asset").agg(
        (pl.col("years") ** 2).sum().alias("squares"),
        (pl.col("years") * pl.col("forward").log()).sum().alias("forwards"),
        pl.col("years").sum(),
    )
    squares, grown, years = (on_dates(sums, name, dates, tickers) for name in ("squares", "forwards", "years"))
    with np.errstate(invalid="ignore", divide="ignore"):
        found = (grown - years * np.log(close)) / squares
    if (far := np.abs(np.nan_to_num(found)) > MOST_CARRY).any():
        t, a = (int(at[0]) for at in np.nonzero(far))
        raise InputError(
            f"{forwards.file}: the forwards of {tickers[a]} on {dates[t]} grow at {found[t, a]:.3g} a year over its "
            f"close of {close[t, a]:g}; give both as quoted that day"
        )
    return np.where(np.isfinite(found), found, carry)


def _actions(tables: dict[str, Judged]) -> pl.DataFrame:
    if "actions" in tables:
        return tables["actions"].kept.rename({"ticker": "asset"})
    columns = {"date": pl.Date, "asset": pl.String, "kind": pl.String, "factor": pl.Float64}
    return pl.DataFrame(schema=columns | {"amount": pl.Float64, "into": pl.String, "cash": pl.Float64})


def _sectors(sectors: Judged | None, names) -> np.ndarray | None:
    if sectors is None:
        return None
    of_ticker = dict(sectors.kept.select("ticker", "sector").iter_rows())
    return np.array([of_ticker.get(name, "") for name in names])


def _not_members(table: Judged | DatedRows, tickers) -> pl.DataFrame:
    """Count the rows of tickers that are neither the index nor a name."""
    reason = pl.lit(f"{table.table}.not_a_member").alias("reason")
    other = table.by_ticker().filter(~pl.col("ticker").is_in(tickers))
    return other.select(pl.col("ticker").alias("asset"), reason, pl.col("rows").cast(pl.UInt32))
