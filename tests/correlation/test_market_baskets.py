"""Baskets chosen from a market: point in time, against loops and planted truth, and names that leave are kept."""

from dataclasses import replace

import numpy as np
import pytest

from engine.backend import to_host
from engine.backtest import Straddle, Weekly, backtest
from engine.correlation import (
    AllMembers,
    Liquid,
    OwnWeights,
    SectorBalanced,
    TopWeights,
    Tracking,
    basket_weights,
    baskets,
)
from engine.data.records import QuotedBand
from engine.data.synthetic import synthetic_market
from engine.errors import InputError
from engine.testing import poisoned, small_market
from strategies.short_correlation import ShortCorrelation

CHOSEN = {
    "liquid": Liquid(n=3, window=10, quoted=0.9),
    "regression": Tracking(n=3, window=15),
    "pca": Tracking(n=3, window=15, by="pca", components=2),
}


@pytest.mark.parametrize("rule", CHOSEN)
def test_a_basket_knows_no_close_of_its_own_date_or_later(rule):
    panel, basket = small_market(130, sessions=100), CHOSEN[rule]
    truth = basket_weights(basket, panel)
    assert (truth > 0.0).any()
    for t in (20, 40, 70):
        other = poisoned(panel, t)
        found = basket_weights(basket, replace(other, weights=panel.weights, validate=False))
        # What is known at the close of t may choose the basket of t + 1; index weights are already of the day before.
        np.testing.assert_array_equal(found[: t + 2], truth[: t + 2])


@pytest.mark.parametrize("rule", CHOSEN)
def test_rows_sum_to_one_or_nothing_and_hold_members_only(rule):
    panel = small_market(131)
    weights = basket_weights(CHOSEN[rule], panel)
    total = weights.sum(axis=1)
    assert ((np.abs(total - 1.0) < 1e-12) | (total == 0.0)).all()
    assert not weights[panel.weights == 0.0].any()
    assert ((weights > 0.0).sum(axis=1) <= 3).all()


def test_liquid_names_are_the_largest_of_those_quoted_often_enough():
    panel, basket = small_market(132, missing=0.25), CHOSEN["liquid"]
    weights = basket_weights(basket, panel)
    quoted = np.isfinite(panel.component_iv[:, :, 1, 8])
    assert not weights[:10].any()
    for t in range(10, len(panel)):
        passes = quoted[t - 10 : t].sum(axis=0) >= 9
        own = np.where(passes, panel.weights[t], 0.0)
        np.testing.assert_array_equal(weights[t], TopWeights(3).select(own[None], panel.names)[0])


def test_wide_quotes_are_not_liquid():
    panel = small_market(133, missing=0.0, events=False)
    half = np.where(np.arange(6) == 0, 0.05, 0.005)[None, :, None, None]  # the largest name: 10 vol points wide
    sides = (panel.index_iv, panel.index_iv, panel.component_iv - half, panel.component_iv + half)
    wide = replace(panel, band=QuotedBand(*(a.astype(np.float32) for a in sides)), validate=False)
    weights = basket_weights(Liquid(n=3, window=10, width=2.0), wide)
    assert not weights[:, 0].any()
    assert (weights[10:, 1:4] > 0.0).all()
    with pytest.raises(InputError, match=r"basket\.width needs volatilities at bid and at ask"):
        basket_weights(Liquid(width=2.0), panel)


def tracked_market(seed=134):
    """A market whose index is made of three of its names, .5, .3 and .2 of it; returns of all are independent."""
    panel = small_market(seed, sessions=100, missing=0.0, events=False)
    returns = panel.spot[1:] / panel.spot[:-1] - 1.0
    moved = returns[:, [4, 1, 5]] @ np.array([0.5, 0.3, 0.2])
    index = panel.index_spot[0] * np.concatenate([[1.0], np.cumprod(1.0 + moved)])
    return replace(panel, index_spot=index, validate=False)


def test_a_regression_finds_the_names_and_weights_that_an_index_was_made_of():
    panel = tracked_market()
    weights = basket_weights(Tracking(n=3, window=20), panel)
    months = panel.dates.astype("datetime64[M]")
    first = int(np.flatnonzero(months > months[21])[0])  # a month that starts with twenty returns known
    np.testing.assert_allclose(weights[first:, [4, 1, 5]], [[0.5, 0.3, 0.2]] * (len(panel) - first), atol=1e-9)
    assert not weights[first:, [0, 2, 3]].any()
    # Between the first sessions of months nothing is chosen.
    changed = np.flatnonzero((np.abs(np.diff(weights, axis=0)) > 1e-12).any(axis=1)) + 1
    assert (months[changed] != months[changed - 1]).all()


def test_components_find_the_names_that_move_together():
    panel = small_market(135, sessions=100, missing=0.0, events=False)
    rng = np.random.default_rng(0)
    common = 0.02 * rng.standard_normal((100, 1))
    own = 0.02 * rng.standard_normal((100, 6))
    loads = np.array([0.0, 1.0, 0.0, 1.0, 1.0, 0.0])
    spot = 100.0 * np.exp(np.cumsum(common * loads + own * (0.2 + 0.8 * (loads == 0.0)), axis=0))
    weights = basket_weights(
        Tracking(n=3, window=40, by="pca", components=1), replace(panel, spot=spot, validate=False)
    )
    held = weights[-1] > 0.0
    assert held.tolist() == [False, True, False, True, True, False]
    np.testing.assert_allclose(weights[-1, held], panel.weights[-1, held] / panel.weights[-1, held].sum(), rtol=1e-12)


def test_every_sector_weighs_in_a_balanced_basket_what_it_weighs_in_the_index(xp):
    panel, _ = synthetic_market(years=0.5, names=12, sectors=3)
    weights = to_host(basket_weights(SectorBalanced(per_sector=2), panel.to(xp.__name__)))
    whole = AllMembers().select(panel.weights, panel.names)
    for sector in set(panel.sectors.of_name.tolist()) - {""}:
        own = panel.sectors.of_name == sector
        np.testing.assert_allclose(weights[:, own].sum(axis=1), whole[:, own].sum(axis=1), rtol=1e-12)
        assert ((weights[:, own] > 0.0).sum(axis=1) <= 2).all()
    with pytest.raises(InputError, match="does not know sectors"):
        basket_weights(SectorBalanced(), small_market(0))


def weights_file(path, rows):
    path.write_text("date,ticker,weight\n" + "\n".join(f"{d},{n},{w}" for d, n, w in rows) + "\n")
    return str(path)


def test_own_weights_hold_from_the_day_after_their_date_until_the_next(tmp_path):
    panel = small_market(136)
    first, second = (str(panel.dates[t]) for t in (10, 30))
    rows = [(first, "S0", 0.75), (first, "S4", 0.25), (second, "S4", 0.5), (second, "S5", 0.5)]
    weights = basket_weights(OwnWeights(weights_file(tmp_path / "w.csv", rows)), panel)
    assert not weights[:11].any()
    np.testing.assert_array_equal(weights[11:31], [[0.75, 0, 0, 0, 0.25, 0]] * 20)
    np.testing.assert_array_equal(weights[31:], [[0, 0, 0, 0, 0.5, 0.5]] * (len(panel) - 31))
    at_once = basket_weights(OwnWeights(str(tmp_path / "w.csv"), delay=0), panel)
    assert at_once[10].any()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("date,ticker,weight\n2024-01-05,S9,1\n", "basket name S9 is not in the data; it has S0, S1"),
        ("date,ticker,weight\n2024-01-05,S1,-1\n", "weight_negative"),
        ("ticker,weight\nS1,1\n", "has no column date"),
    ],
)
def test_a_bad_table_of_weights_is_told(tmp_path, text, words):
    (tmp_path / "w.csv").write_text(text)
    with pytest.raises(InputError, match=words):
        basket_weights(OwnWeights(str(tmp_path / "w.csv")), small_market(136))
    with pytest.raises(InputError, match=r"basket\.file=none\.csv is no file"):
        basket_weights(OwnWeights("none.csv"), small_market(136))


def test_names_that_leave_a_basket_are_kept_to_their_expiry(tmp_path):
    panel = small_market(137, missing=0.0, events=False)
    rows = [(panel.dates[t], f"S{n}", 50) for t, held in ((0, "01"), (20, "12")) for n in held]
    basket = OwnWeights(weights_file(tmp_path / "w.csv", rows))
    result = backtest(panel, ShortCorrelation(), basket=basket, structure=Straddle(25), schedule=Weekly())
    ledger = result.ledger()
    left = ledger.filter(ledger["leg"] == "S0")
    cohort = left.row(-1, named=True)
    assert cohort["entry_date"] <= panel.dates[20] < cohort["exit_date"]
    assert cohort["status"] == "expired"
    held = result.day(panel.dates[27])
    assert "S0" in held["leg"].to_list()
    assert "S2" in held["leg"].to_list()  # of a cohort entered since


@pytest.mark.parametrize("rule", CHOSEN)
def test_a_chosen_basket_is_traded_and_measured_alike(rule):
    panel, basket = small_market(138), CHOSEN[rule]
    result = backtest(panel, ShortCorrelation(), basket=basket, structure=Straddle(25), schedule=Weekly())
    assert result.book.entered.any()
    (measured,) = baskets(basket, panel)
    np.testing.assert_array_equal(measured.weights, result.view.weights)
    with pytest.raises(InputError, match="is chosen from a market"):
        basket.select(panel.weights, panel.names)
