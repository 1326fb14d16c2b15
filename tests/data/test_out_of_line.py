"""One wrong price among right ones is found, whichever side it errs on; an honest smile loses nothing."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from engine.data.quotes.clean import SMILE_RULES, QualityReport
from engine.data.quotes.out_of_line import quotes_in_line
from engine.pricing import InversionStatus, black_price, call_delta, implied_vol

DAY, FORWARD, DAYS = date(2026, 1, 5), 100.0, 30
YEARS = DAYS / 365.0


def smile(vol=0.25, skew=-0.1, curve=0.03, steps=8, width=0.35):
    """Calls and puts of a smile: skew and curve in volatility per standard deviation from the forward."""
    away = width * np.arange(-steps, steps + 1)
    strike = np.repeat(FORWARD * np.exp(away * vol * np.sqrt(YEARS)), 2)
    iv = np.repeat(vol * (1.0 + skew * away + curve * away**2), 2)
    is_call = np.tile([True, False], len(away))
    return strike, is_call, black_price(FORWARD, strike, iv, YEARS, is_call)


def judged(strike, is_call, price):
    """Return the quotes that a smile is made of, and the counts by reason; `option` numbers them."""
    iv, status = implied_vol(price, FORWARD, strike, YEARS, is_call, 0.0)
    frame = pl.DataFrame(
        {
            "option": np.arange(len(strike)),
            "date": DAY,
            "asset": "ZZQ",
            "expiry": DAY + timedelta(DAYS),
            "strike": strike,
            "right": np.where(is_call, "C", "P"),
            "iv": iv,
            "call_delta": call_delta(FORWARD, strike, iv, YEARS),
            "forward": FORWARD,
            "inverted": status == int(InversionStatus.OK),
        }
    )
    report = QualityReport()
    usable = report.keep(frame, {"not_inverted": ~pl.col("inverted"), **SMILE_RULES}, final=False)
    kept = quotes_in_line(usable, report)
    return kept, dict(report.frame().group_by("reason").agg(pl.col("rows").sum()).iter_rows())


@pytest.mark.parametrize("factor", [100.0, 10.0, 0.1, 0.01])
def test_a_price_with_a_misplaced_point_is_dropped_for_a_reason_and_takes_no_other_with_it(factor):
    strike, is_call, price = smile()
    whole, _ = judged(strike, is_call, price)
    # Further out no delta is read: from 10 to 90 they are, and the next strikes are nearer to these.
    for option in whole.filter(pl.col("call_delta").is_between(0.05, 0.95))["option"]:
        wrong = price.copy()
        wrong[option] *= factor
        kept, reasons = judged(strike, is_call, wrong)
        assert option not in kept["option"].to_list(), (strike[option], is_call[option], reasons)
        assert set(whole["option"]) - set(kept["option"]) == {option}


@pytest.mark.parametrize("shape", [(0.2, 0.0, 0.0), (0.25, -0.18, 0.0), (0.6, -0.1, 0.08), (0.15, -0.12, 0.05)])
def test_an_honest_smile_loses_nothing_however_steep(shape):
    for steps, width in ((8, 0.35), (4, 0.7), (2, 1.0)):
        kept, reasons = judged(*smile(*shape, steps=steps, width=width))
        assert "out_of_line" not in reasons
        assert kept["option"].is_sorted()


def test_a_smile_of_two_quotes_is_held_against_the_others_of_the_day():
    strike, is_call, price = smile()
    iv, _ = implied_vol(price, FORWARD, strike, YEARS, is_call, 0.0)
    near = pl.DataFrame({"strike": strike, "right": np.where(is_call, "C", "P"), "iv": iv}).with_columns(
        date=DAY, asset=pl.lit("ZZQ"), expiry=DAY + timedelta(DAYS), forward=FORWARD
    )
    thin = near[16:18].with_columns(expiry=DAY + timedelta(60), iv=pl.col("iv") * pl.Series([1.0, 3.0]))
    report = QualityReport()
    kept = quotes_in_line(pl.concat([near, thin]), report)
    assert kept.filter(pl.col("expiry") == DAY + timedelta(60)).height == 1
    assert report.frame().filter(pl.col("reason") == "out_of_line")["rows"].to_list() == [1]


def test_two_lone_quotes_tell_nothing_of_each_other():
    two = pl.DataFrame({"strike": [90.0, 110.0], "right": ["P", "C"], "iv": [0.2, 0.9]}).with_columns(
        date=DAY, asset=pl.lit("ZZQ"), expiry=DAY + timedelta(DAYS), forward=FORWARD
    )
    assert quotes_in_line(two, QualityReport()).height == 2
