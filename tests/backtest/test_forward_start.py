"""Straddles struck after their entry: against straddles entered on that date, a slow valuation, and planted worlds."""

import math
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest
from reference_backtest import days_between

from engine.backtest import (
    DailyDelta,
    EarlyExit,
    ForwardStart,
    Instrument,
    Kind,
    Monthly,
    NoCosts,
    OnDates,
    Straddle,
    StressCap,
    VolPoints,
    Weekly,
    backtest,
    choose_contracts,
)
from engine.backtest.legs.attribution import PARTS
from engine.backtest.legs.legs import Legs
from engine.correlation import AllMembers
from engine.data.synthetic import SyntheticMarket, synthetic_market
from engine.errors import InputError
from engine.pricing import smile_at_tenor, straddle, vol_at_strike
from engine.testing import poisoned, small_market
from strategies.short_correlation import ShortCorrelation

LATER = ForwardStart(28, start=14)


def run(panel, structure=LATER, **choices):
    choices = {"basket": AllMembers(), "schedule": Weekly(), "costs": NoCosts()} | choices
    return backtest(panel, ShortCorrelation(), structure=structure, **choices)


def still_vols(seed, **choices):
    """A market without rates whose volatilities are the same at all tenors and strikes, and never move."""
    panel = small_market(seed, events=False, missing=0.0, **choices)
    own = np.linspace(0.2, 0.4, panel.spot.shape[1])[None, :, None, None]
    return replace(
        panel,
        index_iv=np.full(panel.index_iv.shape, 0.19),
        component_iv=np.broadcast_to(own, panel.component_iv.shape).copy(),
        rate=np.zeros(len(panel)),
    )


def test_on_still_volatilities_it_earns_nothing_until_it_is_struck_and_is_then_a_straddle_entered_on_that_date():
    panel = still_vols(60, sessions=120)
    book = run(panel).book
    later = {}
    for c in np.flatnonzero(book.entered):
        started = book.cohorts.entry[c] + 10
        parts = dict(zip(PARTS, np.moveaxis(book.explain[c, :11].sum(axis=1), -1, 0), strict=True))
        np.testing.assert_allclose(parts["delta"], -parts["hedge"], rtol=0, atol=1e-9)
        for part in ("gamma", "theta", "vega", "vanna_volga", "financing", "unexplained"):
            np.testing.assert_allclose(parts[part], 0.0, atol=1e-9, err_msg=part)
        if started + 10 < len(panel):
            assert days_between(panel.dates[started], panel.dates[book.cohorts.entry[c]]) == 14
            later[c] = started
    straddles = run(panel, Straddle(14), schedule=OnDates(tuple(str(panel.dates[s]) for s in later.values()))).book
    assert len(later) > 8
    for row, c in enumerate(later):
        for name in ("strike", "exit_value"):
            found, expected = (getattr(b.legs, name)[i, :, 0] for b, i in ((book, c), (straddles, row)))
            np.testing.assert_allclose(found, expected, rtol=1e-12, err_msg=name)
        ours, theirs = book.legs.units[c], straddles.legs.units[row]
        earned = book.legs.pnl_option[c, :, 0] + book.legs.pnl_hedge[c, :, 0]
        expected = (straddles.legs.pnl_option[row, :, 0] + straddles.legs.pnl_hedge[row, :, 0]) * ours / theirs
        np.testing.assert_allclose(earned, expected, rtol=1e-9, atol=1e-9)


def at_money(panel, t, index, days):
    """Volatility at the forward to an expiry that many days ahead."""
    smiles = (panel.index_iv[t] if index < 0 else panel.component_iv[t, index]).astype(float)
    smile, _ = smile_at_tenor(smiles, panel.tenors, np.array(float(days)))
    return float(vol_at_strike(smile, panel.deltas, 1.0, 1.0, days / 365.0)[0])


def test_until_it_is_struck_it_is_worth_a_straddle_at_the_forward_variance():
    panel = small_market(61, events=False, missing=0.0)
    cohorts = choose_contracts(panel, np.array([10, 21]), LATER)
    legs = Legs(panel, cohorts, np.tile(np.arange(4), (2, 1)), 20, LATER)
    (found,) = legs.instruments
    for c, entry in enumerate((10, 21)):
        for day in (0, 3, 9, 10, 15):
            t = entry + day
            to_start = days_between(panel.dates[entry] + np.timedelta64(14, "D"), panel.dates[t])
            left = days_between(cohorts.expiry[c], panel.dates[t])
            for leg in (0, 2):
                name = leg - 1
                price = panel.index_spot[t] if leg == 0 else panel.spot[t, name]
                carry = panel.index_carry[t] if leg == 0 else panel.carry[t, name]
                forward = price * math.exp(carry * left / 365.0)
                discount = math.exp(-panel.rate[t] * left / 365.0)
                if to_start <= 0:
                    assert found.strike[c, leg] == pytest.approx(legs.marks.forward[c, leg, 10], rel=1e-15)
                    continue
                total = at_money(panel, t, name, left) ** 2 * left - at_money(panel, t, name, to_start) ** 2 * to_start
                spread = math.sqrt(total / 365.0)
                assert found.reading.iv[c, leg, day] == pytest.approx(math.sqrt(total / 14.0), rel=1e-9)
                expected = discount * forward * 2.0 * (2.0 * NormalDist().cdf(0.5 * spread) - 1.0)
                assert found.greeks.value[c, leg, day] == pytest.approx(expected, rel=1e-9)
                assert found.greeks.delta[c, leg, day] == pytest.approx(expected / forward, rel=1e-9)
    up, down = (
        found.price(*found.at_marks[:2], found.at_marks[2] + way * 1e-6, *found.at_marks[3:]) for way in (1, -1)
    )
    np.testing.assert_allclose(found.greeks.vega, 0.01 * (up.value - down.value) / 2e-6, rtol=1e-5, atol=1e-9)
    forward = found.at_marks[0]
    up, down = (found.price(forward * (1.0 + way * 1e-6), *found.at_marks[1:]) for way in (1, -1))
    alive = found.marks.years > 0.0
    slope = ((up.value - down.value) / (2e-6 * forward))[alive]
    np.testing.assert_allclose(found.greeks.delta[alive], slope, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("listed", [False, True], ids=["grid", "listed"])
def test_on_listed_expiries_too_nothing_up_to_a_day_depends_on_later_days(listed):
    panel = small_market(62, sessions=110, listed=listed)
    structure = ForwardStart(42, start=14)
    truth = run(panel, structure, costs=VolPoints(), exits=EarlyExit(stop=1.0))
    assert truth.summary()["cohorts"] > 3
    for t in (25, 52, 80):
        with np.errstate(all="ignore"):
            other = run(poisoned(panel, t), structure, costs=VolPoints(), exits=EarlyExit(stop=1.0))
        for name in ("pnl_gross", "option_cost", "hedge_cost"):
            np.testing.assert_array_equal(getattr(other, name)[:, : t + 1], getattr(truth, name)[:, : t + 1])
        assert (other.pnl_gross[:, t + 1 :] != truth.pnl_gross[:, t + 1 :]).any()


@pytest.mark.parametrize("planted", [False, True], ids=["fair", "planted"])
def test_it_earns_what_is_planted_in_forward_variance_and_nothing_where_nothing_is(planted):
    pnl, theory = [], []
    for seed in range(20, 24):
        settings = SyntheticMarket.no_premium(
            start="1963-01-02", years=60, names=20, tenors=(28, 60), deltas=(10, 25, 50, 75, 90), dtype="float64"
        )
        premium = {"correlation_premium": 0.08, "vol_premium": 0.04} if planted else {}
        panel, truth = synthetic_market(settings, seed=seed, **premium)
        book = run(panel, ForwardStart(60, start=28), schedule=Monthly()).book
        settled = book.cohorts.settled & book.entered
        legs, entry = book.legs, book.cohorts.entry
        names = np.maximum(legs.name, 0)
        near, far = (
            np.where(
                legs.name < 0,
                truth.fair_index_variance[entry, k][:, None],
                truth.fair_variance[entry[:, None], names, k],
            )
            for k in (0, 1)
        )
        ahead = np.sqrt((far * 60.0 - near * 28.0) / 32.0)
        worth = straddle(legs.forward, legs.forward, ahead, 32.0 / 365.0).value
        theory.append((legs.units * (worth - legs.value[..., 0])).sum(axis=1)[settled])
        pnl.append(book.explain.sum(axis=(1, 2, 3))[settled])
    pnl, theory = np.concatenate(pnl), np.concatenate(theory)
    error = (pnl - theory).std(ddof=1) / math.sqrt(len(pnl))
    assert error <= 0.05
    assert abs((pnl - theory).mean()) <= 3.0 * error
    if planted:
        assert theory.mean() > 5.0 * error
    else:
        np.testing.assert_allclose(theory, 0.0, atol=1e-9)


def test_the_ledger_says_when_it_was_struck_and_hedges_by_another_volatility_are_had():
    panel = small_market(63)
    for hedge in (DailyDelta(vol="realized", window=10), DailyDelta(vol="sticky_delta")):
        result = run(panel, hedge=hedge, scale=StressCap())
        ledger = result.ledger()
        assert set(ledger["instrument"]) == {"straddle from 14d"}
        assert np.isfinite(result.pnl_gross).all()
        assert ledger["pnl_gross"].sum() == pytest.approx(result.pnl_gross.sum(), rel=1e-9)


def test_what_cannot_be_struck_later_is_refused():
    panel = small_market(64)
    for start in (0, 28, 40):
        with pytest.raises(
            InputError, match=rf"structure.start={start} must lie between 0 and structure.tenor=28 days"
        ):
            run(panel, ForwardStart(28, start=start))
    late = (Instrument(Kind.STRADDLE, start=40),)
    own = type("Own", (), {"tenor": 28, "min_days": 7, "min_coverage": 0.8, "index": late, "members": late})
    with pytest.raises(InputError, match=r"instruments struck after 40 days .* fewer than its 28"):
        run(panel, own())
    call = (Instrument(Kind.CALL, start=14),)
    own = type("Own", (), {"tenor": 28, "min_days": 7, "min_coverage": 0.8, "index": call, "members": call})
    with pytest.raises(InputError, match="Own has a call from 14d that is struck later; only straddles"):
        run(panel, own())
    with pytest.raises(InputError, match="is of volatility struck at entry"):
        run(panel).breakeven_correlation(panel.dates[40])
