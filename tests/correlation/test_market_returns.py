"""Realised correlation of a market's baskets against loops over its closes, and on whose returns it stands."""

from dataclasses import replace

import numpy as np
import pytest
from reference_correlation import realized_reference

from engine.backend import to_host
from engine.backtest import MarketView
from engine.correlation import (
    AllMembers,
    CorrelationStatus,
    TopWeights,
    basket_realized,
    baskets,
    correlate_baskets,
    market_returns,
    realized_leg,
    sessions_in_a_row,
)
from engine.correlation.sectors import Everything, Sectors
from engine.data.records import History
from engine.data.synthetic import synthetic_market

WINDOW = 21


@pytest.fixture(scope="module")
def market():
    panel, _ = synthetic_market(years=0.6, names=8, sectors=2, seed=4)
    return panel


@pytest.fixture(scope="module")
def holed(market):
    """The market without the quotes of its first forty sessions and of sixteen in the middle, whose closes are kept."""
    kept = np.ones(len(market), bool)
    kept[:40] = kept[70:86] = False
    panel = market.map_arrays(lambda _, array: array[kept])
    # Factors of the holes' actions act at the next session of the panel, as the sources place them.
    factor = panel.return_factor.copy()
    for first, last in ((0, 40), (70, 86)):
        factor[np.searchsorted(panel.dates, market.dates[last])] = np.prod(
            market.return_factor[first : last + 1], axis=0
        )
    own = market.known_closes()
    history = History(own.dates, own.index_close, own.close, own.return_factor, own.leg_close)
    return replace(panel, return_factor=factor, history=history)


def returns_by_loops(history, closes, factors):
    """Return of each session, one cell at a time."""
    moved = [[float("nan")] * closes.shape[1]]
    for t in range(1, len(history.dates)):
        hole = (history.dates[t] - history.dates[t - 1]).astype(int) > 7
        moved.append(
            [
                float("nan") if hole else closes[t, n] / (closes[t - 1, n] * factors[t, n]) - 1.0
                for n in range(closes.shape[1])
            ]
        )
    return moved


def test_realised_of_every_basket_is_that_of_plain_loops_over_the_closes(holed):
    history, names = holed.history, range(len(holed.names))
    members = returns_by_loops(history, history.close, history.return_factor)
    ones = np.ones(len(history.dates))[:, None]
    legs = {
        "SYNX": [row[0] for row in returns_by_loops(history, history.index_close[:, None], ones)],
        "SECX": [row[0] for row in returns_by_loops(history, history.leg_close, ones)],
    }
    returns = market_returns(holed)
    for basket in baskets(Everything(3), holed):
        record = basket_realized(returns, basket, WINDOW, min_coverage=0.0)
        for t in (0, 20, 29, 30, 31, 60, len(holed) - 1):
            at = int(np.flatnonzero(history.dates == holed.dates[t])[0])
            weights = {at: [float(basket.weights[t, n]) for n in names]}
            rows = [weights.get(d, weights[at]) for d in range(at + 1)]
            clean, vols, index_vol = realized_reference(members, rows, at, WINDOW, index_returns=legs.get(basket.leg))
            # Sums of 21 squares in another order.
            np.testing.assert_allclose(record.clean[t], clean, rtol=1e-10)
            np.testing.assert_allclose(record.component_vol[t], vols, rtol=1e-12)
            np.testing.assert_allclose(record.index_vol[t], index_vol, rtol=1e-12)


def test_closes_kept_for_the_holes_give_what_the_market_without_holes_gives(market, holed):
    kept = np.isin(market.dates, holed.dates)
    for basket, cut in zip(baskets(Everything(3), market), baskets(Everything(3), holed), strict=True):
        whole = basket_realized(market_returns(market), basket, WINDOW)
        part = basket_realized(market_returns(holed), cut, WINDOW)
        for name, values in vars(whole).items():
            np.testing.assert_array_equal(getattr(part, name), values[kept], err_msg=name)


def test_the_index_leg_s_own_returns_are_taken_where_its_volatility_is_the_implied_leg(market):
    """Move the index by its own noise: implied legs on it see it, a basket without options on it does not."""
    rng = np.random.default_rng(0)
    noisy = replace(market, index_spot=market.index_spot * np.exp(0.06 * rng.standard_normal(len(market)).cumsum()))
    for basket, same in zip(baskets(Everything(3), market), baskets(Everything(3), noisy), strict=True):
        before, after = (
            basket_realized(market_returns(panel), b, WINDOW) for panel, b in ((market, basket), (noisy, same))
        )
        np.testing.assert_array_equal(before.component_vol, after.component_vol)
        if basket.leg == market.info.index:
            assert realized_leg(basket) == "SYNX"
            assert (after.index_vol[WINDOW:] > 1.5 * before.index_vol[WINDOW:]).all()
            assert (after.clean[WINDOW:] > before.clean[WINDOW:]).all()
        else:
            assert realized_leg(basket) in ("SECX", "basket")
            np.testing.assert_array_equal(before.clean, after.clean)


def test_where_the_basket_is_the_index_both_ways_of_measuring_agree():
    market, _ = synthetic_market(years=0.6, names=8, events=False, seed=4)
    (basket,) = baskets(AllMembers(), market)
    own = basket_realized(market_returns(market), basket, WINDOW)
    by_basket = basket_realized(market_returns(market), replace(basket, leg=None), WINDOW)
    # The basket keeps its last weights over the window, the index those of each day: they drift by some per cent.
    np.testing.assert_allclose(own.index_vol[WINDOW:], by_basket.index_vol[WINDOW:], rtol=0.05)
    np.testing.assert_allclose(own.clean[WINDOW:], by_basket.clean[WINDOW:], rtol=0, atol=0.05)


def test_coverage_of_a_sector_with_a_fund_counts_the_whole_sector_as_implied_correlation_does(market):
    part = replace(market, sectors=replace(market.sectors, weights=0.5 * market.sectors.weights))
    with_fund, without = baskets(Sectors(), part)
    assert (with_fund.leg, without.leg) == ("SECX", None)
    returns = market_returns(part)
    measured = basket_realized(returns, with_fund, WINDOW)
    implied = correlate_baskets((with_fund,), part.component_iv)
    assert (measured.status[WINDOW:] == CorrelationStatus.THIN_COVERAGE).all()
    assert (implied.status == CorrelationStatus.THIN_COVERAGE).any()
    assert measured.coverage[WINDOW:].max() <= 0.5 + 1e-12
    assert (basket_realized(returns, without, WINDOW).status[WINDOW:] == CorrelationStatus.OK).all()


def test_forward_realised_is_that_of_the_sessions_after_on_the_same_leg(market):
    constant = replace(market, weights=np.broadcast_to(market.weights[0], market.weights.shape))
    (basket,) = baskets(TopWeights(3), constant)
    returns = market_returns(constant)
    trailing, later = (basket_realized(returns, basket, WINDOW, forward=f) for f in (False, True))
    np.testing.assert_array_equal(later.clean[:-WINDOW], trailing.clean[WINDOW:])
    assert np.isnan(later.clean[-WINDOW:]).all()


def test_a_view_of_the_market_says_whose_returns_it_measures_and_reads_its_history(market):
    later = market.slice(start=market.dates[60])
    whole, part = (MarketView(panel, TopWeights(3)) for panel in (market, later))
    assert part.realized_leg == "SYNX"
    np.testing.assert_array_equal(part.realized_correlation(WINDOW), whole.realized_correlation(WINDOW)[60:])
    np.testing.assert_array_equal(part.returns, whole.returns[60:])
    np.testing.assert_array_equal(part.index_returns, whole.index_returns[60:])
    assert np.isfinite(part.realized_correlation(WINDOW)).all()


def test_sessions_in_a_row_are_counted_from_the_last_hole(market):
    kept = np.ones(len(market), bool)
    kept[50:60] = False
    returns = market_returns(market.map_arrays(lambda _, array: array[kept]))
    row = sessions_in_a_row(returns)
    assert (row[0], row[49], row[50], row[-1]) == (0, 49, 0, len(returns.dates) - 51)
    for t in (49, 80):
        for window, known in ((row[t], True), (row[t] + 1, False)):
            moved = returns.legs["SYNX"][t + 1 - window : t + 1] if window <= t + 1 else [np.nan]
            assert np.isfinite(moved).all() == known


def test_on_a_device_the_same_numbers_come_out(market, xp):
    moved = market.slice(start=market.dates[60]).to(xp.__name__)
    (basket,) = baskets(TopWeights(3), moved)
    (other,) = baskets(TopWeights(3), market)
    found = to_host(basket_realized(market_returns(moved), basket, WINDOW).clean)
    # Kernels sum names in another order.
    np.testing.assert_allclose(found, basket_realized(market_returns(market), other, WINDOW).clean[60:], rtol=1e-9)
