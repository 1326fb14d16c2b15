"""The P&L explain: parts that sum to the P&L, each of which stands for its own factor and for nothing else."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from reference_backtest import Leg

from engine.backtest import Recipe, Straddle, backtest, build_book, choose_contracts
from engine.backtest.contracts.structure import LegStatus
from engine.backtest.legs.attribution import PARTS, DateRoll, explain
from engine.data.synthetic import synthetic_market
from engine.pricing import straddle
from engine.testing import small_market
from strategies.short_correlation import ShortCorrelation

STRIKE, DAY = 100.0, 1.0 / 365.0


def moving_rates(panel):
    """The same market with another interest rate on each day."""
    steps = 0.002 * np.random.default_rng(3).standard_normal(len(panel))
    return replace(panel, rate=0.04 + steps.cumsum())


def one_day(days_left, forward, iv, rate=(0.0, 0.0), *, settled=None):
    """Parts of one straddle over one close to the next; `settled`: the price that ends it there."""
    left = np.array([days_left + 1.0, days_left]) * DAY
    years = left.copy()
    forward, iv, rate = (np.array(pair, dtype=float) for pair in (forward, iv, rate))
    if settled is not None:
        forward[1], years[1], iv[1] = settled, 0.0, iv[0]
    greeks = straddle(forward, STRIKE, iv, years, rate)
    growth = np.array([0.0, np.expm1(rate[0] * DAY)])
    rolls = DateRoll(left, growth, np.array([0.0, -np.expm1((rate[1] - rate[0]) * left[1])]))
    parts = explain(greeks, forward, STRIKE, iv, years, rate, rolls, greeks.delta)
    return greeks, {part: float(pnl[0]) for part, pnl in zip(PARTS, parts, strict=True)}


@pytest.mark.parametrize("listed", [False, True], ids=["grid", "listed"])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_explain_of_the_book_equals_the_loop_over_every_leg(listed, seed):
    panel = moving_rates(small_market(seed, listed=listed))
    cohorts = choose_contracts(panel, np.arange(1, len(panel), 3), Straddle(25))
    book = build_book(panel, panel.weights, cohorts, Recipe(Straddle(25)))
    found, compared = book.legs, 0
    for c in np.flatnonzero(book.entered):
        expected = np.zeros(book.explain.shape[1:])
        for leg in np.flatnonzero(found.units[c]):
            name = None if leg == 0 else int(found.name[c, leg])
            lived = Leg(panel, int(cohorts.entry[c]), name, cohorts.expiry[c], int(cohorts.last[c]), cohorts.settled[c])
            for t, parts in lived.explained():
                row = expected[t - cohorts.entry[c], int(leg > 0)]
                row += found.units[c, leg] * np.array([parts.get(part, 0.0) for part in PARTS])
                compared += 1
        # Values near 100 times units near 10, differences of which cancel: 1e-9 is 12 digits.
        np.testing.assert_allclose(book.explain[c], expected, rtol=0, atol=1e-9)
    assert compared > 1000
    assert {LegStatus.SETTLED, LegStatus.CLOSED, LegStatus.EXPIRED} <= set(found.status[found.units != 0.0].tolist())


@settings(max_examples=200, deadline=None)
@given(
    forward=arrays(float, 4, elements=st.floats(60.0, 160.0)),
    iv=arrays(float, 4, elements=st.floats(0.05, 1.5)),
    rate=arrays(float, 4, elements=st.floats(-0.02, 0.1)),
    gaps=arrays(int, 3, elements=st.integers(1, 5)),
    last=st.integers(0, 40),
    ratio=st.floats(0.0, 1.0),
)
def test_the_parts_sum_to_the_change_in_value_the_hedge_and_the_financing(forward, iv, rate, gaps, last, ratio):
    left = (last + np.append(gaps[::-1].cumsum()[::-1], 0)) * DAY
    greeks = straddle(forward, STRIKE, iv, left, rate)
    growth = np.append(0.0, np.expm1(rate[:-1] * gaps * DAY))
    rerated = np.append(0.0, -np.expm1(np.diff(rate) * left[1:]))
    parts = explain(greeks, forward, STRIKE, iv, left, rate, DateRoll(left, growth, rerated), ratio * greeks.delta)
    pnl = np.diff(greeks.value) - growth[1:] * greeks.value[:-1] - ratio * greeks.delta[:-1] * np.diff(forward)
    # Eight addends below 200: rounding is a few 1e-14 of each.
    np.testing.assert_allclose(sum(parts), pnl, rtol=0, atol=1e-11)


@pytest.mark.parametrize("days_left", [0, 1, 9, 200])
def test_a_factor_that_does_not_move_explains_nothing(days_left):
    still = {"delta": 0.0, "gamma": 0.0, "vega": 0.0, "vanna_volga": 0.0, "hedge": 0.0, "unexplained": 0.0}
    greeks, parts = one_day(days_left, (103.0, 103.0), (0.2, 0.2))
    assert {part: parts[part] for part in still} == still
    assert parts["theta"] == pytest.approx(greeks.value[1] - greeks.value[0], rel=1e-13)
    _, parts = one_day(days_left, (103.0, 96.0), (0.2, 0.2))
    assert parts["vega"] == parts["vanna_volga"] == parts["unexplained"] == 0.0
    assert parts["delta"] == -parts["hedge"]


def test_small_moves_are_explained_by_the_greeks():
    """With less and less of a move each part goes to its term of the Taylor series; time by itself is not small."""
    for size in (1e-2, 1e-3):
        greeks, parts = one_day(300, (104.0, 104.0 + 5.0 * size), (0.2, 0.2 + 0.1 * size))
        move, points = 5.0 * size, 10.0 * size
        gamma, theta, vega, vanna, volga = (getattr(greeks, n)[0] for n in ("gamma", "theta", "vega", "vanna", "volga"))
        # What the greeks of the day before miss: a day in 300 of theirs, and the third order, a part of `size`.
        assert parts["theta"] == pytest.approx(theta, rel=0.003)
        assert parts["vega"] == pytest.approx(vega * points, rel=0.003)
        charm = (parts["gamma"] - 0.5 * gamma * move**2) / move
        assert abs(charm) < 0.01 * abs(greeks.delta[0])
        cross = vanna * move * points + 0.5 * volga * points**2
        assert parts["vanna_volga"] == pytest.approx(cross, rel=0.01 + 5.0 * size)


def test_on_the_last_day_theta_is_the_time_value_and_gamma_the_intrinsic_value_gained():
    greeks, parts = one_day(0, (101.0, 94.0), (0.25, 0.25))
    value, delta = greeks.value[0], greeks.delta[0]
    assert parts["theta"] == pytest.approx(1.0 - value, rel=1e-14)
    assert parts["gamma"] == pytest.approx(6.0 - 1.0 + 7.0 * delta, rel=1e-14)
    assert parts["unexplained"] == 0.0


@pytest.mark.parametrize("price", [130.0, 0.0], ids=["bought for cash", "bust"])
def test_time_value_lost_by_settling_early_is_unexplained(price):
    greeks, parts = one_day(200, (100.0, 100.0), (0.3, 0.3), settled=price)
    alive = float(straddle(max(price, 1e-9), STRIKE, 0.3, 200 * DAY).value)
    assert parts["unexplained"] == pytest.approx(abs(price - STRIKE) - alive, rel=1e-9, abs=1e-8)  # 1e-9 is not 0
    # One day's decay and not all of the time value, which at the money grows like the root of time (to s^2 T / 24).
    assert parts["theta"] == pytest.approx(greeks.value[0] * (np.sqrt(200 / 201) - 1.0), rel=0.01)
    assert parts["vega"] == parts["vanna_volga"] == 0.0


def test_what_the_rate_does_is_unexplained():
    greeks, parts = one_day(365, (100.0, 100.0), (0.2, 0.2), rate=(0.02, 0.03))
    before = float(straddle(100.0, STRIKE, 0.2, 1.0, 0.02).value)
    assert parts["unexplained"] == pytest.approx(greeks.value[1] - before, rel=1e-9)
    assert parts["vega"] == parts["gamma"] == 0.0
    assert parts["vanna_volga"] == pytest.approx(0.0, abs=1e-13)  # rounding of the value


def test_nothing_of_the_default_market_is_unexplained_but_early_settlements():
    panel, _ = synthetic_market(years=3.0, names=20, seed=1)
    assert len(set(panel.rate)) == 1
    result = backtest(panel, ShortCorrelation())
    assert 0.0 <= result.summary()["unexplained_share"] <= 0.05  # the promise; 1e-6 in ten years of fifty names
    parts, settled = result.book.explain, result.book.legs.status == LegStatus.SETTLED
    without = ~(settled & (result.book.legs.units != 0.0)).any(axis=1)
    np.testing.assert_allclose(parts[without][..., PARTS.index("unexplained")], 0.0, atol=1e-12)
    assert (np.abs(parts).sum(axis=(0, 1, 2))[:7] > 1.0).all(), "all else is there"
