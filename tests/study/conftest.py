"""Published indices and members' returns with planted relations, for the studies of twenty years."""

import numpy as np
import polars as pl
import pytest

from engine.calendar import sessions
from engine.data import PriceHistory, daily_series

DATES = sessions("XNYS", "2014-07-01", "2018-12-31")


@pytest.fixture(scope="module")
def series():
    """Levels that a falling market lifts by planted slopes: 2 points per percent, 3 more when it falls."""
    rng = np.random.default_rng(0)
    market = 0.01 * rng.standard_normal(len(DATES))
    away = np.zeros((len(DATES), 2))
    for t in range(1, len(DATES)):  # shocks, then back to the mean
        shock = -200.0 * market[t] - 300.0 * min(market[t], 0.0) - 300.0 * 0.01 * 0.3989
        away[t] = 0.9 * away[t - 1] + np.array([shock, 0.5 * shock]) + 0.3 * rng.standard_normal(2)
    frame = {"date": DATES, "market": market, "SPX": 2000.0 * np.cumprod(1.0 + market)}
    frame |= {"COR1M": 60.0 + away[:, 0], "VIX": 60.0 + away[:, 1]}
    frame |= {name: 60.0 + rng.standard_normal(len(DATES)) for name in ("COR3M", "VIXEQ", "DSPX")}
    return daily_series(pl.DataFrame(frame))


@pytest.fixture(scope="module")
def history():
    rng = np.random.default_rng(1)
    returns = 0.01 * rng.standard_normal((len(DATES), 1)) + 0.01 * rng.standard_normal((len(DATES), 8))
    returns[0] = np.nan
    return PriceHistory(
        DATES, tuple("ABCDEFGH"), returns, np.full(returns.shape, 0.125), returns.mean(axis=1), DATES[0]
    )
