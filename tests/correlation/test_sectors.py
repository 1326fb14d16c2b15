"""Several baskets at once: planted truth for each, sectors with and without an index leg, names that come and go."""

from dataclasses import replace

import numpy as np
import pytest

from engine.backend import to_host
from engine.correlation import (
    CorrelationStatus,
    Everything,
    Names,
    Sectors,
    baskets,
    correlate_baskets,
    daily_returns,
    implied_correlation,
    realized_correlation,
)
from engine.data.synthetic import SyntheticMarket, synthetic_market
from engine.data.synthetic.paths import draw_paths
from engine.errors import InputError

SETTINGS = SyntheticMarket(years=2, names=16, seed=4, tenors=(30, 91), deltas=(10, 50, 90), dtype="float64")
WHOLE = replace(SETTINGS, missing_rate=0.0)


@pytest.fixture(scope="module")
def market():
    return synthetic_market(WHOLE)


def test_planted_correlation_is_recovered_for_each_basket(market):
    panel, truth = market
    chosen = baskets(Everything(n=16), panel)
    assert [basket.label for basket in chosen] == ["top16", "all", "Sector 1", "Sector 2", "Sector 3", "Sector 4"]
    rho = correlate_baskets(chosen, panel.component_iv)
    planted = {"top16": 0.0, "all": 0.0, "Sector 1": WHOLE.sector_premium}
    for b, basket in enumerate(chosen[:3]):
        # float64 volatilities: what is left is the rounding of the formula and its inverse.
        np.testing.assert_allclose(rho.clean[b], truth.implied_correlation + planted[basket.label], rtol=0, atol=1e-10)
        assert (rho.status[b] == CorrelationStatus.OK).all()


def test_a_sector_without_options_of_its_own_says_so_and_has_its_realised_correlation(market):
    panel, _ = market
    chosen = baskets(Sectors(), panel)
    rho = correlate_baskets(chosen, panel.component_iv)
    returns = daily_returns(panel.spot, panel.return_factor, panel.dates)
    for b, basket in enumerate(chosen):
        assert (basket.leg is None) == (basket.label != "Sector 1")
        if basket.leg is None:
            assert (rho.status[b] == CorrelationStatus.NO_INDEX_LEG).all()
            assert np.isnan(rho.clean[b]).all()
            quoted = (basket.weights > 0.0)[:, :, None, None] & np.isfinite(panel.component_iv)
            np.testing.assert_array_equal(rho.names[b], quoted.sum(axis=1))
        realized = realized_correlation(returns, basket.weights, window=63)
        assert np.isfinite(realized.clean[63:]).mean() > 0.95


def test_baskets_at_once_are_what_each_is_alone(xp):
    panel, _ = synthetic_market(SETTINGS)
    moved = panel if xp is np else panel.to("cupy")
    chosen = baskets(Everything(n=5), moved)
    rho = correlate_baskets(chosen, moved.component_iv, min_coverage=0.9)
    for b, basket in enumerate(chosen):
        if basket.leg is None:
            continue
        alone = implied_correlation(basket.index_iv, moved.component_iv, basket.weights, min_coverage=0.9)
        for name, values in vars(alone).items():
            # The sum of a sector's weights, which its coverage counts, is 1 up to rounding.
            rounding = 1e-14 if name == "coverage" else 0.0
            np.testing.assert_allclose(to_host(getattr(rho, name)[b]), to_host(values), rtol=rounding, err_msg=name)


def test_low_coverage_is_flagged_and_nothing_is_clipped():
    panel, _ = synthetic_market(replace(SETTINGS, missing_rate=0.3))
    dear = replace(panel, index_iv=1.4 * panel.index_iv)  # an index dearer than its members
    chosen = baskets(Everything(n=5), dear)
    rho = correlate_baskets(chosen, dear.component_iv)
    for b in range(3):
        thin = rho.status[b] == CorrelationStatus.THIN_COVERAGE
        np.testing.assert_array_equal(thin, (rho.coverage[b] < 0.8) & np.isfinite(chosen[b].index_iv))
        assert 0.01 < thin.mean() < 0.9
    assert np.nanmax(rho.clean[:2]) > 1.1
    assert (rho.status[:2][rho.clean[:2] > 1.0] != CorrelationStatus.OK).all()


def test_coverage_of_a_sector_counts_against_the_whole_of_it(market):
    panel, _ = market
    part = replace(panel, sectors=replace(panel.sectors, weights=0.3 * panel.sectors.weights))
    rho, whole = (correlate_baskets(baskets(Sectors(), p), p.component_iv) for p in (part, panel))
    np.testing.assert_allclose(rho.coverage[0], 0.3 * whole.coverage[0], rtol=1e-12)  # a few float64 sums
    assert (rho.status[0] == CorrelationStatus.THIN_COVERAGE).all()
    np.testing.assert_allclose(rho.clean[0], whole.clean[0], rtol=1e-12)


def test_sectors_are_refused_where_a_market_does_not_know_them_or_one_basket_is_traded(market):
    panel, _ = market
    with pytest.raises(InputError, match="market synthetic does not know sectors"):
        baskets(Sectors(), replace(panel, sectors=None))
    assert len(baskets(Everything(), replace(panel, sectors=None))) == 2
    for choice in (Sectors(), Everything()):
        with pytest.raises(InputError, match=f"basket={choice.label} is several baskets"):
            choice.select(panel.weights, panel.names)


def test_a_portfolio_keeps_the_weights_given_members_or_not(xp):
    weights = xp.asarray([[0.1, 0.4, 0.5], [0.0, 0.5, 0.5]])
    held = to_host(Names(("CCC", "AAA"), (3, 1)).select(weights, ("AAA", "BBB", "CCC")))
    assert held.tolist() == [[0.25, 0.0, 0.75], [0.25, 0.0, 0.75]]


@pytest.mark.parametrize(
    ("names", "weights", "words"),
    [
        (("AAA", "BBB"), (1.0,), "2 names and 1 weights"),
        (("AAA", "AAA"), (), "AAA more than once"),
        (("AAA",), (0.0,), "weight 0.0 is not a positive number"),
        (("AAA",), ("much",), "weight much is not a positive number"),
    ],
)
def test_a_portfolio_that_is_none_is_refused(names, weights, words):
    with pytest.raises(InputError, match=words):
        Names(names, weights)


def test_windows_through_splits_spin_offs_mergers_and_departures_measure_the_planted_returns():
    settings = SyntheticMarket(years=3, names=12, seed=5, tenors=(30,), deltas=(50,))
    panel, truth = synthetic_market(settings)
    planted = draw_paths(settings).returns
    returns = daily_returns(panel.spot, panel.return_factor, panel.dates)
    blind = daily_returns(panel.spot, np.ones_like(panel.return_factor), panel.dates)
    for kind in ("split", "demerger", "merger", "delisting", "left"):
        for event in truth.of_kind(kind):
            window = slice(event.session, event.session + 63)
            for basket in baskets(Everything(n=8), panel):
                found, expected, careless = (
                    realized_correlation(r, basket.weights, window=63).clean[window] for r in (returns, planted, blind)
                )
                # Prices are cumulative products of the returns: a few roundings each way.
                np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9)
                if kind == "split" and (basket.weights[window, event.position] > 0.01).all():
                    assert np.nanmax(np.abs(careless - expected)) > 0.01
                if kind in ("merger", "delisting", "left"):
                    assert (basket.weights[event.session + 1 :, event.position] == 0.0).all()


def test_a_basket_of_a_date_knows_nothing_of_later_dates(market):
    panel, _ = market
    cut = panel.slice(end=panel.dates[200])
    for whole, early in zip(baskets(Everything(n=5), panel), baskets(Everything(n=5), cut), strict=True):
        np.testing.assert_array_equal(whole.weights[:201], early.weights)
