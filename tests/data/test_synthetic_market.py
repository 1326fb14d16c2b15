"""The synthetic market as a panel: repeatable, streamed, consistent, with its events and holes at known places."""

from dataclasses import fields, replace

import numpy as np
import pytest

from engine.correlation import daily_returns
from engine.data import build_panel, load_market
from engine.data.panel import MarketPanel
from engine.data.records import QuoteStatus
from engine.data.store.account import load_quality
from engine.data.synthetic import SyntheticMarket, load_truth, synthetic_market
from engine.data.synthetic.events import MERGER_JUMP, SPLIT_FACTORS
from engine.data.synthetic.market import build
from engine.data.synthetic.paths import draw_paths
from engine.errors import InputError

SMALL = SyntheticMarket(years=3, names=12, seed=5, tenors=(10, 30, 91), deltas=(10, 25, 50, 75, 90), missing_rate=0.03)


@pytest.fixture(scope="module")
def market():
    return synthetic_market(SMALL)


def array_fields(panel):
    return {f.name: v for f in fields(MarketPanel) if isinstance(v := getattr(panel, f.name), np.ndarray)}


def test_the_same_seed_gives_the_same_bits_and_another_seed_another_market(market):
    again, truth = synthetic_market(SMALL)
    for name, values in array_fields(market[0]).items():
        np.testing.assert_array_equal(values, getattr(again, name), err_msg=name)
    assert [e.name for e in truth.events] == [e.name for e in market[1].events]
    other, _ = synthetic_market(SMALL, seed=6)
    assert not np.array_equal(other.index_spot, market[0].index_spot)


@pytest.mark.parametrize("budget", [1, 300_000])
def test_streamed_blocks_are_the_whole_market_bit_for_bit_whatever_their_size(market, budget):
    small = replace(SMALL, years=0.6) if budget == 1 else SMALL
    whole = synthetic_market(small)[0]
    parts = [panel for _, panel, _ in build(draw_paths(small), budget)]
    assert len(parts) > 5
    for name, values in array_fields(whole).items():
        if name in ("names", "tenors", "deltas"):
            continue
        joined = np.concatenate([getattr(part, name) for part in parts])
        np.testing.assert_array_equal(values, joined, err_msg=name)


def test_settings_of_one_part_of_the_market_do_not_disturb_the_draws_of_another(market):
    changed, _ = synthetic_market(SMALL, missing_rate=0.5, vol_premium=0.1)
    np.testing.assert_array_equal(changed.spot, market[0].spot)


def test_the_index_moves_by_the_weighted_returns_of_its_members(market):
    panel, _ = market
    returns = daily_returns(panel.spot, panel.return_factor)
    held = np.where(panel.weights > 0.0, panel.weights * returns, 0.0).sum(axis=1)[1:]
    # Rounding of one product per day.
    np.testing.assert_allclose(panel.index_spot[1:] / panel.index_spot[:-1] - 1.0, held, atol=1e-14)


def test_weights_come_from_the_previous_close(market):
    """Between membership changes, weights move with yesterday's returns but for the slow issue of shares."""
    panel, _ = market
    returns = daily_returns(panel.spot, panel.return_factor)
    members = panel.weights > 0.0
    np.testing.assert_allclose(panel.weights.sum(axis=1), 1.0, rtol=1e-14)
    assert (members.sum(axis=1) == SMALL.names).all()
    for t in range(2, len(panel)):
        if (members[t] == members[t - 1]).all() and np.isfinite(returns[t - 1][members[t]]).all():
            moved = np.where(members[t], panel.weights[t - 1] * (1.0 + np.nan_to_num(returns[t - 1])), 0.0)
            # Issues and buybacks: a fifth of a deviation of order 1 per year, so below .002 a day.
            np.testing.assert_allclose(panel.weights[t], moved / moved.sum(), rtol=2e-3)


def test_prices_do_not_drift_beyond_the_carry():
    """Mean simple return less carry over 40 years: within 3 standard errors of 0."""
    settings = SyntheticMarket(years=40, start="1980-01-01", names=20, events=False, tenors=(30,), deltas=(50,))
    paths = draw_paths(settings)
    excess = np.diff(paths.index_spot) / paths.index_spot[:-1] - 0.02 * np.diff(paths.dates).astype(float) / 365.0
    assert abs(excess.mean()) <= 3.0 * excess.std() / np.sqrt(len(excess))


def test_every_kind_of_event_is_planted_once_at_least(market):
    _, truth = market
    kinds = {event.kind for event in truth.events}
    assert kinds == {"split", "demerger", "merger", "delisting", "left", "joined", "listed"}
    assert [e.session for e in truth.events] == sorted(e.session for e in truth.events)
    assert all(truth.dates[e.session] == e.date and truth.names[e.position] == e.name for e in truth.events)


def test_a_split_changes_price_and_strike_but_not_the_return(market):
    panel, truth = market
    returns = daily_returns(panel.spot, panel.return_factor)
    for event in truth.of_kind("split"):
        t, n = event.session, event.position
        assert event.value in SPLIT_FACTORS
        assert panel.strike_factor[t, n] == panel.return_factor[t, n] == event.value
        jump = panel.spot[t, n] / panel.spot[t - 1, n]
        assert jump == pytest.approx(event.value, rel=0.2)  # the price moved by the split, and by a day's return
        assert abs(returns[t, n]) < 0.2
    split = np.isfinite(panel.strike_factor) & (panel.strike_factor != 1.0)
    assert split.sum() == len(truth.of_kind("split"))


def test_contracts_of_a_demerger_are_replaced_on_unknown_terms_while_its_return_is_known(market):
    panel, truth = market
    returns = daily_returns(panel.spot, panel.return_factor)
    (event,) = truth.of_kind("demerger")
    assert np.isnan(panel.strike_factor[event.session, event.position])
    assert panel.return_factor[event.session, event.position] == event.value == 0.8
    assert abs(returns[event.session, event.position]) < 0.2


@pytest.mark.parametrize("kind", ["merger", "delisting"])
def test_a_name_that_ceases_to_trade_settles_in_cash_and_vanishes(market, kind):
    panel, truth = market
    for event in truth.of_kind(kind):
        t, n = event.session, event.position
        deal = MERGER_JUMP * panel.spot[t - 1, n] if kind == "merger" else 0.0
        assert panel.settlement[t, n] == panel.spot[t, n] == event.value == pytest.approx(deal, rel=1e-12)
        assert np.isnan(panel.spot[t + 1 :, n]).all()
        assert panel.weights[t, n] > 0.0
        assert (panel.weights[t + 1 :, n] == 0.0).all()
        assert np.isnan(panel.component_iv[t:, n]).all()
        assert (panel.component_status[t:, n] == QuoteStatus.NO_QUOTE).all()
        assert np.isfinite(panel.component_iv[t - 30 : t, n]).mean() > 0.8
    assert np.isfinite(panel.settlement).sum() == len(truth.of_kind("merger")) + len(truth.of_kind("delisting"))


def test_members_leave_and_join_on_the_same_session(market):
    panel, truth = market
    for event in truth.of_kind("left"):
        assert panel.weights[event.session - 1, event.position] > 0.0
        assert (panel.weights[event.session :, event.position] == 0.0).all()
        assert np.isfinite(panel.spot[event.session :, event.position]).all()
    for event in truth.of_kind("joined"):
        assert (panel.weights[: event.session, event.position] == 0.0).all()
        assert panel.weights[event.session, event.position] > 0.0
        assert np.isfinite(panel.spot[event.session - 1, event.position])
    for event in truth.of_kind("listed"):
        assert np.isnan(panel.spot[: event.session, event.position]).all()
        assert np.isfinite(panel.spot[event.session, event.position])


@pytest.mark.parametrize("years", [0.3, 1, 7])
def test_any_size_and_seed_can_be_planned(years):
    for seed in range(25):
        paths = draw_paths(SyntheticMarket(years=years, names=5, seed=seed, tenors=(10,)))
        assert (paths.plan.member.sum(axis=1) == 5).all()
        assert (paths.plan.trading | ~paths.plan.member).all()
        assert np.isfinite(paths.spot[paths.plan.member]).all()


def test_reports_come_once_a_quarter_and_move_the_name_more_than_other_days(market):
    panel, truth = market
    quarters = len(np.unique(panel.dates.astype("datetime64[M]").astype(int) // 3))
    assert (truth.earnings.sum(axis=0) == quarters).all()
    returns = np.abs(daily_returns(panel.spot, panel.return_factor))
    on, off = returns[truth.earnings], returns[~truth.earnings]
    assert np.nanmedian(on) > 1.8 * np.nanmedian(off)


def test_a_report_leaves_the_implied_volatility_once_it_is_over(market):
    panel, truth = market
    without, _ = synthetic_market(SMALL, earnings=False)
    bump = panel.component_iv[:, :, 0, 2] - without.component_iv[:, :, 0, 2]
    t, n = (axis[len(axis) // 2] for axis in np.nonzero(truth.earnings & np.isfinite(bump)))
    assert bump[t - 1, n] > 0.02
    assert abs(bump[t, n]) < 1e-6


def test_holes_are_exactly_where_they_were_planted(market):
    panel, truth = market
    whole = truth.missing == QuoteStatus.NO_QUOTE
    wings = (truth.missing == QuoteStatus.BEYOND_DELTA)[..., None] & np.isin(panel.deltas, (10, 90))
    alive = np.isfinite(truth.fair_variance)
    expected = ~alive[..., None] | whole[..., None] | wings
    np.testing.assert_array_equal(np.isnan(panel.component_iv), expected)
    np.testing.assert_array_equal(panel.component_status == QuoteStatus.OK, ~expected)
    np.testing.assert_array_equal((panel.component_status == QuoteStatus.BEYOND_DELTA), wings & alive[..., None])
    index = (truth.index_missing == QuoteStatus.NO_QUOTE)[..., None] | (
        (truth.index_missing == QuoteStatus.BEYOND_DELTA)[..., None] & np.isin(panel.deltas, (10, 90))
    )
    np.testing.assert_array_equal(np.isnan(panel.index_iv), index)
    # 3 % of some 36 000 smiles: a standard error of .1 point.
    assert (truth.missing > 0).mean() == pytest.approx(0.03, abs=0.003)


def test_it_loads_as_a_market_with_its_truth_and_quality_beside_it(market, tmp_path):
    settings = {f.name: getattr(SMALL, f.name) for f in fields(SyntheticMarket)}
    panel = load_market("synthetic", cache=tmp_path, progress=False, **settings)
    for name, values in array_fields(market[0]).items():
        np.testing.assert_array_equal(values, getattr(panel, name), err_msg=name)
    folder = build_panel("synthetic", cache=tmp_path, **settings)
    truth = load_truth(folder)
    assert truth.settings == SMALL
    assert repr(truth.events) == repr(market[1].events)
    for field in ("implied_correlation", "fair_variance", "fair_index_variance", "missing", "earnings", "level"):
        np.testing.assert_array_equal(getattr(truth, field), getattr(market[1], field), err_msg=field)
    quality = load_quality(folder)
    cells = panel.component_iv.size + panel.index_iv.size
    assert quality["rows"].sum() == cells
    kept = quality.filter(quality["reason"] == "kept")["rows"].sum()
    assert kept == np.isfinite(panel.component_iv).sum() + np.isfinite(panel.index_iv).sum()


def test_a_folder_without_truth_is_named(tmp_path):
    with pytest.raises(InputError, match="only synthetic panels have a truth"):
        load_truth(tmp_path)


def test_whole_numbers_and_lists_make_the_same_market_as_decimals_and_tuples():
    assert SyntheticMarket(years=2, vol_premium=0, tenors=[10, 30]) == SyntheticMarket(
        years=2.0, vol_premium=0.0, tenors=(10, 30)
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"names": 3}, "names=3: with events at least 5"),
        ({"years": 0}, "years=0.0: with events a quarter year"),
        ({"tenors": (30, 10)}, "tenors=.*ascending"),
        ({"deltas": (50, 100)}, "percent between 0 and 100"),
        ({"dtype": "float16"}, "dtype=float16 is unknown"),
        ({"start": "yesterday"}, "start=yesterday is not a date"),
        ({"missing_rate": 5}, "missing_rate=5.0 is not a fraction"),
        ({"component_vol": 0}, "component_vol=0.0 must be positive"),
        ({"leverage": -2}, "leverage=-2.0 is not a correlation"),
        ({"level_noise": 0.5}, "level_noise=0.5 has no finite variance"),
        ({"correlation_noise": 0.6}, "correlation_noise=0.6 would leave 0..1"),
    ],
)
def test_settings_no_market_can_have_are_input_errors(settings, message):
    with pytest.raises(InputError, match=message):
        SyntheticMarket(**settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"correlation_premium": -0.5}, "raise correlation_premium"),
        ({"skew": -2.0}, "make a volatility negative"),
    ],
)
def test_premia_no_index_can_have_are_input_errors(settings, message):
    with pytest.raises(InputError, match=message):
        synthetic_market(SMALL, **settings)
