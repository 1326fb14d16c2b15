"""From quotes to smiles to constant maturities, against loops and by hand."""

import itertools
from datetime import date
from statistics import NormalDist

import numpy as np
import polars as pl
import pytest

from engine.data.quotes.clean import QualityReport
from engine.data.quotes.quotes_to_surface import constant_maturity, expiry_slots, listed_smiles
from engine.data.quotes.schema import Quotes
from engine.data.records import DELTAS, QuoteStatus
from engine.pricing import call_delta, vol_at_strike

DATES = np.array(["2026-01-05", "2026-01-06"], dtype="datetime64[D]")
EXPIRIES = [date(2026, 1, 16), date(2026, 2, 20)]


def random_quotes(seed=0, per_curve=12):
    rng = np.random.default_rng(seed)
    rows = []
    for day in DATES.astype(object):
        for asset in ("IDX", "A", "B"):
            for expiry in EXPIRIES:
                for right in ("C", "P"):
                    for delta in np.unique(rng.uniform(0.03, 0.97, per_curve).round(2)):
                        vol = 0.2 + 0.1 * rng.random()
                        rows.append((day, asset, expiry, 100.0 - delta, right, vol, float(delta)))
    return as_quotes(rows)


def as_quotes(rows):
    columns = ["date", "asset", "expiry", "strike", "right", "iv", "call_delta"]
    return Quotes.validate(pl.DataFrame(rows, schema=columns, orient="row"), cast=True)


def node_between(years, target, left, right):
    """Volatility on the line in log strike between two quotes where a call has the target delta, by bisection."""
    normal = NormalDist()

    def strike(delta, vol):
        spread = vol * years**0.5
        return 0.5 * spread**2 - normal.inv_cdf(delta) * spread  # ln(K / F)

    ends = [(strike(delta, vol), vol) for delta, vol in (left, right)]
    low, high = 0.0, 1.0
    for _ in range(60):
        share = 0.5 * (low + high)
        k, vol = (a + share * (b - a) for a, b in zip(*ends, strict=True))
        spread = vol * years**0.5
        below = normal.cdf(-k / spread + 0.5 * spread) < target
        low, high = (share, high) if below else (low, share)
    return vol


def smile_by_loop(quotes, day, asset, expiry, delta):
    """One node of one smile, as a person would read it off the quotes."""
    years = (expiry - day).days / 365.0

    def curve(right):
        points = sorted(
            (row["call_delta"], row["iv"])
            for row in quotes.iter_rows(named=True)
            if (row["date"], row["asset"], row["expiry"], row["right"]) == (day, asset, expiry, right)
        )
        for (x0, v0), (x1, v1) in itertools.pairwise(points):
            if abs(x0 - delta) < 1e-9:
                return v0
            if abs(x1 - delta) < 1e-9:
                return v1
            if x0 < delta < x1:
                return node_between(years, delta, (x0, v0), (x1, v1)) if x1 - x0 <= 0.40 else np.nan
        return np.nan

    call, put = curve("C"), curve("P")
    share = min(max((0.65 - delta) / 0.30, 0.0), 1.0)
    if share in (0.0, 1.0):
        return call if share == 1.0 else put
    if np.isnan(call) or np.isnan(put):
        return put if np.isnan(call) else call
    return share * call + (1 - share) * put


@pytest.mark.parametrize("seed", range(4))
def test_every_node_of_every_smile_equals_the_reading_by_hand(seed):
    quotes = random_quotes(seed, per_curve=4 + 4 * seed)
    slots = expiry_slots(quotes, DATES, 3)
    assert np.isnat(slots[:, 2]).all()
    smiles = listed_smiles(quotes, DATES, ["IDX", "A", "B"], slots, DELTAS)
    assert smiles.shape == (2, 3, 3, len(DELTAS))
    for t, day in enumerate(DATES.astype(object)):
        for a, asset in enumerate(("IDX", "A", "B")):
            for e, expiry in enumerate(EXPIRIES):
                expected = [smile_by_loop(quotes, day, asset, expiry, d / 100.0) for d in DELTAS]
                np.testing.assert_allclose(smiles[t, a, e], expected, rtol=1e-6)  # stored as float32
    assert np.isnan(smiles[:, :, 2]).all()


def test_expiries_of_other_dates_take_no_slot():
    quotes = random_quotes()
    slots = expiry_slots(quotes.with_columns(expiry=pl.col("expiry").dt.offset_by("1d")), DATES[1:], 2)
    earlier = quotes.filter(pl.col("date") == DATES[0].astype(object))
    assert slots.shape == (1, 2)
    assert np.isnat(expiry_slots(earlier, DATES[1:], 2)).all()


def test_a_smile_linear_in_log_strike_is_found_again_at_every_strike():
    """Quotes of a skewed smile, at the deltas computed from them, put on nodes and read back by strike."""
    years = (EXPIRIES[1] - DATES[0].astype(object)).days / 365.0
    strikes = np.exp(np.linspace(-0.25, 0.25, 41))
    vols = 0.25 - 0.3 * np.log(strikes)
    deltas = call_delta(1.0, strikes, vols, years)
    rows = [
        (DATES[0].astype(object), "IDX", EXPIRIES[1], 100.0 * strike, right, vol, delta)
        for right in ("C", "P")
        for strike, vol, delta in zip(strikes, vols, deltas, strict=True)
    ]
    quotes = as_quotes(rows)
    smile = listed_smiles(quotes, DATES, ["IDX"], expiry_slots(quotes, DATES, 1), DELTAS)[0, 0, 0]
    read, beyond = vol_at_strike(smile, np.array(DELTAS), 1.0, strikes, years)
    assert (~beyond).sum() > 10
    np.testing.assert_allclose(read[~beyond], vols[~beyond], rtol=1e-6)  # stored as float32


def test_at_the_money_the_smile_is_the_mean_of_call_and_put():
    rows = [
        (DATES[0].astype(object), "IDX", EXPIRIES[0], 100.0, right, vol, delta)
        for right, vol in (("C", 0.20), ("P", 0.24))
        for delta in (0.45, 0.55)
    ]
    quotes = as_quotes(rows)
    smiles = listed_smiles(quotes, DATES, ["IDX"], expiry_slots(quotes, DATES, 1), DELTAS)
    assert smiles[0, 0, 0, DELTAS.index(50)] == pytest.approx(0.22, rel=1e-6)  # stored as float32
    assert np.isnan(smiles[0, 0, 0, DELTAS.index(40)])
    assert np.isnan(smiles[1]).all()


def test_total_variance_is_linear_in_time_between_expiries():
    smiles = np.array([0.2, 0.3], dtype=np.float32).reshape(1, 1, 2, 1)
    iv, status = constant_maturity(smiles, np.array([[20.0, 60.0]]), (20, 30, 60), 0.0)
    expected = [0.2, np.sqrt((0.75 * 0.04 * 20 + 0.25 * 0.09 * 60) / 30), 0.3]
    np.testing.assert_allclose(iv[0, 0, :, 0], expected, rtol=1e-6)  # stored as float32
    assert status.ravel().tolist() == [QuoteStatus.OK] * 3


def test_a_tenor_beyond_the_expiries_is_taken_only_within_the_days_allowed():
    smiles = np.array([0.2, 0.3], dtype=np.float32).reshape(1, 1, 2, 1)
    days = np.array([[20.0, 60.0]])
    iv, status = constant_maturity(smiles, days, (10, 15, 65, 91), 5.0)
    np.testing.assert_allclose(iv[0, 0, :, 0], [np.nan, 0.2, 0.3, np.nan], rtol=1e-6)  # stored as float32
    assert status[0, 0, :, 0].tolist() == [QuoteStatus.BEYOND_TENOR, QuoteStatus.OK, QuoteStatus.OK, 3]


def test_each_missing_cell_says_why():
    smiles = np.full((1, 3, 2, 2), np.nan, dtype=np.float32)
    smiles[0, 0] = 0.2  # everything quoted
    smiles[0, 1, :, 0] = 0.2  # one delta only; asset 2 has nothing
    iv, status = constant_maturity(smiles, np.array([[20.0, 60.0]]), (30, 91), 0.0)
    assert status[0, 0].tolist() == [[0, 0], [QuoteStatus.BEYOND_TENOR] * 2]
    assert status[0, 1].tolist() == [[0, QuoteStatus.BEYOND_DELTA], [QuoteStatus.BEYOND_TENOR] * 2]
    assert status[0, 2].tolist() == [[QuoteStatus.NO_QUOTE] * 2] * 2
    assert (np.isfinite(iv) == (status == QuoteStatus.OK)).all()


def test_the_quality_report_counts_every_quote_once_under_the_first_reason_it_meets():
    quotes = pl.DataFrame(
        {"asset": ["A", "A", "B", "B"], "iv": [0.2, None, 9.0, 0.0], "traded": [True, True, False, True]}
    )
    report = QualityReport()
    rest = report.keep(quotes, {"missing_iv": ~(pl.col("iv") > 0.0)}, final=False)
    kept = report.keep(rest, {"iv_out_of_bounds": pl.col("iv") > 5.0, "no_trade": ~pl.col("traded")})
    assert kept["iv"].to_list() == [0.2]
    counted = {(r["asset"], r["reason"]): r["rows"] for r in report.frame().iter_rows(named=True)}
    assert counted == {("A", "kept"): 1, ("A", "missing_iv"): 1, ("B", "missing_iv"): 1, ("B", "iv_out_of_bounds"): 1}
    assert report.frame()["rows"].sum() == quotes.height
