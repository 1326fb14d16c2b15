"""Correlation swaps: against a loop over pairs and days, worlds whose correlation is known, and what is refused."""

import math
from dataclasses import replace

import numpy as np
import pytest
from reference_backtest import days_between

from engine.backtest import (
    CorrelationSwap,
    DailyDelta,
    EarlyExit,
    Monthly,
    NoCosts,
    NoHedge,
    Straddle,
    StressCap,
    ThetaNeutral,
    VolPoints,
    Weekly,
    backtest,
)
from engine.backtest.contracts.structure import LegStatus, choose_contracts
from engine.backtest.explain.split import SPLIT
from engine.backtest.legs.attribution import PARTS
from engine.backtest.legs.correlation_swap import CorrelationLegs
from engine.backtest.outcome.wording import hedge_line
from engine.correlation import AllMembers, implied_correlation
from engine.errors import InputError
from engine.pricing import model_free_vol
from engine.testing import poisoned, small_market
from strategies.short_correlation import ShortCorrelation

SWAP = CorrelationSwap(28)
CLOSES = 252 * 28 / 365


def run(panel, **choices):
    choices = {"basket": AllMembers(), "schedule": Weekly(), "costs": NoCosts()} | choices
    return backtest(panel, ShortCorrelation(), structure=SWAP, **choices)


def mean_of_pairs(returns, weights, vols=None, left=0.0, correlation=0.0):
    """Weighted mean of the correlations of all pairs, each of its own loop over days."""
    above = below = 0.0
    count = len(weights)
    for i in range(count):
        for j in range(count):
            if i == j:
                continue
            cov, own_i, own_j = (sum(a * b for a, b in zip(x, y, strict=True)) for x, y in _of(returns, i, j))
            if left:
                cov += correlation * vols[i] * vols[j] * left
                own_i, own_j = own_i + vols[i] ** 2 * left, own_j + vols[j] ** 2 * left
            above += weights[i] * weights[j] * cov / math.sqrt(own_i * own_j)
            below += weights[i] * weights[j]
    return above / below


def _of(returns, i, j):
    return (returns[i], returns[j]), (returns[i], returns[i]), (returns[j], returns[j])


def log_returns(panel, name, first, last):
    """Of each day since the last day with a price; 0 without one."""
    returns, before, factor = [], panel.spot[first, name], 1.0
    for t in range(first + 1, last + 1):
        acts = panel.return_factor[t, name]
        factor *= acts if np.isfinite(acts) else 1.0
        price = panel.spot[t, name]
        returns.append(math.log(price / (before * factor)) if np.isfinite(price) else 0.0)
        if np.isfinite(price):
            before, factor = price, 1.0
    return returns


@pytest.mark.parametrize("listed", [False, True], ids=["grid", "listed"])
def test_a_swap_held_to_expiry_pays_the_mean_correlation_of_all_pairs_less_its_strike(listed):
    panel = small_market(50, sessions=120, events=False, missing=0.0, listed=listed)
    book = run(panel).book
    compared = 0
    for c in np.flatnonzero(book.cohorts.settled & book.entered):
        entry, last = book.cohorts.entry[c], book.cohorts.last[c]
        held = np.flatnonzero(book.legs.units[c, 1:]) + 1
        names, weights = book.legs.name[c, held], book.legs.units[c, held]
        returns = [log_returns(panel, n, entry, last) for n in names]
        pays = mean_of_pairs(returns, weights) - book.legs.strike[c, 0, 0]
        assert book.legs.exit_value[c, 0, 0] == pytest.approx(pays, rel=1e-10)
        financing = book.legs.financing[c, 0, 0]
        assert book.explain[c].sum() - financing == pytest.approx(book.legs.units[c, 0] * pays, rel=1e-9)
        assert book.legs.value[c, 0, 0] == 0.0
        compared += 1
    assert compared > 12
    assert not book.legs.pnl_option[:, 1:].any(), "members only weigh"


def test_the_strike_is_the_implied_correlation_less_what_few_closes_lose_of_it():
    panel = small_market(51, events=False, missing=0.0)
    flat = replace(
        panel,
        index_iv=np.full_like(panel.index_iv, 0.19, dtype=float),
        component_iv=np.broadcast_to(
            np.linspace(0.2, 0.4, panel.spot.shape[1])[None, :, None, None], panel.component_iv.shape
        ).copy(),
    )
    book = run(flat).book
    c = int(np.flatnonzero(book.entered)[0])
    entry = book.cohorts.entry[c]
    vols = flat.component_iv[entry, :, 0, 0]
    clean = implied_correlation(np.array([0.19]), vols[None], panel.weights[entry][None]).clean[0]
    assert book.legs.strike[c, 0, 0] == pytest.approx(clean - clean * (1.0 - clean**2) / (2.0 * CLOSES), rel=1e-9)
    assert book.legs.iv[c, 0, 0] == pytest.approx(clean, rel=1e-9)
    np.testing.assert_allclose(book.vega_traded[c, 0], [1.0, 0.0], rtol=1e-12)


def test_a_mark_is_that_of_a_loop_over_pairs_with_what_has_accrued_and_what_is_left():
    panel = small_market(52, events=False, missing=0.0)
    cohorts = choose_contracts(panel, np.array([10, 21]), SWAP)
    held = np.flatnonzero(panel.weights[10] > 0.0)
    name, weight = np.tile(held, (2, 1)), panel.weights[[10, 21]][:, held]
    legs = CorrelationLegs(panel, cohorts, name, 20, SWAP)
    legs.weigh(weight)
    (found,) = legs.instruments
    for c, entry in enumerate((10, 21)):
        for day in (0, 1, 7, 15):
            left = days_between(cohorts.expiry[c], panel.dates[entry + day]) / 365.0
            smiles = legs.marks.smile[c, :, day]
            vols = np.array([model_free_vol(smile, panel.deltas, left) for smile in smiles])
            first, own = weight[c] @ vols[1:], weight[c] ** 2 @ vols[1:] ** 2
            correlation = (vols[0] ** 2 * weight[c].sum() ** 2 - own) / (first**2 - own)
            returns = [log_returns(panel, n, entry, entry + day) for n in held]
            plugged = mean_of_pairs(returns, weight[c], vols[1:], left, correlation)
            expected = plugged - plugged * (1.0 - plugged**2) * 252 * left / (2.0 * CLOSES**2)
            value = math.exp(-panel.rate[entry + day] * left) * (expected - found.strike[c, 0])
            assert found.greeks.value[c, 0, day] == pytest.approx(value, rel=1e-9, abs=1e-13)
    # vega is the slope by implied correlation, at returns and volatilities as they are
    for step in (1e-5,):
        up, down = (found._worth(found._at_marks, found._implied + way * step, found._left)[0] for way in (1, -1))
        np.testing.assert_allclose(found.greeks.vega[:, 0], 0.01 * (up - down) / (2.0 * step), rtol=1e-6, atol=1e-12)


def test_names_that_move_as_one_pay_one_and_two_that_move_apart_minus_one():
    panel = small_market(53, events=False, missing=0.0)
    shape = np.exp(np.cumsum(0.01 * np.random.default_rng(0).standard_normal(len(panel.dates))))
    names = panel.spot.shape[1]
    for sign, last, pays in ((1.0, names, 1.0), (-1.0, 2, -1.0)):
        weights = np.where(np.arange(names) < last, panel.weights, 0.0)
        spot = np.stack([100.0 * shape ** (sign if n % 2 else 1.0) for n in range(names)], axis=1)
        market = replace(panel, spot=spot, weights=weights / weights.sum(axis=1, keepdims=True))
        book = run(market).book
        ended = book.cohorts.settled & book.entered
        assert ended.sum() > 5
        np.testing.assert_allclose((book.legs.exit_value + book.legs.strike)[ended, 0, 0], pays, rtol=1e-12)


def test_a_member_that_is_settled_early_leaves_the_basket():
    panel = small_market(54, sessions=120, missing=0.0)
    book = run(panel).book
    left = 0
    for c in np.flatnonzero(book.cohorts.settled & book.entered):
        entry, last = book.cohorts.entry[c], book.cohorts.last[c]
        held = np.flatnonzero(book.legs.units[c, 1:]) + 1
        stays = held[book.legs.status[c, held] == LegStatus.EXPIRED]
        if len(stays) == len(held):
            continue
        returns = [log_returns(panel, n, entry, last) for n in book.legs.name[c, stays]]
        pays = mean_of_pairs(returns, book.legs.units[c, stays]) - book.legs.strike[c, 0, 0]
        assert book.legs.exit_value[c, 0, 0] == pytest.approx(pays, rel=1e-10)
        left += 1
    assert left > 1


def test_a_name_without_a_price_at_entry_is_not_in_the_basket_and_harms_none_that_is():
    panel = small_market(61, sessions=110, events=False, missing=0.0, listed=True)
    spot = panel.spot.copy()
    spot[20:24, 1] = np.nan  # its options are quoted, and their forward
    spot[60:, 2] = np.nan
    gaps = replace(panel, spot=spot)
    result = run(gaps)
    assert np.isfinite(result.pnl_gross).all()
    legs, entry = result.book.legs, result.book.cohorts.entry
    for c in np.flatnonzero(result.book.entered):
        held = set(legs.name[c, 1:][legs.units[c, 1:] != 0.0].tolist())
        assert held == {n for n in range(panel.spot.shape[1]) if np.isfinite(spot[entry[c], n])}


def test_long_is_the_opposite_of_short_and_a_split_is_no_return():
    panel = small_market(55, missing=0.0)
    short, long = (
        run(panel, exits=EarlyExit(sessions=12))
        if level > 0
        else backtest(
            panel,
            Reverse(),
            structure=SWAP,
            basket=AllMembers(),
            schedule=Weekly(),
            costs=NoCosts(),
            exits=EarlyExit(sessions=12),
        )
        for level in (1.0, -1.0)
    )
    np.testing.assert_array_equal(short.pnl_gross, -long.pnl_gross)
    assert np.abs(short.pnl_gross).sum() > 1e5
    spot, factor = panel.spot.copy(), panel.strike_factor.copy()
    spot[30:, 0] /= 0.2
    factor[30, 0] = 1.0
    undone = replace(panel, spot=spot, strike_factor=factor, return_factor=factor.copy())
    original, restated = run(panel).pnl_gross, run(undone).pnl_gross
    np.testing.assert_allclose(restated, original, rtol=0, atol=1e-9 * np.abs(original).max())


class Reverse(ShortCorrelation):
    def exposure(self, market):
        return -super().exposure(market)


def test_nothing_up_to_a_day_depends_on_later_days():
    panel = small_market(56, sessions=110)
    costs = VolPoints()
    truth = run(panel, costs=costs)
    for t in (25, 52, 80):
        with np.errstate(all="ignore"):
            other = run(poisoned(panel, t), costs=costs)
        for name in ("pnl_gross", "option_cost"):
            np.testing.assert_array_equal(getattr(other, name)[:, : t + 1], getattr(truth, name)[:, : t + 1])
        assert (other.pnl_gross[:, t + 1 :] != truth.pnl_gross[:, t + 1 :]).any()


def test_all_that_it_earns_is_correlation_and_its_explain_sums_to_it():
    panel = small_market(57)
    result = run(panel)
    split, daily = result.split(), result.daily()
    assert not split.select("volatility", "index_minus_basket").to_numpy().any()
    np.testing.assert_allclose(split.select(SPLIT).sum_horizontal(), daily["pnl_gross"], rtol=0, atol=1e-6)
    np.testing.assert_allclose(daily.select(PARTS).sum_horizontal(), daily["pnl_gross"], rtol=0, atol=1e-6)
    assert not daily.select("delta", "hedge").to_numpy().any()
    assert daily["vanna_volga"].to_numpy().any()
    ledger = result.ledger()
    assert set(ledger["instrument"]) == {"correlation"}
    assert set(ledger["leg"]) == {panel.info.index}


def test_what_has_no_meaning_for_it_is_refused():
    panel = small_market(58)
    with pytest.raises(InputError, match=r"ThetaNeutral sizes .* and CorrelationSwap\.index holds correlation"):
        run(panel, sizing=ThetaNeutral())
    with pytest.raises(InputError, match="a correlation swap's is its strike"):
        run(panel).breakeven_correlation(panel.dates[40])
    for choice in ({"scale": StressCap()}, {"hedge": DailyDelta(vol="realized", window=10)}):
        with pytest.raises(InputError, match="a correlation swap is no contract of one leg"):
            run(panel, **choice)
    beside = type(
        "Own", (), {"tenor": 28, "min_days": 7, "min_coverage": 0.8, "index": 2 * SWAP.index, "members": SWAP.members}
    )
    with pytest.raises(InputError, match="Own holds a correlation swap beside something else"):
        backtest(panel, ShortCorrelation(), structure=beside())


@pytest.mark.parametrize("cut", [50_000, 400_000])
def test_it_is_the_same_whatever_memory_it_may_take(cut):
    from engine.backtest import Recipe, build_book

    panel = small_market(59, sessions=110)
    cohorts = choose_contracts(panel, Monthly().entries(panel.dates, 1), SWAP)
    whole, parts = (build_book(panel, panel.weights, cohorts, Recipe(SWAP), budget) for budget in (None, cut))
    np.testing.assert_array_equal(parts.explain, whole.explain)


@pytest.mark.parametrize(
    ("structure", "hedge", "said"),
    [
        (CorrelationSwap(25), DailyDelta(), "Nothing is hedged: a correlation swap has no delta"),
        (Straddle(25), NoHedge(), "Nothing is hedged"),
        (Straddle(25), DailyDelta(), "Hedged with the forward on spot"),
    ],
)
def test_what_is_hedged_is_said(structure, hedge, said):
    result = backtest(small_market(), ShortCorrelation(), structure=structure, hedge=hedge)
    assert hedge_line(result).startswith(f"{said}; forwards:")
