"""Early exits: what is sold, when, at what cost - against loops, and against a book followed only that far."""

import numpy as np
import pytest
from reference_backtest import vega_neutral_backtest

from engine.backend import namespace, to_host
from engine.backtest import (
    AbstractStrategy,
    EarlyExit,
    MarketView,
    NextEntry,
    Recipe,
    Roll,
    ShortestTenor,
    Straddle,
    VegaNeutral,
    VolPoints,
    Weekly,
    backtest,
    build_book,
)
from engine.backtest.batch import stack
from engine.backtest.contracts.structure import LegStatus
from engine.correlation import AllMembers
from engine.errors import InputError
from engine.testing import small_market

COSTS = VolPoints(index=0.25, component=0.8, hedge_bps=2.0)


class OnAndOff(AbstractStrategy):
    """Three weeks short correlation, two weeks long."""

    def exposure(self, market):
        xp = namespace(market.weights)
        return xp.where(xp.arange(len(market.dates)) % 25 < 15, 1.0, -1.0)


RULES = {
    "stop": EarlyExit(stop=0.5),
    "target": EarlyExit(target=0.5),
    "days": EarlyExit(days_left=8),
    "signal": EarlyExit(with_signal=True),
    "shortest tenor": ShortestTenor(),
    "sessions": EarlyExit(sessions=7),
    "band": EarlyExit(band=0.02),
    "correlation": EarlyExit(correlation_low=0.25, correlation_high=0.5),
    "next entry": NextEntry(),
    "all": EarlyExit(
        stop=1.0,
        target=0.7,
        days_left=5,
        sessions=14,
        band=0.03,
        correlation_low=0.2,
        correlation_high=0.6,
        with_signal=True,
    ),
}


def run(panel, exits, lag=1, **choices):
    choices = {"basket": AllMembers(), "structure": Straddle(25), "schedule": Weekly(), "costs": COSTS} | choices
    return backtest(panel, OnAndOff(), exits=exits, lag=lag, **choices)


def assert_equal(found, expected):
    np.testing.assert_array_equal(to_host(found), to_host(expected))


def first_day(exits, panel, book, c, entry_exposure, exposure, lag):
    """The holding day on which cohort c is sold, found by walking its days."""
    entry, life = int(book.cohorts.entry[c]), int(book.cohorts.life[c])
    pnl = 0.0
    due = []
    if isinstance(exits, NextEntry):
        return min([life, *(int(e) - entry for e in book.cohorts.entry[c + 1 : c + 2])])
    correlation = MarketView(panel, AllMembers()).implied_correlation(30)
    for day in range(1, life + 1):
        if isinstance(exits, ShortestTenor):
            known = panel.listed is None and entry + day + 1 < len(panel)
            if known and (book.cohorts.expiry[c] - panel.dates[entry + day + 1]).astype(int) < panel.tenors[0]:
                due.append(day)
            continue
        pnl += np.sign(entry_exposure) * book.explain[c, day].sum()
        if pnl >= exits.target or pnl <= -exits.stop:
            due.append(day + lag)
        if (book.cohorts.expiry[c] - panel.dates[entry + day]).astype(int) <= exits.days_left:
            due.append(day)
        close = entry + day
        if abs(panel.index_spot[close] / panel.index_spot[entry] - 1.0) > exits.band:
            due.append(day + lag)
        if correlation[close] <= exits.correlation_low or correlation[close] >= exits.correlation_high:
            due.append(day + lag)
        if day >= exits.sessions:
            due.append(day)
        if exits.with_signal and exposure[entry + day - lag] * entry_exposure <= 0:
            due.append(day)
    return min([*due, life])


@pytest.mark.parametrize("listed", [False, True], ids=["grid", "listed"])
@pytest.mark.parametrize("lag", [1, 3])
@pytest.mark.parametrize("rule", RULES)
def test_early_exits_equal_the_loop_over_every_leg(rule, lag, listed):
    panel = small_market(50, listed=listed)
    result = run(panel, RULES[rule], lag)
    book, exposure = result.book, OnAndOff().exposure(panel)
    entries = book.cohorts.entry
    entry_exposure = exposure[entries - lag]
    days = [
        first_day(RULES[rule], panel, book, c, entry_exposure[c], exposure, lag) if book.entered[c] else 0
        for c in range(len(entries))
    ]
    np.testing.assert_array_equal(result.exit_day[0][book.entered], np.array(days)[book.entered])
    early = [int(e + d) if d < life else None for e, d, life in zip(entries, days, book.cohorts.life, strict=True)]
    assert any(early) or (rule == "shortest tenor" and listed)
    gross, cost = vega_neutral_backtest(panel, panel.weights, entries, entry_exposure, 25, 100_000.0, COSTS, sell=early)
    # As for the book held to expiry: the largest intermediate is about 1e7, so 1e-5 is 12 digits.
    np.testing.assert_allclose(result.pnl_gross[0], gross, rtol=0, atol=1e-5)
    np.testing.assert_allclose(result.cost[0], cost, rtol=0, atol=1e-5)


@pytest.mark.parametrize("rule", RULES)
def test_explain_and_ledger_sum_to_the_daily_pnl_of_what_was_held(rule):
    panel = small_market(51)
    result = run(panel, RULES[rule])
    daily, ledger = result.daily(), result.ledger()
    scale = np.abs(daily["pnl_gross"].to_numpy()).max()
    explained = result.explain().sum(axis=1)
    np.testing.assert_allclose(explained, daily["pnl_gross"].to_numpy(), rtol=0, atol=1e-9 * scale)  # rounding
    for column in ("pnl_gross", "cost", "pnl_net"):
        assert ledger[column].sum() == pytest.approx(daily[column].sum(), rel=1e-9)
    assert result.summary()["cohorts_exited"] == ledger.filter(ledger["status"] == "exited")["cohort"].n_unique() > 0


def test_a_book_followed_only_to_the_exits_is_the_reduction_of_the_whole_one(xp):
    panel = small_market(52).to(xp.__name__)
    result = run(panel, RULES["all"])
    book = result.book
    sold = build_book(panel, result.view.weights, book.cohorts.until(result.exit_day[0]), Recipe(Straddle(25)))
    assert (sold.cohorts.outcome == LegStatus.EXITED).any()
    for c, day in enumerate(result.exit_day[0]):
        if not book.entered[c]:
            continue
        # The same marks reduced over the same legs.
        assert_equal(sold.explain[c, 1 : day + 1], book.explain[c, 1 : day + 1])
        if day < book.cohorts.life[c]:
            assert_equal(sold.vega_traded[c, day], book.vega_traded[c, day] + book.vega_held[c, day])
            assert_equal(sold.hedge_traded[c, day], book.hedge_held[c, day])
        assert not sold.explain[c, day + 1 :].any()


def test_exits_batch_bit_for_bit():
    panel = small_market(53)
    rules = [EarlyExit(stop=s, target=t, days_left=d) for s, t, d in ((0.3, 9, 0), (1, 0.4, 3), (np.inf, np.inf, 10))]
    rules += [
        EarlyExit(sessions=6),
        EarlyExit(band=0.02),
        EarlyExit(correlation_low=0.2),
        EarlyExit(correlation_high=0.6),
    ]
    together = run(panel, stack(rules), sizing=stack([VegaNeutral()] * len(rules)), costs=stack([COSTS] * len(rules)))
    for p, rule in enumerate(rules):
        alone = run(panel, rule)
        for name in ("pnl_gross", "option_cost", "hedge_cost", "exit_day"):
            np.testing.assert_array_equal(getattr(together, name)[p], getattr(alone, name)[0])
        assert together.summary(p) == pytest.approx(alone.summary(), rel=0, abs=0, nan_ok=True)
        assert together.ledger(p).equals(alone.ledger())


def test_an_exit_that_never_comes_is_holding_to_expiry():
    panel = small_market(54)
    kept, never = run(panel, None), run(panel, EarlyExit())
    for name in ("pnl_gross", "option_cost", "hedge_cost"):
        np.testing.assert_array_equal(getattr(kept, name), getattr(never, name))
    assert kept.summary() == pytest.approx(never.summary(), rel=1e-12, nan_ok=True)  # sums in another order


def test_at_the_shortest_tenor_cohorts_are_sold_at_the_last_close_that_it_reaches():
    panel = small_market(56, missing=0.0, events=False)
    kept, sold = (run(panel, exits) for exits in (None, ShortestTenor()))
    cohorts = sold.book.cohorts
    days_left = cohorts.days_left(panel.dates, cohorts.sessions(panel.dates, sold.book.days))
    exited = np.flatnonzero(sold.exit_day[0] < cohorts.life)
    assert len(exited) > 5
    for c in exited:
        day = sold.exit_day[0, c]
        assert days_left[c, day] >= panel.tenors[0] > days_left[c, day + 1]
    assert sold.summary()["beyond_tenors_share"] == 0.0 < kept.summary()["beyond_tenors_share"]
    assert sold.summary()["beyond_deltas_share"] > 0.0


def test_listed_expiries_have_no_shortest_tenor():
    panel = small_market(57, listed=True)
    kept, within = run(panel, None), run(panel, ShortestTenor())
    np.testing.assert_array_equal(within.exit_day[0], kept.book.cohorts.life)
    np.testing.assert_array_equal(within.pnl_gross, kept.pnl_gross)


def test_a_surface_that_reaches_no_session_after_entry_is_refused():
    with pytest.raises(InputError, match=r"shortest tenor of 10 days; choose a longer structure\.tenor"):
        run(small_market(58), ShortestTenor(), structure=Straddle(10))


def test_selling_pays_the_spread_again():
    panel = small_market(55, missing=0.0, events=False)
    kept = run(panel, None, costs=VolPoints(0.25, 0.8, 0.0, 0.0))
    sold = run(panel, EarlyExit(days_left=20), costs=VolPoints(0.25, 0.8, 0.0, 0.0))
    assert sold.option_cost.sum() > 1.5 * kept.option_cost.sum()
    assert sold.carried_exposure().sum() < 0.5 * kept.carried_exposure().sum()


def test_a_negative_stop_is_refused():
    with pytest.raises(InputError, match=r"EarlyExit\.stop=-1.* is below 0"):
        EarlyExit(stop=-1.0)


def test_a_rolled_trade_holds_one_cohort_at_a_time():
    panel = small_market(59, missing=0.0, events=False)
    result = run(panel, NextEntry(), schedule=Roll(days=6))
    cohorts = result.book.cohorts
    np.testing.assert_array_equal(cohorts.entry[:-1] + result.exit_day[0, :-1], cohorts.entry[1:])
    assert result.summary()["cohorts_exited"] > 2
    np.testing.assert_array_equal(np.abs(result.carried_exposure()[cohorts.entry[0] : cohorts.entry[-1]]), 1.0)
