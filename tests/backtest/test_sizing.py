"""What each sizing balances is balanced by the contracts traded, and a slow loop agrees."""

from dataclasses import replace

import numpy as np
import pytest

from engine.backtest import (
    BetaNeutral,
    CorrelationWeighted,
    GammaNeutral,
    MinimumVariance,
    NoCosts,
    ParallelVolNeutral,
    PremiumNeutral,
    ProportionalVolNeutral,
    Recipe,
    Straddle,
    Strangle,
    ThetaNeutral,
    VegaNeutral,
    Weekly,
    backtest,
    build_book,
    choose_contracts,
)
from engine.backtest.cohorts.sizing import index_sensitivity
from engine.correlation import AllMembers
from engine.data.records import QuoteStatus
from engine.data.synthetic import SyntheticMarket, synthetic_market
from engine.testing import poisoned, small_market
from strategies.short_correlation import ShortCorrelation

NEW = [PremiumNeutral(), ProportionalVolNeutral(), ParallelVolNeutral(), CorrelationWeighted()]
ALL = [VegaNeutral(), ThetaNeutral(), GammaNeutral(), *NEW]


def label(sizing):
    return type(sizing).__name__


def held(sizing, panel=None):
    """Vega, volatility, value and weight of every leg of an always-on book, per unit of index vega."""
    panel = small_market(5, missing=0.0) if panel is None else panel
    result = backtest(
        panel, ShortCorrelation(), basket=AllMembers(), structure=Straddle(25), schedule=Weekly(), sizing=sizing
    )
    legs, book = result.book.legs, result.book
    own = book.entered
    weight = np.where(
        legs.units[:, 1:] != 0.0, panel.weights[book.cohorts.entry[:, None], np.maximum(legs.name[:, 1:], 0)], 0.0
    )
    weight = weight[own] / weight[own].sum(axis=1, keepdims=True)
    used = legs.units[own] != 0.0
    vega = np.where(used, legs.units[own] * legs.vega[own, :, 0], 0.0)
    value = np.where(used, legs.units[own] * legs.value[own, :, 0], 0.0)
    return vega, np.where(used, legs.iv[own, :, 0], 0.0), value, weight


def implied_index_vol(weight, vol, rho):
    """Index volatility at a correlation: the plain double sum."""
    n = len(weight)
    total = sum(weight[i] * weight[j] * vol[i] * vol[j] * (1.0 if i == j else rho) for i in range(n) for j in range(n))
    return np.sqrt(total)


def test_premium_neutral_pays_what_it_gets():
    _, _, value, _ = held(PremiumNeutral())
    np.testing.assert_allclose(value.sum(axis=1), 0.0, atol=1e-12 * np.abs(value).max())  # rounding of a dozen terms


def test_a_move_of_all_volatilities_in_proportion_earns_nothing():
    vega, vol, _, _ = held(ProportionalVolNeutral())
    earned = vega * vol
    np.testing.assert_allclose(earned.sum(axis=1), 0.0, atol=1e-12 * np.abs(earned).max())  # as above


@pytest.mark.parametrize("sizing", [ParallelVolNeutral(), CorrelationWeighted()], ids=label)
def test_a_parallel_move_at_constant_correlation_earns_nothing(sizing):
    vega, vol, _, weight = held(sizing)
    for row in range(0, len(vega), 4):
        w, s = weight[row], vol[row, 1:]
        a, b = (w * s).sum(), (w * w * s * s).sum()
        rho = (vol[row, 0] ** 2 - b) / (a * a - b)
        h = 1e-6
        moved = (implied_index_vol(w, s + h, rho) - implied_index_vol(w, s - h, rho)) / (2 * h)
        # A central difference is off by h^2 and by rounding over h: 1e-8 is above both.
        assert vega[row, 0] * moved + vega[row, 1:].sum() == pytest.approx(0.0, abs=1e-8)


def test_correlation_weighted_hedges_every_name_by_itself():
    vega, vol, _, weight = held(CorrelationWeighted())
    for row in range(0, len(vega), 4):
        w, s = weight[row], vol[row, 1:]
        a, b = (w * s).sum(), (w * w * s * s).sum()
        rho = (vol[row, 0] ** 2 - b) / (a * a - b)
        for i in range(len(w)):
            h = 1e-6 * np.eye(len(w))[i]
            moved = (implied_index_vol(w, s + h, rho) - implied_index_vol(w, s - h, rho)) / 2e-6
            assert vega[row, 0] * moved + vega[row, 1 + i] == pytest.approx(0.0, abs=1e-8)  # as above


def test_the_published_vector_has_its_beta():
    weights, iv = np.array([[0.3, 0.4, 0.3]]), np.array([[0.21, 0.25, 0.35, 0.18]])
    rho = 0.3609  # of the vector, to its four digits
    by_hand = [w * ((1 - rho) * w * s + rho * 0.269) / 0.21 for w, s in zip(weights[0], iv[0, 1:], strict=True)]
    np.testing.assert_allclose(index_sensitivity(weights, iv)[0], by_hand, rtol=1e-4)
    assert index_sensitivity(weights, iv).sum() == pytest.approx(0.750, abs=1e-3)


def test_one_name_is_its_own_index():
    assert index_sensitivity(np.array([[1.0, 0.0]]), np.array([[0.2, 0.2, np.nan]])).tolist() == [[1.0, 0.0]]


@pytest.mark.parametrize("sizing", ALL, ids=label)
def test_the_index_is_short_one_vega(sizing):
    vega, _, _, _ = held(sizing)
    np.testing.assert_allclose(vega[:, 0], -1.0, rtol=1e-14)
    assert (vega[:, 1:].sum(axis=1) > 0.0).all()


@pytest.mark.parametrize("sizing", NEW, ids=label)
def test_missing_quotes_leave_finite_units(sizing):
    panel = small_market(7, missing=0.2)
    result = backtest(
        panel, ShortCorrelation(), basket=AllMembers(), structure=Straddle(25), schedule=Weekly(), sizing=sizing
    )
    assert np.isfinite(result.book.legs.units).all()
    assert np.isfinite(result.pnl_gross).all()
    assert np.abs(result.pnl_gross).sum() > 0.0


def test_no_sizing_earns_anything_in_a_world_without_a_premium():
    """Seven sizings on one fixed world: Bonferroni at 1 % for the family is 3.19 errors of the mean."""
    settings = SyntheticMarket.no_premium(start="1963-01-02", years=30, names=10, tenors=(30,), deltas=(25, 50, 75))
    panel, _ = synthetic_market(settings, seed=1)
    for sizing in ALL:
        result = backtest(
            panel, ShortCorrelation(), basket=AllMembers(), structure=Straddle(30), sizing=sizing, costs=NoCosts()
        )
        settled = result.book.cohorts.settled & result.book.entered
        pnl = result.book.explain.sum(axis=(1, 2, 3))[settled]
        error = pnl.std(ddof=1) / np.sqrt(len(pnl))
        assert error <= 0.2
        assert abs(pnl.mean()) <= 3.19 * error, label(sizing)


PAST = {"beta": BetaNeutral(window=20), "least variance": MinimumVariance(window=20)}


def moving_together(seed, **given):
    """A panel whose members' volatilities move with the index's, each by itself besides."""
    panel = small_market(seed, **given)
    moves = (panel.index_iv[:, 1, 8] / np.nanmean(panel.index_iv[:, 1, 8])) ** 2
    return replace(panel, component_iv=(panel.component_iv * moves[:, None, None, None]).astype(np.float32))


def past_moves(panel, t, window):
    """Daily moves of volatility at 30 days and 50 delta over the sessions up to t, (window, 1 + N)."""
    iv = np.concatenate([panel.index_iv[:, 1, 8][:, None], panel.component_iv[:, :, 1, 8]], axis=1).astype(float)
    return np.diff(iv, axis=0)[t - window : t]


@pytest.mark.parametrize("rule", PAST)
def test_a_size_by_past_moves_balances_what_a_regression_on_them_says(rule):
    panel, sizing = moving_together(110, missing=0.0, events=False), PAST[rule]
    entry = np.array([30, 45, 60])
    cohorts = choose_contracts(panel, entry, Straddle(25))
    made = build_book(panel, panel.weights, cohorts, Recipe(Straddle(25), sizing))
    assert made.entered.all()
    for c in np.flatnonzero(made.entered):
        moves = past_moves(panel, entry[c] - 1, sizing.window)
        vega = made.legs.units[c] * made.legs.vega[c, :, 0]
        names = made.legs.name[c, 1:]
        if rule == "beta":
            beta = np.array([np.polyfit(moves[:, 0], moves[:, 1 + n], 1)[0] for n in names])
            assert (beta * vega[1:]).sum() == pytest.approx(1.0, rel=1e-9)
        else:
            basket = moves[:, 1:] @ panel.weights[entry[c] - 1]  # which do not change here
            b = np.cov(moves[:, 0], basket)[0, 1] / basket.var(ddof=1)
            assert vega[1:].sum() == pytest.approx(b, rel=1e-9)
            np.testing.assert_allclose(vega[1:] / vega[1:].sum(), panel.weights[entry[c]], rtol=1e-9)
        assert vega[0] == pytest.approx(-1.0, rel=1e-12)


@pytest.mark.parametrize("rule", PAST)
def test_a_size_by_past_moves_knows_neither_the_entry_nor_what_comes_after(rule):
    panel = moving_together(111, sessions=110, missing=0.0)
    rules = {"basket": AllMembers(), "schedule": Weekly(), "sizing": PAST[rule]}
    truth = backtest(panel, ShortCorrelation(), **rules)
    assert truth.book.entered.sum() > 5
    for t in (40, 60, 80):
        with np.errstate(all="ignore"):
            other = backtest(poisoned(panel, t), ShortCorrelation(), **rules)
        np.testing.assert_array_equal(other.pnl_gross[:, : t + 1], truth.pnl_gross[:, : t + 1])
        assert (other.pnl_gross[:, t + 1 :] != truth.pnl_gross[:, t + 1 :]).any()


@pytest.mark.parametrize("rule", PAST)
def test_without_enough_past_nothing_is_entered_and_a_name_without_it_is_left_out(rule):
    panel = moving_together(112, missing=0.0, events=False)
    component_iv, status = panel.component_iv.copy(), panel.component_status.copy()
    component_iv[36:44, 2], status[36:44, 2] = np.nan, QuoteStatus.NO_QUOTE  # nine of twenty moves
    panel = replace(panel, component_iv=component_iv, component_status=status)
    cohorts = choose_contracts(panel, np.array([10, 50]), Straddle(25))
    made = build_book(panel, panel.weights, cohorts, Recipe(Straddle(25, min_coverage=0.5), PAST[rule]))
    assert made.entered.tolist() == [False, True]
    assert made.legs.units[1, 3] == 0.0
    assert (made.legs.units[1, [1, 2, 4, 5, 6]] > 0.0).all()


RESIDUAL = {
    "residual_vega": (VegaNeutral(), ThetaNeutral()),
    "residual_theta": (ThetaNeutral(), VegaNeutral()),
    "residual_cash_gamma": (GammaNeutral(), VegaNeutral()),
    "residual_premium": (PremiumNeutral(), VegaNeutral()),
}


@pytest.mark.parametrize("structure", [Straddle(25), Strangle(25)], ids=["straddle", "strangle"])
@pytest.mark.parametrize("greek", RESIDUAL)
def test_cohorts_show_what_their_size_left_open(greek, structure):
    panel = small_market(113)
    flat, open_ = (
        backtest(panel, ShortCorrelation(), basket=AllMembers(), structure=structure, schedule=Weekly(), sizing=sizing)
        .by_cohort()[greek]
        .to_numpy()
        for sizing in RESIDUAL[greek]
    )
    assert np.abs(flat).max() < 1e-9 * np.abs(open_).max()  # rounding of sums that cancel
    assert (open_ != 0.0).all()
