"""Real option files against what Cboe published: COR1M, COR3M, COR6M and COR1Y on every common date.

Nothing is fitted to these numbers: vendor volatilities, the 50 largest members by the previous close, the formula.
"""

import numpy as np
import polars as pl
import pytest

from engine import TopWeights, implied_correlation, load_market

TENORS = {"COR1M": 30, "COR3M": 91, "COR6M": 182, "COR1Y": 365}


@pytest.fixture(scope="module")
def market(shared_data):
    return load_market("us_chains", path=shared_data, progress=False)


@pytest.fixture(scope="module")
def comparison(market, shared_data):
    """Index -> measured and published values in points, coverage, and the number of common dates."""
    d = int(np.flatnonzero(market.deltas == 50)[0])
    rho = implied_correlation(
        market.index_iv[:, :, d], market.component_iv[..., d], TopWeights(50).select(market.weights, market.names)
    )
    published = pl.read_parquet(shared_data / "us_history" / "cboe_indices.parquet")
    table = {}
    for index, tenor in TENORS.items():
        k = int(np.flatnonzero(market.tenors == tenor)[0])
        quoted = published.filter(pl.col("index") == index).sort("date")
        dates, ours, theirs = np.intersect1d(market.dates, quoted["date"].to_numpy(), return_indices=True)
        values, coverage = 100 * rho.clean[ours, k], rho.coverage[ours, k]
        known = np.isfinite(values)
        table[index] = (
            dates[known],
            values[known],
            quoted["close"].to_numpy()[theirs][known],
            coverage[known],
            len(dates),
        )
    return table


def test_implied_correlation_agrees_with_the_published_indices(comparison, capsys):
    lines = ["", "index  dates  measured  published  mean abs error   bias  correlation  least coverage  (points)"]
    for index, (ours, theirs, coverage, _) in comparison.items():
        error = ours - theirs
        lines.append(
            f"{index}  {len(ours):5d}  {ours.mean():8.2f}  {theirs.mean():9.2f}  {np.abs(error).mean():14.2f}"
            f"  {error.mean():+5.2f}  {np.corrcoef(ours, theirs)[0, 1]:11.3f}  {coverage.min():14.3f}"
        )
    with capsys.disabled():
        print("\n".join(lines))
    for index, (ours, theirs, _, _) in comparison.items():
        # One point of correlation: what the missing members and SPY for SPX may cost; see the data's description.
        assert np.abs(ours - theirs).mean() <= 1.0, index
        if index != "COR1Y":  # which hardly moved
            assert np.corrcoef(ours, theirs)[0, 1] >= 0.9, index


def test_nearly_every_common_date_can_be_computed(comparison):
    for index, (ours, _, _, common) in comparison.items():
        assert common >= 30, index
        assert len(ours) >= common - 1, index


def test_a_split_does_not_move_a_name_out_of_the_basket(market):
    basket = TopWeights(50).select(market.weights, market.names)
    klac = basket[:, list(market.names).index("KLAC")]
    around = (market.dates >= np.datetime64("2026-06-08")) & (market.dates <= np.datetime64("2026-06-18"))
    assert (klac[around] > 0.005).all()
    # Ten for one on 2026-06-12: shares held roll through it, so the weight moves only as the price does.
    assert np.abs(np.diff(np.log(klac[around]))).max() < 0.15
