"""What a summary warns of: planted cases, cohorts counted and sold by loops, and the same codes in a batch as alone."""

from dataclasses import replace

import numpy as np
import pytest
from reference_backtest import vega_neutral_backtest

from engine.backtest import (
    EarlyExit,
    NoCosts,
    Straddle,
    VegaNeutral,
    VolPoints,
    Weekly,
    backtest,
)
from engine.backtest.batch import stack
from engine.backtest.outcome.cautions import FEW_COHORTS, LEAST_T, MOST_UNSETTLED, RULES, caution_codes
from engine.correlation import AllMembers
from engine.data.records import MARKS, MarketInfo
from engine.errors import InputError
from engine.testing import small_market
from strategies.rich_correlation import RichCorrelation
from strategies.short_correlation import ShortCorrelation


def run(panel, strategy=None, **choices):
    choices = {"basket": AllMembers(), "structure": Straddle(tenor=25), "schedule": Weekly()} | choices
    return backtest(panel, strategy or ShortCorrelation(), **choices)


def with_hole(seed=15):
    """A market whose sessions 40 to 65 are missing, in which some expiries lie."""
    panel = small_market(seed, missing=0.0)
    rows = np.r_[0:40, 65:90]
    return panel.map_arrays(lambda _, array: array[rows])


def codes_and_texts(result, p=0):
    return {caution.code: caution.text for caution in result.cautions(p)}


def test_a_window_longer_than_the_data_says_why_nothing_was_traded():
    result = run(small_market(1, sessions=80), RichCorrelation(window=252))
    said = codes_and_texts(result)
    assert list(said) == ["no_trades"]  # of what was not traded there is nothing else to say
    possible = int(result.book.entered.sum())
    assert f"no opinion on any of {possible} entry dates" in said["no_trades"]
    assert "longer than the 80 sessions of the data" in said["no_trades"]
    assert result.summary()["cohorts_undecided"] == possible
    assert "Caution: nothing was traded" in repr(result)


def test_a_strategy_that_asks_for_nothing_says_so():
    panel = small_market(1, sessions=80, missing=0.0)
    result = run(panel, RichCorrelation(window=20, enter=50.0, leave=40.0))
    said = codes_and_texts(result)
    assert list(said) == ["no_trades"]
    early = int((result.book.cohorts.entry - 1 < 19).sum())  # decided before the twentieth session
    assert (
        f"of {len(result.book.entered)} entry dates, {early} of which came before it had an opinion"
        in said["no_trades"]
    )


def test_a_strategy_has_no_opinion_before_its_first_score():
    panel = small_market(2, sessions=120, missing=0.0)
    view = run(panel).view
    exposure = RichCorrelation(window=20, enter=0.5).exposure(view)
    assert np.isnan(exposure[:19]).all()
    assert np.isfinite(exposure[19:]).all()


@pytest.mark.parametrize("exits", [None, EarlyExit(days_left=12)])
def test_cohorts_apart_are_those_a_loop_finds_one_after_the_other(exits):
    result = run(small_market(3, sessions=90), exits=exits)
    ledger = result.ledger().group_by("cohort", maintain_order=True).first()
    cohorts = result.book.cohorts
    held = {c: int(result.held_until()[c]) for c in ledger["cohort"]}
    found, free_from = 0, 0
    for c, until in held.items():
        if cohorts.entry[c] >= free_from:
            found, free_from = found + 1, cohorts.entry[c] + until
    assert result.summary()["cohorts_apart"] == found
    assert 1 < found < len(held)


@pytest.mark.parametrize("market", [small_market(5), with_hole()], ids=["open", "open and lost"])
@pytest.mark.parametrize("costs", [VolPoints(), VolPoints(index=0.1, component=2.0), NoCosts()])
def test_unsettled_cohorts_sold_at_their_last_mark_cost_what_the_loop_over_legs_pays(market, costs):
    result = run(market, costs=costs)
    summary, cohorts = result.summary(), result.book.cohorts
    sell = [None if settled else int(last) for settled, last in zip(cohorts.settled, cohorts.last, strict=True)]
    entries = Weekly().entries(market.dates, 1)
    given = (market, market.weights, entries, np.ones(len(entries)), 25, 100_000.0, costs)
    gross, cost = vega_neutral_backtest(*given, sell=sell)
    # As for the book: the largest intermediate is about 1e7 a day, 1e-4 is 12 digits of some ten of them.
    assert summary["pnl_gross"] == pytest.approx(gross.sum(), abs=1e-4)
    assert summary["cost_if_closed"] == pytest.approx(cost.sum(), abs=1e-4)
    assert summary["pnl_net_if_closed"] == pytest.approx(gross.sum() - cost.sum(), abs=1e-4)
    assert (summary["cost_if_closed"] > summary["cost"]) == (costs.component > 0.0)


def test_the_share_of_unsettled_cohorts_is_that_of_their_rows_in_the_ledger():
    result = run(with_hole())
    rows = result.ledger().group_by("cohort").agg(pnl="pnl_gross", status="status")
    pnl = {row["cohort"]: sum(row["pnl"]) for row in rows.iter_rows(named=True)}
    unsettled = {row["cohort"] for row in rows.iter_rows(named=True) if {"open", "lost"} & set(row["status"])}
    assert len(unsettled) > 3
    summary = result.summary()
    of_them = [pnl[c] for c in unsettled]
    # Sums of some hundred numbers in another order.
    assert summary["pnl_gross_unsettled"] == pytest.approx(sum(of_them), rel=1e-9)
    assert summary["unsettled_share"] == pytest.approx(sum(map(abs, of_them)) / sum(map(abs, pnl.values())), rel=1e-9)
    said = codes_and_texts(result)
    assert f"net {summary['pnl_net_if_closed']:,.0f} USD" in said["unsettled"]
    assert said["lost"].startswith(f"{summary['cohorts_lost']} cohort(s) expire in a hole")


def test_a_cohort_sold_before_the_data_end_pays_no_second_exit():
    result = run(small_market(5), exits=EarlyExit(days_left=20))
    summary, cohorts = result.summary(), result.book.cohorts
    last = cohorts.entry + result.held_until()
    kept = ~cohorts.settled & (result.held_until() == cohorts.life)
    assert 0 < kept.sum() < (~cohorts.settled).sum()
    assert (last[kept] == len(result.dates) - 1).all()
    vega = [result.closing[f"{leg_class}_traded"][kept].sum() for leg_class in ("index", "component")]
    expected = np.dot(vega, [0.25, 0.8]) * result.vega_per_cohort()  # the default rates
    assert summary["cost_if_closed"] - summary["cost"] == pytest.approx(expected, rel=1e-9)  # a difference of two sums


def test_codes_of_a_batch_are_those_of_each_set_alone_and_numbers_too_bit_for_bit():
    panel = with_hole(16)
    strategies = [RichCorrelation(window=15, enter=e, leave=0.0) for e in (0.0, 0.8, 30.0)]
    costs = [VolPoints(component=0.4 * i) for i in range(3)]
    sizing = [VegaNeutral(1000.0 * (i + 1)) for i in range(3)]
    together = run(panel, stack(strategies), costs=stack(costs), sizing=stack(sizing))
    for p in range(3):
        alone = run(panel, strategies[p], costs=costs[p], sizing=sizing[p])
        assert together.cautions(p) == alone.cautions()
        assert together.summary(p) == pytest.approx(alone.summary(), rel=0, abs=0, nan_ok=True)
    assert together.caution_codes[2] == "no_trades"
    assert together.caution_codes[0].split()[0] == "few_cohorts"


def test_each_caution_is_due_exactly_beyond_its_threshold():
    sound = {"cohorts": 40, "cohorts_apart": FEW_COHORTS, "hac_t": LEAST_T, "unsettled_share": MOST_UNSETTLED}
    sound |= {"cohorts_lost": 0}
    cases = [
        ({}, ""),
        ({"cohorts_apart": FEW_COHORTS - 1}, "few_cohorts"),
        ({"hac_t": -LEAST_T}, ""),
        ({"hac_t": LEAST_T - 1e-9}, "low_t"),
        ({"hac_t": np.nan}, "low_t"),
        ({"unsettled_share": MOST_UNSETTLED + 1e-9}, "unsettled"),
        ({"cohorts_lost": 1}, "lost"),
        ({"cohorts": 0, "cohorts_apart": 0, "hac_t": np.nan, "unsettled_share": np.nan}, "no_trades"),
        ({"cohorts_apart": 2, "unsettled_share": 0.5}, "few_cohorts unsettled"),
    ]
    metrics = {name: np.array([(sound | changed)[name] for changed, _ in cases]) for name in sound}
    codes = caution_codes(metrics, MarketInfo("m", "IDX", marks="quoted"), 17)
    assert codes.tolist() == [expected for _, expected in cases]
    assert caution_codes(metrics, MarketInfo("m", "IDX", marks="last"), 17)[0] == "last_marks"
    noted = MarketInfo("m", "IDX", marks="quoted", notes=("x",))
    assert caution_codes(metrics, noted, 1)[[0, 7]].tolist() == ["flat_smiles noted_of_data", "no_trades"]


@pytest.mark.parametrize("marks", list(MARKS))
def test_a_run_says_what_its_marks_are_made_from(marks):
    panel = small_market(7)
    said = codes_and_texts(run(replace(panel, info=replace(panel.info, marks=marks))))
    assert (f"{marks}_marks" in said) == (marks != "quoted")
    assert said.get(f"{marks}_marks", "") == MARKS[marks]


def test_marks_of_another_class_are_refused():
    with pytest.raises(InputError, match="marks=guessed of market m is unknown; choose one of quoted, traded, last"):
        MarketInfo("m", "IDX", marks="guessed")


def test_every_rule_says_a_sentence_with_the_numbers_of_the_run():
    result = run(with_hole())
    of_contracts = {"surface_marks_share": 0.1, "trade_marks_share": 0.9, "unfilled_vega_share": 0.2}
    for rule in RULES[1:]:
        assert 20 < len(rule.says(result.summary() | of_contracts, result)) < 300
    assert result.cautions() == result.cautions(0)
