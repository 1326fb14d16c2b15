"""Costs beyond vol points: each rate against a loop over legs, all of them monotone, and in every view the same."""

from dataclasses import fields, replace

import numpy as np
import pytest

from engine.backtest import (
    BidAsk,
    DeskCosts,
    EarlyExit,
    EveryDays,
    Straddle,
    Strangle,
    VegaNeutral,
    VolPoints,
    Weekly,
    backtest,
)
from engine.backtest.batch import batch_fields, stack
from engine.backtest.legs.legs import Legs
from engine.backtest.legs.marks import mark_cohorts
from engine.correlation import AllMembers
from engine.data.records import QuotedBand
from engine.errors import InputError
from engine.kernels import switched_off
from engine.kernels.codes import LegStatus
from engine.testing import poisoned, small_market
from strategies.short_correlation import ShortCorrelation

FREE = DeskCosts(0.0, 0.0, 0.0, 0.0, commission=0.0, stress=0.0, borrow_bps=0.0, index_hedge_bps=0.0)
NONE = BidAsk(0.0, 0.0, 0.0, 0.0, commission=0.0, stress=0.0, borrow_bps=0.0, index_hedge_bps=0.0, fill=0.0)
ONE_AT_A_TIME = {
    "index": replace(FREE, index=0.3),
    "component": replace(FREE, component=0.7),
    "index premium": replace(FREE, index_premium=0.02),
    "component premium": replace(FREE, component_premium=0.05),
    "commission": replace(FREE, commission=0.65),
    "stress": replace(FREE, index=0.3, component_premium=0.05, stress=0.1, calm=0.1),
    "borrow": replace(FREE, borrow_bps=50.0),
    "bid ask": replace(NONE, fill=0.8),
    "bid ask and rates": replace(NONE, index=0.3, component=0.7, fill=0.8),
}
SOLD = {"held": None, "sold": EarlyExit(days_left=9, stop=0.6)}


def with_band(panel, width=0.02, missing=0.2):
    """The same panel with volatilities at bid and at ask, some of them missing."""
    rng = np.random.default_rng(3)

    def around(iv, side):
        half = 0.5 * width * (1.0 + rng.random(iv.shape[:-1])[..., None])  # as wide for a whole smile
        gone = rng.random(iv.shape[:-1])[..., None] < missing
        return np.where(gone, np.nan, iv + side * half).astype(np.float32)

    band = QuotedBand(
        *(around(panel.index_iv, -1), around(panel.index_iv, 1)), *(around(panel.component_iv, s) for s in (-1, 1))
    )
    return replace(panel, band=band, validate=False)


def run(panel, costs, **choices):
    choices = {"basket": AllMembers(), "structure": Straddle(25), "schedule": Weekly()} | choices
    return backtest(panel, ShortCorrelation(), costs=costs, **choices)


def paid_by_loop(panel, costs, result):
    """What costs come to, (T,), leg by leg and trade by trade; of straddles."""
    book, vega = result.book, result.vega_per_cohort()
    legs = Legs(panel, book.cohorts, book.legs.name[:, 1:], book.days, Straddle(25))
    one, marks = legs.instruments[0], legs.marks
    sides = None
    if panel.band is not None:
        sides = []
        for index, members in ((panel.band.index_bid, panel.band.bid), (panel.band.index_ask, panel.band.ask)):
            quoted = replace(panel, index_iv=index, component_iv=members, listed=None, validate=False)
            reading = mark_cohorts(quoted, book.cohorts, book.legs.name[:, 1:], book.days).at(one.strike)
            sides.append(np.where(reading.stale, np.nan, reading.iv))
    index_vol, last = np.array(panel.index_iv[:, 1, 8], dtype=float), np.nan
    for t, known in enumerate(index_vol):
        last = known if np.isfinite(known) else last
        index_vol[t] = last
    exits = book.cohorts.life if result.exit_day is None else result.exit_day[0]
    paid = np.zeros(len(panel))
    for c in np.flatnonzero(book.entered):
        for leg in np.flatnonzero(book.legs.units[c]):
            units, of_index = abs(book.legs.units[c, leg]), leg == 0
            end, status = int(book.legs.end[c, leg]), book.legs.status[c, leg]
            trades = [(0, 0)]
            if exits[c] < min(end, book.cohorts.life[c]):
                end = int(exits[c])
                trades.append((end, end))
            elif status == LegStatus.CLOSED:
                trades.append((end, end - 1))
            for day, mark in trades:
                amount = units * one.greeks.vega[c, leg, mark]
                half = np.nan if sides is None else 50.0 * (sides[1] - sides[0])[c, leg, mark]
                quoted = np.isfinite(half) and marks.quotable[c, leg, mark]
                rate = (costs.index if of_index else costs.component) * amount
                if (
                    isinstance(costs, BidAsk)
                    and half is not None
                    and np.isfinite(half)
                    and marks.quotable[c, leg, mark]
                ):
                    rate = costs.fill * half * amount
                premium = costs.index_premium if of_index else costs.component_premium
                spread = rate + premium * units * abs(one.greeks.value[c, leg, mark])
                t = int(book.cohorts.entry[c]) + day
                spread *= 1.0 + costs.stress * 100.0 * max(index_vol[t] - costs.calm, 0.0)
                contracts = 2.0 * units / marks.shares[c, leg, mark] / 100.0
                paid[t] += vega * (spread + costs.commission * contracts)
            for day in range(1, end + 1):
                t = int(book.cohorts.entry[c]) + day
                held = book.legs.units[c, leg] * one.greeks.delta[c, leg, day - 1]
                years = (panel.dates[t] - panel.dates[t - 1]).astype(int) / 365
                stock = 0.0 if of_index else max(held, 0.0) * marks.forward[c, leg, day - 1] * years
                paid[t] += vega * 1e-4 * costs.borrow_bps * stock
    return paid


@pytest.mark.parametrize("exits", SOLD.values(), ids=SOLD)
@pytest.mark.parametrize("rate", ONE_AT_A_TIME)
def test_each_rate_charges_what_a_loop_over_trades_does(rate, exits):
    panel, costs = with_band(small_market(100)), ONE_AT_A_TIME[rate]
    result = run(panel, costs, exits=exits)
    expected = paid_by_loop(panel, costs, result)
    assert expected.sum() > 0.0
    # Costs near 1e5, sums of seven legs in another order.
    np.testing.assert_allclose(result.cost[0], expected, rtol=1e-9, atol=1e-6)


@pytest.mark.parametrize("exits", SOLD.values(), ids=SOLD)
def test_vol_points_alone_charge_what_they_do_without_detail(exits):
    panel = small_market(101)
    rates = {"index": 0.3, "component": 0.9, "hedge_bps": 2.0, "delivery_bps": 5.0}
    with switched_off():
        alike = replace(FREE, **rates, index_hedge_bps=2.0)
        plain, desk = (run(panel, costs, exits=exits) for costs in (VolPoints(**rates), alike))
        # Hedges of the index are taken out of all of them and added again.
        np.testing.assert_allclose(desk.cost, plain.cost, rtol=1e-12)
        np.testing.assert_array_equal(desk.pnl_gross, plain.pnl_gross)


@pytest.mark.parametrize("make", [DeskCosts, BidAsk])
def test_costs_never_fall_as_a_rate_rises_but_for_calm(make):
    panel = with_band(small_market(102))
    base = make(commission=0.3, stress=0.05, calm=0.12, index_premium=0.01, component_premium=0.01)
    exits, before = EarlyExit(days_left=9), None
    before = run(panel, base, exits=exits)
    for name in batch_fields(base):
        higher = run(panel, replace(base, **{name: 1.5 * getattr(base, name)}), exits=exits)
        more = higher.cost - before.cost
        if name == "calm":
            more = -more
        assert (more >= -1e-9).all(), name
        assert more.sum() > 0.0 or name == "delivery_bps", name  # no shares are delivered here


@pytest.mark.parametrize("structure", [Straddle(25), Strangle(25)], ids=["straddle", "strangle"])
@pytest.mark.parametrize("exits", SOLD.values(), ids=SOLD)
@pytest.mark.parametrize(
    "costs", [DeskCosts(stress=0.1, calm=0.1, index_premium=0.01), BidAsk()], ids=["desk", "bid ask"]
)
def test_ledger_and_days_charge_what_the_daily_rows_do(structure, exits, costs):
    panel = with_band(small_market(103))
    result = run(panel, costs, exits=exits, structure=structure, hedge=EveryDays(days=3))
    daily, ledger = result.daily(), result.ledger()
    assert ledger["cost"].sum() == pytest.approx(daily["cost"].sum(), rel=1e-9)
    for t in (12, 33, 41, 66):
        assert result.day(panel.dates[t])["cost"].sum() == pytest.approx(float(daily["cost"][t]), rel=1e-9, abs=1e-9)


def test_costs_batch_bit_for_bit():
    panel = with_band(small_market(104))
    sets = [
        BidAsk(fill=f, commission=c, stress=s, calm=0.1)
        for f, c, s in ((1.0, 0.65, 0.0), (0.5, 0.0, 0.1), (0.0, 1.0, 0.2))
    ]
    rules = [EarlyExit(days_left=5 + i) for i in range(3)]
    together = run(panel, stack(sets), exits=stack(rules), sizing=stack([VegaNeutral()] * 3))
    for p in range(3):
        alone = run(panel, sets[p], exits=rules[p])
        np.testing.assert_array_equal(together.cost[p], alone.cost[0])
        assert together.summary(p) == pytest.approx(alone.summary(), rel=0, abs=0, nan_ok=True)
        assert together.ledger(p).equals(alone.ledger())


@pytest.mark.parametrize("costs", [VolPoints(), DeskCosts(), BidAsk()], ids=lambda costs: type(costs).__name__)
def test_at_the_break_even_multiple_of_costs_nothing_is_left(costs):
    panel = with_band(small_market(105))
    summary = run(panel, costs).summary()
    multiple = summary["breakeven_multiple"]
    assert multiple == summary["pnl_gross"] / summary["cost"]
    if multiple > 0.0:
        scaled = {
            name: multiple * getattr(costs, name) for name in batch_fields(costs) if name not in ("calm", "stress")
        }
        net = run(panel, replace(costs, **scaled)).summary()["pnl_net"]
        assert net == pytest.approx(0.0, abs=1e-9 * abs(summary["pnl_gross"]))


def test_without_costs_there_is_no_multiple():
    assert np.isnan(run(small_market(105), FREE).summary()["breakeven_multiple"])


def test_costs_of_a_day_know_no_later_one():
    panel, costs = with_band(small_market(106, sessions=110)), BidAsk(stress=0.1, calm=0.1)
    exits = EarlyExit(days_left=9)
    truth = run(panel, costs, exits=exits)
    for t in (30, 60):
        with np.errstate(all="ignore"):
            other = run(poisoned(panel, t), costs, exits=exits)
        np.testing.assert_array_equal(other.cost[:, : t + 1], truth.cost[:, : t + 1])


def test_what_is_open_is_charged_at_its_exit_too():
    panel = with_band(small_market(107))
    result = run(panel, BidAsk())
    summary = result.summary()
    assert summary["cohorts_open"] > 0
    sold = summary["cost_if_closed"] - summary["cost"]
    assert 0.0 < sold < summary["cost"]


def test_bid_and_ask_that_are_not_there_are_refused():
    with pytest.raises(InputError, match="costs=bid_ask needs volatilities at bid and at ask"):
        run(small_market(108), BidAsk())


@pytest.mark.parametrize("name", [f.name for f in fields(DeskCosts) if f.name not in ("stress_tenor",)])
def test_a_negative_rate_is_refused(name):
    with pytest.raises(InputError, match=rf"{name}=-1\.0 is below 0"):
        replace(FREE, **{name: -1.0})


@pytest.mark.parametrize("exits", SOLD.values(), ids=SOLD)
def test_whatever_the_rates_higher_ones_never_cost_less(exits):
    """Fifty pairs of costs at random, each rate of the second at least that of the first, in one batch."""
    panel, rng = with_band(small_market(109)), np.random.default_rng(1)
    names = [name for name in batch_fields(BidAsk()) if name != "calm"]  # above it spreads widen: more of it is less
    low = rng.exponential(size=(50, len(names))) * (rng.random((50, len(names))) < 0.7)
    high = low + rng.exponential(size=low.shape) * (rng.random(low.shape) < 0.3)
    sets = [BidAsk(**dict(zip(names, map(float, rates), strict=True))) for rates in np.concatenate([low, high])]
    exits = exits and stack([exits] * 100)
    result = run(panel, stack(sets), exits=exits, sizing=stack([VegaNeutral()] * 100))
    cheap, dear = result.cost[:50], result.cost[50:]
    assert (cheap >= 0.0).all()
    assert (dear >= cheap - 1e-9 * np.abs(cheap)).all()  # sums of the same terms: rounding of a last digit
    assert (dear.sum(axis=1) > cheap.sum(axis=1)).sum() > 40


@pytest.mark.parametrize("exits", SOLD.values(), ids=SOLD)
def test_hedges_of_the_index_and_of_its_members_pay_each_their_own(exits):
    panel = small_market(114)
    paid = [
        run(panel, replace(FREE, **rates), exits=exits).hedge_cost[0]
        for rates in ({"index_hedge_bps": 0.5}, {"hedge_bps": 2.0}, {"index_hedge_bps": 0.5, "hedge_bps": 2.0})
    ]
    np.testing.assert_allclose(paid[0] + paid[1], paid[2], rtol=1e-12, atol=1e-9)
    if exits is None:
        book = run(panel, FREE).book
        traded = np.zeros((len(panel), 2))
        for c, entry in enumerate(book.cohorts.entry):
            until = min(entry + book.days + 1, len(panel))
            traded[entry:until] += book.hedge_traded[c, : until - entry]
        np.testing.assert_allclose(paid[0], 1e5 * 1e-4 * 0.5 * traded[:, 0], rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(paid[1], 1e5 * 1e-4 * 2.0 * traded[:, 1], rtol=1e-9, atol=1e-9)
