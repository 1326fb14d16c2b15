"""What a correlation run adds to the levels: structure, dispersion, premia and drivers, as frames."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from engine.backend import namespace, to_host
from engine.calendar import read_date
from engine.correlation import (
    correlation_change,
    correlation_skew,
    surface_dispersion,
    term_structure,
    variance_change,
)
from engine.correlation.dispersion import DispersionStatus, member_model_free_vol
from engine.correlation.structure import BACKWARDATION, CONTANGO, FLAT
from engine.errors import InputError
from engine.study.levels import FRONT, Levels, frame_of, middle_delta, usable
from engine.study.premia import premium_form, premium_table
from engine.study.published import calendar_frames, published_study

BACK, SKEW = 365, 91  # days: the tenors structure is read at, or the nearest there are
REGIMES = {CONTANGO: "contango", FLAT: "flat", BACKWARDATION: "backwardation"}


@dataclass(frozen=True, eq=False)
class Research:
    """What was found beside the levels.

    Parameters
    ----------
    frames : dict of name -> frame
        The files of the run, all baskets.
    drawn : dict of name -> frame
        What `correlation_report` draws, of the first basket with an index leg.
    tables : dict of heading -> frame
        What is printed and shown.
    missing : dict of what -> reason
        What the data are too short to tell.
    """

    frames: dict
    drawn: dict
    tables: dict
    missing: dict


def research(market, levels: Levels, coverage: float, day=None, published=None, survivors=None) -> Research:
    """Study structure, dispersion, premia and drivers of the baskets measured, and what the published indices say.

    Parameters
    ----------
    market : MarketPanel
    levels : Levels
    coverage : float
        Least share of a basket's weight that must be quoted.
    day : ISO date or None
        Whose drivers are told name by name; None takes the day on which correlation moved most.
    published : DailySeries or None
        Published indices beside the market's returns.
    survivors : PriceHistory or None
        Returns of members over the years of the published indices.
    """
    first = next((basket for basket in levels.baskets if basket.leg is not None), None)
    if first is None:  # nothing implied can be said without an index leg
        return Research({}, {}, {}, {})
    labels = [basket.label for basket in levels.baskets]
    structure = structure_form(market, levels.rho, labels)
    premium = premium_form(market, levels)
    dispersion = dispersion_form(market, levels.baskets, coverage)
    drivers = drivers_form(market, first)
    frames = {"structure": structure, "premium": premium, "dispersion": dispersion, "drivers": drivers}
    seasons, missing = calendar_frames(market, levels.frames()["indices"], published)
    frames |= seasons

    ours = premium.filter((pl.col("basket") == first.label) & (pl.col("tenor") == _nearest(market.tenors, FRONT)))
    dispersed = dispersion.filter(pl.col("basket") == first.label)
    drawn, tables = {"surface": surface_of(levels.implied, first.label)}, {}
    if structure is not None:
        tables["Structure of implied correlation (share of dates; points)"] = structure_table(structure)
    tables[f"Realised correlation and premia of {first.label} (means over dates that have both, x 100)"] = (
        premium_table(premium.filter(pl.col("basket") == first.label), levels.windows)
    )
    if ours["correlation_premium"].is_not_null().any():
        drawn["premium"] = ours
    drawn["dispersion"] = dispersed.filter(pl.col("tenor") == _nearest(market.tenors, FRONT))
    drawn["drivers"] = drivers
    day, of_day = drivers_of_a_day(market, first, day)
    if of_day is not None:
        drawn[f"drivers of {day}"] = of_day
        tables[f"Drivers of {first.label} on {day}, points of correlation"] = of_day
    if "season" in frames:  # of the published indices where there are any: they know the most quarters
        drawn["season"] = frames["season"].filter(pl.col("of") == frames["season"]["of"][-1])
    if published is not None:
        long_frames, long_tables = published_study(published, survivors)
        frames |= long_frames
        tables |= long_tables
    return Research({name: frame for name, frame in frames.items() if frame is not None}, drawn, tables, missing)


def structure_form(market, rho, labels) -> pl.DataFrame | None:
    """Return term structure and skew per date and basket, points; null where not usable; None on a surface too small.

    Parameters
    ----------
    market : MarketPanel
    rho : ImpliedCorrelation of arrays (B, T, K, D)
    labels : sequence (B,) of str
    """
    tenors, deltas = market.tenors, market.deltas
    front, back, skewed = (_nearest(tenors, days) for days in (FRONT, BACK, SKEW))
    if front == back or not {10, 50, 90} <= set(deltas.tolist()):
        return None
    middle = int(np.flatnonzero(deltas == 50)[0])
    frames = []
    for b, label in enumerate(labels):
        clean = usable(rho, b)
        term = term_structure(clean[:, :, middle], tenors, front, back)
        skew = correlation_skew(clean[:, tenors == skewed], deltas)
        columns = {
            "slope_per_month": term.slope,
            **{f"skew_{name}": getattr(skew, name)[:, 0] for name in ("put", "call", "curvature")},
        }
        known = np.isfinite(to_host(term.slope))
        regime = [REGIMES[int(r)] if k else None for r, k in zip(to_host(term.regime), known, strict=True)]
        frames.append(frame_of(market, label, columns).with_columns(regime=pl.Series(regime, dtype=pl.String)))
    return pl.concat(frames)


def structure_table(structure: pl.DataFrame) -> pl.DataFrame:
    """Return per basket the shares of contango and backwardation, and mean slope and skew in points."""
    known = pl.col("regime").is_not_null()
    shares = [(pl.col("regime") == r).sum().truediv(known.sum()).alias(r) for r in ("contango", "backwardation")]
    means = pl.col("slope_per_month", "skew_put", "skew_call", "skew_curvature").mean()
    table = structure.group_by("basket", maintain_order=True).agg(known.sum().alias("dates"), *shares, means)
    return table.filter(pl.col("dates") > 0)


def dispersion_form(market, chosen, min_coverage: float) -> pl.DataFrame:
    """Return model-free dispersion per date, basket that has an index leg, and tenor; decimals, null if not computable.

    `member_vol` stands for VIXEQ and `dispersion_vol` for DSPX where only surfaces are known.
    """
    frames = []
    axes = market.tenors, market.deltas
    members = member_model_free_vol(namespace(market.index_iv), market.component_iv, *axes)
    for basket in chosen:
        if basket.leg is None:
            continue
        surfaces = basket.index_iv, market.component_iv
        found = surface_dispersion(*surfaces, basket.weights, *axes, min_coverage=min_coverage, members=members)
        values = {name: to_host(array) for name, array in vars(found).items()}
        texts = np.array([status.name.lower() for status in DispersionStatus])
        for k, tenor in enumerate(market.tenors):
            columns = {name: values[name][:, k] for name in values if name != "status"}
            frame = frame_of(market, basket.label, columns)
            frames.append(frame.with_columns(tenor=pl.lit(int(tenor)), status=pl.Series(texts[values["status"][:, k]])))
    return pl.concat(frames).select("date", "basket", "tenor", pl.exclude("date", "basket", "tenor"))


def drivers_form(market, basket) -> pl.DataFrame:
    """Return what moved the index volatility each day at the front tenor, vol points; four parts sum to total."""
    index_iv, component_iv = _front(market, basket)
    change = variance_change(index_iv, component_iv, basket.weights).in_vol()
    parts = ("total", "component_vol", "correlation", "weight", "cross")
    columns = {name: 100.0 * getattr(change, name) for name in parts} | {"coverage": change.coverage}
    return frame_of(market, basket.label, columns)


def drivers_of_a_day(market, basket, day=None, most: int = 12) -> tuple:
    """Return a day and what moved implied correlation on it since the session before, name by name, points.

    Parameters
    ----------
    day : ISO date or None
        None takes the day on which correlation moved most.

    Raises
    ------
    InputError
        When the day is not a session after the first, or the change on it is not known.

    Returns
    -------
    day : str
    frame
        driver (index, names by size, `other names`), from_volatility, from_weight, points; points sum to the change.
    """
    index_iv, component_iv = _front(market, basket)
    change = correlation_change(index_iv, component_iv, basket.weights)
    total = to_host(change.total)
    if not np.isfinite(total).any():
        return None, None
    t = int(np.nanargmax(np.abs(total))) if day is None else _session(market, day)
    if not np.isfinite(total[t]):
        raise InputError(f"day={day}: correlation of {basket.label} is not known on it and on the session before both")
    vol, weight = (100.0 * to_host(a)[t] for a in (change.component, change.weight))
    both = np.nan_to_num(vol) + np.nan_to_num(weight)
    order = np.argsort(-np.abs(both))[:most]
    rest = np.ones(len(both), dtype=bool)
    rest[order] = False
    rows = [(f"{basket.leg} volatility", 100.0 * float(to_host(change.index)[t]), 0.0)]
    rows += [(str(market.names[n]), float(np.nan_to_num(vol[n])), float(np.nan_to_num(weight[n]))) for n in order]
    rows += [("other names", float(np.nansum(vol[rest])), float(np.nansum(weight[rest])))]
    frame = pl.DataFrame(rows, schema=["driver", "from_volatility", "from_weight"], orient="row")
    frame = frame.with_columns(points=pl.col("from_volatility") + pl.col("from_weight"))
    return str(market.dates[t]), frame


def _session(market, day) -> int:
    found = np.flatnonzero(market.dates == read_date(day, "day"))
    if len(found) == 0:
        raise InputError(f"day={day} is not a session of {market.info.name}, {market.dates[0]} to {market.dates[-1]}")
    if found[0] == 0:
        raise InputError(f"day={day} is the first session: nothing has moved since the one before; choose a later day")
    return int(found[0])


def surface_of(long: pl.DataFrame, basket: str) -> pl.DataFrame:
    """Return the last date's surface of a basket: a row per tenor, a column per delta, decimals; null where thin."""
    usable = pl.col("implied_correlation").is_not_null() & ~pl.col("status").is_in(["thin_coverage", "off_calendar"])
    ours = long.filter((pl.col("basket") == basket) & usable)
    last = ours.filter(pl.col("date") == pl.col("date").max()).sort("delta")
    return last.pivot(on="delta", index="tenor", values="implied_correlation").sort("tenor")


def _front(market, basket):
    k, d = _front_cell(market)
    xp = namespace(market.index_iv)
    return basket.index_iv[:, k, d], xp.asarray(market.component_iv[:, :, k, d])


def _front_cell(market) -> tuple[int, int]:
    """Position of the front tenor and of the delta nearest the middle."""
    return int(np.abs(market.tenors - FRONT).argmin()), middle_delta(market)


def _nearest(tenors, days: int) -> int:
    return int(tenors[np.abs(np.asarray(tenors) - days).argmin()])
