"""An index that changes its members while a cohort is open: whoever was chosen at the close before the entry stays."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from engine.backtest import NoCosts, OnDates, Straddle, backtest
from engine.correlation import AllMembers, TopWeights
from engine.data import MarketPanel
from engine.kernels import switched_off
from strategies.short_correlation import ShortCorrelation

DAYS = [day for n in range(60) if (day := date(2026, 1, 5) + timedelta(n)).weekday() < 5]
CHANGE = 10  # at this close C takes the place of A, and B weighs more
BEFORE, AFTER = {"A": 0.6, "B": 0.4}, {"B": 0.7, "C": 0.3}


def market(change: int | None):
    """Three names that are quoted throughout, and weights of the close they are dated."""
    names = {"IDX": 1000.0, "A": 50.0, "B": 80.0, "C": 120.0}
    close = {x: p * np.exp(0.02 * np.sin(0.7 * np.arange(len(DAYS)) + p)) for x, p in names.items()}
    iv = [
        (day, x, k, d, 0.2 + 0.001 * n + 0.0005 * t)
        for t, day in enumerate(DAYS)
        for n, x in enumerate(names)
        for k in (5, 60)
        for d in (25, 50, 75)
    ]
    weights = [
        (day, x, w)
        for t, day in enumerate(DAYS)
        for x, w in (BEFORE if change is None or t < change else AFTER).items()
    ]
    return MarketPanel.from_frames(
        pl.DataFrame(iv, schema=["date", "ticker", "tenor", "delta", "iv"], orient="row"),
        pl.DataFrame(weights, schema=["date", "ticker", "weight"], orient="row"),
        pl.DataFrame(
            [(day, x, close[x][t]) for x in names for t, day in enumerate(DAYS)],
            schema=["date", "ticker", "close"],
            orient="row",
        ),
        rates=0.01,
        index="IDX",
    )


def run(panel, *sessions, basket=None):
    schedule = OnDates(tuple(str(DAYS[t]) for t in sessions))
    choices = {"basket": basket or AllMembers(), "schedule": schedule, "costs": NoCosts(), "structure": Straddle(30)}
    return backtest(panel, ShortCorrelation(), **choices)


def members(result, cohort):
    rows = result.ledger().filter(cohort=cohort, leg_class="component")
    return dict(rows.select("leg", "entry_vega").iter_rows())


@pytest.mark.parametrize("kernels", [True, False])
@pytest.mark.parametrize("basket", [AllMembers(), TopWeights(2)], ids=["all", "top"])
def test_who_was_a_member_at_the_close_before_the_entry_is_held_to_the_expiry(basket, kernels):
    changes, stays = market(CHANGE), market(None)

    def both():
        return [run(panel, CHANGE - 3, CHANGE, CHANGE + 1, basket=basket) for panel in (changes, stays)]

    if kernels:
        changed, same = both()
    else:
        with switched_off():
            changed, same = both()
    # Vega-neutral: a member's vega is its weight of the close before, whatever became of that since.
    for cohort, weights in ((0, BEFORE), (1, BEFORE), (2, AFTER)):
        held = members(changed, cohort)
        assert set(held) == set(weights)
        total = sum(held.values())
        for name, weight in weights.items():
            assert held[name] / total == pytest.approx(weight, rel=1e-12)
    ledger = changed.ledger()
    first = ledger.filter(pl.col("cohort") < 2)
    assert set(first["status"]) == {"expired"}
    assert (first["exit_date"] > DAYS[CHANGE + 5]).all()
    # Of cohorts entered before it counts, no number knows of the change: not by a bit.
    for column in ("quantity", "strike", "pnl_option", "pnl_hedge", "pnl_gross"):
        assert first[column].to_list() == same.ledger().filter(pl.col("cohort") < 2)[column].to_list()
    old, same_old = (run(panel, CHANGE, basket=basket).pnl_gross for panel in (changes, stays))
    np.testing.assert_array_equal(old, same_old)


def test_a_name_that_leaves_the_index_is_marked_hedged_and_explained_like_the_others():
    result = run(market(CHANGE), CHANGE - 3)
    for t in (CHANGE, CHANGE + 1, CHANGE + 8):
        rows = result.day(str(DAYS[t]))
        assert set(rows.filter(leg_class="component")["leg"]) == {"A", "B"}
        assert rows["pnl_gross"].sum() == pytest.approx(result.daily()["pnl_gross"][t], rel=1e-9)
        assert (rows.filter(leg="A")["hedge"] != 0.0).all()
