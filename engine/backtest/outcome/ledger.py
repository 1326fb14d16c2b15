"""The trade ledger of a result: leg by leg over its life, and summed by name and by cohort."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from engine.backend import to_host
from engine.backtest.cohorts.book import COMPONENT, INDEX
from engine.backtest.cohorts.costs import hedge_cost, option_cost
from engine.backtest.contracts.instruments import PAYOFFS, pairs
from engine.backtest.contracts.structure import LegStatus
from engine.backtest.legs.detail import AMOUNTS
from engine.backtest.legs.events import ASSIGNED, EXERCISED, events
from engine.backtest.legs.listed import SAID, ListedBook
from engine.backtest.risk.limits import LIMITS, NOT_MEASURED
from engine.data.held_contracts import AT_CLOSE, MORNING
from engine.kernels.codes import PARTS
from engine.records import map_arrays

if TYPE_CHECKING:
    from engine.backtest.cohorts.book import TradeBook
    from engine.backtest.legs.netting import HedgeTrades
    from engine.backtest.outcome.result import BacktestResult
    from engine.data.panel import MarketPanel

RESIDUALS = ("theta", "cash_gamma")  # of units; vega and premium are those of the rows
SOURCES = ("pnl_option", "pnl_hedge", "financing", "settlement")
SUMS = (*SOURCES, "pnl_gross", "cost", "pnl_net")


class Rows:
    """Which cohort, leg and instrument each row of a view is, and how much of it was held.

    Parameters
    ----------
    result : BacktestResult
    p : int
    units : array (C', 1 + L)
        Of each leg, per unit of index vega.
    cohorts : array (C',), int, or None
        Which cohorts these are; None = all.
    """

    def __init__(self, result: "BacktestResult", p: int, units: np.ndarray, cohorts: np.ndarray | None = None):
        chosen = np.arange(len(units)) if cohorts is None else cohorts
        classes = np.where(np.arange(units.shape[1]) == 0, INDEX, COMPONENT)
        lists = tuple(zip(*pairs(result.book.recipe.structure), strict=True))  # of the index, of the members
        ratio = np.array([[instrument.ratio for instrument in given] for given in lists])
        label = np.array([[instrument.label for instrument in given] for given in lists])
        cohort_vega = (result.entry_exposure[p] * result.vega_per_cohort(p))[chosen]
        quantity = (cohort_vega[:, None] * units)[:, :, None] * ratio[classes]
        self.at = cohort, leg, instrument = np.nonzero(quantity)
        self.cohort, self.leg_class = chosen[cohort], classes[leg]
        self.quantity, self.vega = quantity[self.at], cohort_vega[cohort]
        self.label = label[self.leg_class, instrument]
        # What expires after the rest is sold when that expires.
        self.is_sold = np.array([[i.tenor is not None for i in given] for given in lists])[self.leg_class, instrument]
        self.is_option = np.array([[i.kind in PAYOFFS for i in given] for given in lists])[self.leg_class, instrument]
        # A leg is hedged as one: each of its instruments bears an equal part of what that costs.
        self.hedge_share = 1.0 / (ratio != 0.0).sum(axis=1)[self.leg_class]
        self.costs = result.rates_of(p)

    def of(self, array: np.ndarray) -> np.ndarray:
        """Pick each row's element of an array (C, 1 + L) or (C, 1 + L, I)."""
        return array[self.at if array.ndim == 3 else self.at[:2]]

    def settled(self, result: "BacktestResult", p: int, session: int) -> np.ndarray:
        """P&L of index options that settle on the opening of a session, of each row."""
        book = result.book
        ends = (book.cohorts.entry + book.cohorts.life == session) & (result.held_until(p) == book.cohorts.life)
        earned = to_host(book.legs.settlement)[self.cohort, self.at[1], self.at[2]]
        return self.vega * np.where(ends[self.cohort] & (self.leg_class == INDEX), earned, 0.0)

    def cost(self, vega_traded, hedge_traded, delivered, spread=None, detail=None) -> np.ndarray:
        """Charge what the rows trade, per unit of index vega; arrays as in `of`.

        Parameters
        ----------
        spread : array or None
            Of listed contracts.
        detail : sequence of (amounts, widened) and array, or None
            Where the book is detailed: amounts (C, 1 + L, I, len(AMOUNTS)) traded at one time, with the factor of each
            row's half-spreads then; and the stock sold short, (C, 1 + L).
        """
        if detail is None:
            amounts = self._by_class("", self.of(vega_traded))
            option, borrowed = option_cost(self.costs, amounts, "traded"), 0.0
        else:
            option = sum(option_cost(self.costs, self._amounts(a), "traded", w) for a, w in detail[0])
            borrowed = self.hedge_share * self.of(detail[1])
        hedge = self.hedge_share * self.of(hedge_traded)
        of_index = np.where(self.leg_class == INDEX, hedge, 0.0)
        hedging = hedge_cost(self.costs, hedge, self.of(delivered), of_index, borrowed)
        return np.abs(self.vega) * (option + (0.0 if spread is None else self.of(spread)) + hedging)

    def _by_class(self, name: str, amount: np.ndarray) -> dict:
        classes = ((INDEX, f"index{name}_traded"), (COMPONENT, f"component{name}_traded"))
        return {key: np.where(self.leg_class == leg_class, amount, 0.0) for leg_class, key in classes}

    def _amounts(self, amounts: np.ndarray) -> dict:
        vega, premium, contracts, band, banded = (self.of(amounts[..., k]) for k in range(len(AMOUNTS)))
        found = self._by_class("", vega) | self._by_class("_premium", premium) | {"contracts_traded": contracts}
        return found | self._by_class("_band", band) | self._by_class("_banded_vega", banded)

    def names(self, result: "BacktestResult", name: np.ndarray) -> dict:
        """Columns that say which leg and instrument a row is; `name` as in `LegTable`."""
        known = np.append(np.asarray(result.market.names, dtype=object), result.market.info.index)
        return {
            "leg": known[self.of(name)].astype(str),
            "leg_class": np.where(self.leg_class == INDEX, "index", "component"),
            "instrument": self.label,
        }


def ledger(result: "BacktestResult", p: int) -> pl.DataFrame:
    """Return `BacktestResult.ledger`."""
    book = result.book_until(p)
    legs, listed = map_arrays(book.legs, to_host), book.listed and map_arrays(book.listed, to_host)
    rows = Rows(result, p, legs.units)
    entry = result.book.cohorts.entry[rows.cohort]
    pnl = {name: rows.vega * rows.of(getattr(legs, name)) for name in SOURCES}
    gross = rows.vega * sum(rows.of(getattr(legs, name)) for name in SOURCES)
    status = rows.of(legs.status)
    end, said = rows.of(legs.end), np.array([s.name.lower() for s in LegStatus])
    early = (status == int(LegStatus.EXPIRED)) & (end < book.cohorts.life[rows.cohort])
    status = np.where(rows.is_sold & (status == int(LegStatus.EXPIRED)) & ~early, int(LegStatus.EXITED), status)
    by_whom = np.where(rows.quantity > 0.0, EXERCISED, ASSIGNED)
    detail = _over_life(result, p, book, rows, entry, legs.end) if book.detail is not None else None
    hedge_traded = (
        legs.hedge_traded if book.hedges is None else _netted(result, p, book, map_arrays(book.hedges, to_host))
    )
    cost = rows.cost(legs.vega_traded, hedge_traded, legs.delivered, listed and listed.spread, detail)
    exit_value, named = rows.quantity * rows.of(legs.exit_value), rows.names(result, legs.name)
    worth = np.where(rows.is_option, exit_value, 0.0)
    happened = events(result.market, named["leg"], entry, entry + end, status, worth)
    frame = pl.DataFrame(
        {
            "cohort": rows.cohort,
            "entry_date": result.dates[entry],
            "expiry": result.book.cohorts.expiry[rows.cohort],
            **named,
            "status": np.where(early, by_whom, said[status]),
            "exit_date": result.dates[entry + end],
            "quantity": rows.quantity,
            "strike": rows.of(legs.strike),
            "strike_factor": rows.of(legs.shares),
            "events": pl.Series(happened, dtype=pl.String),
            "entry_iv": rows.of(legs.iv).astype(np.float64),
            "entry_vega": rows.quantity * rows.of(legs.vega),
            "premium": rows.quantity * rows.of(legs.value),
            "exit_value": exit_value,
            **pnl,
            "pnl_gross": gross,
            "cost": cost,
            "pnl_net": gross - cost,
        }
    )
    if result.market.strike_reduction is not None:
        taken = _off_strikes(result.market, rows.of(legs.name), entry, entry + end)
        at = frame.columns.index("strike_factor") + 1
        frame.insert_column(at, pl.Series("strike_reduction", np.where(rows.is_option, taken, 0.0)))
    if result.limited is not None:
        told = limits(result, p).select(pl.col("cohort").cast(frame["cohort"].dtype), "action")
        frame = frame.join(told, on="cohort", how="left", maintain_order="left")
    if listed is None:
        return frame
    columns = _of_contracts(rows, listed, rows.of(legs.value), rows.of(legs.exit_value) * rows.of(legs.shares))
    return frame.with_columns(**columns)


def _off_strikes(panel: "MarketPanel", name: np.ndarray, entry: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Cash taken off each strike from its entry to its end, in entry shares; 0 of the index, whose position is -1."""
    factor, cash = to_host(panel.strike_factor), to_host(panel.strike_reduction)
    shares = np.cumprod(np.where(np.isfinite(factor), factor, 1.0), axis=0)
    so_far = np.cumsum(cash / shares, axis=0)
    return np.where(name < 0, 0.0, shares[entry, name] * (so_far[end, name] - so_far[entry, name]))


def _netted(result: "BacktestResult", p: int, book: "TradeBook", hedges: "HedgeTrades") -> np.ndarray:
    """Notional of hedges traded over the life of each leg, (C, 1 + L): its part of what is traded for all together."""
    share = result.accounts.left_to_trade(p)
    session = book.cohorts.sessions(result.dates, book.days)
    return (np.abs(hedges.traded) * share[session[:, :, None], hedges.underlying[:, None]]).sum(axis=1)


def _over_life(result: "BacktestResult", p: int, book, rows: Rows, entry, end) -> tuple:
    """Return what a detailed book's rows are charged over their lives, as `Rows.cost` takes it."""
    by_leg, widened = to_host(book.detail.by_leg), result.widened(p)
    times = ((by_leg[..., 0], widened[entry]), (by_leg[..., 1], widened[entry + rows.of(end)]))
    return times, to_host(book.detail.leg_short_stock)


def _of_contracts(rows: Rows, listed: ListedBook, entered, left) -> dict:
    """Columns of the contract that each row is, and of the prices it was entered and left at, as quoted on that day."""
    said, multiplier = np.array(SAID), rows.of(listed.multiplier)
    return {
        "expiry": pl.Series(rows.of(listed.expiry)).cast(pl.Int32).cast(pl.Date),
        "right": pl.Series([label[0].upper() for label in rows.label], dtype=pl.String),
        "lots": pl.Series((rows.quantity / multiplier).round()).cast(pl.Int64),
        "multiplier": pl.Series(multiplier),
        "settles": pl.Series(np.where(rows.of(listed.morning), MORNING, AT_CLOSE)),
        "entry_price": pl.Series(entered),
        "entry_source": pl.Series(said[rows.of(listed.entry_source)]),
        "exit_price": pl.Series(left),
        "exit_source": pl.Series(said[rows.of(listed.exit_source)]),
        "parity_gap": pl.Series(rows.of(listed.parity_gap)),
    }


def limits(result: "BacktestResult", p: int = 0) -> pl.DataFrame:
    """Return a row per cohort that a limit scaled or blocked; none where nothing is limited.

    Returns
    -------
    frame
        cohort, entry_date, limit, held (of it before the entry), size (with all that was asked), asked, exposure,
        action (scaled or blocked).
    """
    limited, names = result.limited, [*LIMITS, NOT_MEASURED]
    c = np.zeros(0, dtype=int) if limited is None else np.flatnonzero(limited.by[p] >= 0)
    given = ("held", "size", "asked", "exposure")
    of = {name: np.zeros(0) if limited is None else getattr(limited, name)[p, c] for name in given}
    by = [] if limited is None else [names[k] for k in limited.by[p, c]]
    action = pl.when(pl.col("exposure") != 0.0).then(pl.lit("scaled")).otherwise(pl.lit("blocked"))
    rows = {"cohort": c, "entry_date": result.dates[result.book.cohorts.entry[c]]}
    frame = pl.DataFrame(rows | {"limit": pl.Series(by, dtype=pl.String)} | of)
    return frame.with_columns(pl.col("held", "size").fill_nan(None), action=action)


def by_name(trades: pl.DataFrame) -> pl.DataFrame:
    """Return `BacktestResult.by_name` of its ledger."""
    rows = trades.group_by("leg", "leg_class", maintain_order=True)
    legs = rows.agg(pl.col("cohort").n_unique().alias("cohorts"), *(pl.col(name).sum() for name in SUMS))
    first = pl.col("leg_class") == "index"
    return legs.sort(~first, "leg")


def by_cohort(result: "BacktestResult", p: int, trades: pl.DataFrame) -> pl.DataFrame:
    """Return `BacktestResult.by_cohort`, given its ledger: it takes a book of its own after early exits."""
    rows = trades.group_by("cohort")
    at_entry = rows.agg(
        pl.col("cost").sum(), residual_vega=pl.col("entry_vega").sum(), residual_premium=pl.col("premium").sum()
    )
    vega = result.entry_exposure[p] * result.vega_per_cohort(p)
    daily = to_host(result.book.explain).sum(axis=2)
    held = np.arange(result.book.days + 1) <= result.held_until(p)[:, None]
    parts = vega[:, None] * np.where(held[:, :, None], daily, 0.0).sum(axis=1)
    traded = np.flatnonzero(vega)
    cohorts = pl.DataFrame(
        {
            "cohort": traded,
            "entry_date": result.dates[result.book.cohorts.entry[traded]],
            "expiry": result.book.cohorts.expiry[traded],
            "exposure": result.entry_exposure[p][traded],
            **{part: parts[traded, i] for i, part in enumerate(PARTS)},
            "pnl_gross": parts[traded].sum(axis=1),
        }
    ).join(at_entry, on="cohort", how="left", maintain_order="left")
    residuals = {f"residual_{name}": vega[traded] * _residual(result.book.legs, name)[traded] for name in RESIDUALS}
    return cohorts.with_columns(pnl_net=pl.col("pnl_gross") - pl.col("cost"), **residuals)


def _residual(legs, name: str) -> np.ndarray:
    """Sum of a greek over the legs of each cohort at entry, (C,), per unit of index vega."""
    units, greek = to_host(legs.units), to_host(getattr(legs, name))
    return np.where(units != 0.0, units * np.where(units != 0.0, greek, 0.0), 0.0).sum(axis=1)
