"""Listed contracts: each fill is one that traded, lots are whole, and the ledger is what plain loops say it is."""

import datetime
import itertools
import math
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest

from engine.backtest import (
    Calendar,
    DailyDelta,
    DeltaNeutralStraddle,
    ListedMarks,
    NoHedge,
    SingleOption,
    Straddle,
    Strangle,
    VegaNeutral,
    VolPoints,
    Weekly,
    backtest,
)
from engine.correlation import AllMembers
from engine.data import load_market
from engine.testing import poisoned
from strategies.short_correlation import ShortCorrelation
from tests.backtest.reference_nse import black, delta_of, implied, read, smile

CENT = 0.005
VEGA = 2_000_000.0
TRADE = "last trade, not executable"


@pytest.fixture(scope="module", params=["NIFTY", "BANKNIFTY"])
def market(request, shared_data, tmp_path_factory):
    kept = tmp_path_factory.mktemp("listed")
    return load_market(
        "nse", shared_data, index=request.param, start="2026-01-01", end="2026-03-27", cache=kept, progress=False
    )


@pytest.fixture(scope="module")
def raw(shared_data):
    """Rows of the exchange's files by what tells them apart."""
    rows = pl.read_parquet(shared_data / "nse" / "fo.parquet").filter(pl.col("date") >= pl.date(2026, 1, 1))
    options, futures = {}, {}
    for row in rows.iter_rows(named=True):
        if row["contracts"] > 0 and row["instrument"].startswith("OPT"):
            key = (row["date"], row["symbol"], row["expiry"], row["strike"], row["option_type"][0])
            options[key] = (row["close"], row["lot_size"])
        elif row["contracts"] > 0:
            futures[row["date"], row["symbol"], row["expiry"]] = row["close"]
    spot = {}
    for name in ("cash", "index"):
        for row in pl.read_parquet(shared_data / "nse" / f"{name}.parquet").iter_rows(named=True):
            spot[row["date"], row["symbol"]] = row["close"]
    return options, futures, spot


def listed(market, **choices):
    defaults = {"basket": AllMembers(), "schedule": Weekly(), "sizing": VegaNeutral(VEGA), "marks": ListedMarks()}
    return backtest(market, ShortCorrelation(), **defaults | choices)


@pytest.fixture(scope="module")
def result(market):
    return listed(market)


def test_every_fill_is_a_contract_that_traded_that_day_in_whole_lots(result, raw):
    options, _, _ = raw
    ledger = result.ledger()
    assert ledger.height > 300
    assert ledger["cohort"].n_unique() >= 11
    for row in ledger.iter_rows(named=True):
        close, lot = options[row["entry_date"], row["leg"], row["expiry"], row["strike"], row["right"]]
        assert row["entry_price"] == close
        assert row["multiplier"] == lot
        assert row["entry_source"] == TRADE
        assert row["lots"] * lot == pytest.approx(row["quantity"], abs=1e-6)
        assert row["lots"] != 0
    by_leg = ledger.group_by("cohort", "leg").agg(pl.col("strike").n_unique(), pl.col("lots").n_unique())
    assert (by_leg["strike"] == 1).all()  # the call and the put of a straddle
    assert (by_leg["lots"] == 1).all()


def test_the_strike_is_the_nearest_that_traded_on_both_sides(result, raw):
    options, futures, spot = raw
    traded = {"C": {}, "P": {}}
    for *at, strike, right in options:
        traded[right].setdefault(tuple(at), set()).add(strike)
    for row in result.ledger().iter_rows(named=True):
        at = (row["entry_date"], row["leg"], row["expiry"])
        forward = futures.get(at, spot[row["entry_date"], row["leg"]])
        strikes = traded["C"][at] & traded["P"][at]
        nearest = min(abs(strike - forward) for strike in strikes)
        assert abs(row["strike"] - forward) == pytest.approx(nearest, abs=1e-9)
        if row["leg"] == result.market.info.index and row["right"] == "C":
            call, put = (options[*at, row["strike"], right][0] for right in "CP")
            assert row["parity_gap"] == pytest.approx(row["strike"] + call - put - forward, abs=1e-6)


def exit_value(row, raw):
    """What a contract is worth on its last day, per share of that day: intrinsic, or its close; None where neither."""
    options, _, spot = raw
    strike = row["strike"] * row["strike_factor"]
    if row["status"] == "expired":
        away = spot[row["exit_date"], row["leg"]] - strike
        return max(away if row["right"] == "C" else -away, 0.0)
    return options.get((row["exit_date"], row["leg"], row["expiry"], round(strike, 2), row["right"]), (None,))[0]


def test_unhedged_the_ledger_is_quantity_times_price_to_the_cent(market, raw):
    result = listed(market, hedge=NoHedge())
    ledger = result.ledger()
    total, by_surface = 0.0, 0
    for row in ledger.iter_rows(named=True):
        last = exit_value(row, raw)
        if last is None:
            assert row["exit_source"] == "surface"
            last, by_surface = row["exit_price"], by_surface + 1
        shares = row["lots"] * row["multiplier"]
        # In shares of the last day there are as many more as their strike is lower.
        earned = shares / row["strike_factor"] * last - shares * row["entry_price"]
        assert row["exit_price"] == pytest.approx(last, abs=1e-9)
        assert row["pnl_gross"] == pytest.approx(earned, abs=CENT), (row["leg"], row["entry_date"])
        total += earned
    assert by_surface < 0.05 * ledger.height
    assert result.pnl_gross.sum() == pytest.approx(total, abs=CENT)
    assert abs(total) > 1e6
    assert ledger["cost"].sum() == pytest.approx(result.cost.sum(), abs=CENT)


@dataclass(frozen=True)
class Close:
    """A contract at one close, in shares of its entry; `exact` where all of it is the contract's own."""

    forward: float
    price: float
    years: float
    vol: float
    exact: bool


class Surface:
    """Smiles of options that traded, made where they are asked for."""

    def __init__(self, raw):
        options, self.futures, _ = raw
        self.rows, self.smiles = defaultdict(list), {}
        for (date, symbol, expiry, strike, right), (close, _) in options.items():
            self.rows[date, symbol, expiry].append((strike, right == "C", close))

    def vol(self, row, held):
        """Volatility at the strike on the last of the days held, (date, forward), that has a smile; None without."""
        for date, forward in reversed(held):
            at = (date, row["leg"], row["expiry"])
            if at not in self.smiles:
                future, years = self.futures.get(at), (row["expiry"] - date).days / 365.0
                self.smiles[at] = smile(self.rows[at], future, years) if future else []
            found = read(self.smiles[at], math.log(row["strike"] / forward))
            if found is not None:
                return found
        return None


def factor_on(row, date):
    split = SPLIT.get(row["leg"])
    return row["strike_factor"] if split and row["entry_date"] < split <= date else 1.0


def life(row, raw, dates, surface):
    """Every close of a contract's life: at its own price, where it has none at that of the smile around it."""
    options, futures, spot = raw
    is_call, held, days = row["right"] == "C", [], []
    for date in (day for day in dates if row["entry_date"] <= day <= row["exit_date"]):
        factor = factor_on(row, date)
        if date == row["expiry"]:
            held.append(Close(spot[date, row["leg"]] / factor, exit_value(row, raw) / factor, 0.0, 0.0, True))
            continue
        forward = futures.get((date, row["leg"], row["expiry"]), spot[date, row["leg"]]) / factor
        years = (row["expiry"] - date).days / 365.0
        days.append((date, forward))
        key = (date, row["leg"], row["expiry"], round(row["strike"] * factor, 2), row["right"])
        price = options[key][0] / factor if key in options else None
        vol = None if price is None else implied(price, forward, row["strike"], years, is_call)
        exact = vol is not None
        if vol is None:
            vol = surface.vol(row, days)
        if price is None:
            price = black(forward, row["strike"], vol, years, is_call)
        held.append(Close(forward, price, years, vol, exact))
    return held


# The one split inside a life; a contract held through it goes on at a fifth of its strike.
SPLIT = {"KOTAKBANK": datetime.date(2026, 1, 14)}


def test_hedges_and_costs_are_what_plain_loops_make_of_the_raw_rows(result, raw):
    """Every leg: delta of each close's own volatility, or of the smile's without, on the future of the same expiry."""
    dates, surface, costs = result.dates.astype(object).tolist(), Surface(raw), VolPoints()
    legs, total, inexact = {}, 0.0, 0
    for row in result.ledger().iter_rows(named=True):
        legs.setdefault((row["cohort"], row["leg"]), []).append(row)
    for rows in legs.values():
        lives = [life(row, raw, dates, surface) for row in rows]
        exact = all(close.exact for held in lives for close in held)
        inexact += not exact
        deltas, cost = [], 0.0  # of the leg at each close
        for row, held in zip(rows, lives, strict=True):
            shares, is_call = row["lots"] * row["multiplier"], row["right"] == "C"
            deltas_of = [
                shares * (delta_of(close.forward, row["strike"], close.vol, close.years) - (not is_call))
                for close in held[:-1]
            ]
            hedged = -sum(d * (held[i + 1].forward - held[i].forward) for i, d in enumerate(deltas_of))
            option = shares * (held[-1].price - held[0].price)
            # To the cent of a million, a bisected volatility being good to 1e-12; those of the surface are float32.
            off = CENT if exact else CENT + 1e-5 * abs(row["entry_vega"])
            assert row["pnl_hedge"] == pytest.approx(hedged, abs=off, rel=1e-8)
            assert row["pnl_option"] == pytest.approx(option, abs=off)
            deltas.append(deltas_of)
            total += hedged + option
            first, step = held[0], 1e-5
            up, down = (black(first.forward, row["strike"], first.vol + d, first.years, is_call) for d in (step, -step))
            vega = abs(shares) * (up - down) / (2.0 * step) / 100.0
            cost += (costs.index if row["leg_class"] == "index" else costs.component) * vega
            if row["status"] == "expired" and row["leg_class"] == "component" and row["exit_price"] > 0.0:
                cost += 1e-4 * costs.delivery_bps * abs(shares) * row["strike"]
        path = [close.forward for close in lives[0]]
        of_leg = [0.0, *(sum(of) for of in zip(*deltas, strict=True)), 0.0]  # given up at the end
        traded = [abs(b - a) * f for a, b, f in zip(of_leg[:-1], of_leg[1:], path, strict=True)]
        cost += 1e-4 * costs.hedge_bps * sum(traded)
        # A difference quotient of vega is good to 1e-7 of it.
        assert sum(row["cost"] for row in rows) == pytest.approx(cost, rel=1e-6)
    assert 0 < inexact < 0.7 * len(legs)
    assert result.pnl_gross.sum() == pytest.approx(total, abs=1e-5 * VEGA)


def test_a_hedge_by_the_surface_takes_the_delta_of_the_smile_around_each_contract(market, result, raw):
    """The outside replay of these cohorts: the same options, other hedges."""
    hedged = listed(market, hedge=DailyDelta(vol="surface"))
    dates, surface, off = hedged.dates.astype(object).tolist(), Surface(raw), []
    rows = hedged.ledger()
    assert rows["pnl_option"].to_list() == pytest.approx(result.ledger()["pnl_option"].to_list(), abs=CENT)
    for row in rows.iter_rows(named=True):
        closes, hedge = life(row, raw, dates, surface), 0.0
        days = [day for day in dates if row["entry_date"] <= day <= row["exit_date"]]
        path = list(zip(days, (close.forward for close in closes), strict=True))
        for i, (close, after) in enumerate(itertools.pairwise(closes)):
            vol = surface.vol(row, path[: i + 1])
            delta = delta_of(close.forward, row["strike"], vol, close.years) - (row["right"] == "P")
            hedge -= row["lots"] * row["multiplier"] * delta * (after.forward - close.forward)
        # Volatilities of the surface are float32.
        if row["pnl_hedge"] != pytest.approx(hedge, abs=CENT + 1e-5 * abs(row["entry_vega"])):
            off.append(abs(row["pnl_hedge"] - hedge) / abs(hedge))
    # The source drops quotes that are out of line with their smile, as the loops do not: a few legs meet one.
    assert len(off) < 0.04 * rows.height
    assert max(off) < 0.1


def test_what_has_no_quote_is_marked_from_the_surface_and_counted(result, raw):
    summary = result.summary()
    assert 0.0 < summary["surface_marks_share"] < 0.05
    assert summary["trade_marks_share"] == pytest.approx(1.0 - summary["surface_marks_share"])
    codes = [caution.code for caution in result.cautions()]
    assert {"marks_without_quote", "marks_of_last_trades"} <= set(codes)


def test_a_day_and_the_sources_of_pnl_add_up(result):
    daily = result.daily()
    parts = ("delta", "gamma", "theta", "vega", "vanna_volga", "hedge", "financing", "unexplained")
    np.testing.assert_allclose(daily.select(parts).sum_horizontal(), daily["pnl_gross"], atol=1e-6 * VEGA)
    day = result.day("2026-02-12")
    row = daily.row(by_predicate=pl.col("date") == pl.date(2026, 2, 12), named=True)
    for column in ("pnl_gross", "cost"):
        assert day[column].sum() == pytest.approx(row[column], abs=CENT)
    for rows in (result.by_cohort(), result.by_name()):
        assert rows["pnl_gross"].sum() == pytest.approx(result.pnl_gross.sum(), abs=CENT)
        assert rows["cost"].sum() == pytest.approx(result.cost.sum(), abs=CENT)


@pytest.mark.parametrize("t", [12, 25, 40])
def test_nothing_up_to_a_day_depends_on_later_quotes(market, result, t):
    with np.errstate(all="ignore"):  # the poison divides by zero where real data would not
        other = listed(poisoned(market, t))
    entered = result.book.cohorts.entry <= t
    for name in ("entry_source", "multiplier", "parity_gap"):
        ours, theirs = (getattr(r.book.listed, name)[entered] for r in (result, other))
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(result.book.legs.units[entered], other.book.legs.units[entered])
    np.testing.assert_array_equal(result.pnl_gross[:, : t + 1], other.pnl_gross[:, : t + 1])
    np.testing.assert_array_equal(result.cost[:, : t + 1], other.cost[:, : t + 1])
    assert (result.pnl_gross[:, t + 1 :] != other.pnl_gross[:, t + 1 :]).any()


def test_every_structure_of_options_has_listed_contracts(market, raw):
    options, _, _ = raw
    structures = (
        Straddle(20),
        DeltaNeutralStraddle(),
        Strangle(delta=30.0),
        SingleOption(),
        Calendar(15, far_tenor=45),
    )
    for structure in structures:
        ledger = listed(market, structure=structure).ledger()
        assert ledger.height > 50
        for row in ledger.iter_rows(named=True):
            close, _ = options[row["entry_date"], row["leg"], row["expiry"], row["strike"], row["right"]]
            assert row["entry_price"] == close
            if row["status"] == "expired":
                assert row["exit_date"] == row["expiry"]


def test_capacity_is_that_of_the_contract_that_traded_least_for_its_lots(result, shared_data):
    rows = pl.read_parquet(shared_data / "nse" / "fo.parquet").filter(
        pl.col("instrument").cast(pl.String).str.starts_with("OPT")
    )
    volume = {
        (row["date"], row["symbol"], row["expiry"], row["strike"], row["option_type"][0]): row["contracts"]
        for row in rows.iter_rows(named=True)
    }
    found = {row["cohort"]: row for row in result.capacity(share=0.1).iter_rows(named=True)}
    least = {}
    for row in result.ledger().iter_rows(named=True):
        if row["lots"]:
            key = (row["entry_date"], row["leg"], row["expiry"], row["strike"], row["right"])
            times = 0.1 * volume[key] / abs(row["lots"])
            least[row["cohort"]] = min(times, least.get(row["cohort"], np.inf))
    assert set(found) == set(least)
    for cohort, times in least.items():
        assert found[cohort]["multiple"] == pytest.approx(times, rel=1e-14)
        assert found[cohort]["unknown"] == 0
