"""Correlation without earnings: a planted move comes off the members, and the correlation that it hid comes back."""

import datetime
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from engine.correlation import baskets
from engine.correlation.basket import TopWeights
from engine.data.quotes.quotes_to_surface import constant_maturity
from engine.errors import InputError
from engine.study.ex_earnings import ex_earnings_iv, read_earnings, with_ex_earnings
from engine.study.levels import measure_levels
from engine.testing import small_market

MOVE = 0.06


@pytest.fixture(scope="module")
def planted():
    """A market of flat smiles and expiries, one of whose members has a move of 6 % a fortnight after each date."""
    panel = small_market(1, sessions=70, names=4, listed=True, events=False, missing=0.0)
    days = (panel.listed.expiry - panel.dates[:, None]).astype(float)
    vol = np.broadcast_to(np.array([0.25, 0.3, 0.35, 0.4])[:, None], (70, 4, days.shape[1])).copy()
    event = panel.dates + np.timedelta64(14, "D")
    with np.errstate(invalid="ignore"):
        more = MOVE**2 * (days[:, None] > 14.0) / (days[:, None] / 365.0)
    vol[:, :1] = np.sqrt(vol[:, :1] ** 2 + more)
    smiles = np.repeat(vol[..., None], len(panel.deltas), axis=-1).astype(np.float32)
    iv, status = constant_maturity(smiles, days, panel.tenors, 14.0)
    market = replace(
        panel,
        listed=replace(panel.listed, iv=smiles),
        component_iv=iv,
        component_status=status,
        index_iv=np.full_like(panel.index_iv, 0.2),
        index_status=np.zeros_like(panel.index_status),
    )
    return market, event


def table_of(market, event, rows=slice(None)):
    return pl.DataFrame(
        {"date": event[rows], "ticker": [str(market.names[0])] * len(event[rows]), "known": market.dates[rows]}
    )


def test_the_move_comes_off_the_member_and_nobody_else(planted):
    market, event = planted
    first = table_of(market, event, slice(0, 1))
    iv = ex_earnings_iv(market, first)
    known = np.isfinite(market.component_iv[0, 0])
    np.testing.assert_allclose(iv[0, 0][known], 0.25, atol=0.001)
    assert (market.component_iv[0, 0, 1] > 0.26).all()
    np.testing.assert_array_equal(iv[:, 1:], market.component_iv[:, 1:])
    late = int(np.flatnonzero(market.dates >= event[0])[0])
    np.testing.assert_array_equal(iv[late:], market.component_iv[late:])


def test_correlation_without_earnings_is_higher_and_beside_the_raw_one(planted):
    market, event = planted
    levels = measure_levels(market, baskets(TopWeights(4), market), 0.5)
    both = with_ex_earnings(levels, market, table_of(market, event, slice(0, 1)), 0.5).implied
    rows = both.filter(pl.col("date") == market.dates[0], pl.col("tenor") == 30).drop_nulls()
    assert rows.height > 5
    assert (rows["implied_correlation_ex_earnings"] > rows["implied_correlation"]).all()
    after = both.filter(pl.col("date") > event[0]).drop_nulls()
    assert after.height > 100
    np.testing.assert_array_equal(after["implied_correlation_ex_earnings"], after["implied_correlation"])


def test_what_cannot_be_is_refused(planted, tmp_path):
    market, _ = planted
    earnings = pl.DataFrame(
        {"date": [datetime.date(2026, 2, 5)], "ticker": ["A"], "known": [datetime.date(2026, 1, 5)]}
    )
    with pytest.raises(InputError, match="no listed expiries"):
        ex_earnings_iv(replace(market, listed=None), earnings)
    with pytest.raises(InputError, match="is no file"):
        read_earnings(tmp_path / "nothing.csv")
    (tmp_path / "earnings.csv").write_text("date,ticker,known\n2026-02-05,A,2026-03-01\n2026-02-05,B,2026-01-01\n")
    with pytest.raises(InputError, match="line 2, column known: known_after_the_date"):
        read_earnings(tmp_path / "earnings.csv")
    (tmp_path / "earnings.csv").write_text("date,ticker,known\n2026-02-05,A,2026-01-05\n")
    assert read_earnings(tmp_path / "earnings.csv").equals(earnings)
