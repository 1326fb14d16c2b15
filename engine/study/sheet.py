"""Tomorrow's sheet of a book: greeks, carry, stresses, limits, and the whole lots that lead to a target."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from engine.backtest.cohorts.costs import Costs
from engine.backtest.explain.days import next_session
from engine.backtest.legs.hedging import DailyDelta
from engine.backtest.risk.crises import STRESSES
from engine.backtest.risk.held_amounts import correlation_slope
from engine.backtest.risk.limits import LIMITS
from engine.backtest.risk.positions import INDEX, Positions, at_once, day, marked
from engine.backtest.risk.stresses import happens
from engine.calendar import days_between
from engine.errors import InputError
from engine.kernels.codes import PARTS, Kind
from engine.report.tables import aligned

SHOWN = 10  # names on the terminal
HEDGE = DailyDelta()
_LETTER = {int(Kind.CALL): "C", int(Kind.PUT): "P", int(Kind.STRADDLE): "S"}


@dataclass(frozen=True, eq=False)
class Sheet:
    """A book on the close of a date, in the market's currency.

    Parameters
    ----------
    date : str
    positions : frame
        A row per position held on: contract as it is now, value, greeks, correlation_vega (per point) and carry.
    names : frame
        A row per underlying: greeks and carry added up.
    stresses : frame
        stress, pnl
    totals : dict of str -> float
        Greeks of the book and `carry` to the next session; where all positions say when they were entered also what the
        date brought: pnl_gross, cost, pnl_net.
    breaches : list of str
        A line per limit that is breached.
    limited : bool
        Whether any limit is set.
    trades : frame or None
        Whole lots to the target, and what they leave open.
    cautions : tuple of str
        Why marks bear less weight than they seem to.
    """

    date: str
    positions: pl.DataFrame
    names: pl.DataFrame
    stresses: pl.DataFrame
    totals: dict[str, float]
    breaches: list[str]
    limited: bool
    trades: pl.DataFrame | None
    cautions: tuple[str, ...] = ()

    def frames(self) -> dict[str, pl.DataFrame]:
        """Return the files of the sheet by name."""
        found = {"positions": self.positions, "names": self.names, "stresses": self.stresses}
        return found if self.trades is None else found | {"trades": self.trades}

    def lines(self, market) -> list[str]:
        """Return the sheet as text."""
        money = market.info.currency
        largest = self.names.sort(pl.col("vega").abs(), descending=True).head(SHOWN)
        totals = pl.DataFrame(
            [(name, value) for name, value in self.totals.items()], schema=["what", money], orient="row"
        )
        tables = {
            f"The book on {self.date}, {self.positions.height} positions": totals,
            f"By underlying, of {self.names.height} the largest by vega": largest,
            "Stresses, at once; positions are taken to be hedged in delta at that close": self.stresses,
        }
        if self.trades is not None:
            tables["Whole lots to the target"] = self.trades
        lines = [f"{market.info.name}: positions marked on the close of {self.date}"]
        for heading, frame in tables.items():
            lines += ["", heading, *(f"  {line}" for line in aligned(frame))]
        return [
            *lines,
            "",
            *(f"Caution: {why}" for why in self.cautions),
            *self.limits_told(),
        ]

    def limits_told(self) -> list[str]:
        """Say which limits are breached, or that none is, or that none is set."""
        return self.breaches or ["No limit is breached." if self.limited else "No limit is set."]


def sheet(
    market,
    weights,
    positions: Positions,
    session: int,
    costs: Costs,
    limits: dict,
    target: Positions | None,
    lot: float,
) -> Sheet:
    """Measure a book that is held on from a close, hedged in delta position by position.

    Parameters
    ----------
    market : MarketPanel
    weights : array (T, N)
        Basket weights, whose correlation is meant and to which stresses happen.
    positions : Positions
    session : int
    costs : Costs
        In vol points.
    limits : dict of `LIMITS` -> float or None
    target : Positions or None
    lot : float
        Shares of a contract that can be traded.

    Raises
    ------
    InputError
        When nothing is held, a contract has no quote on the date, or a lot is of no shares.
    """
    if lot <= 0.0:
        raise InputError(f"lot={lot:g} is no size of a contract; write lot=100")
    held = np.flatnonzero(positions.held_on(market, session))
    if not len(held):
        raise InputError(f"no position is held on {market.dates[session]}; choose another date")
    ours = positions[held]
    found = marked(market, ours, session, HEDGE)
    _check_marked(market, ours, found, session)
    slope = correlation_slope(market, weights, session, days_between(ours.expiry, market.dates[session]))
    found["correlation_vega"] = np.where(ours.leg == INDEX, found["vega"] * slope, 0.0)
    quiet = next_session(market.dates, session)
    found["carry"] = at_once(market, ours, session, HEDGE, quiet, lambda _, row: row)
    rows = _frame(market, ours, found)
    added = ("value", "delta", "gamma", "vega", "theta", "correlation_vega", "carry")
    names = rows.group_by("underlying", maintain_order=True).agg(pl.col(added).sum())
    stresses = {
        stress.name: at_once(
            market, ours, session, HEDGE, market.dates[session], happens(market, weights, session, stress)
        )
        for stress in STRESSES
    }
    pnl = pl.DataFrame({"stress": list(stresses), "pnl": [float(gain.sum()) for gain in stresses.values()]})
    totals = {name: float(rows[name].sum()) for name in added}
    if positions.dated.all():  # of what does not say when it was traded nobody knows what the date brought
        earned = day(market, positions, session, HEDGE, costs)
        gross, cost = sum(float(earned[part].sum()) for part in PARTS), float(earned["cost"].sum())
        totals |= {"pnl_gross": gross, "cost": cost, "pnl_net": gross - cost}
    members = names.filter(pl.col("underlying") != market.info.index)
    sizes = {
        "correlation_vega": abs(totals["correlation_vega"]),
        "name_vega": float(members["vega"].abs().max() or 0.0),  # pyright: ignore[reportArgumentType]
        "short_gamma": float(-rows.filter(pl.col("gamma") < 0.0)["gamma"].sum()),
        "stress_loss": max(-float(pnl["pnl"].min()), 0.0),  # pyright: ignore[reportArgumentType]
    }
    trades = None if target is None else _trades(market, ours, found, target, session, lot)
    doubts = _cautions(market, ours, found, session)
    limited = any(limit is not None for limit in limits.values())
    breaches = _breaches(sizes, limits)
    return Sheet(str(market.dates[session]), rows, names, pnl, totals, breaches, limited, trades, doubts)


def _cautions(market, positions: Positions, found: dict, session: int) -> tuple[str, ...]:
    """Say which positions expire where the surface does not reach, and which marks are of the close before."""
    said, count = [], len(positions)
    if market.listed is None:
        shortest, longest = int(market.tenors[0]), int(market.tenors[-1])
        days = days_between(positions.expiry, market.dates[session])
        after, within = f"after {longest:,} days, the longest", f"within {shortest:,} days, the shortest"
        for outside, where in ((days > longest, after), (days < shortest, within)):
            if outside.any():
                said.append(
                    f"{outside.sum():,} of {count:,} positions expire {where} tenor of the surface: they are marked at "
                    "its volatility"
                )
    if stale := int((found["stale"] > 0.0).sum()):
        said.append(f"{stale:,} of {count:,} marks are of an earlier close, since there is no quote on the date")
    return tuple(said)


def _breaches(sizes: dict, limits: dict) -> list[str]:
    over = {name: limit for name, limit in limits.items() if limit is not None and sizes[name] > limit}
    return [
        f"Limit breached: {name} is {sizes[name]:,.0f} {LIMITS[name]}, and may be {limit:,.0f}"
        for name, limit in over.items()
    ]


def _check_marked(market, positions: Positions, found: dict, session: int) -> None:
    missing = np.flatnonzero(~np.isfinite(found["value"]) | (found["stale"] > 0.0) & (positions.entry == session))
    if len(missing):
        rows = _frame(market, positions[missing], {name: array[missing] for name, array in found.items()})
        some = [
            f"{r['underlying']} {r['expiry']} {r['strike']:g} {r['kind']}" for r in rows.head(4).iter_rows(named=True)
        ]
        raise InputError(
            f"{len(missing)} of {len(positions)} positions have no quote on {market.dates[session]} "
            f"({', '.join(some)}); leave them out, or choose another date"
        )


def _frame(market, positions: Positions, found: dict) -> pl.DataFrame:
    names = np.append(np.asarray(market.names, dtype=object), market.info.index)
    shares = found["shares"]
    return pl.DataFrame(
        {
            "underlying": pl.Series(names[positions.leg].tolist(), dtype=pl.String),
            "kind": [_LETTER[int(kind)] for kind in positions.kind],
            "expiry": positions.expiry,
            "strike": positions.strike * shares,
            "quantity": positions.quantity / shares,
            **{name: array for name, array in found.items() if name not in ("shares", "stale")},
            "stale": found["stale"] > 0.0,
        }
    )


def _trades(market, ours: Positions, found: dict, target: Positions, session: int, lot: float) -> pl.DataFrame:
    """Return contracts to trade, calls and puts apart: whole lots, and the shares that they leave open."""
    wanted = target[np.flatnonzero(target.held_on(market, session))]
    marks = marked(market, wanted, session, HEDGE)
    # Typed, since a frame without rows does not know what it holds.
    key = pl.Schema({"underlying": pl.String, "expiry": pl.Date, "strike": pl.Float64, "kind": pl.String})

    def of(positions: Positions, marks: dict, name: str) -> pl.DataFrame:
        rows = _frame(market, positions, marks).select(*key, pl.col("quantity").alias(name)).cast(key)
        both = pl.when(pl.col("kind") == "S").then(pl.lit(["C", "P"])).otherwise(pl.concat_list("kind"))
        return (
            rows.with_columns(both.alias("kind"))
            .explode("kind")
            .group_by(*key, maintain_order=True)
            .agg(pl.all().sum())
        )

    joined = of(ours, found, "held").join(of(wanted, marks, "target"), on=[*key], how="full", coalesce=True)
    gap = joined.with_columns(pl.col("held", "target").fill_null(0.0)).with_columns(
        lots=((pl.col("target") - pl.col("held")) / lot).round().cast(pl.Int64)
    )
    left = gap.with_columns(left_open=pl.col("target") - pl.col("held") - lot * pl.col("lots"))
    return left.filter((pl.col("lots") != 0) | (pl.col("left_open").abs() > 1e-9)).sort(*key)
