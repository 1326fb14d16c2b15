"""Prices at which legs break even: by hand for each structure, through a split, and what they leave at the expiry."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from engine.backtest import Calendar, NoHedge, SingleOption, Straddle, Strangle, VarianceSwap
from engine.errors import InputError
from engine.pricing import black_price
from engine.testing import small_market
from tests.backtest.test_split import run


def state(result, date):
    """Of each cohort and leg its ledger rows, and its break-even prices on the date."""
    prices = result.breakeven_prices(date)
    legs = result.ledger().partition_by("cohort", "leg", as_dict=True)
    return [(row, legs[row["cohort"], row["leg"]].to_dicts()) for row in prices.iter_rows(named=True)]


@pytest.mark.parametrize("structure", [Straddle(28), Strangle(28), SingleOption(28)], ids=lambda s: type(s).__name__)
def test_at_either_price_the_options_pay_what_they_are_worth(structure):
    panel = replace(small_market(70, missing=0.0), rate=np.zeros(90))
    result = run(panel, structure)
    t = 40
    found = state(result, str(panel.dates[t]))
    assert len(found) > 20
    for row, held in found:
        strikes = [one["strike"] * one["strike_factor"] for one in held]
        for side in ("lower", "upper"):
            price = row[side]
            paid = 0.0
            for one, strike in zip(held, strikes, strict=True):
                put, call = max(strike - price, 0.0), max(price - strike, 0.0)
                paid += {"straddle": put + call, "call": call, "put": put}[one["instrument"]]
            if not np.isnan(price):
                assert paid == pytest.approx(row["value"], rel=1e-9)
        if isinstance(structure, SingleOption):
            assert np.isnan(row["lower"]) != np.isnan(row["upper"])
        else:
            assert 0.0 < row["lower"] < min(strikes) <= max(strikes) < row["upper"]


def test_the_value_is_the_mark_and_the_daily_move_that_of_its_volatility():
    panel = small_market(71, missing=0.0, events=False)
    flat = replace(
        panel,
        index_iv=np.full_like(panel.index_iv, 0.15, dtype=float),
        component_iv=np.full_like(panel.component_iv, 0.3, dtype=float),
    )
    result = run(flat, Straddle(28))
    for row, (held,) in state(result, str(panel.dates[40])):
        vol = 0.15 if row["leg_class"] == "index" else 0.3
        assert row["move"] == pytest.approx(vol / np.sqrt(365.0), rel=1e-9)
        left = (held["expiry"] - panel.dates[40].item()).days / 365.0
        both = sum(
            float(black_price(row["forward"], held["strike"], np.array(vol), np.array(left), call))
            for call in (True, False)
        )
        assert row["value"] == pytest.approx(both, rel=1e-9)
        assert (row["lower"], row["upper"]) == pytest.approx((held["strike"] - both, held["strike"] + both), rel=1e-9)


def test_prices_are_as_quoted_after_a_split():
    panel = small_market(6, missing=0.0)  # S0 splits on session 30
    result = run(panel, Straddle(28))
    row, (held,) = next((row, rows) for row, rows in state(result, str(panel.dates[31])) if row["leg"] == "S0")
    assert held["strike_factor"] == pytest.approx(0.2)
    assert row["forward"] == pytest.approx(panel.spot[31, 0], rel=0.05)
    assert row["lower"] < held["strike"] * 0.2 < row["upper"]


def test_who_expires_at_a_break_even_price_earns_nothing_from_there():
    panel = small_market(72, missing=0.0, events=False)
    panel = replace(panel, rate=np.zeros(90), index_carry=np.zeros(90), carry=np.zeros_like(panel.carry))
    first = run(panel, Straddle(28), hedge=NoHedge())
    t, n = 40, panel.names.tolist().index("S2")
    rows = first.breakeven_prices(str(panel.dates[t])).filter(pl.col("leg") == "S2")
    row = rows.sort("cohort").row(-1, named=True)
    held = first.ledger().row(by_predicate=(pl.col("cohort") == row["cohort"]) & (pl.col("leg") == "S2"), named=True)
    last = panel.dates.astype(object).tolist().index(held["exit_date"])
    assert held["status"] == "expired"
    for side in ("lower", "upper"):
        spot = panel.spot.copy()
        spot[last, n] = row[side]
        other = run(replace(panel, spot=spot), Straddle(28), hedge=NoHedge())
        mine = (pl.col("cohort") == row["cohort"]) & (pl.col("leg") == "S2")
        earned = sum(other.day(str(panel.dates[day])).filter(mine)["pnl_gross"].sum() for day in range(t + 1, last + 1))
        assert earned == pytest.approx(0.0, abs=1e-9 * abs(held["premium"]))


def test_what_is_no_option_of_one_expiry_is_refused_and_nothing_held_is_no_row():
    for structure in (VarianceSwap(28), Calendar(28, far_tenor=60)):
        with pytest.raises(InputError, match="options of one expiry"):
            run(small_market(60), structure).breakeven_prices("2024-02-15")
    result = run(small_market(60))
    empty = result.breakeven_prices(str(result.dates[0]))
    assert empty.height == 0
    assert empty.columns == ["cohort", "leg", "leg_class", "forward", "value", "lower", "upper", "move"]
