"""Limits at each entry: caps that are hit exactly, cohorts that are blocked, and what is told of them."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from engine.backtest import (
    CorrelationSwap,
    DailyDelta,
    EarlyExit,
    HoldToExpiry,
    Limits,
    ListedMarks,
    Strangle,
    Weekly,
    backtest,
)
from engine.backtest.cohorts.recipe import Recipe
from engine.backtest.outcome.shared_hedges import _positions
from engine.backtest.risk.crises import STRESSES
from engine.backtest.risk.limits import LIMITS
from engine.backtest.risk.positions import marked
from engine.errors import InputError
from engine.testing import poisoned, small_market
from strategies.reverse_dispersion import ReverseDispersion
from strategies.short_correlation import ShortCorrelation

ROUNDING = 1e-9  # sums over some hundred legs
# Of what the unlimited book holds at most; each binds on some entries and not on others.
SHARE = 0.6


@pytest.fixture(scope="module")
def market():
    return small_market(9, sessions=110)


def run(market, limits=None, **choices):
    choices.setdefault("schedule", Weekly())
    return backtest(market, choices.pop("strategy", ShortCorrelation()), limits=limits, **choices)


def measured(market, choices, exposure, session, name):
    """A book with these exposures on one session, by the position sheet's code on one cohort after the other."""
    result = run(market, **choices)
    entered = np.asarray(exposure, dtype=float)[None]
    result = replace(result, accounts=replace(result.accounts, entry_exposure=entered))
    if name == "stress_loss":
        found = result.stress(dates=[market.dates[session]])
        assert found.height == len(STRESSES)
        return max(-found["pnl_gross"].to_numpy().min(), 0.0)
    vega, short, by_name = 0.0, 0.0, np.zeros(len(market.names))
    for _, positions in _positions(result):
        ours = positions[np.flatnonzero(positions.held_on(market, session))]
        if not len(ours):
            continue
        found = marked(market, ours, session, DailyDelta())
        vega += found["vega"][ours.leg < 0].sum()
        short += -np.minimum(found["gamma"], 0.0).sum()
        np.add.at(by_name, ours.leg[ours.leg >= 0], found["vega"][ours.leg >= 0])
    if name == "name_vega":
        return np.abs(by_name).max()
    if name == "short_gamma":
        return short
    return abs(vega) * slope_by_loops(market, result.view.weights[session], session, result)


def slope_by_loops(market, weights, session, result):
    """d s_I / d rho at the tenor nearest to 30 days, which all cohorts of the test are measured at."""
    k, d = 1, int(np.abs(np.asarray(market.deltas) - 50).argmin())
    assert market.tenors[k] == 30
    index, total, own, held = float(market.index_iv[session, k, d]), 0.0, 0.0, 0.0
    for n, weight in enumerate(weights):
        if np.isfinite(market.component_iv[session, n, k, d]):
            held += weight
    for n, weight in enumerate(weights):
        vol = float(market.component_iv[session, n, k, d])
        if np.isfinite(vol):
            total += weight / held * vol
            own += (weight / held * vol) ** 2
    return (total**2 - own) / (2.0 * index)


CHOICES: dict[str, Any] = {
    "expiry": {"exits": HoldToExpiry()},
    "early": {"exits": EarlyExit(sessions=8)},
    "strangle": {"structure": Strangle()},
}


@pytest.mark.parametrize("name", [name for name in LIMITS if name != "correlation_vega"])
@pytest.mark.parametrize("choices", CHOICES.values(), ids=CHOICES)
def test_what_is_scaled_hits_its_limit_exactly_and_nothing_exceeds_it(market, name, choices):
    free = run(market, **choices)
    entry = free.book.cohorts.entry
    sizes = [measured(market, choices, free.entry_exposure[0], int(t), name) for t in entry]
    cap = SHARE * max(sizes)
    caps: Any = {name: cap}
    limited = run(market, Limits(**caps), **choices)
    log = {row["cohort"]: row for row in limited.limits().iter_rows(named=True)}
    assert 0 < len(log) < len(entry)
    exposure = np.zeros(len(entry))
    for c, t in enumerate(entry):
        before = measured(market, choices, exposure, int(t), name)
        exposure[c] = free.entry_exposure[0, c]
        if exposure[c] == 0.0:
            continue
        asked = measured(market, choices, exposure, int(t), name)
        exposure[c] = limited.entry_exposure[0, c]
        entered = measured(market, choices, exposure, int(t), name)
        if c in log:
            assert log[c]["limit"] == name
            assert asked > cap
            assert entered == pytest.approx(max(cap, before), rel=ROUNDING)
            assert (log[c]["action"] == "blocked") == (before >= cap)
        else:
            assert exposure[c] == free.entry_exposure[0, c]
            assert entered <= max(cap, before) * (1.0 + ROUNDING)


def test_correlation_vega_is_that_of_the_index_legs_times_the_slope(market):
    choices = CHOICES["expiry"]
    free = run(market, **choices)
    t = int(free.book.cohorts.entry[np.flatnonzero(free.entry_exposure[0])[0]])
    alone = measured(market, choices, free.entry_exposure[0], t, "correlation_vega")
    limited = run(market, Limits(correlation_vega=0.25 * alone), **choices)
    (first,) = limited.limits().head(1).iter_rows(named=True)
    assert (first["limit"], first["held"]) == ("correlation_vega", 0.0)
    assert first["size"] == pytest.approx(alone, rel=ROUNDING)
    assert first["exposure"] == pytest.approx(0.25, rel=ROUNDING)


@pytest.mark.parametrize("action", ["scale", "block"])
def test_the_ledger_and_the_log_say_what_was_done(market, action):
    limited = run(market, Limits(name_vega=3e4, action=action))
    log, ledger = limited.limits(), limited.ledger()
    assert set(log["action"]) <= ({"scaled", "blocked"} if action == "scale" else {"blocked"})
    assert (log["size"] > 3e4).all()
    blocked = log.filter(log["action"] == "blocked")["cohort"]
    assert not ledger["cohort"].cast(int).is_in(blocked.implode()).any()
    scaled = set(log.filter(log["action"] == "scaled")["cohort"])
    assert set(ledger.filter(ledger["action"] == "scaled")["cohort"]) == scaled
    assert ledger["pnl_net"].sum() == pytest.approx(limited.pnl_net.sum(), rel=ROUNDING)


def test_without_a_limit_nothing_changes(market):
    free, same = run(market), run(market, Limits())
    np.testing.assert_array_equal(same.pnl_net, free.pnl_net)
    assert same.limits().is_empty()
    assert "action" not in same.ledger().columns


def test_a_batch_of_limits_is_each_by_itself(market):
    caps = np.array([[2e4], [5e4], [np.inf]])
    columns: Any = {"name_vega": caps, "stress_loss": np.array([[np.inf], [2e6], [1e6]])}
    batch, told = run(market, Limits(**columns)), ["cohort", "limit", "action"]
    for p in range(3):
        of_one: Any = {name: float(column[p, 0]) for name, column in columns.items()}
        one = run(market, Limits(**of_one))
        np.testing.assert_allclose(batch.entry_exposure[p], one.entry_exposure[0], rtol=1e-12)
        assert batch.limits(p).select(told).equals(one.limits().select(told))


def test_long_correlation_is_limited_the_other_way_round(market):
    """An exposure of -1 is short the members: their gamma is what is short, and the losses are gains."""
    strategy = ReverseDispersion(window=20, enter=-9.0, leave=-10.0)
    free = run(market, strategy=strategy)
    assert (free.entry_exposure <= 0.0).all()
    assert free.entry_exposure.any()
    limited = run(market, Limits(short_gamma=1e5), strategy=strategy)
    assert len(limited.limits())
    assert (np.abs(limited.entry_exposure) <= np.abs(free.entry_exposure)).all()


def test_no_limit_knows_later_days(market):
    limits = Limits(name_vega=3e4, stress_loss=2e6)
    truth = run(market, limits)
    for t in (30, 60, 90):
        with np.errstate(all="ignore"):
            other = run(poisoned(market, t), limits)
        for name in ("pnl_gross", "option_cost", "hedge_cost"):
            np.testing.assert_array_equal(getattr(other, name)[:, : t + 1], getattr(truth, name)[:, : t + 1])


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Limits(name_vega=-1.0), "name_vega"),
        (lambda: Limits(action="sell"), "choose scale or block"),
        (lambda: run(small_market(), Limits(stress_loss=1.0), hedge=DailyDelta(vol="realized")), "past returns"),
        (lambda: run(small_market(), Limits(stress_loss=1.0), structure=CorrelationSwap()), "correlation swap"),
    ],
)
def test_limits_that_cannot_be_are_refused(make, match):
    with pytest.raises(InputError, match=match):
        make()


def test_whole_lots_are_blocked_and_not_scaled():
    listed = SimpleNamespace(recipe=Recipe(marks=ListedMarks()))
    Limits(name_vega=1.0, action="block")._check(listed)
    with pytest.raises(InputError, match=r"use limits\.action=block"):
        Limits(name_vega=1.0)._check(listed)


def test_limits_that_leave_nothing_are_named_and_not_the_strategy():
    result = backtest(small_market(), ShortCorrelation(), limits=Limits(correlation_vega=0.0))
    assert [caution.text for caution in result.cautions() if "nothing was traded" in caution.text] == [
        f"nothing was traded: limits blocked all {result.limits().height} cohorts that the strategy asked for"
    ]


def test_a_share_that_is_no_position_is_none():
    result = backtest(small_market(), ShortCorrelation(), limits=Limits(stress_loss=1e-300))
    assert not result.entry_exposure.any()
    assert set(result.limits()["action"]) == {"blocked"}
