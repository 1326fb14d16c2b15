"""The real files: what is read, what is dropped, and that splits and dates leave no seam."""

import numpy as np
import polars as pl
import pytest

from engine.calendar import days_between
from engine.correlation import (
    AllMembers,
    CorrelationStatus,
    Sectors,
    baskets,
    correlate_baskets,
    daily_returns,
    implied_correlation,
)
from engine.data import build_panel, extend_panel, load_quality, save_panel
from engine.data.records import QuoteStatus
from engine.data.sources.nse.source import Nse
from engine.data.suspicions import HOLE, JUMP


def test_us_chains_have_the_members_their_listed_expiries_and_weights_of_the_day_before(us_panel):
    assert len(us_panel) == 62
    assert us_panel.component_iv.shape == (62, 504, 7, 17)
    quoted = (us_panel.component_status != QuoteStatus.NO_QUOTE).any(axis=(2, 3))
    assert quoted.any(axis=0).sum() == 75
    assert {"GOOG", "GOOGL", "KLAC"} <= set(us_panel.names)
    assert not {"SPY", "QQQ", "IWM"} & set(us_panel.names)
    assert us_panel.weights.sum(axis=1) == pytest.approx(1.0, abs=1e-9)  # membership is that of the holdings
    # Three fifths of the S&P 500 have chains; the others have their weight and no quote, so that coverage tells.
    assert np.where(quoted, us_panel.weights, 0.0).sum(axis=1) == pytest.approx(0.60, abs=0.01)
    days = days_between(us_panel.listed.expiry, us_panel.dates[:, None])
    assert np.nanmin(days) >= 1
    assert (np.isnat(us_panel.listed.expiry[:, 1:]) | (np.diff(days, axis=1) > 0)).all()


def test_sectors_of_real_markets_have_the_legs_that_are_quoted_and_weights_that_sum_to_what_is_covered(
    us_panel, nse_panel
):
    assert (us_panel.sectors.legs.tolist(), us_panel.sectors.symbols.tolist()) == (["Financials"], ["XLF"])
    assert len(set(us_panel.sectors.of_name) - {""}) >= 9
    assert (nse_panel.sectors.legs.tolist(), nse_panel.sectors.symbols.tolist()) == (["Banks"], ["BANKNIFTY"])
    banks = nse_panel.sectors.of_name == "Banks"
    weighted = nse_panel.sectors.weights[:, banks].sum(axis=1)
    np.testing.assert_allclose(weighted[weighted > 0.0], 1.0, atol=1e-4)  # the file rounds to six digits
    for panel in (us_panel, nse_panel):
        for sector in set(panel.sectors.of_name) - {""}:
            share = panel.sectors.weights[:, panel.sectors.of_name == sector].sum(axis=1)
            assert (share < 1.0 + 1e-4).all()
        at = int(np.flatnonzero(panel.tenors == 30)[0])
        assert np.isfinite(panel.sectors.leg_iv[:, 0, at, panel.deltas.tolist().index(50)]).mean() > 0.9


def test_banks_are_correlated_against_their_own_index(nse_panel):
    recent = nse_panel.slice("2026-01-01")
    (banks,) = baskets(Sectors(), recent)
    rho = correlate_baskets((banks,), recent.component_iv)
    levels = rho.clean[0, :, recent.tenors.tolist().index(30), recent.deltas.tolist().index(50)]
    assert (rho.status[0, :, 0, recent.deltas.tolist().index(50)] == CorrelationStatus.OK).all()
    # As NIFTY's: low in January, and high in the sell-off of March.
    january, march = (recent.dates < np.datetime64("2026-02-01")), (recent.dates >= np.datetime64("2026-03-12"))
    assert levels[january].mean() < 0.35 < levels[march].mean()


def test_weights_use_the_previous_close(us_panel, shared_data):
    """A weight moves on a date only by what happened up to the session before."""
    weights, spot = us_panel.weights, us_panel.spot
    growth = spot[1:] / (spot[:-1] * us_panel.strike_factor[1:])
    aapl = list(us_panel.names).index("AAPL")
    before, after = (w / w[:, [aapl]] for w in (weights[1:-1], weights[2:]))
    moved = before * growth[:-1] / growth[:-1, [aapl]]
    had_closes = np.isfinite(moved)[:, np.isfinite(spot).any(axis=0)]  # PFE has none at first
    assert had_closes.mean() > 0.99
    had_closes = np.isfinite(moved)
    np.testing.assert_allclose(after[had_closes], moved[had_closes], rtol=1e-9)  # a few float64 products


def test_returns_through_the_splits_are_ordinary(us_panel):
    returns = daily_returns(us_panel.spot, us_panel.return_factor)
    for name, day in (("KLAC", "2026-06-12"), ("CRWD", "2026-07-02")):
        t, n = int(np.flatnonzero(us_panel.dates == np.datetime64(day))[0]), list(us_panel.names).index(name)
        assert us_panel.strike_factor[t, n] < 0.5
        assert abs(returns[t, n]) < 0.15


@pytest.mark.parametrize("market", ["us_chains", "nse"])
def test_every_quote_read_is_kept_or_dropped_for_a_reason(market, shared_data, panel_cache, us_panel, nse_panel):
    quality = load_quality(build_panel(market, path=shared_data, cache=panel_cache))
    told = quality.filter(pl.col("reason") == HOLE)
    assert told["rows"].to_list() == ([] if market == "us_chains" else [4])
    stale = quality.filter(pl.col("reason") == "rates.stale")
    assert stale["rows"].to_list() == ([62] if market == "us_chains" else [])  # the file of rates ends months before
    assert quality.filter(pl.col("reason").str.contains("vol_|closes_|suspected|prices|holdings")).is_empty()
    quality = quality.filter(~pl.col("reason").is_in((HOLE, JUMP)) & ~pl.col("reason").str.contains(r"\."))
    read = quality["rows"].sum()
    if market == "us_chains":
        chains = pl.scan_parquet(shared_data / "us2026" / "chains.parquet")
        names = [us_panel.info.index, *us_panel.names, *us_panel.sectors.symbols]
        rows = chains.filter(pl.col("ticker").cast(pl.String).is_in(names)).select(pl.len()).collect().item()
        assert read == 2 * rows  # a call and a put in each
    else:
        fo = pl.scan_parquet(shared_data / "nse" / "fo.parquet")
        names = [nse_panel.info.index, *nse_panel.names, *nse_panel.sectors.symbols]
        ours = pl.col("symbol").cast(pl.String).is_in(names)
        option = pl.col("instrument").cast(pl.String).str.starts_with("OPT")
        assert read == fo.filter(ours & option).select(pl.len()).collect().item()
    assert quality.filter(pl.col("reason") == "kept")["rows"].sum() > 0.4 * read


def test_missing_cells_have_a_reason_and_quoted_cells_none(us_panel, nse_panel):
    for panel in (us_panel, nse_panel):
        for iv, status in ((panel.index_iv, panel.index_status), (panel.component_iv, panel.component_status)):
            np.testing.assert_array_equal(np.isfinite(iv), status == QuoteStatus.OK)


@pytest.mark.parametrize(("market", "until"), [("us_chains", "2026-07-15"), ("nse", "2025-02-28")])
def test_a_panel_extended_by_later_sessions_equals_the_panel_built_whole(
    market, until, shared_data, us_panel, nse_panel, tmp_path
):
    whole = us_panel if market == "us_chains" else nse_panel
    save_panel(whole.slice(end=until), tmp_path / "p")
    extended = extend_panel(tmp_path / "p", market, shared_data, progress=False)
    assert extended.info == whole.info
    expected = []
    whole.map_arrays(lambda name, array: expected.append((name, array)))
    extended.map_arrays(lambda name, array: np.testing.assert_array_equal(array, dict(expected)[name], err_msg=name))


def test_indian_sessions_come_from_the_derivatives_file(nse_panel):
    assert len(nse_panel) == 87
    assert np.datetime64("2026-02-01") not in nse_panel.dates  # a special Sunday session of the cash market only
    members = (nse_panel.weights > 0.0).sum(axis=1)[nse_panel.dates >= np.datetime64("2026-01-01")]
    assert set(members) == {50}


def test_indian_correlation_was_low_in_january_and_high_in_march(nse_panel):
    rho = implied_correlation(
        nse_panel.index_iv[:, 0, 8],
        nse_panel.component_iv[:, :, 0, 8],
        AllMembers().select(nse_panel.weights, nse_panel.names),
    )
    for first, last, low, high in (("2026-01-09", "2026-01-16", 0.0, 0.22), ("2026-03-12", "2026-03-18", 0.42, 1.0)):
        inside = (nse_panel.dates >= np.datetime64(first)) & (nse_panel.dates <= np.datetime64(last))
        assert low < rho.clean[inside].mean() < high
        assert rho.coverage[inside].min() > 0.9
    assert rho.status[nse_panel.dates >= np.datetime64("2026-01-01")].max() == 0


def test_indian_splits_restate_contracts_by_whole_ratios_and_a_demerger_is_unknown(nse_panel):
    names = list(nse_panel.names)

    def factor(name, day):
        return nse_panel.strike_factor[nse_panel.dates == np.datetime64(day), names.index(name)][0]

    assert factor("KOTAKBANK", "2026-01-14") == 0.2
    assert factor("SHRIRAMFIN", "2025-01-10") == 0.2
    assert np.isnan(factor("ITC", "2025-01-06"))


def test_indian_actions_inside_the_holes_of_the_files_act_at_the_next_session(nse_panel):
    names = list(nse_panel.names)
    for day, name, strike, returns in (
        ("2025-01-01", "RELIANCE", 0.923 * 0.5, 0.923 * 0.5),  # a demerger in 2023 and a bonus in 2024
        ("2025-01-01", "TATASTEEL", 0.1, 0.948803 * 0.1),  # a special dividend moves no strike
        ("2025-09-11", "NESTLEIND", 0.5, 0.5),
    ):
        cell = nse_panel.dates == np.datetime64(day), names.index(name)
        # The file keeps seven digits.
        assert nse_panel.strike_factor[cell][0] == pytest.approx(strike, rel=1e-6)
        assert nse_panel.return_factor[cell][0] == pytest.approx(returns, rel=1e-6)


def test_on_expiry_day_no_option_is_read(shared_data):
    """The file's settlement price is the underlying's level that day, not the option's value."""
    source = Nse(path=str(shared_data), start="2026-01-27", end="2026-01-27")
    (panel,) = source.blocks()
    assert (panel.listed.expiry[0] > panel.dates[0]).sum() == (~np.isnat(panel.listed.expiry[0])).sum()
    assert source.quality().filter(pl.col("reason") == "expired")["rows"].sum() > 0
