"""A name that traded under another ticker before: one name, one position, whatever it was called."""

import numpy as np
import polars as pl
import pytest

from engine.data import MarketPanel
from engine.errors import InputError
from tests.data.test_endings import DAYS, EVENT, SPLIT, SPLIT_A, SPLIT_B, actions, panel, run, tables


def called(frame, since=EVENT, first="OLD"):
    """A under another ticker before a day."""
    before = pl.col("date") < since if "date" in frame.columns else pl.lit(False)
    return frame.with_columns(
        ticker=pl.when((pl.col("ticker") == "A") & before).then(pl.lit(first)).otherwise("ticker")
    )


def with_old(*events, **others):
    given = tables()
    given |= {name: called(given[name]) for name in ("surface", "prices")} | others
    return MarketPanel.from_frames(**given, actions=actions(*events))


RENAMED = (EVENT, "OLD", "rename", None, None, "A")


def test_what_is_held_goes_on_under_the_new_ticker():
    found, plain = with_old(RENAMED, SPLIT_A, SPLIT_B), panel([SPLIT_A, SPLIT_B])
    assert found.names.tolist() == ["A", "B", "C"]
    for name in ("component_iv", "spot", "strike_factor", "return_factor"):
        np.testing.assert_array_equal(getattr(found, name), getattr(plain, name), err_msg=name)
    np.testing.assert_array_equal(run(found).pnl_gross, run(plain).pnl_gross)


def test_two_renames_and_an_action_under_the_first_name():
    """OLDEST became OLD, and OLD became A; it split as OLDEST."""
    first, split = DAYS[5], (DAYS[3], "OLDEST", "split", 0.25, None, None)
    given = {name: called(called(tables()[name]), since=DAYS[0]) for name in ("surface", "prices")}
    renamed = {
        name: frame.with_columns(
            ticker=pl.when((pl.col("ticker") == "OLD") & (pl.col("date") < first))
            .then(pl.lit("OLDEST"))
            .otherwise("ticker")
        )
        for name, frame in given.items()
    }
    quoted = pl.when((pl.col("ticker") == "OLDEST") & (pl.col("date") < DAYS[3])).then(4.0).otherwise(1.0)
    renamed["prices"] = renamed["prices"].with_columns(close=pl.col("close") * quoted)
    events = (RENAMED, (first, "OLDEST", "rename", None, None, "OLD"), split, SPLIT_A, SPLIT_B)
    found = MarketPanel.from_frames(**(tables() | renamed), actions=actions(*events))
    assert np.isfinite(found.spot[:, 0]).all()
    assert found.strike_factor[:, 0].tolist() == [0.25 if day in (DAYS[3], SPLIT) else 1.0 for day in DAYS]


def test_members_without_dates_may_have_either_name():
    weights = pl.DataFrame({"ticker": ["OLD", "B", "C"], "weight": [0.4, 0.4, 0.2]})
    found = with_old(RENAMED, SPLIT_A, SPLIT_B, weights=weights)
    assert found.names.tolist() == ["A", "B", "C"]


def test_another_company_under_the_new_ticker_is_told():
    given = tables()
    other = given["prices"].filter((pl.col("ticker") == "A") & (pl.col("date") < EVENT))
    prices = pl.concat([called(given["prices"]), other])
    with pytest.raises(
        InputError, match="prices: OLD was renamed A on 2026-01-19, and both have a row of 2026-01-05, A"
    ):
        with_old(RENAMED, prices=prices)


def test_an_adjusted_dividend_restates_contracts_and_an_ordinary_one_does_not():
    """The ratio method leaves a position as it is: the same volatilities, prices lower by the dividend for ever."""
    factor, given = 0.9, tables()
    lower = pl.when((pl.col("ticker") == "C") & (pl.col("date") >= EVENT)).then(factor).otherwise(1.0)
    prices = given["prices"].with_columns(close=pl.col("close") * lower)
    paid = [(EVENT, "C", kind, factor, None, None) for kind in ("adjusted_dividend", "special_dividend")]
    adjusted, ordinary = (
        run(MarketPanel.from_frames(**(given | {"prices": prices}), actions=actions(event, SPLIT_A, SPLIT_B)))
        for event in paid
    )
    without = run(panel([SPLIT_A, SPLIT_B]))
    scale = np.abs(without.pnl_gross).max()
    np.testing.assert_allclose(adjusted.pnl_gross, without.pnl_gross, rtol=0, atol=1e-9 * scale)
    row = adjusted.ledger().row(by_predicate=pl.col("leg") == "C", named=True)
    assert row["strike_factor"] == factor
    assert np.abs(ordinary.pnl_gross - without.pnl_gross).max() > 1e-2 * scale
