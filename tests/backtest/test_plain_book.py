"""The loop that the benchmark compares the trade book with does the same work: it gets the same numbers."""

import numpy as np
import pytest

from engine.backtest import DailyDelta, Straddle, VegaNeutral, build_book
from engine.backtest.cohorts.recipe import Recipe
from engine.backtest.contracts.structure import choose_contracts
from engine.benchmark.plain_book import BY_CLASS, as_lists, plain_book
from engine.testing import small_market


@pytest.mark.parametrize("tenor", [25, 60])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_plain_loop_gets_the_numbers_of_the_book(seed, tenor):
    panel = small_market(seed)
    entries = np.arange(1, len(panel))
    structure = Straddle(tenor=tenor)
    cohorts = choose_contracts(panel, entries, structure)
    book = build_book(panel, panel.weights, cohorts, Recipe(structure, VegaNeutral(), DailyDelta()))
    records = plain_book(as_lists(panel, panel.weights, len(panel)), entries.tolist(), tenor)
    assert [record["entered"] for record in records] == book.entered.tolist()
    assert book.entered.any()
    for name in ("explain", "magnitude", *BY_CLASS):
        for found, record in zip(getattr(book, name), records, strict=True):
            looped = np.array(record[name])
            # Sums over legs in another order: the largest is about 1e3, so this is 12 digits.
            np.testing.assert_allclose(found[: len(looped)], looped, rtol=0, atol=1e-9)
            assert not found[len(looped) :].any()


def test_a_mark_is_a_leg_on_a_day_it_is_held():
    panel = small_market(0, events=False)
    (record,) = plain_book(as_lists(panel, np.where(np.arange(6) < 3, 1.0, 0.0) * panel.weights, 40), [1], 20)
    held = int((panel.dates[2:40] <= panel.dates[1] + np.timedelta64(20, "D")).sum())
    assert record["marks"] == 4 * held
