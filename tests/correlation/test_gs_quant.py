"""Published answers: the test vectors of gs-quant, S&P 500 top 50, August 2020 (see gs_quant/NOTICE).

The volatility file holds one placeholder quote of -1 beside the true one; the expected file also has weekend rows,
whose volatilities are interpolated in calendar days. Weights are those of one composition date throughout.
"""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine.correlation import daily_returns, implied_correlation, realized_correlation, sessions_in_month

FOLDER = Path(__file__).parent / "gs_quant"
INDEX = "MA4B66MW5E27U8P32SB"


def wide(file, value):
    """Dates, index column and member columns (in the order of the weights file) of a long file."""
    members = pl.read_csv(FOLDER / "SPX_50_weights.csv")["underlyingAssetId"].to_list()
    long = pl.read_csv(FOLDER / file, try_parse_dates=True).filter(pl.col(value) != -1)
    table = long.pivot(on="assetId", index="date", values=value).sort("date")
    dates = table["date"].to_numpy().astype("datetime64[D]")
    return dates, table[INDEX].to_numpy(), table.select(members).to_numpy()


def expected(file):
    table = pl.read_csv(FOLDER / file, try_parse_dates=True)
    return table["date"].to_numpy().astype("datetime64[D]"), table["value"].to_numpy() / 100


@pytest.fixture(scope="module")
def weights():
    return pl.read_csv(FOLDER / "SPX_50_weights.csv")["netWeight"].to_numpy()


def test_implied_correlation_of_the_21_trading_days(weights):
    dates, index, members = wide("SPX_50_icorr_in.csv", "impliedVolatility")
    rho = implied_correlation(index / 100, members / 100, np.broadcast_to(weights, members.shape))
    days, values = expected("SPX_50_icorr_out.csv")
    assert len(dates) == 21
    # Required 1e-10; the difference is the rounding of sums of 50 terms.
    np.testing.assert_allclose(rho.clean, values[np.isin(days, dates)], rtol=0, atol=1e-14)
    assert (rho.coverage == 1.0).all()


def test_implied_correlation_of_weekends_from_volatilities_interpolated_in_time(weights):
    dates, index, members = wide("SPX_50_icorr_in.csv", "impliedVolatility")
    days, values = expected("SPX_50_icorr_out.csv")
    at, known = days.astype(float), dates.astype(float)
    members = np.stack([np.interp(at, known, column) for column in members.T], axis=1)
    rho = implied_correlation(np.interp(at, known, index) / 100, members / 100, np.broadcast_to(weights, members.shape))
    np.testing.assert_allclose(rho.clean, values, rtol=0, atol=1e-14)  # rounding, as above


def test_realised_correlation_in_the_convention_of_the_vector(weights):
    dates, index, members = wide("SPX_50_rcorr_in.csv", "spot")
    spot = np.column_stack([index, members])
    returns = daily_returns(spot, np.ones_like(spot))
    record = realized_correlation(
        returns[:, 1:],
        np.broadcast_to(weights, members.shape),
        window=sessions_in_month(dates),
        index_returns=returns[:, 0],
        demean=True,
    )
    days, values = expected("SPX_50_rcorr_out.csv")
    # Required 1e-6; the difference is the rounding of sums of some 20 returns and 50 names.
    np.testing.assert_allclose(record.clean[np.isin(dates, days)], values, rtol=0, atol=1e-14)


def test_our_own_convention_differs_from_the_vector_by_the_measured_amount(weights):
    # The basket's volatility at fixed weights instead of the index's own: the vector's index is not its 50 names.
    dates, _, members = wide("SPX_50_rcorr_in.csv", "spot")
    record = realized_correlation(
        daily_returns(members, np.ones_like(members)), np.broadcast_to(weights, members.shape), window=21
    )
    days, values = expected("SPX_50_rcorr_out.csv")
    gap = record.clean[np.isin(dates, days)] - values
    assert gap.min() > 0.05
    assert gap.max() < 0.25
