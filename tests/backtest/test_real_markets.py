"""The backtest on real option files."""

import shutil
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from engine.backtest import MarketView, Straddle, backtest
from engine.correlation import AllMembers
from engine.data import load_market
from strategies.short_correlation import ShortCorrelation

SPLIT = pl.col("symbol").cast(pl.String) == "KOTAKBANK"


def without_the_split(source, target):
    """Copy the Indian files as if KOTAKBANK had not split on 2026-01-14: strikes and prices x 5, lots / 5."""
    shutil.copytree(source, target)
    after = SPLIT & (pl.col("date") >= pl.date(2026, 1, 14))

    def rescale(name, prices, quantities):
        frame = pl.read_parquet(source / name)
        changes = [pl.when(after).then(pl.col(c) * 5.0).otherwise(pl.col(c)).alias(c) for c in prices]
        changes += [
            pl.when(after).then(pl.col(c) // 5).otherwise(pl.col(c)).cast(frame.schema[c]).alias(c) for c in quantities
        ]
        frame.with_columns(changes).write_parquet(target / name)

    rescale("fo.parquet", ["strike", "open", "high", "low", "close", "settle", "underlying"], ["lot_size"])
    rescale("cash.parquet", ["close", "vwap"], [])
    actions = pl.read_parquet(source / "corporate_actions.parquet")
    kept = actions.filter(~(SPLIT & (pl.col("date") == pl.date(2026, 1, 14))))
    assert kept.height == actions.height - 1
    kept.write_parquet(target / "corporate_actions.parquet")


def test_the_indian_book_earns_the_same_with_the_kotakbank_split_undone(shared_data, nse_panel, tmp_path):
    without_the_split(shared_data / "nse", tmp_path / "nse")
    undone_panel = load_market("nse", path=tmp_path, cache=tmp_path / "cache", progress=False)
    original, undone = (
        backtest(panel.slice("2026-01-01"), ShortCorrelation(), basket=AllMembers())
        for panel in (nse_panel, undone_panel)
    )
    held = original.ledger().filter((pl.col("leg") == "KOTAKBANK") & ((pl.col("strike_factor") - 0.2).abs() < 1e-6))
    assert held.height > 0, "a cohort must hold the name through its split"
    for name in ("pnl_gross", "cost"):
        before, after = getattr(original, name), getattr(undone, name)
        # The same market in other units: only rounding may differ.
        np.testing.assert_allclose(after, before, rtol=0, atol=1e-9 * np.abs(before).max())
        assert after.sum() == pytest.approx(before.sum(), rel=1e-9)


def test_every_indian_cohort_is_in_the_ledger_and_the_last_is_open(nse_panel):
    result = backtest(nse_panel.slice("2026-01-01"), ShortCorrelation(), basket=AllMembers())
    ledger = result.ledger()
    months = ledger.group_by("cohort").agg(pl.col("entry_date").first(), pl.col("status").unique(), pl.len())
    months = months.sort("entry_date")
    assert [d.isoformat()[:7] for d in months["entry_date"]] == ["2026-01", "2026-02", "2026-03"]
    assert months["status"].to_list()[2] == ["open"]  # its expiry, 2026-03-30, lies after the data
    assert all("open" not in status for status in months["status"].to_list()[:2])
    assert (months["len"] > 40).all()
    assert result.market.info.hedge_instrument == "same-expiry future"


def test_the_us_book_holds_klac_and_crwd_through_their_splits(us_panel):
    # Three fifths of all members have chains.
    result = backtest(us_panel, ShortCorrelation(), basket=AllMembers(), structure=Straddle(min_coverage=0.5))
    ledger = result.ledger().filter(pl.col("strike_factor") != 1.0)
    assert set(ledger["leg"]) == {"KLAC", "CRWD"}
    # A position carried through a split must not jump: no leg loses or gains a large part of its strike value.
    notional = (ledger["quantity"] * ledger["strike"]).abs()
    assert (ledger["pnl_gross"].abs() < 0.3 * notional).all()
    assert result.summary()["cohorts"] >= 3


AFTER_HOLES = ("2025-01-01", "2025-02-03", "2025-09-11", "2026-01-01")


def test_no_return_spans_the_holes_of_the_indian_files(nse_panel):
    view = MarketView(replace(nse_panel, history=None), AllMembers())
    for day in AFTER_HOLES:
        assert np.isnan(view.returns[nse_panel.dates == np.datetime64(day)]).all()
    assert np.nanmax(np.abs(view.returns)) < 0.25  # over the holes prices moved by up to several hundred percent


def test_after_a_hole_of_the_option_files_the_return_is_that_of_one_day_of_the_cash_market(nse_panel, shared_data):
    view = MarketView(nse_panel, AllMembers())
    assert np.nanmax(np.abs(view.returns)) < 0.25
    cash = pl.read_parquet(shared_data / "nse" / "cash.parquet").sort("date")
    for day in AFTER_HOLES:
        t = int(np.flatnonzero(nse_panel.dates == np.datetime64(day))[0])
        for n, name in ((n, str(name)) for n, name in enumerate(nse_panel.names) if nse_panel.weights[t, n] > 0.0):
            before, close = cash.filter((pl.col("symbol") == name) & (pl.col("date") <= pl.lit(day).str.to_date()))[
                "close"
            ][-2:]
            # No action falls on these four days; the panel's own factors hold those of the whole hole before.
            assert view.returns[t, n] == pytest.approx(close / before - 1.0, abs=1e-12)
